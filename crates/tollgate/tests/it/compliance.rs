//! The cases of Open Responses' own compliance suite (<https://www.openresponses.org>), asked of the built-in model over
//! HTTP and over a WebSocket. Every answer is held to the document too, where that is there.

use serde_json::{Value, json};
use testkit::{Gateway, Response, Talk};

use crate::{gateway, heard, specs, turns};

const RESPONSES: &str = "/v1/responses";
const COMPACT: &str = "/v1/responses/compact";
const MODEL: &str = "tollgate/mock";

fn said(role: &str, content: &Value) -> Value {
    json!({"type": "message", "role": role, "content": content})
}

async fn ask(gateway: &Gateway, path: &str, body: Value) -> Response {
    let answer = gateway.post(path, body.to_string()).send().await;
    assert_eq!(specs::judge(path, &answer), Ok(()), "{body}");
    answer
}

/// The answer of a turn, all of whose messages are as documented and in order; or the error that it ended with.
async fn turn(talk: &mut Talk, body: &Value) -> Value {
    talk.say(&body.to_string()).await;
    let events = turns::turn(talk).await;
    for event in &events {
        assert_eq!(specs::judge_message(RESPONSES, event), Ok(()), "{body}");
    }
    let last = events.last().unwrap().clone();
    if last["type"] == "error" {
        return last;
    }
    let named = events.into_iter().map(|event| (event["type"].as_str().unwrap().to_owned(), event));
    assert_eq!(specs::order::check(&named.collect::<Vec<_>>()), Ok(()), "{body}");
    last["response"].clone()
}

fn create(input: &Value, previous: Option<&Value>) -> Value {
    let mut body = json!({"type": "response.create", "model": MODEL, "store": false, "input": input});
    if let Some(previous) = previous {
        body["previous_response_id"] = previous["id"].clone();
    }
    body
}

async fn begin(gateway: &Gateway) -> Talk {
    gateway.get(RESPONSES).header("content-type", "application/json").talk().await.unwrap()
}

/// The answer is complete and says something.
#[track_caller]
fn check_complete(answer: &Value) {
    assert_eq!(answer["status"], "completed", "{answer}");
    assert!(answer["output"].as_array().is_some_and(|items| !items.is_empty()), "{answer}");
}

fn weather() -> Value {
    json!([{
        "type": "function", "name": "get_weather", "description": "The weather at a place",
        "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
    }])
}

#[tokio::test]
async fn questions_of_every_kind_are_answered() {
    let gateway = gateway().start().await;
    let picture = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let commentary =
        json!({"type": "message", "role": "assistant", "phase": "commentary", "content": "Let me see."});
    let last =
        json!({"type": "message", "role": "assistant", "phase": "final_answer", "content": "It is seven."});
    let image = json!([{"type": "input_text", "text": "What is in this picture?"}, {"type": "input_image", "image_url": picture}]);
    let inputs = [
        json!([said("user", &json!("Greet me in three words."))]),
        json!([commentary, last, said("user", &json!("Say the number again."))]),
        json!([said("system", &json!("You are a sailor.")), said("user", &json!("Greet me."))]),
        json!([said("user", &image)]),
        json!([
            said("user", &json!("I am Ada.")),
            said("assistant", &json!("Good day, Ada.")),
            said("user", &json!("Who am I?"))
        ]),
    ];
    for input in inputs {
        check_complete(&ask(&gateway, RESPONSES, json!({"model": MODEL, "input": input})).await.json());
        let streamed =
            ask(&gateway, RESPONSES, json!({"model": MODEL, "input": input, "stream": true})).await;
        let last = heard::events(&streamed.body).pop().unwrap();
        check_complete(&serde_json::from_slice::<Value>(&last.data).unwrap()["response"]);
    }
}

#[tokio::test]
async fn a_tool_that_the_question_names_is_called() {
    let gateway = gateway().start().await;
    let body = json!({"model": MODEL, "tools": weather(), "input": [said("user", &json!("How is the weather in Rome?"))]});
    let call = ask(&gateway, RESPONSES, body.clone()).await.json()["output"][0].clone();
    assert_eq!((&call["type"], &call["name"]), (&json!("function_call"), &json!("get_weather")), "{call}");
    assert_eq!(
        serde_json::from_str::<Value>(call["arguments"].as_str().unwrap()).unwrap()["location"],
        "example"
    );
    let mut streamed = body.clone();
    streamed["stream"] = json!(true);
    let text = ask(&gateway, RESPONSES, streamed).await;
    for event in ["function_call_arguments.delta", "function_call_arguments.done"] {
        assert!(text.text().contains(event), "{}", text.text());
    }
    // What the tool says is answered in words, and so is a question that does not name it.
    let result = json!({"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"});
    let mut answered = body.clone();
    answered["input"] = json!([body["input"][0], call, result]);
    check_said(&ask(&gateway, RESPONSES, answered).await.json());
    let others = [
        ("input", json!("How are you?")),
        ("tool_choice", json!("none")),
        ("input", json!("weather ".repeat(99))),
    ];
    for (field, value) in others {
        let mut other = body.clone();
        other[field] = value;
        check_said(&ask(&gateway, RESPONSES, other).await.json());
    }
}

#[track_caller]
fn check_said(answer: &Value) {
    assert_eq!(answer["output"][0]["type"], "message", "{answer}");
}

#[tokio::test]
async fn a_conversation_is_made_shorter_and_gone_on_from() {
    let gateway = gateway().start().await;
    let input = json!([
        said("user", &json!("The word is slate.")),
        said("assistant", &json!([{"type": "output_text", "text": "Very well."}])),
        said("user", &json!([{"type": "input_text", "text": "Make this shorter."}])),
    ]);
    let body = json!({"model": MODEL, "input": input, "prompt_cache_key": "a"});
    let compacted = ask(&gateway, COMPACT, body).await.json();
    assert_eq!(compacted["object"], "response.compaction", "{compacted}");
    let mut items = compacted["output"].as_array().unwrap().clone();
    assert_eq!(items.len(), 3, "what the user said, and all that was said: {compacted}");
    assert_eq!(items.last().unwrap()["type"], "compaction");
    items.push(said("user", &json!("Go on from here.")));
    let mut body = create(&json!(items), None);
    body["tools"] = json!([]);
    check_complete(&turn(&mut begin(&gateway).await, &body).await);
    let lines = gateway.logged(1, |line| line["operation"] == "compaction").await;
    assert!(lines[0]["input_tokens"].as_u64() > Some(0), "{}", lines[0]);
}

#[tokio::test]
async fn what_cannot_be_made_shorter_is_refused_in_the_same_language() {
    let gateway = gateway().start().await;
    let refused = [
        (json!({"input": "a"}), 400, "model"),
        (json!({"model": MODEL}), 400, "input"),
        (json!({"model": MODEL, "input": 1}), 400, "input"),
        (json!({"model": MODEL, "input": [1]}), 400, "input"),
        (json!({"model": "nobody/knows", "input": "a"}), 400, "model"),
        (json!({"model": MODEL, "previous_response_id": "resp_1"}), 400, "previous_response_id"),
    ];
    for (body, status, param) in refused {
        let answer = ask(&gateway, COMPACT, body.clone()).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["param"]), (status, &json!(param)), "{body}: {error}");
    }
    let answer = gateway.get(COMPACT).send().await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
}

#[tokio::test]
async fn turns_follow_each_other_and_go_on_from_each_other() {
    let gateway = gateway().start().await;
    let mut talk = begin(&gateway).await;
    let plain = json!({"type": "response.create", "model": MODEL, "input": [said("user", &json!("Count to three."))]});
    check_complete(&turn(&mut talk, &plain).await);
    let first = turn(&mut talk, &create(&json!("The word is cobalt."), None)).await;
    check_complete(&first);
    let second = turn(&mut talk, &create(&json!("What is the word?"), Some(&first))).await;
    check_complete(&second);
    // The turn before went along.
    assert!(second["usage"]["input_tokens"].as_u64() > first["usage"]["input_tokens"].as_u64());
    let mut warm = create(&json!("Get ready."), None);
    warm["generate"] = json!(false);
    let warm = turn(&mut talk, &warm).await;
    assert_eq!((&warm["output"], &warm["status"]), (&json!([]), &json!("completed")));
    check_complete(&turn(&mut talk, &create(&json!("Go."), Some(&warm))).await);
}

#[tokio::test]
async fn nothing_goes_on_from_what_is_not_remembered() {
    let gateway = gateway().start().await;
    let mut talk = begin(&gateway).await;
    let missing = json!({"id": "resp_missing"});
    check_not_found(&turn(&mut talk, &create(&json!("Go on."), Some(&missing))).await);
    let first = turn(&mut talk, &create(&json!("The word is ember."), None)).await;
    // One that fails takes with it what it would have gone on from.
    let result = json!([{"type": "function_call_output", "call_id": "call_missing", "output": "nothing"}]);
    let failed = turn(&mut talk, &create(&result, Some(&first))).await;
    assert_eq!((&failed["type"], &failed["status"]), (&json!("error"), &json!(400)), "{failed}");
    check_not_found(&turn(&mut talk, &create(&json!("Go on."), Some(&first))).await);
    // Another connection remembers nothing of this one, and begins anew.
    let first = turn(&mut talk, &create(&json!("The word is copper."), None)).await;
    let mut other = begin(&gateway).await;
    check_not_found(&turn(&mut other, &create(&json!("Go on."), Some(&first))).await);
    check_complete(&turn(&mut other, &create(&json!([said("user", &json!("Begin anew."))]), None)).await);
}

#[tokio::test]
async fn what_no_turn_can_be_is_an_error_of_the_documented_form() {
    let gateway = gateway().start().await;
    let mut talk = begin(&gateway).await;
    let messages = [
        json!([]),
        json!({"type": "response.cancel"}),
        json!({"type": "response.create"}),
        json!({"type": "response.create", "model": MODEL}),
        json!({"type": "response.create", "model": MODEL, "input": 7}),
        json!({"type": "response.create", "model": MODEL, "input": "a", "background": true}),
        json!({"type": "response.create", "model": "nobody/knows", "input": "a"}),
        json!({"type": "response.create", "model": "tollgate/mock?fail=429", "input": "a"}),
        json!({"type": "response.create", "model": "tollgate/mock?fail=500", "input": "a"}),
    ];
    for message in messages {
        let error = turn(&mut talk, &message).await;
        assert_eq!(error["type"], "error", "{message}: {error}");
    }
    check_complete(&turn(&mut talk, &create(&json!("Go on all the same."), None)).await);
}

#[track_caller]
fn check_not_found(error: &Value) {
    assert_eq!((&error["type"], &error["status"]), (&json!("error"), &json!(400)), "{error}");
    assert_eq!(error["error"]["code"], "previous_response_not_found", "{error}");
}
