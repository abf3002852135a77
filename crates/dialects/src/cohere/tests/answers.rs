//! Whole answers and errors.

use serde_json::json;
use types::conversation::{Choice, StopReason};
use types::{Code, FaultKind, Refusal, Tokens, Usage};

use super::*;
use crate::Dialect as _;

const ANSWER: &str = r#"{"id":"c14c80c3","message":{"role":"assistant","tool_plan":"I will look.","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"hi"}],"tool_calls":[{"id":"f_1","type":"function","function":{"name":"f","arguments":"{\"a\":1.0}"}},{"id":"f_2","type":"function","function":{"name":"f","arguments":"null"}}],"citations":[]},"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":5,"output_tokens":9},"tokens":{"input_tokens":60.0,"output_tokens":20,"reasoning_tokens":4},"cached_tokens":48}}"#;

fn usage() -> Usage {
    Usage {
        input: Tokens(12),
        cache_read: Tokens(48),
        output: Tokens(16),
        reasoning: Tokens(4),
        ..Usage::default()
    }
}

fn thought(text: &str) -> Content {
    Content::Thinking { text: text.into(), signature: None }
}

#[test]
fn an_answer_is_read_into_canonical_words() {
    let content = vec![
        thought("I will look."),
        thought("hm"),
        Content::text("hi"),
        call("f_1", "f", r#"{"a":1.0}"#),
        call("f_2", "f", "{}"),
    ];
    let choice = Choice { content, stop: Some(StopReason::ToolUse), ..Choice::default() };
    let expect = Answer {
        id: Some("c14c80c3".into()),
        choices: vec![choice],
        usage: Some(usage()),
        ..Answer::default()
    };
    assert_eq!(Cohere.decode_answer(ANSWER.as_bytes()).unwrap(), expect);
}

#[test]
fn an_answer_of_another_dialect_is_written_in_this_one_s_words() {
    let content = vec![
        Content::Thinking { text: "t".into(), signature: Some("s".into()) },
        Content::RedactedThinking { data: "x".into() },
        Content::text("a"),
        Content::Refusal("b".into()),
        call("c1", "f", ""),
    ];
    let choice = Choice { content, stop: Some(StopReason::EndTurn), ..Choice::default() };
    let answer = Answer { choices: vec![choice], usage: Some(usage()), ..Answer::default() };
    let written: Value =
        serde_json::from_slice(&Cohere.encode_answer(&answer, &asked(Delivery::Whole))).unwrap();
    let expect = json!({
        "id": "00000000000000000000000000000007",
        "message": {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t"},
                {"type": "text", "text": "a"},
                {"type": "text", "text": "b"},
            ],
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        "finish_reason": "TOOL_CALL",
        "usage": {
            "billed_units": {"input_tokens": 60, "output_tokens": 20},
            "tokens": {"input_tokens": 60, "output_tokens": 20, "reasoning_tokens": 4},
            "cached_tokens": 48,
        },
    });
    assert_eq!(written, expect);
}

#[test]
fn an_answer_is_passed_on_as_it_came() {
    let frames = vec![Frame::Whole(Bytes::from_static(ANSWER.as_bytes()))];
    let (out, result, tally) = pass(Cohere.forwarder(&asked(Delivery::Whole)), frames);
    assert_eq!((String::from_utf8(out).unwrap().as_str(), result), (ANSWER, Ok(())));
    assert_eq!((tally.usage, tally.stop), (Some(usage()), Some(StopReason::ToolUse)));
    assert_eq!(tally.id.as_deref(), Some("c14c80c3"));
}

#[test]
fn reasons_to_stop_have_a_word_each_way() {
    let cases = [
        ("COMPLETE", StopReason::EndTurn, "COMPLETE"),
        ("STOP_SEQUENCE", StopReason::StopSequence, "STOP_SEQUENCE"),
        ("MAX_TOKENS", StopReason::MaxTokens, "MAX_TOKENS"),
        ("TOOL_CALL", StopReason::ToolUse, "TOOL_CALL"),
        ("A_WORD_OF_TOMORROW", StopReason::EndTurn, "COMPLETE"),
    ];
    for (word, reason, again) in cases {
        let body = json!({"message": {"role": "assistant"}, "finish_reason": word}).to_string();
        let answer = Cohere.decode_answer(body.as_bytes()).unwrap();
        assert_eq!(answer.choices[0].stop, Some(reason));
        let written: Value =
            serde_json::from_slice(&Cohere.encode_answer(&answer, &asked(Delivery::Whole))).unwrap();
        assert_eq!(written["finish_reason"], again);
    }
}

#[test]
fn what_is_no_answer_is_a_fault() {
    for (body, kind) in [
        ("", FaultKind::Unreadable),
        ("[]", FaultKind::Unreadable),
        ("{}", FaultKind::Unreadable),
        (r#"{"message":"no such thing"}"#, FaultKind::Unreadable),
        (r#"{"message":{"role":"assistant"},"finish_reason":"ERROR"}"#, FaultKind::Server),
        (r#"{"message":{"role":"assistant"},"finish_reason":"TIMEOUT"}"#, FaultKind::Timeout),
    ] {
        assert_eq!(Cohere.decode_answer(body.as_bytes()).unwrap_err().kind, kind, "{body}");
        let frames = vec![Frame::Whole(Bytes::copy_from_slice(body.as_bytes()))];
        let (_, result, _) = pass(Cohere.forwarder(&asked(Delivery::Whole)), frames);
        assert_eq!(result.unwrap_err().kind, kind, "{body}");
    }
}

#[test]
fn an_error_is_an_id_and_a_sentence() {
    let id = trial::request_id(7);
    let refusal = Refusal::new(Code::ModelNotFound, "no model `x`");
    let error = Cohere.encode_error(&refusal, id);
    let expect = json!({
        "id": "00000000000000000000000000000007",
        "message": "no model `x`",
        "tollgate_code": refusal.code.as_str(),
    });
    assert_eq!((error.status, serde_json::from_slice::<Value>(&error.body).unwrap()), (404, expect));
    let streamed = Cohere.encode_stream_error(&refusal, id, StreamForm::Events);
    let fault = read(&streamed).unwrap_err();
    assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::Server, "no model `x`"));
    let body =
        br#"{"error_type":"TOO_MANY_TOKENS","id":"x","message":"too many tokens: size limit exceeded"}"#;
    let fault = Cohere.read_fault(400, &HeaderMap::new(), body);
    assert_eq!(fault.kind, FaultKind::ContextLength);
}
