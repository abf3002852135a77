//! Callers and servers that know functions and no tools yet.

use serde_json::json;
use types::conversation::{Content, StopReason, ToolChoice};

use super::*;

#[track_caller]
fn check_choice(word: &str, expect: Option<&ToolChoice>) {
    let body =
        format!(r#"{{"model":"m","messages":[],"functions":[{{"name":"f"}}],"function_call":{word}}}"#);
    assert_eq!(conversation(&body).tool_choice.as_ref(), expect);
}

#[test]
fn the_choice_of_a_function_is_the_choice_of_a_tool() {
    check_choice("null", None);
    check_choice(r#""auto""#, Some(&ToolChoice::Auto));
    check_choice(r#""none""#, Some(&ToolChoice::Never));
    check_choice(r#"{"name":"f"}"#, Some(&ToolChoice::Named("f".to_owned())));
    let body = r#"{"model":"m","messages":[],"function_call":"always"}"#;
    let error = OpenAiChat.decode_request(Head::of(&http::HeaderMap::new()), body.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "`function_call` must be auto, none or an object");
}

#[test]
fn functions_become_tools_and_their_results_find_their_calls() {
    let call = |name: &str| json!({"role": "assistant", "content": null, "function_call": {"name": name, "arguments": "{}"}});
    let result = |name: &str, text: &str| json!({"role": "function", "name": name, "content": text});
    let body = json!({
        "model": "m",
        "functions": [{"name": "look", "description": "Looks.", "parameters": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "x"},
            call("look"), result("look", "a cat"), call("feel"), result("feel", "soft"), result("smell", "odd"),
        ],
    });
    let (written, changes) = written(&conversation(&body.to_string()), &target(&[]));
    let call = |id: &str, name: &str| {
        json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}}]})
    };
    let result = |id: &str, text: &str| json!({"role": "tool", "content": text, "tool_call_id": id});
    let expect = json!([
        {"role": "user", "content": "x"},
        call("call_1_0", "look"), result("call_1_0", "a cat"),
        call("call_3_0", "feel"), result("call_3_0", "soft"), result("call_5_0", "odd"),
    ]);
    assert_eq!(written["messages"], expect);
    let tool = json!({"name": "look", "description": "Looks.", "parameters": {"type": "object"}});
    assert_eq!(written["parallel_tool_calls"], false);
    assert_eq!(written["tools"], json!([{"type": "function", "function": tool}]));
    assert_eq!(changes, [""; 0]);
    let nameless = r#"{"model":"m","messages":[{"role":"function","content":"x"}]}"#;
    let error =
        OpenAiChat.decode_request(Head::of(&http::HeaderMap::new()), nameless.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "`messages[0].name` is missing");
}

#[test]
fn a_called_function_is_a_called_tool() {
    let body = r#"{"id":"chatcmpl-7","choices":[{"message":{"content":null,"function_call":{"name":"f","arguments":""}},"finish_reason":"function_call"}]}"#;
    let choice = OpenAiChat.decode_answer(body.as_bytes()).unwrap().choices.remove(0);
    let call = Content::ToolCall {
        id: "call_chatcmpl7_0_0".to_owned(),
        name: "f".to_owned(),
        arguments: "{}".to_owned(),
        signature: None,
        cache: None,
    };
    assert_eq!((choice.content, choice.stop), (vec![call], Some(StopReason::ToolUse)));
    let pieces = deltas(
        &[r#"{"function_call":{"name":"f","arguments":""}}"#, r#"{"function_call":{"arguments":"{}"}}"#],
        "function_call",
    );
    let streamed = fold(decode(&pieces).unwrap()).choices.remove(0);
    assert!(matches!(&streamed.content[..], [Content::ToolCall { name, .. }] if name == "f"));
}

#[test]
fn a_caller_that_offers_functions_is_told_of_one() {
    let peek = |body: &str| {
        let body = Bytes::from(format!(r#"{{"model":"m","messages":[],{body}}}"#));
        let fields = Fields::scan(&body, 64).unwrap();
        OpenAiChat.peek(Head::of(&http::HeaderMap::new()), &body, &fields).unwrap().calls
    };
    assert_eq!(peek(r#""functions":[]"#), Calls::Function);
    assert_eq!(peek(r#""functions":[],"tools":[]"#), Calls::Tools);
    assert_eq!(peek(r#""functions":null"#), Calls::Tools);
    let call = |id: &str| Content::ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: r#"{"a":1}"#.to_owned(),
        signature: None,
        cache: None,
    };
    let choice = types::conversation::Choice {
        content: vec![call("a"), call("b")],
        stop: Some(StopReason::ToolUse),
        ..Default::default()
    };
    let answer = types::conversation::Answer { choices: vec![choice], ..Default::default() };
    let asked = Asked { calls: Calls::Function, ..asked(STREAM) };
    let whole: Value = serde_json::from_slice(&OpenAiChat.encode_answer(&answer, &asked)).unwrap();
    let message = &whole["choices"][0]["message"];
    assert_eq!(message["function_call"], json!({"name": "f", "arguments": r#"{"a":1}"#}));
    assert_eq!(
        (&message["tool_calls"], &whole["choices"][0]["finish_reason"]),
        (&Value::Null, &json!("function_call"))
    );
    let stream = encode(&crate::unfold(&answer), &asked);
    let read = fold(decode(&stream).unwrap()).choices.remove(0);
    assert!(
        matches!(&read.content[..], [Content::ToolCall { arguments, .. }] if arguments == r#"{"a":1}"#),
        "{stream}"
    );
    assert!(
        stream.contains(r#""finish_reason":"function_call""#) && !stream.contains("tool_calls"),
        "{stream}"
    );
}
