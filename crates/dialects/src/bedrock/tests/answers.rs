//! Whole answers and usage.

use serde_json::json;
use types::conversation::{Choice, StopReason};
use types::{FaultKind, Json, ServiceTier, Tokens, Usage};

use super::*;
use crate::Dialect as _;

const ANSWER: &str = r#"{"metrics":{"latencyMs":533},"output":{"message":{"content":[{"reasoningContent":{"reasoningText":{"text":"hm","signature":"c2ln"}}},{"text":"hi"},{"citationsContent":{"content":[{"text":"cited "},{"text":"words"}],"citations":[{"title":"t"}]}},{"toolUse":{"input":{"a":1.0},"name":"f","toolUseId":"tooluse_1","type":"tool_use"}},{"toolUse":{"input":{},"name":"web","toolUseId":"s","type":"server_tool_use"}}],"role":"assistant"}},"stopReason":"tool_use","usage":{"inputTokens":5,"outputTokens":9,"totalTokens":19,"cacheReadInputTokens":2,"cacheWriteInputTokens":3,"cacheDetails":[{"ttl":"1h","inputTokens":2},{"ttl":"5m","inputTokens":1}],"serverToolUsage":{}}}"#;

fn usage() -> Usage {
    Usage {
        input: Tokens(5),
        cache_read: Tokens(2),
        cache_write_5m: Tokens(1),
        cache_write_1h: Tokens(2),
        output: Tokens(9),
        ..Usage::default()
    }
}

fn call(id: &str, arguments: &str) -> Content {
    Content::ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: arguments.into(),
        signature: None,
        cache: None,
    }
}

#[test]
fn an_answer_is_read_into_canonical_words() {
    let answer = Bedrock.decode_answer(ANSWER.as_bytes()).unwrap();
    let server = r#"{"toolUse":{"input":{},"name":"web","toolUseId":"s","type":"server_tool_use"}}"#;
    let cited =
        r#"[{"source":"own","title":"t","quoted":"","start":0,"end":11,"own":["bedrock",{"title":"t"}]}]"#;
    let content = vec![
        Content::Thinking { text: "hm".into(), signature: Some("c2ln".into()) },
        Content::text("hi"),
        Content::text("cited words"),
        Content::Opaque { kind: "citations".into(), json: Json::parse(cited).unwrap() },
        call("tooluse_1", r#"{"a":1.0}"#),
        Content::Opaque { kind: "bedrock:toolUse".into(), json: Json::parse(server).unwrap() },
    ];
    let choice = Choice { content, stop: Some(StopReason::ToolUse), stop_sequence: None, logprobs: None };
    assert_eq!(answer, Answer { choices: vec![choice], usage: Some(usage()), ..Answer::default() });
}

#[test]
fn an_answer_of_another_dialect_is_written_in_this_one_s_words() {
    let content = vec![
        Content::Thinking { text: "t".into(), signature: None },
        Content::RedactedThinking { data: "no_blob_".into() },
        Content::text(""),
        Content::Refusal("No.".into()),
        call("functions.f:0", ""),
        call("b", "broken"),
        Content::Opaque { kind: "annotations".into(), json: Json::parse("[]").unwrap() },
    ];
    let choice = Choice { content, stop: Some(StopReason::EndTurn), ..Choice::default() };
    let answer =
        Answer { id: Some("x".into()), choices: vec![choice], usage: Some(usage()), ..Answer::default() };
    let written: Value =
        serde_json::from_slice(&Bedrock.encode_answer(&answer, &asked(Delivery::Whole))).unwrap();
    let expect = json!({
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "t"}}},
            {"text": "No."},
            {"toolUse": {"toolUseId": "functions.f:0", "name": "f", "input": {}}},
            {"toolUse": {"toolUseId": "b", "name": "f", "input": {"arguments": "broken"}}},
        ]}},
        "stopReason": "tool_use",
        "usage": {
            "inputTokens": 5, "outputTokens": 9, "totalTokens": 19,
            "cacheReadInputTokens": 2, "cacheWriteInputTokens": 3,
            "cacheDetails": [{"ttl": "5m", "inputTokens": 1}, {"ttl": "1h", "inputTokens": 2}],
        },
        "metrics": {"latencyMs": 0},
    });
    assert_eq!(written, expect);
}

#[test]
fn reasons_to_stop_have_a_word_each_way() {
    let cases = [
        ("end_turn", StopReason::EndTurn, "end_turn"),
        ("max_tokens", StopReason::MaxTokens, "max_tokens"),
        ("stop_sequence", StopReason::StopSequence, "stop_sequence"),
        ("guardrail_intervened", StopReason::Filtered, "content_filtered"),
        ("content_filtered", StopReason::Filtered, "content_filtered"),
        ("refusal", StopReason::Refusal, "content_filtered"),
        ("model_context_window_exceeded", StopReason::ContextFull, "model_context_window_exceeded"),
        ("a word of tomorrow", StopReason::EndTurn, "end_turn"),
    ];
    for (word, reason, again) in cases {
        let body = json!({"output": {"message": {"role": "assistant", "content": []}}, "stopReason": word});
        let answer = Bedrock.decode_answer(body.to_string().as_bytes()).unwrap();
        assert_eq!(answer.choices[0].stop, Some(reason));
        let written: Value =
            serde_json::from_slice(&Bedrock.encode_answer(&answer, &asked(Delivery::Whole))).unwrap();
        assert_eq!(written["stopReason"], again);
    }
}

#[test]
fn an_answer_of_a_model_that_failed_is_a_fault() {
    for word in ["malformed_model_output", "malformed_tool_use"] {
        let message = json!({"role": "assistant", "content": []});
        let body = json!({"output": {"message": message}, "stopReason": word}).to_string();
        let fault = Bedrock.decode_answer(body.as_bytes()).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Server, "{word}");
        assert!(fault.message.ends_with(word), "{}", fault.message);
        // Whoever speaks this language reads the word.
        let forwarder = Bedrock.forwarder(&asked(Delivery::Whole));
        let (out, result, _) = pass(forwarder, vec![Frame::Whole(body.clone().into())]);
        assert_eq!((String::from_utf8(out).unwrap(), result), (body, Ok(())));
    }
}

#[test]
fn an_answer_is_passed_on_as_it_came() {
    let frames = vec![Frame::Whole(Bytes::from_static(ANSWER.as_bytes()))];
    let (out, result, tally) = pass(Bedrock.forwarder(&asked(Delivery::Whole)), frames);
    assert_eq!((String::from_utf8(out).unwrap().as_str(), result), (ANSWER, Ok(())));
    assert_eq!((tally.usage, tally.stop), (Some(usage()), Some(StopReason::ToolUse)));
    assert!(tally.is_complete && tally.has_content && tally.output_bytes > 0);
}

#[test]
fn what_is_no_answer_is_a_fault() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"message":"no"}"#,
        r#"{"output":{}}"#,
        r#"{"output":{"message":{"content":{}}}}"#,
    ] {
        let fault = Bedrock.decode_answer(body.as_bytes()).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unreadable, "{body}");
    }
    let whole = |body: &'static str| vec![Frame::Whole(Bytes::from_static(body.as_bytes()))];
    for body in ["", "{}", r#"{"output":{}}"#] {
        let (_, result, _) = pass(Bedrock.forwarder(&asked(Delivery::Whole)), whole(body));
        assert_eq!(result.unwrap_err().kind, FaultKind::Unreadable, "{body}");
    }
}

#[test]
fn a_count_that_cannot_be_read_is_no_count() {
    let body = ANSWER.replace(r#""inputTokens":5"#, r#""inputTokens":"five""#);
    let answer = Bedrock.decode_answer(body.as_bytes()).unwrap();
    assert_eq!((answer.usage, answer.choices[0].content.len()), (None, 6));
}

#[test]
fn the_tier_of_an_answer_is_in_its_usage() {
    let body = ANSWER.replacen('{', r#"{"serviceTier":{"type":"flex"},"#, 1);
    let expect = Some(Usage { service_tier: Some(ServiceTier::Flex), ..usage() });
    assert_eq!(Bedrock.decode_answer(body.as_bytes()).unwrap().usage, expect);
    let (_, _, tally) = pass(Bedrock.forwarder(&asked(Delivery::Whole)), vec![Frame::Whole(body.into())]);
    assert_eq!(tally.usage, expect);
    let plain = ANSWER.replacen('{', r#"{"serviceTier":{"type":"default"},"#, 1);
    assert_eq!(Bedrock.decode_answer(plain.as_bytes()).unwrap().usage, Some(usage()));
}
