//! Large bodies: they hold up no other request, come through whole, and do not fill memory.

use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{FakeUpstream, Gateway, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::gateway;
use crate::inputs::{body_of, head, rest};
use crate::samples::{CHAT, MESSAGES, answer, ask, call, check_error, check_error_body, provider};

/// As large as bodies with a few images are.
const LARGE: usize = 20_000_000;
/// A worker that is held up answers none of these, or one that it had begun with.
const OTHERS: usize = 3;

/// Pieces of text that are `length` bytes together.
fn pieces(length: usize) -> impl Iterator<Item = String> {
    (0..length / 1000).map(|number| format!("{number:06}\n").repeat(125))
}

/// A question of about `length` bytes.
fn long_question(model: &str, length: usize) -> Value {
    let messages: Vec<_> = pieces(length)
        .map(|text| json!({"role": "user", "content": [{"type": "text", "text": text}]}))
        .collect();
    json!({"model": model, "max_tokens": 64, "messages": messages})
}

/// Anthropic's whole answer of about `length` bytes.
fn long_answer(length: usize) -> Value {
    let content: Vec<_> = pieces(length).map(|text| json!({"type": "text", "text": text})).collect();
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "x", "content": content,
        "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 11, "output_tokens": 3},
    })
}

fn claude(name: &str, url: &str) -> String {
    format!("{name}: {{kind: anthropic, url: \"{url}\", key: sk-{name}}}")
}

/// A gateway with one worker, and Anthropic's language at `url`.
async fn one_worker(url: &str) -> Gateway {
    gateway().config(&format!("providers: {{{}}}\nserver: {{workers: 1}}\n", claude("a", url))).start().await
}

/// Waits until all that was written to `stream` has been read at its other end.
async fn until_read(stream: &TcpStream) {
    let (own, other) = (stream.local_addr().unwrap().port(), stream.peer_addr().unwrap().port());
    let reading = async {
        while waiting(own, other).0 + waiting(other, own).1 > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(testkit::PATIENCE, reading).await.unwrap();
}

/// How many bytes wait in the kernel to be sent and to be read at the end `own` of a connection with `other`.
fn waiting(own: u16, other: u16) -> (u64, u64) {
    let port = |address: &str| u16::from_str_radix(address.rsplit(':').next().unwrap(), 16).unwrap();
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.into_iter().find(|row| port(row[1]) == own && port(row[2]) == other).unwrap();
    let (sent, read) = row[4].split_once(':').unwrap();
    (u64::from_str_radix(sent, 16).unwrap(), u64::from_str_radix(read, 16).unwrap())
}

/// The gateway has all of a large body now: it answers others before it is done with that.
async fn check_others_go_on<T>(gateway: &Gateway, done: impl Future<Output = T>) {
    let others = async {
        for _ in 0..OTHERS {
            assert_eq!(gateway.get("/livez").send().await.status, 200);
        }
    };
    tokio::select! {
        biased;
        _ = done => panic!("the large body came first"),
        () = others => {}
    }
}

#[tokio::test]
async fn a_large_request_that_is_translated_holds_up_no_other() {
    let gateway = one_worker("http://127.0.0.1:9").await;
    // Read and understood as any other, and then there are no words for it: the answer comes at once.
    let mut question = long_question("a/x", LARGE);
    question["n"] = json!(3);
    let question = question.to_string();
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let length = format!("content-length: {}\r\n", question.len());
    stream.write_all(head(&gateway, CHAT, &length).as_bytes()).await.unwrap();
    let (most, last) = question.split_at(question.len() - 1);
    stream.write_all(most.as_bytes()).await.unwrap();
    until_read(&stream).await;
    stream.write_all(last.as_bytes()).await.unwrap();
    check_others_go_on(&gateway, stream.readable()).await;
    let refused = rest(&mut stream).await;
    assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
    check_error_body(CHAT, &body_of(&refused), "TG-1201");
}

#[tokio::test]
async fn a_large_answer_that_is_translated_holds_up_no_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = one_worker(&format!("http://{}", listener.local_addr().unwrap())).await;
    let mut caller = TcpStream::connect(gateway.address).await.unwrap();
    let length = format!("content-length: {}\r\n", ask("a/x").len());
    caller.write_all((head(&gateway, CHAT, &length) + &ask("a/x")).as_bytes()).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    let mut asked = Vec::new();
    while !asked.ends_with(b"}") {
        assert!(upstream.read_buf(&mut asked).await.unwrap() > 0);
    }
    let answer = long_answer(LARGE).to_string();
    let (most, last) = answer.split_at(answer.len() - 1);
    let start = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
    upstream.write_all(format!("{start}{}\r\n\r\n{most}", answer.len()).as_bytes()).await.unwrap();
    until_read(&upstream).await;
    upstream.write_all(last.as_bytes()).await.unwrap();
    check_others_go_on(&gateway, caller.readable()).await;
    let answered = body_of(&rest(&mut caller).await);
    let said = answered["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(said, pieces(LARGE).collect::<String>());
}

#[tokio::test]
async fn large_bodies_come_through_whole_at_the_second_target_too() {
    const LENGTH: usize = 1_000_000;
    let a = FakeUpstream::start(|_| Reply::json(500, "{}")).await;
    let b = FakeUpstream::start(|_| Reply::json(200, long_answer(LENGTH).to_string())).await;
    let providers =
        format!("providers: {{{}, {}, tollgate: {{}}}}", claude("a", &a.url()), claude("b", &b.url()));
    let config = format!("{providers}\nmodels: {{m: {{targets: a/x, fallback: b/y}}}}\n");
    let gateway = gateway().config(&config).start().await;
    let (question, text) = (long_question("m", LENGTH), pieces(LENGTH).collect::<String>());
    for path in [CHAT, MESSAGES] {
        let answered = call(&gateway, path, question.to_string()).send().await;
        assert_eq!(answered.header("x-tollgate-attempts"), "2", "{path}");
        let answered = answered.json();
        let said = if path == CHAT {
            answered["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
        } else {
            let blocks = answered["content"].as_array().unwrap();
            blocks.iter().map(|block| block["text"].as_str().unwrap()).collect()
        };
        assert!(said == text, "{path}: {} bytes of {}", said.len(), text.len());
        for asked in [a.last().json(), b.last().json()] {
            let asked: String = texts(&asked["messages"]);
            assert!(asked == text, "{path}: {} bytes of {}", asked.len(), text.len());
        }
    }
    let echo = ask("tollgate/echo").replacen("hi", &"x".repeat(LENGTH), 1);
    let echoed = gateway.post(CHAT, echo).send().await.json();
    assert_eq!(echoed["choices"][0]["message"]["content"].as_str().unwrap().len(), LENGTH);
}

/// All the text of these messages.
fn texts(messages: &Value) -> String {
    let blocks =
        messages.as_array().unwrap().iter().flat_map(|message| message["content"].as_array().unwrap());
    blocks.map(|block| block["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_large_body_that_finds_no_room_is_refused_and_a_small_one_is_not() {
    let upstream =
        FakeUpstream::start(
            |request| {
                if request.json()["user"] == "waits" { Reply::hang() } else { answer("well") }
            },
        )
        .await;
    let config = format!(
        "providers: {{{}}}\nserver: {{caps: {{body: 100KiB, bodies_in_memory: 150KiB}}}}\n",
        provider("a", &upstream.url())
    );
    let gateway = gateway().config(&config).start().await;
    let large = ask("a/x").replacen("hi", &"x".repeat(90 << 10), 1);
    let waits = gateway.post(CHAT, large.replacen('{', r#"{"user":"waits","#, 1));
    let waiting = async {
        waits.send().await;
    };
    let meanwhile = async {
        upstream.until_received(1).await;
        for path in [CHAT, MESSAGES] {
            let refused = call(&gateway, path, large.clone()).send().await;
            check_error(path, &refused, 503, "TG-1405");
            assert_eq!((refused.header("retry-after"), refused.header("x-should-retry")), ("1", ""));
            assert_eq!(call(&gateway, path, ask("a/x")).send().await.status, 200);
        }
    };
    tokio::select! {
        () = waiting => panic!("the upstream does not answer that"),
        () = meanwhile => {}
    }
    // The one that waited has left, and its room is free as soon as the last of its bytes has been let go.
    upstream.until_aborted(1).await;
    let admitted = async { while gateway.post(CHAT, large.clone()).send().await.status != 200 {} };
    tokio::time::timeout(testkit::PATIENCE, admitted).await.unwrap();
}

#[tokio::test]
async fn a_large_body_of_tiny_fields_is_refused_and_fills_no_memory() {
    let gateway = one_worker("http://127.0.0.1:9").await;
    let crowd = format!(r#"{{"model":"a/x","messages":[]{}}}"#, r#","":0"#.repeat(LARGE / 5));
    let refused = gateway.post(CHAT, crowd).send().await;
    check_error(CHAT, &refused, 400, "TG-0108");
    check_peak(&gateway);
}

#[tokio::test]
async fn a_large_body_of_tiny_inputs_fills_no_memory() {
    let cohere =
        "providers: {c: {kind: cohere, url: \"http://127.0.0.1:9\", key: sk-c}}\nserver: {workers: 1}\n";
    let gateway = gateway().config(cohere).start().await;
    for (element, status, code) in [("1", 400, "TG-1201"), (r#""""#, 400, "TG-0108"), ("[]", 400, "TG-0108")]
    {
        let crowd = vec![element; LARGE / (element.len() + 1)].join(",");
        let body = format!(r#"{{"model":"c/embed-v4.0","input":[{crowd}]}}"#);
        let refused = gateway.post("/v1/embeddings", body).send().await;
        check_error(CHAT, &refused, status, code);
    }
    check_peak(&gateway);
}

/// A large body has not taken many times its size.
#[track_caller]
fn check_peak(gateway: &Gateway) {
    let memory = std::fs::read_to_string(format!("/proc/{}/status", gateway.id())).unwrap();
    let peak = memory.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak * 1024 < 10 * LARGE, "{peak} KiB for {LARGE} bytes");
}

#[tokio::test]
async fn a_picture_in_one_event_comes_through_by_default() {
    let picture = "A".repeat(4 << 20);
    let event = json!({
        "type": "image_generation.completed", "b64_json": picture,
        "usage": {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12},
    });
    let drawn = format!("event: image_generation.completed\ndata: {event}\n\n");
    let upstream = FakeUpstream::start(move |_| Reply::sse(drawn.clone())).await;
    let config = format!("providers: {{a: {{kind: openai, url: \"{}\", key: sk-a}}}}\n", upstream.url());
    let gateway = gateway().config(&config).start().await;
    let asked = json!({"model": "a/gpt-image-1", "prompt": "a cat", "stream": true}).to_string();
    let response = gateway.post("/v1/images/generations", asked).send().await;
    assert!(response.status == 200 && response.text().contains(&picture), "{:.300}", response.text());
    assert_eq!(gateway.usage()["total"]["failures"], 0);
}
