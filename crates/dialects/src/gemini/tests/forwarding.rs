//! Answers that pass through, and requests that hardly change.

use std::time::Duration;

use serde_json::json;
use types::conversation::StopReason;
use types::{Code, FaultKind, Refusal, RetryAdvice, Tokens, Units, Usage};

use super::*;
use crate::{Encoded, read_fault};

fn forward(stream: &str, form: StreamForm) -> (String, Result<(), Fault>, Tally) {
    let conduit = Gemini.forwarder(&asked(STREAMED, form));
    pass(conduit, events(stream).into_iter().map(Frame::Event).collect())
}

#[test]
fn a_stream_passes_byte_for_byte_and_is_understood_on_the_way() {
    let (out, result, tally) = forward(STREAM, StreamForm::Events);
    let renamed = STREAM.replace("gemini-upstream-1", "gemini-public");
    assert_eq!((out.as_str(), result), (renamed.as_str(), Ok(())));
    let usage = Usage {
        input: Tokens(14),
        input_audio: Tokens(5),
        cache_read: Tokens(4),
        output: Tokens(10),
        reasoning: Tokens(7),
        units: Units { web_search: 1, ..Units::default() },
        ..Usage::default()
    };
    assert_eq!(tally.usage, Some(usage));
    assert_eq!(tally.stop, Some(StopReason::ToolUse));
    assert_eq!((tally.id.as_deref(), tally.model.as_deref()), (Some("aB-3"), Some("gemini-upstream-1")));
    assert!(tally.is_complete && tally.has_content && tally.output_bytes > 40);
}

#[test]
fn a_caller_that_wants_an_array_gets_the_same_pieces_as_its_items() {
    let (out, result, _) = forward(STREAM, StreamForm::Array);
    assert_eq!(result, Ok(()));
    let items: Vec<Value> = serde_json::from_str(&out).unwrap();
    let renamed = STREAM.replace("gemini-upstream-1", "gemini-public");
    let pieces: Vec<Value> =
        events(&renamed).iter().map(|event| serde_json::from_slice(&event.data).unwrap()).collect();
    assert_eq!(items, pieces);
}

#[test]
fn a_stream_without_a_reason_for_its_end_broke_off() {
    let first = STREAM.split_inclusive("\r\n\r\n").next().unwrap();
    for form in [StreamForm::Events, StreamForm::Array] {
        let (_, result, tally) = forward(first, form);
        assert_eq!(result.unwrap_err().kind, FaultKind::Cut);
        assert!(!tally.is_complete);
    }
    assert_eq!(read(first).unwrap_err().kind, FaultKind::Cut);
}

#[test]
fn an_error_inside_a_stream_is_a_fault() {
    let said = r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;
    let stream = format!("data: {said}\r\n\r\n");
    let fault = forward(&stream, StreamForm::Events).1.unwrap_err();
    assert_eq!((fault.kind, fault.status), (FaultKind::Overloaded, Some(503)));
    assert_eq!(read(&stream).unwrap_err(), fault);
    assert_eq!(Gemini.decode_answer(said.as_bytes()).unwrap_err(), fault);
}

#[test]
fn a_refused_prompt_is_a_whole_answer() {
    let body = r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":5},"modelVersion":"gemini-public"}"#;
    for form in [StreamForm::Events, StreamForm::Array] {
        let (_, result, tally) = forward(&format!("data: {body}\r\n\r\n"), form);
        assert_eq!((result, tally.stop, tally.has_content), (Ok(()), Some(StopReason::Filtered), true));
    }
    let conduit = Gemini.forwarder(&asked(Delivery::Whole, StreamForm::Array));
    let (out, result, tally) = pass(conduit, vec![Frame::Whole(body.into())]);
    assert_eq!((out.as_str(), result, tally.is_complete), (body, Ok(()), true));
}

#[test]
fn a_count_of_tokens_passes() {
    let body = "{\n  \"totalTokens\": 8\n}\n";
    let conduit = Gemini.forwarder(&asked(Delivery::Whole, StreamForm::Array));
    let (out, result, _) = pass(conduit, vec![Frame::Whole(body.into())]);
    assert_eq!((out.as_str(), result), (body, Ok(())));
    assert_eq!(Gemini.encode_count(Tokens(8)), br#"{"totalTokens":8}"#);
}

fn adapt(body: &Value, quirks: &[&str]) -> (Value, Vec<String>) {
    let body = Bytes::from(body.to_string());
    let fields = Fields::scan(&body, 64).unwrap();
    let Encoded { body, changes, .. } = Gemini.adapt_request(&body, &fields, &target(quirks)).unwrap();
    let written = serde_json::from_slice(&body.concat()).unwrap();
    (written, changes.iter().map(ToString::to_string).collect())
}

#[test]
fn a_request_stays_as_it_is_but_for_a_model_that_it_names() {
    let body = json!({"contents": [{"parts": [{"text": "hi", "thoughtSignature": "AAAA"}]}], "new": 1.0});
    assert_eq!(adapt(&body, &[]), (body, vec![]));
    let (written, _) =
        adapt(&json!({"generateContentRequest": {"model": "models/public", "contents": []}}), &[]);
    assert_eq!(
        written,
        json!({"generateContentRequest": {"model": "models/gemini-upstream-1", "contents": []}})
    );
}

#[test]
fn a_call_without_a_proof_is_given_what_the_target_takes_for_one() {
    let call = json!({"functionCall": {"name": "f", "args": {}}});
    let proven = json!({"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "AA=="});
    let turn = |parts: [&Value; 2]| json!({"role": "model", "parts": parts});
    let body = json!({"contents": [turn([&call, &call]), turn([&proven, &call])]});
    assert_eq!(adapt(&body, &[]), (body.clone(), Vec::new()));
    let (written, changes) = adapt(&body, &["call_proofs"]);
    let mut given = call.clone();
    given["thoughtSignature"] = "skip_thought_signature_validator".into();
    assert_eq!(written["contents"], json!([turn([&given, &call]), turn([&proven, &call])]));
    assert_eq!(changes, ["emulated;contents[0].parts[0].thoughtSignature"]);
}

#[test]
fn proofs_of_other_languages_do_not_go_to_an_upstream_of_this_one() {
    let carried = super::super::proofs::written("of-another");
    let body = json!({"contents": [
        {"role": "model", "parts": [
            {"text": "Hm.", "thought": true, "thoughtSignature": carried},
            {"functionCall": {"name": "f", "args": {}}, "thought_signature": carried},
        ]},
    ]});
    let (written, changes) = adapt(&body, &[]);
    assert_eq!(
        written["contents"][0]["parts"],
        json!([
            {"text": "Hm.", "thought": true}, {"functionCall": {"name": "f", "args": {}}},
        ])
    );
    assert_eq!(
        changes,
        ["dropped;contents[0].parts[0].thoughtSignature", "dropped;contents[0].parts[1].thought_signature",]
    );
    let (written, changes) = adapt(&body, &["call_proofs"]);
    assert_eq!(written["contents"][0]["parts"][1]["thought_signature"], "skip_thought_signature_validator");
    assert_eq!(changes[1], "emulated;contents[0].parts[1].thought_signature");
}

#[test]
fn an_error_is_said_in_google_s_words_with_the_wait() {
    let refusal = Refusal::new(Code::UpstreamOverloaded, "try later")
        .with_param("contents")
        .with_retry(RetryAdvice::After(Duration::from_millis(1500)));
    let request = asked(Delivery::Whole, StreamForm::Events).request;
    let whole = Gemini.encode_error(&refusal, request);
    let body: Value = serde_json::from_slice(&whole.body).unwrap();
    assert_eq!(body["error"]["code"], whole.status);
    assert_eq!(body["error"]["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(
        body["error"]["details"],
        json!([
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": refusal.code.as_str(), "domain": "tollgate"},
            {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": request.to_string()},
            {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [
                {"field": "contents", "description": "try later"},
            ]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"},
        ])
    );
    let streamed = |form| String::from_utf8(Gemini.encode_stream_error(&refusal, request, form)).unwrap();
    let event = streamed(StreamForm::Events);
    assert_eq!(event, format!("data: {}\r\n\r\n", String::from_utf8(whole.body.clone()).unwrap()));
    let array = format!("[{{}}{}", streamed(StreamForm::Array));
    assert_eq!(serde_json::from_str::<Vec<Value>>(&array).unwrap()[1], body);
    assert_eq!(read_fault(whole.status, &whole.body).retry_after, Some(Duration::from_millis(1500)));
}

#[test]
fn google_s_own_errors_are_understood() {
    let invalid_key = r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
    assert_eq!(read_fault(400, invalid_key.as_bytes()).kind, FaultKind::Credential);
    let busy = r#"[{"error":{"code":429,"message":"Slow down.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.074824224s"}]}}]"#;
    let fault = read_fault(429, busy.as_bytes());
    assert_eq!(
        (fault.kind, fault.upstream_kind.as_deref()),
        (FaultKind::Overloaded, Some("RESOURCE_EXHAUSTED"))
    );
    assert_eq!(fault.retry_after.map(|wait| wait.as_secs()), Some(34));
}
