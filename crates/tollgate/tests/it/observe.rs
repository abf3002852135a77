//! What can be seen: metrics, access lines, traces in and out, timings; and what must never be seen.

use std::path::Path;

use serde_json::Value;
use testkit::{FakeUpstream, Gateway, Reply};

use crate::gateway;
use crate::samples::{
    CHAT, MESSAGES, answer, answer_as_asked, ask, ask_stream, call, error, opening, pair, provider, single,
    word,
};

/// The value of the one series of metric `name` that has all these labels; zero where there is none.
#[track_caller]
fn series(metrics: &str, name: &str, labels: &[&str]) -> f64 {
    let is_meant = |line: &&str| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']));
        rest.is_some_and(|rest| labels.iter().all(|label| rest.contains(label)))
    };
    let mut found = metrics.lines().filter(is_meant);
    let value = found.next().map_or(0.0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap());
    assert!(found.next().is_none(), "{name} {labels:?} is ambiguous in {metrics}");
    value
}

#[tokio::test]
async fn every_metric_that_is_named_is_there_and_moves_with_what_happens() {
    let a = FakeUpstream::start(|request| {
        if request.body.windows(4).any(|text| text == b"fail") {
            error(500)
        } else {
            answer_as_asked(request, "word")
        }
    })
    .await;
    let b = FakeUpstream::start(|_| answer("second")).await;
    let gateway = gateway().config(&pair(&a, &b)).start().await;
    let before = gateway.metrics().await;
    for name in telemetry::names::METRICS {
        assert!(before.contains(&format!("# TYPE {name} ")), "{name}");
        assert!(before.contains(&format!("# HELP {name} ")), "{name}");
    }
    assert_eq!(call(&gateway, CHAT, ask("m")).send().await.status, 200);
    assert_eq!(call(&gateway, MESSAGES, ask_stream("m")).send().await.status, 200);
    assert_eq!(call(&gateway, CHAT, ask("m").replacen("hi", "fail", 1)).send().await.status, 200);
    assert_eq!(call(&gateway, CHAT, ask("nonsense")).send().await.status, 404);
    gateway.logged(4, |line| line["message"] == "request").await;
    let after = gateway.metrics().await;
    for (name, labels, value) in [
        ("tollgate_requests_total", &["model=\"m\"", "provider=\"a\"", "status_class=\"2xx\""][..], 2.0),
        ("tollgate_requests_total", &["model=\"m\"", "provider=\"b\""], 1.0),
        ("tollgate_requests_total", &["error_type=\"TG-1004\"", "status_class=\"4xx\""], 1.0),
        ("tollgate_attempts_total", &["provider=\"a\"", "outcome=\"ok\""], 2.0),
        ("tollgate_attempts_total", &["provider=\"a\"", "outcome=\"server\""], 1.0),
        ("tollgate_attempts_total", &["provider=\"b\"", "outcome=\"ok\""], 1.0),
        ("tollgate_tokens_total", &["direction=\"input\"", "provider=\"a\""], 22.0),
        ("tollgate_tokens_total", &["direction=\"output\"", "provider=\"b\""], 3.0),
        ("tollgate_request_duration_seconds_count", &["provider=\"a\""], 2.0),
        ("tollgate_time_to_first_token_seconds_count", &["provider=\"a\""], 1.0),
        ("gen_ai_server_request_duration_seconds_count", &["gen_ai_provider_name", "error_type"], 0.0),
        ("tollgate_inflight", &[], 0.0),
    ] {
        assert!((series(&after, name, labels) - value).abs() < f64::EPSILON, "{name} {labels:?}: {after}");
    }
    // What a caller writes is never a label: a name nobody knows is counted under one word.
    assert!(!after.contains("nonsense"), "{after}");
}

#[tokio::test]
async fn metrics_come_in_the_format_that_is_asked_for() {
    let gateway = gateway().start().await;
    let plain = gateway.get("/metrics").without_key().send().await;
    assert!(plain.header("content-type").starts_with("text/plain"), "{:?}", plain.headers);
    let open =
        gateway.get("/metrics").header("accept", "application/openmetrics-text; version=1.0.0").send().await;
    assert!(open.header("content-type").starts_with("application/openmetrics-text"), "{:?}", open.headers);
    assert!(open.text().ends_with("# EOF\n"));
}

#[tokio::test]
async fn an_access_line_says_who_asked_what_and_what_became_of_it() {
    let upstream = FakeUpstream::start(|request| answer_as_asked(request, "word")).await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    let response = call(&gateway, MESSAGES, ask_stream("m")).send().await;
    let line = gateway.logged(1, |line| line["message"] == "request").await.remove(0);
    for (field, value) in [
        ("level", "info"),
        ("client_ip", "127.0.0.1"),
        ("operation", "chat"),
        ("dialect", "anthropic"),
        ("model", "m"),
        ("provider", "a"),
        ("target", "a/x"),
        ("upstream_dialect", "openai_chat"),
        ("finish", "stop"),
    ] {
        assert_eq!(line[field], value, "{field}: {line}");
    }
    for (field, value) in [("status", 200), ("attempts", 1), ("input_tokens", 11), ("output_tokens", 3)] {
        assert_eq!(line[field], value, "{field}: {line}");
    }
    assert_eq!(line["request_id"], response.header("request-id"));
    assert!(line["key"].as_str().unwrap().starts_with("k_"), "{line}");
    assert_eq!(line["bytes_out"], response.body.len());
    for field in ["duration_ms", "overhead_ms", "ttft_ms", "cost_usd", "bytes_in"] {
        assert!(line[field].is_number(), "{field}: {line}");
    }
    let refused = call(&gateway, CHAT, ask("nonsense")).send().await;
    let line = gateway.logged(1, |line| line["error"] == "TG-1004").await.remove(0);
    assert_eq!(
        (&line["status"], line["request_id"].as_str()),
        (&404.into(), Some(refused.header("request-id")))
    );
}

/// Sends what is no HTTP and returns the answer.
async fn malformed(gateway: &Gateway) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(b"POST /v1/messages HTTP/1.1\r\nno colon\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn every_refusal_is_logged_and_counted_under_the_id_that_its_caller_sees() {
    let gateway = gateway().config("security: {authentication: JWT/OAuth2}").start().await;
    let grant = |form: &'static str| gateway.post("/oauth/token", form).without_key();
    let mut seen = Vec::new();
    for (call, status, code) in [
        (gateway.get("/v1/models").key("tg-nobody"), 401, "TG-1001"),
        (gateway.get("/v1/models").header("x-api-key", "tg-other"), 400, "TG-1002"),
        (gateway.get("/v1/models/none"), 404, "TG-1004"),
        (gateway.get("/nowhere"), 404, "TG-0106"),
        (grant("grant_type=client_credentials&client_secret=tg-nobody"), 401, "TG-1001"),
        (grant("grant_type=password"), 400, "TG-1007"),
        (gateway.get("/v1/models").without_key().header("x-request-id", "mine"), 401, "TG-1001"),
    ] {
        let response = call.send().await;
        assert_eq!(response.status, status, "{}", response.text());
        let own = response.header("x-request-id");
        assert!(own == "mine" || own == response.header("request-id"), "{:?}", response.headers);
        seen.push((response.header("request-id").to_owned(), status, code));
    }
    let answer = malformed(&gateway).await;
    let id = answer.split("request-id: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    assert!(answer.contains(&format!("\"request_id\":\"{id}\"")), "{answer}");
    seen.push((id.to_owned(), 400, "TG-0112"));
    for (id, status, code) in seen {
        let line = gateway.logged(1, |line| line["request_id"] == id.as_str()).await.remove(0);
        assert_eq!((&line["message"], &line["error"]), (&"request".into(), &code.into()), "{line}");
        assert_eq!((&line["status"], &line["client_ip"]), (&status.into(), &"127.0.0.1".into()), "{line}");
    }
    let metrics = gateway.metrics().await;
    for (code, count) in [("TG-1001", 3.0), ("TG-1004", 1.0), ("TG-1007", 1.0), ("TG-0112", 1.0)] {
        let labels = ["operation=\"other\"", &format!("error_type=\"{code}\"")];
        let counted = series(&metrics, "tollgate_requests_total", &labels);
        assert!((counted - count).abs() < f64::EPSILON, "{code}: {metrics}");
    }
}

#[tokio::test]
async fn a_circuit_is_seen_opening_being_probed_and_closing() {
    let is_well = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let asked = std::sync::Arc::clone(&is_well);
    let upstream = FakeUpstream::start(move |_| {
        if asked.load(std::sync::atomic::Ordering::SeqCst) { answer("well") } else { error(500) }
    })
    .await;
    let config =
        format!("{}routing: {{circuit_breaker: {{threshold: 1, timeout: 50ms}}}}\n", single(&upstream));
    let gateway = gateway().config(&config).start().await;
    assert_eq!(call(&gateway, CHAT, ask("m")).send().await.status, 500);
    is_well.store(true, std::sync::atomic::Ordering::SeqCst);
    while call(&gateway, CHAT, ask("m")).send().await.status != 200 {}
    let changes = gateway.logged(3, |line| line["message"] == "circuit changed").await;
    let states: Vec<_> = changes.iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["open", "half_open", "closed"]);
    let metrics = gateway.metrics().await;
    assert!(
        series(&metrics, "tollgate_circuit_state", &["target=\"a/x\""]).abs() < f64::EPSILON,
        "{metrics}"
    );
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

#[tokio::test]
async fn a_trace_goes_through_and_its_spans_hang_together() {
    let collector = FakeUpstream::start(|_| Reply::json(200, "{}")).await;
    let a = FakeUpstream::start(|_| error(500)).await;
    let b = FakeUpstream::start(|_| answer("second")).await;
    let config = format!("{}monitoring: {{tracing: {{otlp: \"{}\"}}}}\n", pair(&a, &b), collector.url());
    let gateway = gateway().config(&config).start().await;
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let response = call(&gateway, CHAT, ask("m")).header("traceparent", &traceparent).send().await;
    assert_eq!(response.status, 200);
    let server_span = span_of(response.header("traceparent"));
    let client_spans = [span_of(a.last().header("traceparent")), span_of(b.last().header("traceparent"))];
    let line = gateway.logged(1, |line| line["message"] == "request").await.remove(0);
    assert_eq!((&line["trace_id"], line["span_id"].as_str()), (&TRACE.into(), Some(server_span.as_str())));

    collector.until_received(1).await;
    let spans = loop {
        let posted: Vec<_> = collector.received().iter().flat_map(|post| spans_of(&post.json())).collect();
        if posted.len() == 3 {
            break posted;
        }
        collector.until_received(collector.received().len() + 1).await;
    };
    let find =
        |id: &str| spans.iter().find(|span| span["spanId"] == id).unwrap_or_else(|| panic!("{id} {spans:?}"));
    let server = find(&server_span);
    assert_eq!(
        (&server["parentSpanId"], &server["kind"], &server["traceId"]),
        (&PARENT.into(), &2.into(), &TRACE.into())
    );
    for (id, provider) in client_spans.iter().zip(["a", "b"]) {
        let span = find(id);
        assert_eq!((span["parentSpanId"].as_str(), &span["kind"]), (Some(server_span.as_str()), &3.into()));
        assert_eq!(span["traceId"], TRACE);
        assert!(span["attributes"].to_string().contains(&format!("\"{provider}\"")), "{span}");
    }
    assert_eq!(
        (&find(&client_spans[0])["status"]["code"], &find(&client_spans[1])["status"]),
        (&2.into(), &Value::Null)
    );
}

/// The span in a `traceparent` of the trace that the test began.
#[track_caller]
fn span_of(traceparent: &str) -> String {
    let parts: Vec<_> = traceparent.split('-').collect();
    assert_eq!((parts[0], parts[1], parts[3]), ("00", TRACE, "01"), "{traceparent}");
    assert_ne!(parts[2], PARENT);
    parts[2].to_owned()
}

fn spans_of(export: &Value) -> Vec<Value> {
    let groups = export["resourceSpans"].as_array().unwrap().iter();
    let scopes = groups.flat_map(|group| group["scopeSpans"].as_array().unwrap());
    scopes.flat_map(|scope| scope["spans"].as_array().unwrap().clone()).collect()
}

#[tokio::test]
async fn a_request_without_a_trace_gets_one_and_a_broken_one_is_replaced() {
    let upstream = FakeUpstream::start(|_| answer("hi")).await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    for traceparent in
        [None, Some("00-00000000000000000000000000000000-b7ad6b7169203331-01"), Some("nonsense")]
    {
        let call = call(&gateway, CHAT, ask("m"));
        let call = match traceparent {
            Some(traceparent) => call.header("traceparent", traceparent),
            None => call,
        };
        let response = call.send().await;
        let (here, there) = (response.header("traceparent").to_owned(), upstream.last());
        assert_eq!(here.split('-').nth(1), there.header("traceparent").split('-').nth(1), "{here}");
        assert!(here.len() == 55 && !here.contains("00000000000000000000000000000000"), "{here}");
    }
}

#[tokio::test]
async fn the_timing_header_tells_the_gateways_share_from_the_upstreams() {
    let wait = std::time::Duration::from_millis(200);
    let upstream = FakeUpstream::start(move |_| answer("hi").after(wait)).await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    let response = call(&gateway, CHAT, ask("m")).send().await;
    let timing = response.header("server-timing");
    let share = |name: &str| -> f64 {
        let part = timing.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix(";dur="));
        part.unwrap_or_else(|| panic!("{timing}")).parse().unwrap()
    };
    assert!(share("upstream") >= 200.0 && share("tollgate") < 200.0, "{timing}");
    let refused = call(&gateway, CHAT, "{").send().await;
    assert!(refused.header("server-timing").starts_with("tollgate;dur="), "{:?}", refused.headers);
}

const PROMPT: &str = "canary-in-the-prompt";
const ANSWER: &str = "canary-in-the-answer";
const PROVIDER_KEY: &str = "sk-canary-of-the-provider";
const HEADER: &str = "canary-in-a-header";

#[tokio::test]
async fn no_secret_and_no_prompt_is_written_anywhere_even_at_trace_level() {
    let collector = FakeUpstream::start(|_| Reply::json(200, "{}")).await;
    let upstream = FakeUpstream::start(|request| match request.json()["user"].as_str() {
        // Some proxies show in their error pages what they were sent.
        Some("fail") => Reply::json(
            500,
            format!(r#"{{"error":{{"message":"got authorization: {}"}}}}"#, request.header("authorization")),
        ),
        Some("refuse") => Reply::json(401, format!(r#"{{"error":{{"message":"bad key {PROVIDER_KEY}"}}}}"#)),
        Some("page") => {
            Reply::bytes("text/html", format!("<h1>{}</h1>", request.header("authorization"))).status(502)
        }
        Some("cut") => {
            let text = opening() + &word(ANSWER);
            Reply::sse(text.clone()).cut_after(text.len())
        }
        _ => answer_as_asked(request, ANSWER),
    })
    .await;
    let config = format!(
        "providers: {{a: {{kind: openai, url: \"{}/v1\", key: \"${{A_KEY}}\"}}, tollgate: {{}}}}\nsecurity: {{authentication: JWT/OAuth2}}\nmonitoring: {{logging: {{level: trace}}, tracing: {{otlp: \"{}\", zipkin: \"{}\"}}}}\nrouting: {{circuit_breaker: {{threshold: 100}}}}\n",
        upstream.url(),
        collector.url(),
        collector.url()
    );
    let mut gateway = gateway().env("A_KEY", PROVIDER_KEY).config(&config).start().await;
    let created = gateway.cli(&["keys", "create", "canary"]);
    let key = String::from_utf8(created.stdout).unwrap().trim().to_owned();
    while call(&gateway, CHAT, ask("a/x")).key(&key).send().await.status != 200 {}
    let token = token(&gateway, &key).await;
    let wrong = format!("{}wrong", &key[..key.len() - 5]);

    let mut refusals = String::new();
    let prompt = |body: String| body.replacen("hi", PROMPT, 1);
    for path in [CHAT, MESSAGES] {
        for credential in [&key, &token, &wrong] {
            for (model, user) in [
                ("a/x", "me"),
                ("a/x", "fail"),
                ("a/x", "page"),
                ("a/x", "cut"),
                ("tollgate/mock", "me"),
                ("a/x", "refuse"),
            ] {
                for body in [ask(model), ask_stream(model)] {
                    let body = prompt(body).replacen('{', &format!(r#"{{"user":"{user}","#), 1);
                    let call = call(&gateway, path, body).key(credential).header("cookie", HEADER);
                    let response = call.header("x-custom", HEADER).send().await;
                    if response.status >= 400 {
                        refusals += response.text();
                    }
                }
            }
        }
        for body in
            [prompt(ask("a/x")) + "x", prompt(ask("nonsense")), prompt(ask("a/x")).replacen("64", "-1", 1)]
        {
            refusals += call(&gateway, path, body).key(&key).send().await.text();
        }
        let conflict = call(&gateway, path, prompt(ask("a/x"))).key(&key).header("x-api-key", &wrong);
        refusals += conflict.send().await.text();
        refusals += call(&gateway, &format!("{path}?key={key}"), "{").without_key().send().await.text();
        refusals += call(&gateway, &format!("{path}/{key}"), "{")
            .without_key()
            .send()
            .await
            .text()
            .replace(&key, "")
            .as_str();
    }
    assert!(refusals.contains("got authorization: Bearer <redacted>"), "{refusals}");
    let metrics = gateway.metrics().await;
    gateway.terminate();
    assert!(gateway.wait().await.success());

    let lines: Vec<_> = gateway.log().iter().map(Value::to_string).collect();
    assert!(lines.len() > 50, "{lines:?}");
    let logs = lines.join("\n");
    let posts: String =
        collector.received().iter().map(|post| String::from_utf8_lossy(&post.body).into_owned()).collect();
    assert!(posts.contains(r#""traceId""#), "{posts}");
    let places = [
        ("refusals", refusals.into_bytes()),
        ("metrics", metrics.into_bytes()),
        ("logs", logs.into_bytes()),
        ("standard error", gateway.stderr().into_bytes()),
        ("traces", posts.into_bytes()),
    ];
    for canary in [PROMPT, ANSWER, PROVIDER_KEY, HEADER, &key, &wrong, &token] {
        for (place, bytes) in &places {
            check_absent(canary, place, bytes);
        }
        check_folder(canary, &gateway.data);
    }
}

async fn token(gateway: &Gateway, key: &str) -> String {
    let form = format!("grant_type=client_credentials&client_secret={key}");
    let granted = gateway.post("/oauth/token", form).without_key().send().await.json();
    granted["access_token"].as_str().unwrap().to_owned()
}

#[track_caller]
fn check_absent(canary: &str, place: &str, bytes: &[u8]) {
    let at = bytes.windows(canary.len()).position(|window| window == canary.as_bytes());
    let around =
        at.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(200)..(at + 200).min(bytes.len())]));
    assert_eq!(around, None, "{canary} stands in {place}");
}

/// No file of the folder holds the canary.
#[track_caller]
fn check_folder(canary: &str, folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check_folder(canary, &path);
        } else {
            check_absent(canary, &path.display().to_string(), &std::fs::read(&path).unwrap());
        }
    }
}

#[tokio::test]
async fn a_caller_s_headers_that_are_for_the_gateway_do_not_travel_on() {
    let upstream = FakeUpstream::start(|_| answer("hi")).await;
    let gateway =
        gateway().config(&format!("providers: {{{}}}", provider("a", &upstream.url()))).start().await;
    let response = call(&gateway, CHAT, ask("a/x"))
        .header("cookie", HEADER)
        .header("x-api-key", &gateway.key)
        .header("x-forwarded-for", "10.0.0.1")
        .send()
        .await;
    assert_eq!(response.status, 200);
    let sent = upstream.last();
    assert_eq!(sent.header("authorization"), "Bearer sk-a");
    for name in ["cookie", "x-api-key", "x-forwarded-for"] {
        assert_eq!(sent.header(name), "", "{name}");
    }
    assert!(!format!("{:?}", sent.headers).contains(&gateway.key));
}
