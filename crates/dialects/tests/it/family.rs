//! What Chat Completions and Responses both have goes from one to the other as it was said.

use crate::asked;
use dialects::{Conversational, Delivered, Head, PathSaid, conduit};
use http::HeaderMap;
use serde_json::{Value, json};
use types::Frame;
use types::conversation::{Change, Delivery, Target};

fn language(name: &str) -> &'static dyn Conversational {
    dialects::by_name(name).unwrap().conversational().unwrap()
}

/// The request in one language is the same in the other, in these fields, and nothing is told.
#[track_caller]
fn check((caller, upstream): (&str, &str), said: &Value, expect: &Value) {
    let headers = HeaderMap::new();
    let read = language(caller).decode_request(Head::of(&headers), said.to_string().as_bytes()).unwrap();
    let target = Target { model: "m".into(), max_output_tokens: None, quirks: [].into(), strict: true };
    let written = language(upstream).encode_request(&read, &target).unwrap();
    let body: Value = serde_json::from_slice(&written.body.concat()).unwrap();
    assert_eq!(written.changes, []);
    for (field, value) in expect.as_object().unwrap() {
        assert_eq!(body.get(field), Some(value), "{field} of {body:#}");
    }
}

#[test]
fn a_request_says_the_same_in_both() {
    let shared = |mut more: Value| {
        let fields = json!({
            "model": "m", "metadata": {"a": "b"}, "prompt_cache_key": "k", "store": true, "service_tier": "flex",
            "parallel_tool_calls": false, "safety_identifier": "u",
        });
        more.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        more
    };
    let chat = shared(json!({
        "verbosity": "low", "logprobs": true, "top_logprobs": 2,
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}, "strict": true}},
            {"type": "custom", "custom": {"name": "g", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}}},
        ],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
            {"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "g"}},
        ]}},
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "g", "input": "x"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "y"},
        ],
    }));
    let responses = shared(json!({
        "text": {"verbosity": "low"}, "include": ["message.output_text.logprobs"], "top_logprobs": 2,
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": true},
            {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
        ],
        "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [
            {"type": "function", "name": "f"}, {"type": "custom", "name": "g"},
        ]},
        "input": [
            {"role": "user", "content": "a"},
            {"type": "custom_tool_call", "call_id": "c", "name": "g", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "y"},
        ],
    }));
    let without = |said: &Value, fields: &[&str]| {
        let mut said = said.clone();
        said.as_object_mut().unwrap().retain(|name, _| !fields.contains(&name.as_str()));
        said
    };
    check(("openai_chat", "openai_responses"), &chat, &responses);
    // Who is asked for is `user` in one and `safety_identifier` in the other.
    let read = without(&chat, &["safety_identifier"]);
    check(("openai_responses", "openai_chat"), &responses, &read);
}

#[test]
fn what_is_only_called_the_same_in_another_language_is_not_carried_over() {
    // Whether Google's logs have the request, which is not whether OpenAI keeps the answer.
    let said = json!({"contents": [{"role": "user", "parts": [{"text": "a"}]}], "store": true});
    let (headers, path) = (HeaderMap::new(), PathSaid { model: Some("m".into()), ..PathSaid::default() });
    let head = Head { path: &path, ..Head::of(&headers) };
    let read = language("gemini").decode_request(head, said.to_string().as_bytes()).unwrap();
    let target = Target { model: "m".into(), max_output_tokens: None, quirks: [].into(), strict: false };
    for upstream in ["openai_chat", "openai_responses"] {
        let written = language(upstream).encode_request(&read, &target).unwrap();
        let body: Value = serde_json::from_slice(&written.body.concat()).unwrap();
        assert_ne!(body.get("store"), Some(&json!(true)), "{upstream}");
        assert!(written.changes.contains(&Change::dropped("store")), "{upstream}: {:?}", written.changes);
    }
}

#[test]
fn a_call_of_a_custom_tool_reaches_callers_of_both() {
    let chat = json!({"choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": null,
        "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "g", "input": "x"}}],
    }}]});
    let responses = json!({"id": "resp_1", "status": "completed", "output": [
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "g", "input": "x"},
    ]});
    let read = |upstream: &str, caller: &str, answer: &Value| {
        let asked = asked(Delivery::Whole);
        let (upstream, caller) = (dialects::by_name(upstream).unwrap(), dialects::by_name(caller).unwrap());
        let mut way = conduit(upstream, caller, &asked, Delivered::Whole).unwrap();
        let mut out = Vec::new();
        way.push(Frame::Whole(answer.to_string().into()), &mut out).unwrap();
        way.end(&mut out).unwrap();
        assert_eq!(way.tally().changes, []);
        serde_json::from_slice::<Value>(&out.concat()).unwrap()
    };
    let told = read("openai_responses", "openai_chat", &responses);
    assert_eq!(told["choices"][0]["message"]["tool_calls"], chat["choices"][0]["message"]["tool_calls"]);
    assert_eq!(told["choices"][0]["finish_reason"], "tool_calls");
    let id = "ctc_0000000000000000000000000000000700";
    let call = json!({
        "type": "custom_tool_call", "id": id, "status": "completed", "call_id": "c", "name": "g", "input": "x",
    });
    assert_eq!(read("openai_chat", "openai_responses", &chat)["output"][0], call);
}
