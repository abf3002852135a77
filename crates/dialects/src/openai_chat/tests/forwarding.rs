//! Answers passed through between two speakers of the language.

use types::conversation::StopReason;
use types::{FaultKind, Tokens};

use super::*;

const TOOLS: &str = include_str!("../../../fixtures/openai_chat/parallel_tools.sse");

#[test]
fn only_the_model_changes_in_a_stream() {
    let (out, result, tally) = forward(TOOLS, &asked(STREAM_WITH_USAGE));
    assert_eq!(result, Ok(()));
    assert_eq!(out, TOOLS.replace("small-2026", "public").replace(r#""model":"""#, r#""model":"public""#));
    assert_eq!(tally.model.as_deref(), Some("small-2026"));
    assert_eq!(tally.id.as_deref(), Some("chatcmpl-7"));
    assert_eq!(tally.stop, Some(StopReason::ToolUse));
    assert!(tally.has_content && tally.is_complete);
    let usage = tally.usage.unwrap();
    assert_eq!((usage.cache_read, usage.reasoning, usage.total()), (Tokens(8), Tokens(3), Tokens(32)));
    assert_eq!(tally.output_bytes, ("Two calls.Looking: ☂".len() + r#"{\"city\":\"Oslo\"}"#.len()) as u64);
}

#[test]
fn usage_nobody_asked_for_is_left_out() {
    let (out, _, tally) = forward(TOOLS, &asked(STREAM));
    assert!(!out.contains("prompt_tokens"), "{out}");
    assert!(out.contains("prompt_filter_results"), "a chunk without choices is not a usage chunk");
    assert!(tally.usage.is_some());
    // Usage next to choices is left where it is.
    let beside = stream(&[
        r#"{"model":"public","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#,
        "[DONE]",
    ]);
    assert_eq!(forward(&beside, &asked(STREAM)).0, beside);
}

#[test]
fn bytes_of_any_spelling_stay() {
    let odd = concat!(
        "event:  x\r\nid: 3\r\ndata:{ \"model\" :\"up\\u0073\", \"choices\":[{\"delta\":{\"content\":\"\\u2603\"}}], \"n\":1.0}\r\n\r\n",
        ": comment\n\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    );
    let raw: Vec<Frame> = odd
        .split_inclusive("\r\n\r\n")
        .flat_map(|part| part.split_inclusive("\n\n"))
        .map(|raw| Frame::Event(trial::event(&raw.to_owned().into())))
        .collect();
    let (out, result, _) = pass(OpenAiChat.forwarder(&asked(STREAM)), raw);
    assert_eq!(result, Ok(()));
    assert_eq!(out, odd.replace("\"up\\u0073\"", "\"public\""));
}

#[test]
fn data_of_several_lines_is_written_anew() {
    let lines = "event: e\ndata: {\"model\":\ndata: \"m\",\"choices\":[]}\n\n";
    let (out, _, _) = forward(lines, &asked(STREAM));
    assert_eq!(out, "event: e\ndata: {\"model\":\ndata: \"public\",\"choices\":[]}\n\n");
}

#[test]
fn content_is_noticed_when_it_is_content() {
    let first = |delta: &str| {
        let text = stream(&[&chunk(&format!(r#"{{"index":0,"delta":{delta},"finish_reason":null}}"#))]);
        forward(&text, &asked(STREAM)).2.has_content
    };
    assert!(!first(r#"{"role":"assistant","content":"","refusal":null}"#));
    assert!(!first(r#"{"content":null,"tool_calls":[]}"#));
    for delta in [
        r#"{"content":"x"}"#,
        r#"{"reasoning":"x"}"#,
        r#"{"reasoning_content":"x"}"#,
        r#"{"refusal":"x"}"#,
        r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}"#,
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"x"}]}]}"#,
    ] {
        assert!(first(delta), "{delta}");
    }
}

#[track_caller]
fn check_fault(text: &str, kind: FaultKind) {
    let (_, result, _) = forward(text, &asked(STREAM));
    assert_eq!(result.unwrap_err().kind, kind, "{text}");
    assert_eq!(decode(text).unwrap_err().kind, kind, "{text}");
}

#[test]
fn errors_inside_a_stream_are_faults() {
    check_fault("data: {\"error\":{\"message\":\"x\",\"code\":502}}\n\n", FaultKind::Server);
    check_fault(
        "data: {\"choices\":[{\"delta\":{}}],\"error\":{\"message\":\"x\",\"code\":429}}\n\n",
        FaultKind::Overloaded,
    );
    check_fault(
        "event: error\ndata: {\"error\":{\"message\":\"bad tool call\",\"type\":\"invalid_request_error\"}}\n\n",
        FaultKind::Invalid,
    );
    check_fault("error: {\"code\":500,\"message\":\"x\",\"type\":\"server_error\"}\n\n", FaultKind::Server);
    check_fault("data: <html>\n\n", FaultKind::Unreadable);
    check_fault(&stream(&[&chunk(r#"{"index":0,"delta":{"content":"x"}}"#)]), FaultKind::Cut);
    check_fault("", FaultKind::Cut);
    check_fault("data: [DONE]\n\n", FaultKind::Server);
}

#[test]
fn a_reason_for_the_end_is_as_good_as_the_end() {
    let text = stream(&[&chunk(r#"{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}"#)]);
    let (_, result, tally) = forward(&text, &asked(STREAM));
    assert_eq!((result, tally.is_complete), (Ok(()), true));
    assert_eq!(decode(&text).unwrap().last(), Some(&Event::End));
}

#[test]
fn an_end_is_noticed_in_whatever_form_it_comes() {
    for choice in [
        r#"{"index":0,"delta":{},"finish_reason":"st\u006fp"}"#,
        r#"{"index":1,"delta":{},"finish_reason":"stop"}"#,
        r#"{"index":0,"delta":{"tool_calls":"odd"},"finish_reason":"stop"}"#,
        r#"{"delta":{"function_call":{"name":"f","arguments":"{}"}},"finish_reason":"function_call"}"#,
    ] {
        let (_, result, tally) = forward(&stream(&[&chunk(choice)]), &asked(STREAM));
        assert_eq!((result, tally.is_complete, tally.has_content), (Ok(()), true, true), "{choice}");
    }
}

#[test]
fn what_follows_the_end_cannot_fail_a_complete_answer() {
    let text =
        stream(&[&chunk(r#"{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}"#), "[DONE]", "odd"]);
    let (out, result, _) = forward(&text, &asked(STREAM));
    assert_eq!(result, Ok(()));
    assert!(out.ends_with("data: odd\n\n"), "{out}");
    assert!(decode(&text).is_ok());
}

#[test]
fn a_whole_answer_keeps_its_bytes() {
    let body = r#"{ "model":"m","id":"a", "choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}, "x":1.0}"#;
    let frames = vec![Frame::Whole(Bytes::from(body.to_owned()))];
    let (out, result, tally) = pass(OpenAiChat.forwarder(&asked(Delivery::Whole)), frames);
    assert_eq!(result, Ok(()));
    assert_eq!(out, body.replace("\"m\"", "\"public\""));
    assert_eq!((tally.output_bytes, tally.usage.unwrap().total()), (2, Tokens(3)));
    for (body, kind) in [
        ("<html>", FaultKind::Unreadable),
        ("{}", FaultKind::Unreadable),
        (r#"{"error":{"message":"x","code":429}}"#, FaultKind::Overloaded),
    ] {
        let frames = vec![Frame::Whole(Bytes::from(body))];
        let (_, result, _) = pass(OpenAiChat.forwarder(&asked(Delivery::Whole)), frames);
        assert_eq!(result.unwrap_err().kind, kind, "{body}");
    }
}
