//! What an answer loses on its way to a caller of another language is told: of a whole answer in its head, of a stream,
//! whose head is gone by then, in the access log.

use serde_json::{Value, json};
use testkit::{FakeUpstream, Gateway, Received, Reply};

use crate::gateway;
use crate::samples::{CHAT, MESSAGES, ask, ask_stream, call, single};

/// An answer with log probabilities, and a part of it that nobody else has a word for.
fn answered(request: &Received) -> Reply {
    let logprobs = json!({"content": [{"token": "A", "logprob": -0.5, "bytes": [65], "top_logprobs": []}]});
    let said = json!({"role": "assistant", "content": "A", "audio": {"id": "audio_1", "transcript": "A"}});
    let usage = json!({"prompt_tokens": 4, "completion_tokens": 1, "total_tokens": 5});
    if request.json()["stream"] != true {
        let choice = json!({"index": 0, "message": said, "logprobs": logprobs, "finish_reason": "stop"});
        return Reply::json(200, json!({"id": "c", "choices": [choice], "usage": usage}).to_string());
    }
    let chunk = |choice: Value| format!("data: {}\n\n", json!({"id": "c", "choices": [choice]}));
    let said = chunk(json!({"index": 0, "delta": said, "logprobs": logprobs}));
    let end = chunk(json!({"index": 0, "delta": {}, "finish_reason": "stop"}));
    Reply::bytes("text/event-stream", format!("{said}{end}data: [DONE]\n\n"))
}

async fn logged(gateway: &Gateway) -> Value {
    gateway.logged(1, |line| line["message"] == "request").await.remove(0)["changes"].take()
}

#[tokio::test]
async fn what_a_whole_answer_loses_stands_in_its_head() {
    let upstream = FakeUpstream::start(answered).await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    let response = call(&gateway, MESSAGES, ask("m")).send().await;
    assert_eq!(response.header("x-tollgate-changed"), "dropped;answer.logprobs, dropped;answer.audio");
    assert_eq!(logged(&gateway).await, json!(["dropped;answer.logprobs", "dropped;answer.audio"]));
}

#[tokio::test]
async fn what_a_stream_loses_stands_in_the_access_log() {
    let upstream = FakeUpstream::start(answered).await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    let response = call(&gateway, MESSAGES, ask_stream("m")).send().await;
    assert_eq!((response.status, response.header("x-tollgate-changed")), (200, ""));
    assert_eq!(logged(&gateway).await, json!(["dropped;answer.logprobs", "dropped;answer.audio"]));
}

#[tokio::test]
async fn what_is_passed_on_loses_nothing() {
    let upstream = FakeUpstream::start(answered).await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    let response = call(&gateway, CHAT, ask("m")).send().await;
    assert_eq!((response.status, response.header("x-tollgate-changed")), (200, ""));
    assert!(response.text().contains("audio_1"), "{}", response.text());
    assert_eq!(logged(&gateway).await, Value::Null);
}
