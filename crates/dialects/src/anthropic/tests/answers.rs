//! Whole answers, usage, errors and limits.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};
use types::conversation::{Answer, Choice, Content, Delivery, StopReason};
use types::{
    Code, Counted, FaultKind, Frame, Json, Refusal, ServiceTier, Standing, StreamForm, Tokens, UnixTime,
    Usage,
};

use super::{Anthropic, asked, request_id};
use crate::{Conversational as _, Dialect as _};

const ANSWER: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-upstream-1","content":[{"type":"text","text":"hi","citations":null},{"type":"tool_use","id":"t","name":"f","input":{"a":1.0},"caller":{"type":"direct"}},{"type":"fancy_result","x":1.0}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":5,"cache_creation_input_tokens":3,"cache_read_input_tokens":2,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":2},"output_tokens":9,"output_tokens_details":{"thinking_tokens":4}}}"#;

fn usage() -> Usage {
    Usage {
        input: Tokens(5),
        cache_read: Tokens(2),
        cache_write_5m: Tokens(1),
        cache_write_1h: Tokens(2),
        output: Tokens(5),
        reasoning: Tokens(4),
        ..Usage::default()
    }
}

#[test]
fn an_answer_is_read_into_canonical_words() {
    let answer = Anthropic.decode_answer(ANSWER.as_bytes()).unwrap();
    let call = Content::ToolCall {
        id: "t".into(),
        name: "f".into(),
        arguments: r#"{"a":1.0}"#.into(),
        signature: None,
        cache: None,
    };
    let opaque = Content::Opaque {
        kind: "anthropic:fancy_result".into(),
        json: Json::parse(r#"{"type":"fancy_result","x":1.0}"#).unwrap(),
    };
    let choice = Choice {
        content: vec![Content::text("hi"), call, opaque],
        stop: Some(StopReason::ToolUse),
        stop_sequence: None,
        logprobs: None,
    };
    let expect = Answer {
        id: Some("msg_1".into()),
        model: Some("claude-upstream-1".into()),
        created: None,
        choices: vec![choice],
        usage: Some(usage()),
    };
    assert_eq!(answer, expect);
}

#[test]
fn an_answer_of_another_dialect_is_written_in_this_one_s_words() {
    let call = |arguments: &str| Content::ToolCall {
        id: "functions.f:0".into(),
        name: "f".into(),
        arguments: arguments.into(),
        signature: None,
        cache: None,
    };
    let choice = Choice {
        content: vec![
            Content::Thinking { text: "t".into(), signature: None },
            Content::text(""),
            call(""),
            Content::Opaque { kind: "annotations".into(), json: Json::parse("[]").unwrap() },
        ],
        stop: Some(StopReason::EndTurn),
        ..Choice::default()
    };
    let other = Choice { content: vec![Content::text("other")], ..Choice::default() };
    let audio =
        Usage { input: Tokens(1), input_audio: Tokens(2), output_audio: Tokens(3), ..Usage::default() };
    let answer = Answer {
        id: Some("chatcmpl-1".into()),
        choices: vec![choice, other],
        usage: Some(audio),
        ..Answer::default()
    };
    let written: Value =
        serde_json::from_slice(&Anthropic.encode_answer(&answer, &asked(Delivery::Whole))).unwrap();
    let expect = json!({
        "id": "msg_00000000000000000000000000000007",
        "type": "message",
        "role": "assistant",
        "model": "claude-public",
        "content": [
            {"type": "thinking", "thinking": "t", "signature": ""},
            {"type": "tool_use", "id": "tgid_66756e6374696f6e732e663a30", "name": "f", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": null,
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 3,
        },
    });
    assert_eq!(written, expect);
}

#[test]
fn the_tier_and_the_speed_of_an_answer_are_in_its_usage() {
    for (said, tier) in [
        (r#""service_tier":"batch""#, Some(ServiceTier::Batch)),
        (r#""service_tier":"standard","speed":"fast""#, Some(ServiceTier::Fast)),
        (r#""service_tier":"standard","speed":"standard""#, None),
        (r#""service_tier":null"#, None),
    ] {
        let body = ANSWER.replace(r#""input_tokens":5"#, &format!(r#"{said},"input_tokens":5"#));
        let answer = Anthropic.decode_answer(body.as_bytes()).unwrap();
        assert_eq!(answer.usage, Some(Usage { service_tier: tier, ..usage() }), "{said}");
        let mut forwarder = Anthropic.forwarder(&asked(Delivery::Whole));
        forwarder.push(Frame::Whole(body.into()), &mut Vec::new()).unwrap();
        assert_eq!(forwarder.tally().usage, answer.usage, "{said}");
    }
}

#[test]
fn every_stop_reason_has_its_word() {
    let cases = [
        (StopReason::ContextFull, "model_context_window_exceeded"),
        (StopReason::EndTurn, "end_turn"),
        (StopReason::MaxTokens, "max_tokens"),
        (StopReason::Pause, "pause_turn"),
        (StopReason::Refusal, "refusal"),
        (StopReason::StopSequence, "stop_sequence"),
        (StopReason::ToolUse, "tool_use"),
    ];
    for (reason, word) in cases {
        let choice = Choice { stop: Some(reason), ..Choice::default() };
        let answer = Answer { choices: vec![choice], ..Answer::default() };
        let written = Anthropic.encode_answer(&answer, &asked(Delivery::Whole));
        let value: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(value["stop_reason"], word);
        assert_eq!(Anthropic.decode_answer(&written).unwrap().choices[0].stop, Some(reason));
    }
    let filtered = Choice { stop: Some(StopReason::Filtered), ..Choice::default() };
    let answer = Answer { choices: vec![filtered], ..Answer::default() };
    let written = Anthropic.encode_answer(&answer, &asked(Delivery::Whole));
    assert_eq!(Anthropic.decode_answer(&written).unwrap().choices[0].stop, Some(StopReason::Refusal));
}

#[test]
fn a_whole_answer_passes_through_but_for_the_model() {
    let mut forwarder = Anthropic.forwarder(&asked(Delivery::Whole));
    let mut out = Vec::new();
    forwarder.push(Frame::Whole(Bytes::from_static(ANSWER.as_bytes())), &mut out).unwrap();
    forwarder.end(&mut out).unwrap();
    assert_eq!(out.concat(), ANSWER.replace("claude-upstream-1", "claude-public").into_bytes());
    let tally = forwarder.tally();
    assert_eq!((tally.usage, tally.stop), (Some(usage()), Some(StopReason::ToolUse)));
    assert_eq!(tally.model.as_deref(), Some("claude-upstream-1"));
    assert!(tally.is_complete && tally.has_content);
}

#[track_caller]
fn check_fault(body: &'static str, kind: FaultKind) {
    let fault = Anthropic.decode_answer(body.as_bytes()).unwrap_err();
    assert_eq!(fault.kind, kind, "{body}");
    let mut forwarder = Anthropic.forwarder(&asked(Delivery::Whole));
    let mut out = Vec::new();
    let fault = forwarder.push(Frame::Whole(Bytes::from_static(body.as_bytes())), &mut out).unwrap_err();
    assert_eq!((fault.kind, out.len()), (kind, 0), "{body}");
}

#[test]
fn an_error_with_status_200_is_a_fault() {
    check_fault(
        r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#,
        FaultKind::Overloaded,
    );
    check_fault(
        r#"{"type":"error","error":{"type":"authentication_error","message":"x"}}"#,
        FaultKind::Credential,
    );
    check_fault(r#"{"error":"boom"}"#, FaultKind::Server);
    check_fault("<html>", FaultKind::Unreadable);
    check_fault("", FaultKind::Unreadable);
}

#[test]
fn tokens_are_counted_in_this_dialect_s_form() {
    assert_eq!(Anthropic.encode_count(Tokens(14)), br#"{"input_tokens":14}"#);
}

#[track_caller]
fn check_error(refusal: &Refusal, status: u16, kind: &str) {
    let answer = Anthropic.encode_error(refusal, request_id(7));
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, body["error"]["type"].as_str()), (status, Some(kind)));
    assert_eq!(body["type"], "error");
    assert_eq!(body["request_id"], request_id(7).to_string());
    assert_eq!(body["error"]["tollgate_code"], refusal.code.as_str());
    let streamed = Anthropic.encode_stream_error(refusal, request_id(7), StreamForm::Events);
    let event = super::events([streamed]).remove(0);
    assert_eq!((event.name.as_ref(), event.data.as_ref()), (b"error".as_slice(), answer.body.as_slice()));
}

#[test]
fn errors_have_the_documented_types() {
    check_error(&Refusal::new(Code::BadCredential, "no key"), 401, "authentication_error");
    check_error(&Refusal::new(Code::ModelNotFound, "no model"), 404, "not_found_error");
    check_error(&Refusal::new(Code::BodyTooLarge, "big"), 413, "request_too_large");
    check_error(&Refusal::new(Code::RateLimited, "wait"), 429, "rate_limit_error");
    check_error(&Refusal::new(Code::UpstreamFailed, "oh"), 502, "api_error");
    check_error(&Refusal::new(Code::UpstreamTimeout, "slow"), 504, "timeout_error");
    let overloaded = Refusal { status: Some(529), ..Refusal::new(Code::UpstreamOverloaded, "busy") };
    check_error(&overloaded, 529, "overloaded_error");
    check_error(&Refusal { status: None, ..overloaded.clone() }, 429, "rate_limit_error");
    check_error(&Refusal { status: Some(200), ..overloaded }, 429, "rate_limit_error");
    let kept = Refusal {
        status: Some(422),
        upstream_kind: Some("billing_error".into()),
        ..Refusal::new(Code::UpstreamRejected, "no")
    };
    check_error(&kept, 422, "billing_error");
    check_error(
        &Refusal { upstream_kind: Some("model_not_found".into()), ..kept.clone() },
        422,
        "invalid_request_error",
    );
    let blocked = Refusal { status: Some(400), upstream_kind: Some("policy_blocked".into()), ..kept };
    check_error(&blocked, 400, "policy_blocked");
    check_error(&Refusal { upstream_kind: None, ..blocked }, 400, "invalid_request_error");
}

#[test]
fn what_is_wrong_with_a_thread_is_told_in_the_word_that_clients_act_on() {
    #[track_caller]
    fn check(refusal: &Refusal, status: u16, word: &str) {
        let answer = Anthropic.encode_error(refusal, request_id(7));
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (answer.status, &body["error"]["details"]["error_code"]),
            (status, &word.into()),
            "{body}"
        );
        let fault = Anthropic.read_fault(status, &HeaderMap::new(), &answer.body);
        assert_eq!((fault.kind, fault.upstream_kind.as_deref()), (FaultKind::Invalid, Some(word)));
    }
    let elsewhere =
        Refusal::new(Code::Untranslatable, "send all of it").with_param("thread.previous_message_id");
    check(&elsewhere, 404, "thread_not_found");
    let word = "thread_already_continued";
    let own = Refusal { status: Some(400), upstream_kind: Some(word.into()), ..elsewhere };
    check(&own, 400, word);
}

#[test]
fn limits_are_told_with_points_in_time() {
    let standing =
        Standing { counted: Counted::Tokens, limit: 100, remaining: 40, reset: Duration::from_secs(30) };
    let headers = Anthropic.limit_headers(&[standing], UnixTime::from_secs(60));
    let told: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let expect = [
        ("anthropic-ratelimit-tokens-limit", "100"),
        ("anthropic-ratelimit-tokens-remaining", "40"),
        ("anthropic-ratelimit-tokens-reset", "1970-01-01T00:01:30.000Z"),
    ];
    assert_eq!(told, expect);
}
