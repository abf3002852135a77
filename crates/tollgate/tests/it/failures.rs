//! Failure manners: timers, the first-event gate, failover, circuits, clients that leave, drains, loops.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use testkit::{FakeUpstream, Gateway, Reply, Split};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::gateway;
use crate::samples::{
    CHAT, MESSAGES, answer, answer_as_asked, ask, ask_stream, call, check_error, check_error_body, ending,
    error, opening, pair, provider, single, stream, word,
};

/// The time that a timer under test is set to.
const SHORT: Duration = Duration::from_millis(300);
/// How much later than that a loaded machine may answer.
const SLACK: Duration = Duration::from_secs(5);

async fn with_timer(upstream: &str, timer: &str) -> Gateway {
    let config = format!(
        "providers: {{{}}}\nserver: {{timers: {{{timer}: {}ms}}}}\n",
        provider("a", upstream),
        SHORT.as_millis()
    );
    gateway().config(&config).start().await
}

/// An upstream that answers `reply` runs into `timer` and into no other.
async fn check_timer(timer: &str, body: &str, reply: Reply) {
    let upstream = FakeUpstream::start(move |_| reply.clone()).await;
    let gateway = with_timer(&upstream.url(), timer).await;
    check_times_out(&gateway, body).await;
    upstream.until_connections(0).await;
}

async fn check_times_out(gateway: &Gateway, body: &str) {
    let began = Instant::now();
    let response = gateway.post(CHAT, body.to_owned()).send().await;
    let took = began.elapsed();
    check_error(CHAT, &response, 504, "TG-1302");
    assert!(took >= SHORT && took < SHORT + SLACK, "{took:?}");
}

/// An address where a connection is neither taken nor refused, for as long as this lives.
struct Nowhere {
    address: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

/// Once the queue of connections that nobody accepts is full, further ones get no answer at all.
async fn nowhere() -> Nowhere {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::time::timeout(SHORT, TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    Nowhere { address, _listener: listener, _waiting: waiting }
}

#[tokio::test]
async fn an_address_that_takes_no_connection_runs_into_the_connect_timer() {
    let nowhere = nowhere().await;
    let gateway = with_timer(&format!("http://{}", nowhere.address), "connect").await;
    check_times_out(&gateway, &ask("a/x")).await;
}

#[tokio::test]
async fn a_health_check_that_gets_no_answer_holds_nothing_up() {
    let nowhere = nowhere().await;
    let config = format!(
        "providers: {{{}, tollgate: {{}}}}\nrouting: {{health_checks: {{interval: 100ms, timeout: 1h}}}}\n",
        provider("a", &format!("http://{}", nowhere.address))
    );
    let mut gateway = gateway().config(&config).start().await;
    let began = Instant::now();
    gateway.write_config(&format!("{config}models: {{m: tollgate/mock}}\n"));
    gateway.logged(1, |line| line["generation"] == 2).await;
    assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
    gateway.terminate();
    assert!(gateway.wait().await.success());
    assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_upstream_without_headers_runs_into_the_header_timers() {
    check_timer("response_headers_whole", &ask("a/x"), Reply::hang()).await;
    check_timer("response_headers_stream", &ask_stream("a/x"), Reply::hang()).await;
}

#[tokio::test]
async fn a_whole_answer_is_given_more_time_than_the_headers_of_a_stream() {
    let upstream = FakeUpstream::start(|_| answer("late").after(SHORT * 2)).await;
    let gateway = with_timer(&upstream.url(), "response_headers_stream").await;
    assert_eq!(gateway.post(CHAT, ask("a/x")).send().await.status, 200);
}

#[tokio::test]
async fn a_stream_without_content_runs_into_the_first_event_timer() {
    let silent = Reply::sse(stream(&["late"])).pause_before_body(SLACK * 2);
    check_timer("first_event", &ask_stream("a/x"), silent).await;
    // Comments keep a connection alive; they are no content.
    let comments = Reply::sse(": still here\n\n".repeat(1000)).gap(SHORT / 10);
    check_timer("first_event", &ask_stream("a/x"), comments).await;
}

#[tokio::test]
async fn the_total_timer_ends_a_request_before_its_answer_began() {
    check_timer("total", &ask("a/x"), Reply::hang()).await;
    check_timer("total", &ask_stream("a/x"), Reply::sse(stream(&["late"])).pause_before_body(SLACK * 2))
        .await;
}

#[tokio::test]
async fn when_the_total_time_is_over_no_further_target_is_tried() {
    let (a, b) = (FakeUpstream::start(|_| Reply::hang()).await, FakeUpstream::start(|_| answer("b")).await);
    let config = format!("{}server: {{timers: {{total: 300ms}}}}\n", pair(&a, &b));
    let gateway = gateway().config(&config).start().await;
    check_times_out(&gateway, &ask("m")).await;
    assert_eq!((a.received().len(), b.received().len()), (1, 0));
}

/// A stream that goes wrong after its first word ends with the caller's own error event and nothing that would say
/// it was complete, and the connection ends in order.
async fn check_breaks_off(path: &str, timers: &str, reply: Reply, code: &str) {
    let what = format!("{path} {reply:?}");
    let upstream = FakeUpstream::start(move |_| reply.clone()).await;
    let gateway =
        gateway().config(&format!("{}server: {{timers: {{{timers}}}}}\n", single(&upstream))).start().await;
    let mut streaming = call(&gateway, path, ask_stream("m")).stream().await;
    assert_eq!(streaming.status, 200, "{what}");
    // `rest` fails if the body is not ended as HTTP demands.
    let text = String::from_utf8(streaming.rest().await.into()).unwrap();
    check_ends_with_error(path, &text, code);
}

#[track_caller]
fn check_ends_with_error(path: &str, text: &str, code: &str) {
    assert!(text.contains("word"), "{text}");
    assert!(!text.contains("[DONE]") && !text.contains("message_stop"), "{text}");
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    let (name, data) = last.rsplit_once("data: ").unwrap();
    assert_eq!(name, if path == MESSAGES { "event: error\n" } else { "" }, "{text}");
    check_error_body(path, &serde_json::from_str(data).unwrap(), code);
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_with_the_error_event_of_the_callers_language() {
    let begun = format!("{}{}", opening(), word("word"));
    let failures = [
        ("", Reply::sse(begun.clone()).cut_after(begun.len()), "TG-1307"),
        ("", Reply::sse(begun.clone()), "TG-1307"),
        ("", Reply::sse(format!("{begun}data: {{\"error\":{{\"message\":\"boom\"}}}}\n\n")), "TG-1305"),
        ("", Reply::sse(format!("{begun}data: not json\n\n")), "TG-1308"),
        ("event_gap: 300ms", Reply::sse(begun.clone()).silent_after(begun.len()), "TG-1302"),
        ("total: 300ms", Reply::sse(begun.clone() + &word("more").repeat(1000)).gap(SHORT / 10), "TG-1302"),
    ];
    for (timers, reply, code) in failures {
        for path in [CHAT, MESSAGES] {
            check_breaks_off(path, timers, reply.clone(), code).await;
        }
    }
}

/// The events of Anthropic's stream up to its first words.
fn claude_stream(words: &str) -> String {
    let start = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":11,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

"#;
    let delta = format!(
        r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{words}"}}}}"#
    );
    if words.is_empty() {
        start.to_owned()
    } else {
        format!("{start}event: content_block_delta\ndata: {delta}\n\n")
    }
}

const CLAUDE_IS_OVERLOADED: &str = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";

#[tokio::test]
async fn an_error_event_of_anthropics_fails_over_before_content_and_is_passed_on_behind_it() {
    let a = FakeUpstream::start(|request| {
        let is_early = request.body.windows(5).any(|text| text == b"early");
        Reply::sse(claude_stream(if is_early { "" } else { "word" }) + CLAUDE_IS_OVERLOADED)
    })
    .await;
    let b = FakeUpstream::start(|request| answer_as_asked(request, "second")).await;
    let config = format!(
        "providers: {{a: {{kind: anthropic, url: \"{}\", key: sk}}, {}}}\nmodels: {{m: {{targets: a/c, fallback: b/y}}}}\n",
        a.url(),
        provider("b", &b.url())
    );
    let gateway = gateway().config(&config).start().await;
    for path in [CHAT, MESSAGES] {
        let early = call(&gateway, path, ask_stream("m").replacen("hi", "early", 1)).send().await;
        assert!(early.text().contains("second") && !early.text().contains("error"), "{}", early.text());
        let late = call(&gateway, path, ask_stream("m")).send().await;
        check_ends_with_error(path, late.text(), "TG-1306");
    }
}

/// The first target fails as `reply` says; the answer is the second one's and nothing of the first is seen.
async fn check_fails_over(path: &str, timers: &str, body: &str, reply: Reply) {
    let what = format!("{path} {reply:?}");
    let a = FakeUpstream::start(move |_| reply.clone()).await;
    let b = FakeUpstream::start(|request| answer_as_asked(request, "second")).await;
    let config = format!("{}server: {{timers: {{{timers}}}}}\n", pair(&a, &b));
    let gateway = gateway().config(&config).start().await;
    let response = call(&gateway, path, body.to_owned()).send().await;
    let text = response.text();
    assert_eq!(response.status, 200, "{what}: {text}");
    assert!(text.contains("second") && !text.contains("error") && !text.contains("first"), "{text}");
    assert_eq!(response.header("x-tollgate-attempts"), "2", "{what}");
    assert_eq!(response.header("x-tollgate-provider"), "b", "{what}");
    assert_eq!(b.last().header("authorization"), "Bearer sk-b");
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_content_fails_over_unseen() {
    let first = opening().replace("\"content\":\"\"", "\"content\":\"\",\"x\":\"first\"");
    let replies = [
        Reply::sse("data: {\"error\":{\"message\":\"first is overloaded\",\"type\":\"server_error\"}}\n\n"),
        Reply::sse(format!("{first}data: {{\"error\":{{\"message\":\"boom\"}}}}\n\n")),
        Reply::sse(first.clone()).cut_after(first.len()),
        Reply::sse(first),
        Reply::sse(""),
        Reply::sse("data: <html>first</html>\n\n"),
        Reply::bytes("text/html", "<html>first is being repaired</html>"),
        Reply::json(200, r#"{"error":{"message":"first has a fault","code":500}}"#),
        Reply::sse("").silent_after(0),
    ];
    for (reply, path) in replies.into_iter().zip([CHAT, MESSAGES].into_iter().cycle()) {
        check_fails_over(path, "first_event: 300ms", &ask_stream("m"), reply).await;
    }
}

#[tokio::test]
async fn a_full_context_is_told_in_the_words_that_clients_look_for() {
    let anthropic = "prompt is too long: 210000 tokens > 200000 maximum";
    let openai = "This model's maximum context length is 8192 tokens.";
    for (kind, base, sentence) in [("anthropic", "", anthropic), ("openai", "/v1", openai)] {
        let error = json!({"type": "invalid_request_error", "message": sentence});
        let reply = Reply::json(400, json!({"type": "error", "error": error}).to_string());
        let upstream = FakeUpstream::start(move |_| reply.clone()).await;
        let provider = format!("a: {{kind: {kind}, url: \"{}{base}\", key: sk-a}}", upstream.url());
        let gateway = gateway().config(&format!("providers: {{{provider}}}\n")).start().await;
        for (path, words) in [(CHAT, "context_length_exceeded"), (MESSAGES, "prompt is too long")] {
            let response = call(&gateway, path, ask("a/x")).send().await;
            check_error(path, &response, 400, "TG-1314");
            assert!(response.text().contains(words), "{kind} {path}: {}", response.text());
            assert!(response.text().contains(sentence), "{kind} {path}: {}", response.text());
        }
    }
}

#[tokio::test]
async fn a_provider_may_say_with_a_date_how_long_to_wait() {
    let limited = || {
        let later = error(429).header("date", "Sat, 28 Nov 2026 15:39:40 GMT");
        later.header("retry-after", "Sat, 28 Nov 2026 15:40:00 GMT")
    };
    let upstream = FakeUpstream::start(move |_| limited()).await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    let response = gateway.post(CHAT, ask("m")).send().await;
    check_error(CHAT, &response, 429, "TG-1306");
    assert_eq!(response.header("retry-after"), "20");
}

#[tokio::test]
async fn a_model_that_reasons_is_waited_for_longer() {
    let upstream = FakeUpstream::start(|_| Reply::sse("").silent_after(0)).await;
    let timers = "server: {timers: {first_event: 300ms, first_event_reasoning: 600ms}}";
    let config = format!("providers: {{{}}}\n{timers}\n", provider("a", &upstream.url()));
    let gateway = gateway().config(&config).start().await;
    for (model, waited) in [("a/gpt-4.1", "0.3 s"), ("a/gpt-5.5", "0.6 s")] {
        let response = gateway.post(CHAT, ask_stream(model)).send().await;
        check_error(CHAT, &response, 504, "TG-1302");
        assert!(response.text().contains(waited), "{model}: {}", response.text());
    }
}

#[tokio::test]
async fn a_target_that_fails_is_replaced_by_the_next() {
    let replies = [
        error(500),
        error(502),
        error(503),
        error(529),
        error(429),
        error(401),
        error(402),
        error(408),
        Reply::reset(),
        Reply::hang(),
        Reply::json(200, "{"),
        Reply::json(200, ""),
        answer("first").split(Split::At(vec![10])).cut_after(20),
    ];
    for (reply, path) in replies.into_iter().zip([CHAT, MESSAGES].into_iter().cycle()) {
        check_fails_over(path, "response_headers_whole: 300ms", &ask("m"), reply).await;
    }
}

#[tokio::test]
async fn a_target_that_nobody_listens_at_is_replaced_by_the_next() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let b = FakeUpstream::start(|_| answer("second")).await;
    let (gone, there) = (provider("a", &format!("http://{nobody}")), provider("b", &b.url()));
    let config = format!("providers: {{{gone}, {there}}}\nmodels: {{m: {{targets: a/x, fallback: b/y}}}}\n");
    let gateway = gateway().config(&config).start().await;
    let response = gateway.post(CHAT, ask("m")).send().await;
    assert_eq!((response.status, response.header("x-tollgate-attempts")), (200, "2"));
    check_error(CHAT, &gateway.post(CHAT, ask("a/x")).send().await, 502, "TG-1301");
}

#[tokio::test]
async fn a_request_that_is_at_fault_itself_goes_nowhere_else() {
    for status in [400, 404, 413, 422] {
        let a = FakeUpstream::start(move |_| error(status)).await;
        let b = FakeUpstream::start(|_| answer("second")).await;
        let gateway = gateway().config(&pair(&a, &b)).start().await;
        for path in [CHAT, MESSAGES] {
            let response = call(&gateway, path, ask("m")).send().await;
            check_error(path, &response, status, "TG-1303");
            assert!(response.text().contains(&format!("upstream says {status}")), "{}", response.text());
            assert_eq!(response.header("x-should-retry"), "false");
        }
        assert!(b.received().is_empty());
    }
}

#[tokio::test]
async fn reasoning_that_another_provider_has_signed_is_taken_by_the_one_that_did() {
    let refusals = [
        ("The encrypted content gAAA...QA== could not be verified.", "invalid_encrypted_content"),
        ("messages.1.content.0: Invalid `signature` in `thinking` block", "invalid_request_error"),
        ("Thought signature is not valid.", "INVALID_ARGUMENT"),
    ];
    for (message, code) in refusals {
        let refusal = json!({"error": {"message": message, "type": "invalid_request_error", "code": code}});
        let a = FakeUpstream::start(move |_| Reply::json(400, refusal.to_string())).await;
        let b = FakeUpstream::start(|_| answer("second")).await;
        let gateway = gateway().config(&pair(&a, &b)).start().await;
        // More than a circuit takes of what counts.
        for _ in 0..6 {
            let response = gateway.post(CHAT, ask("m")).send().await;
            assert_eq!((response.status, response.header("x-tollgate-attempts")), (200, "2"), "{message}");
        }
        assert_eq!(a.received().len(), 6);
        // Where nobody else is left to ask, the refusal is the caller's.
        let response = gateway.post(CHAT, ask("a/x")).send().await;
        check_error(CHAT, &response, 400, "TG-1303");
        assert!(response.text().contains(code), "{}", response.text());
    }
}

#[tokio::test]
async fn a_circuit_opens_after_five_faults_and_a_probe_closes_it() {
    let upstream =
        FakeUpstream::start(
            move |request| {
                if request.json()["user"] == "well" { answer("well") } else { error(500) }
            },
        )
        .await;
    let config = format!("{}routing: {{circuit_breaker: {{timeout: 500ms}}}}\n", single(&upstream));
    let gateway = gateway().config(&config).start().await;
    for _ in 0..5 {
        check_error(CHAT, &gateway.post(CHAT, ask("m")).send().await, 500, "TG-1305");
    }
    let well = ask("m").replacen('{', r#"{"user":"well","#, 1);
    let opened = Instant::now();
    let refused = gateway.post(CHAT, well.clone()).send().await;
    check_error(CHAT, &refused, 503, "TG-1311");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(upstream.received().len(), 5);
    gateway.logged(1, |line| line["state"] == "open").await;
    while gateway.post(CHAT, well.clone()).send().await.status != 200 {
        assert!(opened.elapsed() < SLACK);
    }
    assert!(opened.elapsed() >= Duration::from_millis(300), "{:?}", opened.elapsed());
    gateway.logged(1, |line| line["state"] == "closed").await;
    assert_eq!(upstream.received().len(), 6);
}

#[tokio::test]
async fn a_probe_that_streams_for_long_closes_the_circuit_when_its_answer_begins() {
    let upstream = FakeUpstream::start(move |request| match request.json()["user"].as_str() {
        Some("well") => answer("well"),
        Some("long") => Reply::sse(format!("{}{}", opening(), word("word"))).silent_after(usize::MAX),
        _ => error(500),
    })
    .await;
    let config = format!("{}routing: {{circuit_breaker: {{timeout: 1s}}}}\n", single(&upstream));
    let gateway = gateway().config(&config).start().await;
    for _ in 0..5 {
        check_error(CHAT, &gateway.post(CHAT, ask("m")).send().await, 500, "TG-1305");
    }
    let ask_as = |user: &str, body: String| body.replacen('{', &format!(r#"{{"user":"{user}","#), 1);
    let opened = Instant::now();
    let mut streaming = gateway.stream(CHAT, ask_as("long", ask_stream("m"))).await;
    while streaming.status != 200 {
        assert!(opened.elapsed() < SLACK);
        streaming = gateway.stream(CHAT, ask_as("long", ask_stream("m"))).await;
    }
    streaming.until("word").await;
    assert_eq!(gateway.post(CHAT, ask_as("well", ask("m"))).send().await.status, 200);
    gateway.logged(1, |line| line["state"] == "closed").await;
    assert_eq!(upstream.aborted(), 0);
}

#[tokio::test]
async fn what_the_client_does_never_opens_a_circuit() {
    let upstream = FakeUpstream::start(|request| match request.json()["user"].as_str() {
        Some("mute") => Reply::hang(),
        Some("wrong") => error(400),
        Some("cut") => Reply::sse(format!("{}{}", opening(), word("word"))).silent_after(usize::MAX),
        _ => answer("well"),
    })
    .await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    let ask_as = |user: &str, body: String| body.replacen('{', &format!(r#"{{"user":"{user}","#), 1);
    for round in 1..=6 {
        assert_eq!(gateway.post(CHAT, ask_as("wrong", ask("m"))).send().await.status, 400);
        let mut streaming = gateway.stream(CHAT, ask_as("cut", ask_stream("m"))).await;
        streaming.until("word").await;
        drop(streaming);
        upstream.until_aborted(2 * round - 1).await;
        let (_, ()) = tokio::join!(
            tokio::time::timeout(SHORT, gateway.post(CHAT, ask_as("mute", ask("m"))).send()),
            upstream.until_received(3 * round)
        );
        upstream.until_aborted(2 * round).await;
    }
    gateway.logged(12, |line| line["status"] == 499).await;
    assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_upstreams_request() {
    let upstream =
        FakeUpstream::start(|_| Reply::sse(opening() + &word("word").repeat(1000)).gap(SHORT / 10)).await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    let mut streaming = gateway.stream(CHAT, ask_stream("m")).await;
    streaming.until("word").await;
    assert_eq!(upstream.aborted(), 0);
    drop(streaming);
    upstream.until_aborted(1).await;
    upstream.until_connections(0).await;
}

#[tokio::test]
async fn the_wait_that_an_upstream_asks_for_reaches_the_caller() {
    let reply = |status: u16, name: &'static str, value: &'static str| {
        FakeUpstream::start(move |_| error(status).header(name, value))
    };
    for (status, name, value, expect) in [
        (429, "retry-after", "7", ["7", "7000", ""]),
        (503, "retry-after", "7", ["7", "7000", ""]),
        (429, "retry-after-ms", "1500", ["2", "1500", ""]),
        // Nobody waits that long, and who is not told so comes back at once.
        (429, "retry-after", "61", ["61", "61000", "false"]),
    ] {
        let upstream = reply(status, name, value).await;
        let gateway = gateway().config(&single(&upstream)).start().await;
        let response = gateway.post(CHAT, ask("m")).send().await;
        check_error(CHAT, &response, status, "TG-1306");
        let said = ["retry-after", "retry-after-ms", "x-should-retry"].map(|name| response.header(name));
        assert_eq!(said, expect, "{status} {name} {value}");
    }
}

#[tokio::test]
async fn a_reader_that_stops_stops_the_upstream_and_fills_no_memory() {
    const EVENTS: usize = 64 * 1024;
    let body = opening() + &word(&"x".repeat(900)).repeat(EVENTS) + &ending();
    let length = body.len();
    let upstream = FakeUpstream::start(move |_| {
        Reply::sse(body.clone()).split(Split::At((0..length).step_by(16 * 1024).collect()))
    })
    .await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    let before = resident(&gateway);
    let mut streaming = gateway.stream(CHAT, ask_stream("m")).await;
    streaming.until("xxx").await;
    // Nobody reads: memory and the amount sent settle at what the sockets hold.
    let mut last = (0, 0);
    loop {
        tokio::time::sleep(SHORT).await;
        let now = (resident(&gateway), upstream.open_connections());
        if now == last {
            break;
        }
        last = now;
    }
    let grown = resident(&gateway).saturating_sub(before);
    assert!(grown < 24 * 1024, "the gateway holds {grown} KiB more");
    assert_eq!(upstream.aborted(), 0);
    drop(streaming);
    // The upstream was still sending: what nobody read was never taken from it.
    upstream.until_aborted(1).await;
}

/// Resident memory in KiB.
fn resident(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_drain_finishes_open_streams_while_readyz_says_503_and_new_requests_are_turned_away() {
    let upstream = FakeUpstream::start(|_| {
        let text = opening() + &word("word").repeat(20) + &ending();
        Reply::sse(text).gap(Duration::from_millis(100))
    })
    .await;
    let mut gateway = gateway().config(&single(&upstream)).start().await;
    assert_eq!(gateway.get("/readyz").send().await.status, 200);
    let mut streaming = gateway.stream(CHAT, ask_stream("m")).await;
    streaming.until("word").await;
    gateway.terminate();
    gateway.logged(1, |line| line["message"] == "draining").await;
    assert_eq!(gateway.get("/readyz").send().await.status, 503);
    assert_eq!(gateway.get("/livez").send().await.status, 200);
    for path in [CHAT, MESSAGES] {
        let refused = call(&gateway, path, ask("m")).send().await;
        check_error(path, &refused, 503, "TG-1403");
        assert_eq!(refused.header("retry-after"), "1");
    }
    let text = String::from_utf8(streaming.rest().await.into()).unwrap();
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!(gateway.wait().await.success());
    assert_eq!(gateway.usage()["total"]["open"], 0);
}

#[tokio::test]
async fn until_load_balancers_have_noticed_a_drain_requests_are_still_taken() {
    let mut gateway = gateway().config("server: {drain_notice: 1s}").start().await;
    gateway.terminate();
    gateway.logged(1, |line| line["message"] == "draining").await;
    assert_eq!(gateway.get("/readyz").send().await.status, 503);
    assert_eq!(gateway.post(CHAT, ask("tollgate/mock")).send().await.status, 200);
    assert!(gateway.wait().await.success());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let upstream = FakeUpstream::start(|_| {
        let text = opening() + &word("word");
        Reply::sse(text).silent_after(usize::MAX)
    })
    .await;
    let mut gateway = gateway().config(&single(&upstream)).start().await;
    let mut streaming = gateway.stream(CHAT, ask_stream("m")).await;
    streaming.until("word").await;
    gateway.terminate();
    gateway.logged(1, |line| line["message"] == "draining").await;
    let began = Instant::now();
    gateway.terminate();
    assert!(gateway.wait().await.success());
    assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
    gateway.restart().await;
    assert_eq!(gateway.usage()["total"]["open"], 0);
    assert_eq!(gateway.usage()["total"]["attempts"], 1);
}

#[tokio::test]
async fn a_provider_that_is_the_gateway_itself_is_a_loop_and_says_so() {
    let gateway = gateway().config("providers: {tollgate: {}}").start().await;
    let looped = format!("providers: {{{}}}", provider("a", &gateway.url()));
    gateway.write_config(&looped);
    gateway.logged(1, |line| line["generation"] == 2).await;
    for path in [CHAT, MESSAGES] {
        check_error(path, &call(&gateway, path, ask("a/x")).send().await, 508, "TG-0110");
    }
}

#[tokio::test]
async fn a_refused_credential_of_the_gateways_own_is_never_the_callers_401() {
    for status in [401, 403] {
        let upstream = FakeUpstream::start(move |_| error(status)).await;
        let gateway = gateway().config(&single(&upstream)).start().await;
        let response = gateway.post(CHAT, ask("m")).send().await;
        check_error(CHAT, &response, 502, "TG-1304");
        assert!(!response.text().contains("upstream says"), "{}", response.text());
    }
}

#[tokio::test]
async fn a_failure_of_a_provider_tells_clients_whether_to_try_again() {
    const NEVER: (&str, &str, &str) = ("false", "", "");
    const SOON: (&str, &str, &str) = ("", "1", "1000");
    for (reply, status, code, advice) in [
        (error(401), 502, "TG-1304", NEVER),
        (error(402), 503, "TG-1310", NEVER),
        (error(500), 500, "TG-1305", SOON),
        (error(529), 529, "TG-1306", SOON),
        (error(429), 429, "TG-1306", SOON),
        (Reply::reset(), 502, "TG-1307", SOON),
        (answer("first").cut_after(20), 502, "TG-1307", SOON),
    ] {
        let upstream = FakeUpstream::start(move |_| reply.clone()).await;
        for path in [CHAT, MESSAGES] {
            let gateway = gateway().config(&single(&upstream)).start().await;
            let response = call(&gateway, path, ask("m")).send().await;
            check_error(path, &response, status, code);
            let said = ["x-should-retry", "retry-after", "retry-after-ms"].map(|name| response.header(name));
            assert_eq!(said, <[&str; 3]>::from(advice), "{path} {code}");
        }
    }
}
