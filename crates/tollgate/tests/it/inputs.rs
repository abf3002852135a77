//! Bad input: whatever comes in, the answer is a clear error in the caller's language, and the process stays up.

use std::path::Path;

use serde_json::{Value, json};
use testkit::{FakeUpstream, Gateway, Random, Reply, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway;
use crate::samples::{CHAT, MESSAGES, ask, call, check_error, check_error_body};

const MODEL: &str = "tollgate/mock";

async fn started() -> Gateway {
    gateway().config("server: {caps: {body: 64KiB}}").start().await
}

/// A body that is refused: its status, its code and a part of the sentence.
async fn check(gateway: &Gateway, body: impl Into<Vec<u8>>, status: u16, code: &str, says: &str) {
    let body = body.into();
    for path in [CHAT, MESSAGES] {
        let call = gateway.post(path, body.clone()).header("anthropic-version", "2023-06-01");
        let response = call.send().await;
        check_error(path, &response, status, code);
        check_advice(&response);
        assert!(response.text().contains(says), "{says}: {}", response.text());
    }
}

/// What every refusal of the caller's own fault carries.
#[track_caller]
fn check_advice(response: &Response) {
    assert_eq!(response.header("x-should-retry"), "false", "{}", response.text());
    assert_eq!(response.header("content-type"), "application/json");
    check_page(response.header("x-tollgate-code"));
}

/// Every code has its page.
#[track_caller]
fn check_page(code: &str) {
    let page = format!("{}/../../docs/errors/{code}.md", env!("CARGO_MANIFEST_DIR"));
    assert!(Path::new(&page).is_file(), "{page}");
}

#[test]
fn every_error_code_has_a_page() {
    for code in types::Code::ALL {
        check_page(code.as_str());
    }
}

#[tokio::test]
async fn a_body_that_is_not_the_json_it_has_to_be_is_refused() {
    let gateway = started().await;
    check(&gateway, "", 400, "TG-0101", "not valid JSON").await;
    check(&gateway, "{", 400, "TG-0101", "at byte 1").await;
    check(&gateway, "[]", 400, "TG-0101", "an object").await;
    check(&gateway, "null", 400, "TG-0101", "an object").await;
    check(&gateway, ask(MODEL) + "x", 400, "TG-0101", "the end of the body").await;
    check(&gateway, "{'model': 1}", 400, "TG-0101", "").await;
    check(&gateway, "\u{feff}{}", 400, "TG-0101", "").await;
    check(&gateway, [ask(MODEL).as_bytes(), &[0xff]].concat(), 400, "TG-0103", "UTF-8").await;
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(25_000), "]".repeat(25_000));
    check(&gateway, deep, 400, "TG-0104", "128").await;
    check(&gateway, ask(MODEL).replacen('{', "{\"model\":\"other\",", 1), 400, "TG-0108", "`model`").await;
}

#[tokio::test]
async fn deep_json_beyond_any_stack_is_refused_too() {
    let gateway = gateway().start().await;
    for (open, close) in [("[", "]"), ("{\"x\":", "}")] {
        let deep = format!("{{\"x\":{}1{}}}", open.repeat(100_000), close.repeat(100_000));
        check(&gateway, deep, 400, "TG-0104", "128").await;
    }
}

#[tokio::test]
async fn a_field_of_the_wrong_type_is_named() {
    let gateway = started().await;
    let hi = json!([{"role": "user", "content": "hi"}]);
    for (body, param) in [
        (json!({"messages": hi}), "model"),
        (json!({"model": 5, "messages": hi}), "model"),
        (json!({"model": "", "messages": hi}), "model"),
        (json!({"model": MODEL, "max_tokens": 5}), "messages"),
        (json!({"model": MODEL, "max_tokens": 5, "messages": "hi"}), "messages"),
        (json!({"model": MODEL, "max_tokens": "many", "messages": hi}), "max_tokens"),
        (json!({"model": MODEL, "max_tokens": -1, "messages": hi}), "max_tokens"),
        (json!({"model": MODEL, "max_tokens": 5, "stream": "yes", "messages": hi}), "stream"),
    ] {
        check(&gateway, body.to_string(), 400, "TG-0108", &format!("`{param}`")).await;
        let response = gateway.post(CHAT, body.to_string()).send().await;
        assert_eq!(response.json()["error"]["param"], param);
    }
}

#[tokio::test]
async fn stream_options_are_an_object_whether_or_not_a_stream_is_asked_for() {
    let gateway = started().await;
    for options in ["[]", "[true]", "5", "\"x\"", "true"] {
        for stream in ["true", "false"] {
            let more = format!("{{\"stream\":{stream},\"stream_options\":{options},");
            let response = gateway.post(CHAT, ask(MODEL).replacen('{', &more, 1)).send().await;
            check_error(CHAT, &response, 400, "TG-0108");
            let told = response.json()["error"].clone();
            assert_eq!(told["param"], "stream_options");
            assert!(told["message"].as_str().unwrap().contains("must be an object"), "{told}");
        }
    }
    let none = ask(MODEL).replacen('{', "{\"stream_options\":null,", 1);
    assert_eq!(gateway.post(CHAT, none).send().await.status, 200);
}

#[tokio::test]
async fn an_unknown_model_is_not_found_and_the_nearest_names_are_said() {
    let gateway = started().await;
    check(&gateway, ask("tollgate/mok"), 404, "TG-1004", "did you mean `tollgate/mock`").await;
    let of_claude = call(&gateway, MESSAGES, ask("tollgate/mok")).send().await;
    assert_eq!(of_claude.json()["error"]["type"], "not_found_error");
    let of_openai = call(&gateway, CHAT, ask("tollgate/mok")).send().await.json();
    assert_eq!(
        (&of_openai["error"]["code"], &of_openai["error"]["param"]),
        (&json!("model_not_found"), &json!("model"))
    );
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_or_not_it_says_so() {
    let gateway = started().await;
    let large = ask(MODEL).replacen("hi", &"x".repeat(80 * 1024), 1);
    check(&gateway, large.clone(), 413, "TG-0102", "65536").await;
    for path in [CHAT, MESSAGES] {
        let chunks: String = large.as_bytes().chunks(8 * 1024).map(chunked).collect();
        let answer = raw(&gateway, &format!("{}{chunks}0\r\n\r\n", head(&gateway, path, CHUNKED))).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        check_error_body(path, &body_of(&answer), "TG-0102");
    }
}

#[tokio::test]
async fn a_body_in_chunks_is_a_body() {
    let gateway = started().await;
    let chunks: String = ask(MODEL).as_bytes().chunks(7).map(chunked).collect();
    let answer = raw(&gateway, &format!("{}{chunks}0\r\n\r\n", head(&gateway, CHAT, CHUNKED))).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn who_waits_for_a_continue_gets_one_unless_the_head_is_refused_already() {
    let gateway = started().await;
    let body = ask(MODEL);
    let expect = format!("content-length: {}\r\nexpect: 100-continue\r\n", body.len());
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(head(&gateway, CHAT, &expect).as_bytes()).await.unwrap();
    let mut start = [0; 25];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let refused = raw(&gateway, &head(&gateway, "/v1/nonsense", &expect)).await;
    assert!(refused.starts_with("HTTP/1.1 404 "), "{refused}");
}

#[tokio::test]
async fn a_stranger_is_refused_before_the_body_is_asked_for() {
    let gateway = started().await;
    let expect = "content-length: 30000000\r\nexpect: 100-continue\r\n";
    for (path, code) in [(CHAT, "TG-1001"), (MESSAGES, "TG-1001")] {
        let strange = head(&gateway, path, expect).replace(&gateway.key, "tg-wrong");
        let answer = raw(&gateway, &strange).await;
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains(code), "{answer}");
    }
}

#[tokio::test]
async fn after_a_refusal_the_connection_goes_on_or_says_that_it_does_not() {
    let gateway = started().await;
    let strange = |length: usize| {
        let head = head(&gateway, CHAT, &format!("content-length: {length}\r\n"));
        head.replace(&gateway.key, "tg-wrong").replace("connection: close\r\n", "") + &" ".repeat(length)
    };
    // A small body is read: the next request on the connection is answered.
    let next = head(&gateway, CHAT, &format!("content-length: {}\r\n", ask(MODEL).len())) + &ask(MODEL);
    let both = raw(&gateway, &(strange(60_000) + &next)).await;
    let (refused, answer) = both.split_once("HTTP/1.1 200 ").unwrap();
    assert!(refused.starts_with("HTTP/1.1 401 ") && !refused.contains("connection: close"), "{refused}");
    assert!(answer.contains("chatcmpl"), "{answer}");
    // A large one is not, and its sender can send all of it and read the refusal then.
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(strange(40_000_000).as_bytes()).await.unwrap();
    let refused = rest(&mut stream).await;
    assert!(refused.starts_with("HTTP/1.1 401 ") && refused.contains("connection: close"), "{refused}");
}

#[tokio::test]
async fn headers_that_are_too_large_are_refused_in_the_language_of_the_path() {
    let gateway = started().await;
    for path in [CHAT, MESSAGES, "/v1/messages?beta=true"] {
        let padding = format!("x-padding: {}\r\n", "y".repeat(80 * 1024));
        let answer = raw(&gateway, &head(&gateway, path, &padding)).await;
        check_refused_head(path, &answer, "431", "TG-0105");
        let broken = raw(&gateway, &head(&gateway, path, "no colon\r\n")).await;
        check_refused_head(path, &broken, "400", "TG-0112");
    }
}

#[tokio::test]
async fn too_many_headers_are_refused_with_both_limits_named() {
    let gateway = started().await;
    let own = head(&gateway, CHAT, "").lines().filter(|line| line.contains(": ")).count();
    let with = |path: &str, count: usize| {
        let more = "x-more: y\r\n".repeat(count - own - 1);
        let length = format!("content-length: {}\r\n{more}", ask(MODEL).len());
        head(&gateway, path, &length) + &ask(MODEL)
    };
    for path in [CHAT, MESSAGES] {
        let enough = raw(&gateway, &with(path, 100)).await;
        assert!(enough.starts_with("HTTP/1.1 200 "), "{enough}");
        let refused = raw(&gateway, &with(path, 101)).await;
        check_refused_head(path, &refused, "431", "TG-0105");
        assert!(refused.contains("65536 bytes") && refused.contains("more than 100"), "{refused}");
    }
}

#[tokio::test]
async fn a_request_says_once_whom_it_calls() {
    let gateway = started().await;
    let length = format!("content-length: {}\r\n", ask(MODEL).len());
    for path in [CHAT, MESSAGES] {
        let good = head(&gateway, path, &length) + &ask(MODEL);
        for host in ["", "host: x\r\nhost: x\r\n", "host: x\r\nhost: y\r\n"] {
            let answer = raw(&gateway, &good.replacen("host: x\r\n", host, 1)).await;
            check_refused_head(path, &answer, "400", "TG-0112");
            assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        }
        let old = good.replacen("HTTP/1.1\r\nhost: x\r\n", "HTTP/1.0\r\n", 1);
        let answer = raw(&gateway, &old).await;
        assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
    }
}

/// Asks over HTTP/2 with these headers more; gives the status and the body.
fn over_http_2(gateway: &Gateway, path: &str, more: &[String]) -> (String, String) {
    let mut curl = std::process::Command::new("curl");
    curl.args([
        "--silent",
        "--http2-prior-knowledge",
        "--write-out",
        "%{stderr}%{http_version} %{http_code}",
    ]);
    let own = [format!("authorization: Bearer {}", gateway.key), "anthropic-version: 2023-06-01".to_owned()];
    for header in own.iter().chain(more) {
        curl.args(["--header", header]);
    }
    let told = curl.args(["--data", &ask(MODEL), &format!("{}{path}", gateway.url())]).output().unwrap();
    (String::from_utf8(told.stderr).unwrap(), String::from_utf8(told.stdout).unwrap())
}

#[tokio::test]
async fn over_http_2_too_many_or_too_large_headers_get_the_same_refusal() {
    let gateway = gateway().config("server: {caps: {headers: 8KiB}}").start().await;
    let many = |count: usize| (0..count).map(|index| format!("x-{index}: y")).collect::<Vec<_>>();
    let large = |length: usize| vec![format!("x-padding: {}", "y".repeat(length))];
    for path in [CHAT, MESSAGES] {
        for enough in [many(90), large(7 * 1024)] {
            let (status, body) = over_http_2(&gateway, path, &enough);
            assert_eq!(status, "2 200", "{body}");
        }
        for beyond in [many(150), large(9 * 1024), large(24 * 1024)] {
            let (status, body) = over_http_2(&gateway, path, &beyond);
            assert_eq!(status, "2 431", "{body}");
            check_error_body(path, &serde_json::from_str(&body).unwrap(), "TG-0105");
            assert!(body.contains("8192 bytes") && body.contains("more than 100"), "{body}");
        }
    }
}

#[track_caller]
fn check_refused_head(path: &str, answer: &str, status: &str, code: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains(&format!("\r\nx-tollgate-code: {code}\r\n")), "{answer}");
    assert!(answer.contains("\r\nx-should-retry: false\r\n"), "{answer}");
    check_error_body(path, &body_of(answer), code);
}

#[tokio::test]
async fn what_is_not_there_or_not_posted_to_says_so() {
    let gateway = started().await;
    let unknown = gateway.post("/v1/chat/completion", ask(MODEL)).send().await;
    check_error(CHAT, &unknown, 404, "TG-0106");
    assert!(unknown.text().contains(CHAT), "{}", unknown.text());
    let of_claude = gateway.post("/v1/nonsense", "").header("anthropic-version", "2023-06-01").send().await;
    check_error(MESSAGES, &of_claude, 404, "TG-0106");
    for path in [CHAT, MESSAGES] {
        let response = gateway.get(path).send().await;
        check_error(path, &response, 405, "TG-0107");
        check_advice(&response);
        assert_eq!(response.header("allow"), "POST");
    }
    let upgrade =
        gateway.get(CHAT).header("upgrade", "websocket").header("connection", "upgrade").send().await;
    check_error(CHAT, &upgrade, 426, "TG-0113");
    assert_eq!((upgrade.header("upgrade"), upgrade.header("allow")), ("HTTP/1.1", ""));
    let packed = gateway.post(CHAT, "\x1f").header("content-encoding", "gzip").send().await;
    check_error(CHAT, &packed, 400, "TG-0111");
    let unknown = gateway.get("/v1/models/nonsense").send().await;
    check_error(CHAT, &unknown, 404, "TG-1004");
    check_error(CHAT, &gateway.get("/v1/models").without_key().send().await, 401, "TG-1001");
}

#[tokio::test]
async fn a_limit_is_a_whole_number_however_it_is_written() {
    let behind = gateway().start().await;
    let provider = |name: &str, kind: &str, url: String| {
        format!("{name}: {{kind: {kind}, url: \"{url}\", key: {}}}", behind.key)
    };
    let providers = [
        provider("oai", "openai", format!("{}/v1", behind.url())),
        provider("ant", "anthropic", behind.url()),
        "tollgate: {}".to_owned(),
    ];
    let gateway = gateway().config(&format!("providers: {{{}}}\n", providers.join(", "))).start().await;
    let messages = r#""messages":[{"role":"user","content":"hi"}]"#;
    for model in ["tollgate/mock", "oai/tollgate/mock", "ant/tollgate/mock"] {
        let path = model.replace('/', "%2F");
        for (path, body) in [
            (CHAT, format!(r#"{{"model":"{model}","max_completion_tokens":LIMIT,{messages}}}"#)),
            (CHAT, format!(r#"{{"model":"{model}","max_tokens":LIMIT,{messages}}}"#)),
            (MESSAGES, format!(r#"{{"model":"{model}","max_tokens":LIMIT,{messages}}}"#)),
            ("/v1/responses", format!(r#"{{"model":"{model}","max_output_tokens":LIMIT,"input":"hi"}}"#)),
            ("/v2/chat", format!(r#"{{"model":"{model}","max_tokens":LIMIT,{messages}}}"#)),
            (
                "/api/chat",
                format!(r#"{{"model":"{model}","stream":false,"options":{{"num_predict":LIMIT}},{messages}}}"#),
            ),
            (
                &format!("/v1beta/models/{path}:generateContent"),
                r#"{"generationConfig":{"maxOutputTokens":LIMIT},"contents":[{"parts":[{"text":"hi"}]}]}"#.to_owned(),
            ),
            (
                &format!("/model/{path}/converse"),
                r#"{"inferenceConfig":{"maxTokens":LIMIT},"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#
                    .to_owned(),
            ),
        ] {
            for limit in ["3.0", "0.3e1"] {
                let answer = call(&gateway, path, body.replace("LIMIT", limit)).send().await;
                let text = answer.text();
                assert!(answer.status == 200 && text.contains("\"Hello from Tollgate.\""), "{path} {model}: {text}");
            }
            let refused = call(&gateway, path, body.replace("LIMIT", "3.5")).send().await;
            assert_eq!((refused.status, refused.header("x-tollgate-code")), (400, "TG-0108"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_local_servers_clients_learn_of_the_models_in_its_shape() {
    let gateway = gateway().start().await;
    let listed = gateway.get("/api/tags").send().await.json();
    let names: Vec<_> = listed["models"].as_array().unwrap().iter().map(|model| &model["model"]).collect();
    assert!(names.contains(&&json!("tollgate/mock")), "{listed}");
    for field in ["model", "name"] {
        let shown = gateway.post("/api/show", json!({field: "tollgate/mock"}).to_string()).send().await;
        let capabilities = &shown.json()["capabilities"];
        assert!(capabilities.as_array().unwrap().contains(&json!("completion")), "{}", shown.text());
    }
    let long = json!({"model": "m".repeat(20_000)}).to_string();
    for (body, status, code) in [
        (r#"{"model": "nobody"}"#, 404, "TG-1004"),
        ("{}", 400, "TG-0108"),
        ("[", 400, "TG-0101"),
        (long.as_str(), 413, "TG-0102"),
    ] {
        let declined =
            gateway.post("/api/show", body.to_owned()).header("user-agent", "ollama-python/0.6").send().await;
        assert_eq!((declined.status, declined.header("x-tollgate-code")), (status, code), "{body}");
        assert!(declined.json()["error"].is_string(), "{}", declined.text());
    }
    check_error("/api/tags", &gateway.get("/api/tags").without_key().send().await, 401, "TG-1001");
    let nameless = gateway.post("/api/show", r#"{"model": "tollgate/mock"}"#).without_key().send().await;
    check_error("/api/show", &nameless, 401, "TG-1001");
    assert!(gateway.get("/api/version").send().await.json()["version"].is_string());
}

#[tokio::test]
async fn a_management_path_says_which_method_it_takes() {
    let gateway = gateway().config("security: {authentication: JWT/OAuth2}").start().await;
    let told = |method: &str, path: &str| {
        let head = head(&gateway, path, "content-length: 0\r\n");
        head.replacen("POST", method, 1).replacen("anthropic-version: 2023-06-01\r\n", "", 1)
    };
    for (method, path, allow) in [
        ("DELETE", "/v1/models", "GET, HEAD"),
        ("DELETE", "/v1/models/tollgate/mock", "GET, HEAD"),
        ("POST", "/livez", "GET, HEAD"),
        ("PUT", "/readyz", "GET, HEAD"),
        ("POST", "/metrics", "GET, HEAD"),
        ("POST", "/.well-known/jwks.json", "GET, HEAD"),
        ("GET", "/oauth/token", "POST"),
        ("POST", "/api/tags", "GET, HEAD"),
        ("GET", "/api/show", "POST"),
        ("POST", "/api/version", "GET, HEAD"),
    ] {
        let answer = raw(&gateway, &told(method, path)).await;
        check_refused_head(path, &answer, "405", "TG-0107");
        assert!(answer.contains(&format!("\r\nallow: {allow}\r\n")), "{answer}");
    }
    let alive = raw(&gateway, &told("HEAD", "/livez")).await;
    assert!(alive.starts_with("HTTP/1.1 200 "), "{alive}");
}

const CHUNKED: &str = "transfer-encoding: chunked\r\n";

fn chunked(piece: &[u8]) -> String {
    format!("{:x}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece))
}

/// A request's head that asks for the connection to end with the answer.
pub(crate) fn head(gateway: &Gateway, path: &str, more: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\nanthropic-version: 2023-06-01\r\n{more}\r\n",
        gateway.key
    )
}

async fn raw(gateway: &Gateway, request: &str) -> String {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    // The gateway may have answered and closed before all of it is written.
    drop(stream.write_all(request.as_bytes()).await);
    rest(&mut stream).await
}

pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    tokio::time::timeout(testkit::PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

#[track_caller]
pub(crate) fn body_of(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// How many malformed requests; each is determined by its number.
const MALFORMED: u64 = 4000;

#[tokio::test]
async fn thousands_of_malformed_requests_bring_no_fault_of_the_gateways_own() {
    let claude = FakeUpstream::start(|_| {
        Reply::json(200, r#"{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#)
    })
    .await;
    let openai = FakeUpstream::start(|_| crate::samples::answer("hi")).await;
    let config = format!(
        "providers: {{tollgate: {{}}, claude: {{kind: anthropic, url: \"{}\", key: sk}}, {}}}",
        claude.url(),
        crate::samples::provider("openai", &openai.url())
    );
    let gateway = gateway().config(&config).start().await;
    for number in 0..MALFORMED {
        let mut random = Random::new(number);
        let path =
            pick(&mut random, &[CHAT, MESSAGES, "/v1/messages/count_tokens", "/v1/../x", "/oauth/token"]);
        let body = malformed(&mut random);
        let mut call = gateway.post(path, body.clone());
        if random.below(8) != 0 {
            call = call.header("anthropic-version", pick(&mut random, &["2023-06-01", "2026-10-21", "x"]));
        }
        let response = call.send().await;
        let said = String::from_utf8_lossy(&response.body).into_owned();
        let what =
            format!("{number}: {path} {} -> {} {said}", String::from_utf8_lossy(&body), response.status);
        assert!(response.status < 500, "{what}");
        if response.status >= 400 && path.starts_with("/v1/") {
            let code = response.header("x-tollgate-code").to_owned();
            let path =
                if path.contains("..") && response.text().contains("request_id") { MESSAGES } else { path };
            check_error_body(path, &response.json(), &code);
        }
    }
    let panics = gateway.metrics().await;
    assert!(panics.contains("tollgate_panics_total 0"), "{panics}");
    assert_eq!(gateway.post(CHAT, ask(MODEL)).send().await.status, 200);
}

fn pick(random: &mut Random, choices: &[&'static str]) -> &'static str {
    choices[random.below(choices.len())]
}

/// A request's body: well formed JSON that says nonsense, or text that is not JSON.
fn malformed(random: &mut Random) -> Vec<u8> {
    let mut body = request(random).to_string().into_bytes();
    match random.below(8) {
        0 => body.truncate(random.below(body.len())),
        1 => {
            for _ in 0..=random.below(4) {
                let at = random.below(body.len());
                body[at] = u8::try_from(random.below(256)).unwrap();
            }
        }
        2 => {
            let (from, to) = (random.below(body.len()), random.below(body.len()));
            let piece = body[from.min(to)..from.max(to)].to_vec();
            body.splice(to..to, piece);
        }
        _ => {}
    }
    body
}

/// A request with its fields in place, some of them nonsense: most get past the first look.
fn request(random: &mut Random) -> Value {
    let model = pick(
        random,
        &["tollgate/mock", "tollgate/echo", "claude/c", "openai/g", "tollgate/mock?think=20", "x"],
    );
    let mut request = json!({"model": model, "max_tokens": 16, "messages": []});
    for _ in 0..=random.below(4) {
        let message = message(random);
        request["messages"].as_array_mut().unwrap().push(message);
    }
    for _ in 0..random.below(5) {
        let field = pick(random, FIELDS);
        request[field] = value(random, 0);
    }
    request
}

fn message(random: &mut Random) -> Value {
    let role = pick(random, &["user", "assistant", "system", "tool", "developer", "nobody"]);
    let content = match random.below(3) {
        0 => json!("hi"),
        1 => value(random, 0),
        _ => {
            let kind = pick(random, KINDS);
            let mut block = json!({"type": kind});
            for _ in 0..random.below(4) {
                let field = pick(random, FIELDS);
                block[field] = value(random, 1);
            }
            json!([block])
        }
    };
    let mut message = json!({"role": role, "content": content});
    for _ in 0..random.below(3) {
        let field = pick(random, FIELDS);
        message[field] = value(random, 1);
    }
    message
}

/// Names that mean something somewhere in a request.
const FIELDS: &[&str] = &[
    "arguments",
    "content",
    "data",
    "description",
    "detail",
    "function",
    "id",
    "image_url",
    "input",
    "input_schema",
    "json_schema",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "media_type",
    "messages",
    "metadata",
    "n",
    "name",
    "output_config",
    "parameters",
    "parallel_tool_calls",
    "reasoning_effort",
    "refusal",
    "response_format",
    "role",
    "schema",
    "seed",
    "signature",
    "source",
    "stop",
    "stop_sequences",
    "stream",
    "stream_options",
    "system",
    "temperature",
    "text",
    "thinking",
    "tool_call_id",
    "tool_calls",
    "tool_choice",
    "tool_use_id",
    "tools",
    "top_k",
    "top_logprobs",
    "top_p",
    "type",
    "url",
    "user",
];

/// Kinds of content and of tools.
const KINDS: &[&str] = &[
    "text",
    "image",
    "image_url",
    "tool_use",
    "tool_result",
    "thinking",
    "redacted_thinking",
    "document",
    "file",
    "input_audio",
    "refusal",
    "function",
    "nothing",
];

fn value(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth > 3 { 8 } else { 12 }) {
        0 => Value::Null,
        1 => json!(random.below(2) == 0),
        2 => json!(i64::MIN),
        3 => json!(u64::MAX),
        4 => json!(1e300),
        5 => json!(""),
        6 => json!(pick(random, KINDS)),
        7 => json!("\u{0}\u{1F600}\"\\\u{2028}data: x\n\n"),
        8 | 9 => (0..random.below(4)).map(|_| value(random, depth + 1)).collect(),
        _ => {
            let mut object = json!({"type": pick(random, KINDS)});
            for _ in 0..random.below(5) {
                let field = pick(random, FIELDS);
                object[field] = value(random, depth + 1);
            }
            object
        }
    }
}
