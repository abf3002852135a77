//! Answers of tools follow their calls where a language takes them nowhere else.

use dialects::{Conversational, Head};
use http::HeaderMap;
use serde_json::{Value, json};
use types::conversation::Target;

fn language(name: &str) -> &'static dyn Conversational {
    dialects::by_name(name).unwrap().conversational().unwrap()
}

/// Who says what in the request that `upstream` reads, and what is told.
fn ask(upstream: &str, input: &Value) -> (Vec<String>, Vec<String>) {
    let headers = HeaderMap::new();
    let body = json!({"model": "m", "input": input}).to_string();
    let read = language("openai_responses").decode_request(Head::of(&headers), body.as_bytes()).unwrap();
    let target = Target { model: "m".into(), max_output_tokens: None, quirks: [].into(), strict: false };
    let written = language(upstream).encode_request(&read, &target).unwrap();
    let body: Value = serde_json::from_slice(&written.body.concat()).unwrap();
    let said = body["messages"].as_array().unwrap().iter().map(|message| {
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        let calls = calls.map(|call| call["id"].as_str().unwrap().to_owned());
        let answered = message["tool_call_id"].as_str().map(str::to_owned);
        let ids: Vec<String> = calls.chain(answered).collect();
        format!("{} {}", message["role"].as_str().unwrap(), ids.join("+")).trim_end().to_owned()
    });
    (said.collect(), written.changes.iter().map(ToString::to_string).collect())
}

fn call(id: &str) -> Value {
    json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"})
}

fn output(id: &str) -> Value {
    json!({"type": "function_call_output", "call_id": id, "output": "done"})
}

fn words(role: &str, text: &str) -> Value {
    json!({"role": role, "content": text})
}

#[track_caller]
fn check(input: &Value, expect: &[&str], told: &[&str]) {
    for upstream in ["openai_chat", "cohere"] {
        let (said, changes) = ask(upstream, input);
        assert_eq!((&said[..], &changes[..]), (&owned(expect)[..], &owned(told)[..]), "{upstream}");
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn what_stands_between_a_call_and_its_answer_comes_behind_it() {
    check(
        &json!([words("user", "go"), call("a"), words("user", "wait"), output("a"), words("user", "so")]),
        &["user", "assistant a", "tool a", "user", "user"],
        &["rewritten;input[3]"],
    );
    check(
        &json!([
            words("user", "go"),
            call("a"),
            call("b"),
            output("b"),
            words("system", "be brief"),
            output("a")
        ]),
        &["user", "assistant a+b", "tool a", "tool b", "system"],
        &["rewritten;input[5]"],
    );
    check(
        &json!([words("user", "go"), call("a"), words("user", "and"), call("b"), output("a"), output("b")]),
        &["user", "assistant a", "tool a", "user", "assistant b", "tool b"],
        &["rewritten;input[4]"],
    );
}

#[test]
fn what_tools_show_is_shown_behind_the_last_of_their_answers() {
    let picture = json!({"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="});
    let shows = |id: &str| json!({"type": "function_call_output", "call_id": id, "output": [picture]});
    let input = json!([
        words("user", "go"),
        call("a"),
        call("b"),
        shows("a"),
        output("b"),
        words("user", "so"),
        call("c"),
        shows("c")
    ]);
    for upstream in ["openai_chat", "cohere"] {
        let (said, told) = ask(upstream, &input);
        let expect =
            ["user", "assistant a+b", "tool a", "tool b", "user", "user", "assistant c", "tool c", "user"];
        assert_eq!(said, owned(&expect), "{upstream}");
        let is_told = |place: &str| told.contains(&format!("emulated;{place}"));
        assert!(is_told("input[3].output[0]") && is_told("input[7].output[0]"), "{upstream}: {told:?}");
    }
}

#[test]
fn what_stands_in_order_is_left_alone() {
    check(
        &json!([
            words("user", "go"),
            call("a"),
            call("b"),
            output("a"),
            output("b"),
            words("user", "so"),
            call("a"),
            output("a")
        ]),
        &["user", "assistant a+b", "tool a", "tool b", "user", "assistant a", "tool a"],
        &[],
    );
    let unanswered = json!([words("user", "go"), call("a"), words("user", "never mind"), output("x")]);
    check(&unanswered, &["user", "assistant a", "user", "tool x"], &[]);
}
