//! What an answer is when its upstream has its own idea of form and end: the caller gets what it asked for.

use serde_json::json;
use testkit::{FakeUpstream, Gateway, Reply, Response};

use crate::gateway;
use crate::samples::{CHAT, MESSAGES, answer, ask, ask_stream, call, provider, single, stream};

/// What the caller gets when the upstream answers `reply` to `body`.
async fn answered(body: &str, reply: Reply) -> (Gateway, Response) {
    let upstream = FakeUpstream::start(move |_| reply.clone()).await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    let response = gateway.post(CHAT, body.to_owned()).send().await;
    (gateway, response)
}

/// The one row of the ledger: failures, estimates, output tokens.
fn booked(gateway: &Gateway) -> (u64, u64, u64) {
    let usage = gateway.usage();
    let total = &usage["total"];
    let number = |name: &str| total[name].as_u64().unwrap();
    (number("failures"), number("estimated"), total["usage"]["output"].as_u64().unwrap())
}

#[tokio::test]
async fn a_caller_gets_the_form_it_asked_for_whatever_the_upstream_sends() {
    let (_gateway, response) = answered(&ask_stream("m"), answer("hello")).await;
    assert_eq!(response.header("content-type"), "text/event-stream");
    assert!(response.text().contains("hello") && response.text().ends_with("data: [DONE]\n\n"));
    let (_gateway, response) = answered(&ask("m"), Reply::sse(stream(&["hel", "lo"]))).await;
    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(response.json()["choices"][0]["message"]["content"], "hello");
}

#[tokio::test]
async fn what_an_upstream_does_after_its_last_word_changes_nothing() {
    let whole = stream(&["hello"]);
    let cut = Reply::sse(whole.clone()).cut_after(whole.len());
    let silent = Reply::sse(whole.clone()).silent_after(whole.len());
    for reply in [cut, silent] {
        let (gateway, response) = answered(&ask_stream("m"), reply).await;
        assert!(response.text().ends_with("data: [DONE]\n\n"), "{}", response.text());
        assert_eq!(booked(&gateway), (0, 0, 3));
    }
}

#[tokio::test]
async fn several_answers_go_where_as_many_are_given() {
    let one = FakeUpstream::start(|_| Reply::json(500, "{}")).await;
    let many = FakeUpstream::start(|_| answer("hello")).await;
    let providers =
        format!("{}, b: {{kind: anthropic, url: \"{}\", key: sk-b}}", provider("a", &many.url()), one.url());
    let models = "alone: b/claude-haiku-4-5, both: {targets: b/claude-haiku-4-5, fallback: a/x}";
    let gateway =
        gateway().config(&format!("providers: {{{providers}}}\nmodels: {{{models}}}\n")).start().await;
    let asked = |model: &str| ask(model).replacen('{', r#"{"n":2,"#, 1);
    let refused = gateway.post(CHAT, asked("alone")).send().await;
    assert_eq!((refused.status, refused.header("x-tollgate-code")), (400, "TG-1201"));
    assert_eq!(refused.json()["error"]["param"], "n", "{}", refused.text());
    assert_eq!(gateway.post(CHAT, asked("both")).send().await.status, 200);
    assert_eq!((many.last().json()["n"].as_u64(), one.received().len()), (Some(2), 0));
}

#[tokio::test]
async fn counting_tokens_costs_nothing() {
    let upstream = FakeUpstream::start(|_| Reply::json(200, r#"{"input_tokens":7}"#)).await;
    let config = format!("providers: {{a: {{kind: anthropic, url: \"{}\", key: sk-a}}}}\n", upstream.url());
    let gateway = gateway().config(&config).start().await;
    let model = "a/claude-haiku-4-5";
    let response = call(&gateway, "/v1/messages/count_tokens", ask(model)).send().await;
    assert_eq!((response.status, response.json()["input_tokens"].as_u64()), (200, Some(7)));
    assert_eq!(response.header("x-tollgate-cost-usd"), "0.000000");
    let usage = gateway.usage();
    assert_eq!(usage["total"]["usage"]["input"], 0, "{usage}");
}

#[tokio::test]
async fn every_change_is_named_however_a_field_is_called() {
    let upstream = FakeUpstream::start(|_| Reply::json(200, MESSAGE)).await;
    let config = format!("providers: {{a: {{kind: anthropic, url: \"{}\", key: sk-a}}}}\n", upstream.url());
    let gateway = gateway().config(&config).start().await;
    let fields = r#"{"plain_thing":1,"a\r\nb, dropped;c":1,"#;
    let body = ask("a/x").replacen('{', fields, 1);
    let response = gateway.post(CHAT, body).send().await;
    assert_eq!(response.header("x-tollgate-changed"), "dropped;plain_thing, dropped;a%0D%0Ab%2C%20dropped;c");
    let many = (0..1000).map(|index| format!(r#""unknown_{index}":1,"#)).collect::<Vec<_>>().concat();
    let response = gateway.post(CHAT, ask("a/x").replacen('{', &format!("{{{many}"), 1)).send().await;
    let changed = response.header("x-tollgate-changed");
    assert!(changed.len() < 2200 && changed.contains(", more;n="), "{} bytes", changed.len());
}

#[tokio::test]
async fn a_tool_the_upstream_knows_by_another_name_is_called_by_its_own() {
    let upstream = FakeUpstream::start(|request| {
        let request = request.json();
        let name = request["tools"][0]["function"]["name"].as_str().unwrap().to_owned();
        assert!(name.len() <= 64, "{name}");
        let call = format!(
            r#"{{"index":0,"id":"call_1","type":"function","function":{{"name":"{name}","arguments":"{{}}"}}}}"#
        );
        if request["stream"] == true {
            let chunk = |delta: &str, finish: &str| {
                let choice = format!(r#"{{"index":0,"delta":{delta},"finish_reason":{finish}}}"#);
                format!("data: {{\"id\":\"c\",\"model\":\"x\",\"choices\":[{choice}]}}\n\n")
            };
            let call = chunk(&format!(r#"{{"tool_calls":[{call}]}}"#), "null");
            Reply::sse(call + &chunk("{}", r#""tool_calls""#) + "data: [DONE]\n\n")
        } else {
            let message = format!(r#"{{"role":"assistant","content":null,"tool_calls":[{call}]}}"#);
            let choice = format!(r#"{{"index":0,"message":{message},"finish_reason":"tool_calls"}}"#);
            Reply::json(200, format!(r#"{{"id":"c","model":"x","choices":[{choice}]}}"#))
        }
    })
    .await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    let name = format!("mcp__{}", "a".repeat(90));
    let tools = format!(r#"{{"tools":[{{"name":"{name}","input_schema":{{"type":"object"}}}}],"#);
    for body in [ask("m"), ask_stream("m")] {
        let response = call(&gateway, MESSAGES, body.replacen('{', &tools, 1)).send().await;
        assert!(response.text().contains(&format!(r#""name":"{name}""#)), "{}", response.text());
        assert_eq!(response.header("x-tollgate-changed"), "emulated;tools[0].name");
    }
}

#[tokio::test]
async fn what_a_caller_writes_cannot_take_a_target_out_of_service() {
    let upstream = FakeUpstream::start(|request| {
        let echoed = r#"{"error":{"message":"Invalid value: 'invalid_api_key insufficient_quota'","type":"invalid_request_error","code":"invalid_value"}}"#;
        if request.json().get("service_tier").is_some() { Reply::json(400, echoed) } else { answer("fine") }
    })
    .await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    let bad = ask("m").replacen('{', r#"{"service_tier":"invalid_api_key","#, 1);
    assert_eq!(gateway.post(CHAT, bad).send().await.status, 400);
    assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
}

#[tokio::test]
async fn a_provider_s_own_words_in_what_a_caller_writes_are_not_its_own() {
    let upstream = FakeUpstream::start(|request| match request.json()["service_tier"].as_str() {
        Some(said) => {
            Reply::json(400, json!({"error": {"message": format!("Invalid value: '{said}'.")}}).to_string())
        }
        None => answer("fine"),
    })
    .await;
    let providers = [
        ("openai", "You exceeded your current quota, please check"),
        ("deepseek", "Insufficient Balance"),
        ("openrouter", "Insufficient credits"),
        ("xai", "Incorrect API key"),
        ("mistral", "Service tier capacity exceeded"),
    ];
    let url = upstream.url();
    let named = providers.map(|(kind, _)| format!("  {kind}: {{kind: {kind}, url: \"{url}\", key: sk-a}}\n"));
    let gateway = gateway().config(&format!("providers:\n{}", named.concat())).start().await;
    for (kind, words) in providers {
        let model = format!("{kind}/x");
        let echoed = ask(&model).replacen('{', &format!(r#"{{"service_tier":"{words}","#), 1);
        for _ in 0..6 {
            assert_eq!(gateway.post(CHAT, echoed.clone()).send().await.status, 400, "{kind}");
        }
        assert_eq!(gateway.post(CHAT, ask(&model)).send().await.status, 200, "{kind}");
    }
}

#[tokio::test]
async fn a_reload_without_its_file_keeps_the_last_good_configuration() {
    let upstream = FakeUpstream::start(|_| answer("hi")).await;
    let config = format!("providers: {{{}}}\nmodels: {{m: a/x}}\n", provider("a", &upstream.url()));
    let gateway = gateway().config(&config).start().await;
    std::fs::remove_file(gateway.folder().join("tollgate.yaml")).unwrap();
    gateway.signal("HUP");
    gateway.logged(1, |line| line["message"] == "configuration rejected").await;
    assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
}

#[tokio::test]
async fn an_answer_with_a_usage_nobody_can_read_is_still_an_answer() {
    let odd = MESSAGE.replace(r#""input_tokens":11"#, r#""input_tokens":-1"#);
    let upstream = FakeUpstream::start(move |_| Reply::json(200, odd.clone())).await;
    let config = format!("providers: {{a: {{kind: anthropic, url: \"{}\", key: sk-a}}}}\n", upstream.url());
    let gateway = gateway().config(&config).start().await;
    let response = gateway.post(CHAT, ask("a/x")).send().await;
    assert_eq!(response.json()["choices"][0]["message"]["content"], "hi");
    assert_eq!((booked(&gateway).0, booked(&gateway).1), (0, 1));
}

#[tokio::test]
async fn over_http_2_the_refusal_of_a_large_body_arrives_too() {
    let gateway = gateway().config("server: {caps: {body: 1MiB}}\n").start().await;
    let large = gateway.folder().join("large.json");
    std::fs::write(&large, vec![b'a'; 8 << 20]).unwrap();
    let key = format!("authorization: Bearer {}", gateway.key);
    for (credential, expect) in [(key.as_str(), "2 413"), ("authorization: Bearer tg-wrong", "2 401")] {
        let told = std::process::Command::new("curl")
            .args(["--silent", "--http2-prior-knowledge", "--output", "/dev/null", "--header", credential])
            .args(["--write-out", "%{http_version} %{http_code}"])
            .args(["--data-binary", &format!("@{}", large.display()), &format!("{}{CHAT}", gateway.url())])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&told.stdout), expect);
    }
}

/// Anthropic's whole answer.
const MESSAGE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"x","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":11,"output_tokens":3}}"#;
