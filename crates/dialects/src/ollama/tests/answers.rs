//! Whole answers and errors.

use serde_json::json;
use types::conversation::{Choice, StopReason};
use types::{Code, FaultKind, Json, Refusal, Tokens, Usage};

use super::*;
use crate::Dialect as _;

const ANSWER: &str = r#"{"model":"upstream","created_at":"2026-11-28T10:00:00Z","message":{"role":"assistant","content":"hi","thinking":"hm","tool_calls":[{"function":{"name":"f","arguments":{"a":1.0}}},{"id":"x","function":{"name":"f","arguments":{}}}]},"done":true,"done_reason":"stop","total_duration":5,"prompt_eval_count":5,"eval_count":9,"logprobs":[{"token":"hi","logprob":-0.5}]}"#;

fn usage() -> Usage {
    Usage { input: Tokens(5), output: Tokens(9), ..Usage::default() }
}

#[test]
fn an_answer_is_read_into_canonical_words() {
    let content = vec![
        Content::Thinking { text: "hm".into(), signature: None },
        Content::text("hi"),
        call("call_0", "f", r#"{"a":1.0}"#),
        call("x", "f", "{}"),
    ];
    let logprobs = Json::parse(r#"{"content":[{"token":"hi","logprob":-0.5}],"refusal":null}"#);
    let choice = Choice { content, stop: Some(StopReason::ToolUse), stop_sequence: None, logprobs };
    let expect = Answer {
        model: Some("upstream".into()),
        choices: vec![choice],
        usage: Some(usage()),
        ..Answer::default()
    };
    assert_eq!(Ollama.decode_answer(ANSWER.as_bytes()).unwrap(), expect);
}

#[test]
fn an_answer_of_another_dialect_is_written_in_this_one_s_words() {
    let content = vec![
        Content::Thinking { text: "t".into(), signature: Some("s".into()) },
        Content::RedactedThinking { data: "x".into() },
        Content::text("a"),
        Content::Refusal("b".into()),
        call("c1", "f", ""),
        call("c2", "f", "broken"),
    ];
    let logprobs = Json::parse(r#"{"content":[{"token":"a"}],"refusal":null}"#);
    let choice = Choice { content, stop: Some(StopReason::MaxTokens), logprobs, ..Choice::default() };
    let answer =
        Answer { created: Some(60), choices: vec![choice], usage: Some(usage()), ..Answer::default() };
    let written: Value =
        serde_json::from_slice(&Ollama.encode_answer(&answer, &asked(Delivery::Whole))).unwrap();
    let calls = json!([
        {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {}}},
        {"id": "c2", "function": {"index": 1, "name": "f", "arguments": {"arguments": "broken"}}},
    ]);
    let expect = json!({
        "model": "public",
        "created_at": "1970-01-01T00:01:00.000Z",
        "message": {"role": "assistant", "content": "ab", "thinking": "t", "tool_calls": calls},
        "done": true,
        "logprobs": [{"token": "a"}],
        "done_reason": "length",
        "prompt_eval_count": 5,
        "eval_count": 9,
    });
    assert_eq!(written, expect);
}

#[test]
fn an_answer_is_passed_on_with_the_model_s_public_name() {
    let frames = vec![Frame::Whole(Bytes::from_static(ANSWER.as_bytes()))];
    let (out, result, tally) = pass(Ollama.forwarder(&asked(Delivery::Whole)), frames);
    let expect = ANSWER.replace(r#""model":"upstream""#, r#""model":"public""#);
    assert_eq!((String::from_utf8(out).unwrap(), result), (expect, Ok(())));
    assert_eq!((tally.usage, tally.stop), (Some(usage()), Some(StopReason::ToolUse)));
    assert_eq!(tally.model.as_deref(), Some("upstream"));
}

#[test]
fn counts_that_are_not_told_are_none() {
    let body = |counts: &str| format!(r#"{{"message":{{"content":"a"}},"done":true{counts}}}"#);
    let usage = |counts| Ollama.decode_answer(body(counts).as_bytes()).unwrap().usage;
    assert_eq!(usage(""), None);
    assert_eq!(usage(r#","eval_count":"?""#), None);
    let output = Usage { output: Tokens(3), ..Usage::default() };
    assert_eq!(usage(r#","eval_count":3"#), Some(output));
}

#[test]
fn what_is_no_answer_is_a_fault() {
    for (body, kind) in [
        ("", FaultKind::Unreadable),
        ("[]", FaultKind::Unreadable),
        ("{}", FaultKind::Unreadable),
        (r#"{"error":"out of memory"}"#, FaultKind::Server),
        (r#"{"message":{"content":1}}"#, FaultKind::Unreadable),
    ] {
        assert_eq!(Ollama.decode_answer(body.as_bytes()).unwrap_err().kind, kind, "{body}");
    }
    let frames = vec![Frame::Whole(Bytes::from_static(br#"{"error":"out of memory"}"#))];
    let (_, result, _) = pass(Ollama.forwarder(&asked(Delivery::Whole)), frames);
    assert_eq!(result.unwrap_err().message, "out of memory");
}

#[test]
fn an_error_is_a_sentence() {
    let id = trial::request_id(7);
    let refusal = Refusal::new(Code::ModelNotFound, "no model `x`");
    let error = Ollama.encode_error(&refusal, id);
    let expect = json!({"error": "no model `x`", "tollgate_code": refusal.code.as_str()});
    assert_eq!(error.status, 404);
    assert_eq!(serde_json::from_slice::<Value>(&error.body).unwrap(), expect);
    let line = Ollama.encode_stream_error(&refusal, id, StreamForm::Lines);
    assert_eq!(line.strip_suffix(b"\n"), Some(&error.body[..]));
    assert_eq!(read(&line).unwrap_err().message, "no model `x`");
    let fault = Ollama.read_fault(404, &HeaderMap::new(), br#"{"error":"model 'x' not found"}"#);
    assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::Invalid, "model 'x' not found"));
}
