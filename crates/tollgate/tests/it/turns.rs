//! A conversation over one WebSocket: every message is a request of its own, and the events of its answer are messages.

use serde_json::{Value, json};
use testkit::{FakeUpstream, Gateway, Received, Reply, Said, Talk};

use crate::gateway;

const RESPONSES: &str = "/v1/responses";

/// A stream that answers with an id of its own and the number of items it was asked with.
fn answered(request: &Received) -> Reply {
    let body = request.json();
    let items = body["input"].as_array().map_or(1, Vec::len);
    if body["model"] == "broken" {
        return Reply::json(400, r#"{"error":{"message":"no such thing","type":"invalid_request_error"}}"#);
    }
    let item = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": format!("{items} items"), "annotations": []}]});
    let response = |status: &str, output: Value| {
        json!({"id": format!("resp_{items}"), "object": "response", "created_at": 1, "model": "m", "status": status,
            "output": output, "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}})
    };
    let events = [
        json!({"type": "response.created", "sequence_number": 0, "response": response("in_progress", json!([]))}),
        json!({"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": item}),
        json!({"type": "response.output_text.delta", "sequence_number": 2, "item_id": "msg_1", "output_index": 0,
            "content_index": 0, "delta": format!("{items} items")}),
        json!({"type": "response.output_item.done", "sequence_number": 3, "output_index": 0, "item": item}),
        json!({"type": "response.completed", "sequence_number": 4, "response": response("completed", json!([item]))}),
    ];
    let written =
        events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()));
    let written: Vec<_> = written.collect();
    let reply = Reply::sse(written.concat());
    if body["model"] == "slow" { reply.silent_after(written[..3].concat().len()) } else { reply }
}

async fn start(more: &str) -> (FakeUpstream, Gateway) {
    let upstream = FakeUpstream::start(answered).await;
    let config = format!(
        "providers:\n  a: {{kind: openai, url: \"{}/v1\", key: sk-a, models: [m, slow, broken]}}\n{more}",
        upstream.url()
    );
    (upstream, gateway().config(&config).start().await)
}

fn ask(model: &str, input: &Value, previous: Option<&str>) -> String {
    let mut asked = json!({"type": "response.create", "model": model, "input": input, "store": false});
    if let Some(previous) = previous {
        asked["previous_response_id"] = previous.into();
    }
    asked.to_string()
}

/// The events up to the one that ends a turn.
pub(crate) async fn turn(talk: &mut Talk) -> Vec<Value> {
    let mut events = Vec::new();
    loop {
        let event: Value = serde_json::from_str(&talk.text().await).unwrap();
        let ends = matches!(event["type"].as_str(), Some("response.completed" | "error" | "response.failed"));
        events.push(event);
        if ends {
            return events;
        }
    }
}

#[tokio::test]
async fn a_silence_within_an_answer_is_no_message() {
    let (_upstream, gateway) = start("server: {timers: {keep_alive: 20ms, event_gap: 300ms}}\n").await;
    let mut talk = gateway.get(RESPONSES).talk().await.unwrap();
    talk.say(&ask("slow", &json!("hi"), None)).await;
    let events = turn(&mut talk).await;
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let begun = ["response.created", "response.output_item.added", "response.output_text.delta"];
    assert_eq!(kinds[..3], begun, "{events:?}");
    assert!(kinds.len() == 4 && matches!(kinds[3], "error" | "response.failed"), "{events:?}");
}

#[tokio::test]
async fn each_message_is_a_request_and_each_event_of_its_answer_a_message() {
    let (upstream, gateway) = start("").await;
    let beta = "responses_websockets=2026-02-06";
    let mut talk = gateway.get(RESPONSES).header("openai-beta", beta).talk().await.unwrap();
    talk.say(&ask("m", &json!("hi"), None)).await;
    let events = turn(&mut talk).await;
    assert_eq!(events.len(), 5, "{events:?}");
    assert_eq!(events[0]["type"], "response.created");
    let sent = upstream.last();
    assert_eq!((sent.path.as_str(), sent.header("openai-beta")), ("/v1/responses", beta));
    assert_eq!((&sent.json()["stream"], sent.json().get("type")), (&true.into(), None));
    // Nothing was kept anywhere: what came before is sent along.
    talk.say(&ask("m", &json!([{"role": "user", "content": "more"}]), Some("resp_1"))).await;
    let events = turn(&mut talk).await;
    assert_eq!(events[4]["response"]["id"], "resp_3");
    let body = upstream.last().json();
    assert_eq!((body["input"].as_array().unwrap().len(), body.get("previous_response_id")), (3, None));
    assert_eq!(body["input"][1]["id"], "msg_1");
    talk.ping(b"there?").await;
    assert_eq!(talk.hear().await, Said::Pong(b"there?"[..].into()));
    talk.goodbye(1000, "").await;
    assert!(matches!(talk.hear().await, Said::Goodbye(_)));
    gateway.logged(2, |line| line["operation"] == "chat" && line["status"] == 200).await;
    assert_eq!(gateway.usage()["total"]["usage"]["output"], 10);
}

#[tokio::test]
async fn what_cannot_be_answered_is_an_event_and_the_conversation_goes_on() {
    let (_upstream, gateway) = start("").await;
    let mut talk = gateway.get(RESPONSES).talk().await.unwrap();
    let refused = [
        ("{", 400, "malformed"),
        (r#"{"type":"response.cancel"}"#, 400, "type"),
        (&ask("nonsense", &json!("hi"), None), 400, "model"),
        (&ask("broken", &json!("hi"), None), 400, "broken"),
    ];
    for (message, status, what) in refused {
        talk.say(message).await;
        let events = turn(&mut talk).await;
        let error = &events[0];
        assert_eq!((&error["type"], &error["status"]), (&"error".into(), &status.into()), "{what}: {error}");
        assert!(error["error"]["message"].is_string(), "{error}");
    }
    talk.say(&ask("m", &json!("hi"), None)).await;
    assert_eq!(turn(&mut talk).await.len(), 5);
}

#[tokio::test]
async fn a_stranger_gets_no_conversation_and_no_path_a_websocket_that_has_none() {
    let (_upstream, gateway) = start("").await;
    assert_eq!(gateway.get(RESPONSES).without_key().talk().await.unwrap_err().status, 401);
    let refused = gateway.get("/v1/chat/completions").talk().await.unwrap_err();
    assert_eq!((refused.status, refused.header("x-tollgate-code")), (426, "TG-0113"));
    let refused = gateway.get(RESPONSES).send().await;
    assert_eq!((refused.status, refused.header("allow")), (405, "POST"));
}

#[tokio::test]
async fn messages_are_answered_in_turn_and_a_caller_that_leaves_ends_its_turn() {
    let (upstream, gateway) = start("").await;
    let mut talk = gateway.get(RESPONSES).talk().await.unwrap();
    for _ in 0..2 {
        talk.say(&ask("m", &json!("hi"), None)).await;
    }
    for _ in 0..2 {
        assert_eq!(turn(&mut talk).await.len(), 5);
    }
    talk.say(&ask("slow", &json!("hi"), None)).await;
    drop(talk.text().await);
    talk.ping(b"still?").await;
    while talk.hear().await != Said::Pong(b"still?"[..].into()) {}
    drop(talk);
    upstream.until_aborted(1).await;
    gateway.logged(1, |line| line["error"] == "TG-1404").await;
}

#[tokio::test]
async fn a_limit_holds_for_every_turn_and_a_drain_ends_the_conversation_between_two() {
    let (_upstream, gateway) = start("security: {rate_limiting: {requests_per_minute: 1}}\n").await;
    let mut talk = gateway.get(RESPONSES).talk().await.unwrap();
    talk.say(&ask("m", &json!("hi"), None)).await;
    assert_eq!(turn(&mut talk).await.len(), 5);
    talk.say(&ask("m", &json!("hi"), None)).await;
    assert_eq!(turn(&mut talk).await[0]["status"], 429);
    gateway.terminate();
    assert!(matches!(talk.hear().await, Said::Goodbye(Some((1001, _)))));
}

/// A message that asks for no answer, with so much input.
fn warm_up(length: usize, previous: Option<&str>) -> String {
    let mut asked: Value = serde_json::from_str(&ask("m", &json!("x".repeat(length)), previous)).unwrap();
    asked["generate"] = false.into();
    asked.to_string()
}

#[tokio::test]
async fn what_a_connection_remembers_is_no_longer_than_a_body() {
    let (upstream, gateway) = start("server: {caps: {body: 64KiB}}\n").await;
    let mut talk = gateway.get(RESPONSES).talk().await.unwrap();
    let mut previous: Option<String> = None;
    for _ in 0..3 {
        talk.say(&warm_up(20_000, previous.as_deref())).await;
        let events = turn(&mut talk).await;
        previous = Some(events.last().unwrap()["response"]["id"].as_str().unwrap().to_owned());
    }
    talk.say(&warm_up(20_000, previous.as_deref())).await;
    let refused = &turn(&mut talk).await[0];
    assert_eq!((&refused["type"], &refused["status"]), (&"error".into(), &400.into()), "{refused}");
    assert!(refused["error"]["message"].as_str().unwrap().contains("goes on from"), "{refused}");
    // The turn before is as it was.
    talk.say(&ask("m", &json!("x"), previous.as_deref())).await;
    assert_eq!(turn(&mut talk).await.len(), 5);
    assert_eq!(upstream.last().json()["input"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_message_that_asks_for_no_answer_counts_against_the_limit() {
    let (_upstream, gateway) = start("security: {rate_limiting: {requests_per_minute: 2}}\n").await;
    let mut talk = gateway.get(RESPONSES).talk().await.unwrap();
    for _ in 0..2 {
        talk.say(&warm_up(1, None)).await;
        assert_eq!(turn(&mut talk).await.last().unwrap()["type"], "response.completed");
    }
    talk.say(&warm_up(1, None)).await;
    assert_eq!(turn(&mut talk).await[0]["status"], 429);
}

#[tokio::test]
async fn an_event_that_repeats_a_long_answer_is_said_too() {
    let piece =
        json!({"id": "1", "model": "x", "choices": [{"index": 0, "delta": {"content": "a".repeat(2000)}}]});
    let end =
        json!({"id": "1", "model": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let chunks = format!("{}data: {end}\n\ndata: [DONE]\n\n", format!("data: {piece}\n\n").repeat(8));
    let upstream = FakeUpstream::start(move |_| Reply::sse(chunks.clone())).await;
    let config = format!(
        "server: {{caps: {{event: 8KiB}}}}\nproviders: {{a: {{kind: cerebras, url: \"{}/v1\", key: sk-a, models: [m]}}}}\n",
        upstream.url()
    );
    let gateway = gateway().config(&config).start().await;
    let mut talk = gateway.get(RESPONSES).talk().await.unwrap();
    talk.say(&ask("a/m", &json!("hi"), None)).await;
    let events = turn(&mut talk).await;
    let text = events.last().unwrap()["response"]["output"][0]["content"][0]["text"].as_str().map(str::len);
    assert_eq!(text, Some(16_000), "{:.900}", json!(events).to_string());
}
