//! Streams: read, written, passed on.

use serde_json::json;
use types::conversation::{Delta, Opening, StopReason};
use types::{FaultKind, Tokens, Usage};

use super::*;
use crate::{Dialect as _, unfold};

fn usage() -> Usage {
    Usage {
        input: Tokens(539),
        cache_read: Tokens(992),
        output: Tokens(65),
        reasoning: Tokens(24),
        ..Usage::default()
    }
}

#[test]
fn a_stream_says_what_a_whole_answer_would() {
    let answer = fold(read(STREAM.as_bytes()).unwrap());
    let choice = &answer.choices[0];
    let expect = [
        Content::Thinking { text: "Two lookups are needed.".into(), signature: None },
        Content::text("I will look both up — now."),
        call("get_weather_k2", "get_weather", r#"{"city": "Lisbon"}"#),
        call("get_time_k3", "get_time", "{}"),
    ];
    assert_eq!(choice.content, expect);
    assert_eq!((choice.stop, answer.usage), (Some(StopReason::ToolUse), Some(usage())));
    assert_eq!(fold(read(&write(&unfold(&answer))).unwrap()), answer);
}

#[test]
fn a_stream_is_written_event_by_event() {
    let open = |block, opening| Event::Open { choice: 0, block, opening };
    let delta = |block, delta| Event::Delta { choice: 0, block, delta };
    let tool = |id: &str| Opening::ToolCall { id: id.into(), name: "f".into(), signature: None };
    let written = write(&[
        open(0, Opening::Text),
        open(1, tool("a")),
        open(2, tool("b")),
        delta(2, Delta::Arguments("{\"b\":1}".into())),
        delta(0, Delta::Text("hi".into())),
        Event::Close { choice: 0, block: 0 },
        Event::Finish { choice: 0, reason: StopReason::EndTurn, stop_sequence: None },
        Event::Usage(Usage { input: Tokens(1), output: Tokens(2), ..Usage::default() }),
        Event::End,
    ]);
    let all = events(&written);
    let (last, events) = all.split_last().unwrap();
    assert_eq!(last.data.as_ref(), b"[DONE]");
    let data: Vec<Value> = events.iter().map(|event| serde_json::from_slice(&event.data).unwrap()).collect();
    for (event, data) in events.iter().zip(&data) {
        assert_eq!(data["type"].as_str().unwrap().as_bytes(), event.name);
    }
    let start =
        json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
    let called = |id: &str| json!({"tool_calls": {"id": id, "type": "function", "function": {"name": "f", "arguments": ""}}});
    let arguments = |text: &str| json!({"tool_calls": {"function": {"arguments": text}}});
    let counts = json!({"input_tokens": 1, "output_tokens": 2});
    let expect = [
        json!({"id": "00000000000000000000000000000007", "type": "message-start", "delta": {"message": start}}),
        json!({"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}),
        json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "hi"}}}}),
        json!({"type": "content-end", "index": 0}),
        json!({"type": "tool-call-start", "index": 0, "delta": {"message": called("a")}}),
        json!({"type": "tool-call-delta", "index": 0, "delta": {"message": arguments("{}")}}),
        json!({"type": "tool-call-end", "index": 0}),
        json!({"type": "tool-call-start", "index": 1, "delta": {"message": called("b")}}),
        json!({"type": "tool-call-delta", "index": 1, "delta": {"message": arguments("{\"b\":1}")}}),
        json!({"type": "tool-call-end", "index": 1}),
        json!({"type": "message-end", "delta": {
            "finish_reason": "TOOL_CALL", "usage": {"billed_units": counts, "tokens": counts},
        }}),
    ];
    assert_eq!(data, expect);
}

#[test]
fn a_stream_is_passed_on_as_it_came() {
    let frames = events(STREAM.as_bytes()).into_iter().map(Frame::Event).collect();
    let (out, result, tally) = pass(Cohere.forwarder(&asked(STREAMED)), frames);
    assert_eq!((String::from_utf8(out).unwrap().as_str(), result), (STREAM, Ok(())));
    assert_eq!((tally.usage, tally.stop), (Some(usage()), Some(StopReason::ToolUse)));
    let said = ["Two lookups are needed.", "I will look both up — now.", r#"{"city": "Lisbon"}"#];
    assert_eq!(tally.output_bytes, said.iter().map(|text| text.len() as u64).sum::<u64>());
}

#[test]
fn a_plan_is_reasoning_before_calls() {
    let plan = |text: &str| {
        format!("data: {}\n\n", json!({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": text}}}))
    };
    let end = "data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}\n\n";
    let answer = fold(read(format!("{}{}{end}", plan("I will "), plan("look.")).as_bytes()).unwrap());
    let expect = Content::Thinking { text: "I will look.".into(), signature: None };
    assert_eq!((&answer.choices[0].content[..], answer.usage), (&[expect][..], None));
}

#[test]
fn a_stream_that_breaks_off_says_so() {
    let events = events(STREAM.as_bytes());
    for end in 0..events.len() - 1 {
        let (mut decoder, mut forwarder) = (Cohere.decoder(), Cohere.forwarder(&asked(STREAMED)));
        for event in &events[..end] {
            decoder.push(event, &mut Vec::new()).unwrap();
            forwarder.push(Frame::Event(event.clone()), &mut Vec::new()).unwrap();
        }
        for fault in [decoder.end(&mut Vec::new()), forwarder.end(&mut Vec::new())] {
            assert_eq!(fault.unwrap_err().kind, FaultKind::Cut, "cut before event {end}");
        }
    }
}

#[test]
fn an_error_inside_a_stream_is_a_fault() {
    let end = br#"data: {"type":"message-end","delta":{"finish_reason":"ERROR","error":"out of order"}}"#;
    let stream = [&end[..], b"\n\n"].concat();
    let fault = read(&stream).unwrap_err();
    assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::Server, "out of order"));
    let frames = events(&stream).into_iter().map(Frame::Event).collect();
    let (out, result, _) = pass(Cohere.forwarder(&asked(STREAMED)), frames);
    assert_eq!((out.len(), result), (0, Err(fault)));
}
