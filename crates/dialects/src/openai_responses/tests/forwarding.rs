//! Answers passed through between two speakers of the language.

use serde_json::json;
use types::conversation::StopReason;
use types::{Code, FaultKind, Refusal, Tokens};

use super::*;

const TOOLS: &str = include_str!("../../../fixtures/openai_responses/stream.sse");

#[test]
fn only_the_model_changes_in_a_stream() {
    let (out, result, tally) = forward(TOOLS, &asked(STREAM));
    assert_eq!(result, Ok(()));
    assert_eq!(out, TOOLS.replace("small-2026", "public"));
    assert_eq!((tally.model.as_deref(), tally.id.as_deref()), (Some("small-2026"), Some("resp_7")));
    assert_eq!(tally.stop, Some(StopReason::ToolUse));
    assert!(tally.has_content && tally.is_complete);
    let usage = tally.usage.unwrap();
    assert_eq!((usage.cache_read, usage.reasoning, usage.total()), (Tokens(8), Tokens(3), Tokens(32)));
    let said = ["Two calls.", "Looking: ☂", r#"{\"city\":"#, r#"\"Oslo\"}"#];
    assert_eq!(tally.output_bytes, said.iter().map(|piece| piece.len() as u64).sum::<u64>());
}

#[test]
fn events_without_a_name_and_a_last_word_of_another_language_pass() {
    let unnamed: Vec<&str> = TOOLS.split_inclusive('\n').filter(|line| !line.starts_with("event:")).collect();
    let unnamed = unnamed.concat();
    let text = format!(": hello\n\n{unnamed}data: [DONE]\n\n");
    let (out, result, tally) = forward(&text, &asked(STREAM));
    assert_eq!((out, result), (text.replace("small-2026", "public"), Ok(())));
    assert_eq!(tally.stop, Some(StopReason::ToolUse));
}

#[test]
fn content_is_noticed_when_it_is_content() {
    let first = |data: Value| forward(&stream(&[data]), &asked(STREAM)).2.has_content;
    assert!(!first(json!({"type": "response.created", "response": {"output": []}})));
    assert!(!first(json!({"type": "response.output_item.added", "item": {"type": "message"}})));
    assert!(!first(json!({"type": "response.output_item.added", "item": {"type": "reasoning"}})));
    assert!(!first(json!({"type": "response.output_text.delta", "delta": ""})));
    assert!(first(json!({"type": "response.output_text.delta", "delta": "x"})));
    assert!(first(json!({"type": "response.reasoning_summary_text.delta", "delta": "x"})));
    assert!(first(json!({"type": "response.output_item.added", "item": {"type": "function_call"}})));
    assert!(first(json!({"type": "response.completed", "response": {"output": []}})));
}

#[track_caller]
fn check_fault(text: &str, kind: FaultKind) {
    let (_, result, _) = forward(text, &asked(STREAM));
    assert_eq!(result.unwrap_err().kind, kind, "{text}");
    assert_eq!(decode(text).unwrap_err().kind, kind, "{text}");
}

#[test]
fn errors_inside_a_stream_are_faults() {
    let failed = |code: &str| {
        let error = json!({"code": code, "message": "x"});
        stream(&[
            json!({"type": "response.failed", "response": {"status": "failed", "error": error, "output": []}}),
        ])
    };
    check_fault(&failed("server_error"), FaultKind::Server);
    check_fault(&failed("rate_limit_exceeded"), FaultKind::Overloaded);
    check_fault(&failed("context_length_exceeded"), FaultKind::ContextLength);
    check_fault(
        &stream(&[json!({"type": "error", "code": "rate_limit_exceeded", "message": "x"})]),
        FaultKind::Overloaded,
    );
    check_fault(
        &stream(&[json!({"type": "error", "error": {"type": "server_error", "message": "x"}})]),
        FaultKind::Server,
    );
    check_fault("event: error\ndata: {\"error\":{\"message\":\"x\",\"code\":502}}\n\n", FaultKind::Server);
    check_fault("event: error\ndata: <html>\n\n", FaultKind::Server);
    check_fault(&stream(&[json!({"error": {"message": "x", "code": 429}})]), FaultKind::Overloaded);
    check_fault("data: <html>\n\n", FaultKind::Unreadable);
    check_fault(&stream(&[json!({"type": "response.output_text.delta", "delta": "x"})]), FaultKind::Cut);
    check_fault("", FaultKind::Cut);
}

#[test]
fn what_follows_the_end_cannot_fail_a_complete_answer() {
    let text = format!("{TOOLS}data: odd\n\n");
    let (out, result, _) = forward(&text, &asked(STREAM));
    assert!(result.is_ok() && out.ends_with("data: odd\n\n"), "{out}");
    assert!(decode(&text).is_ok());
}

#[test]
fn a_stream_that_fails_goes_on_counting_its_events() {
    let upto = TOOLS.find("event: response.content_part.added").unwrap();
    let mut forwarder = OpenAiResponses.forwarder(&asked(STREAM));
    let mut out = Vec::new();
    for event in split(&TOOLS[..upto]) {
        forwarder.push(Frame::Event(event), &mut out).unwrap();
    }
    let failed = forwarder.fail(&Refusal::new(Code::UpstreamCut, "it broke off")).unwrap();
    let events = split(str::from_utf8(&failed).unwrap());
    let data: Vec<Value> = events.iter().map(|event| serde_json::from_slice(&event.data).unwrap()).collect();
    assert_eq!((&data[0]["type"], &data[0]["sequence_number"]), (&json!("error"), &json!(9)));
    assert_eq!(data[0]["error"]["tollgate_code"], "TG-1307");
    assert_eq!((&data[1]["type"], &data[1]["sequence_number"]), (&json!("response.failed"), &json!(10)));
    let response = &data[1]["response"];
    assert_eq!((&response["status"], &response["model"]), (&json!("failed"), &json!("public")));
    assert_eq!(response["error"], json!({"code": "server_error", "message": "it broke off"}));
}

#[test]
fn a_whole_answer_keeps_its_bytes() {
    let body = r#"{ "model":"m","id":"resp_1","status":"completed", "output":[{"type":"message","content":[{"type":"refusal","refusal":"no"}]}],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}, "x":1.0}"#;
    let frames = vec![Frame::Whole(Bytes::from(body.to_owned()))];
    let (out, result, tally) = pass(OpenAiResponses.forwarder(&asked(Delivery::Whole)), frames);
    assert_eq!((out, result), (body.replace("\"m\"", "\"public\""), Ok(())));
    assert_eq!((tally.stop, tally.usage.unwrap().total()), (Some(StopReason::Refusal), Tokens(3)));
}
