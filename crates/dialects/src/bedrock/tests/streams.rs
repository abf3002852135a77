//! Streams: read, written, passed on.

use serde_json::json;
use types::conversation::{Delta, Opening, StopReason};
use types::{FaultKind, Tokens, Usage};

use super::*;
use crate::frames::{self, FrameKind};
use crate::{Dialect as _, unfold};

const STREAMED: Delivery = Delivery::Stream { include_usage: true };

fn usage() -> Usage {
    Usage {
        input: Tokens(212),
        cache_read: Tokens(4096),
        cache_write_5m: Tokens(1200),
        cache_write_1h: Tokens(300),
        output: Tokens(107),
        ..Usage::default()
    }
}

/// A stream of these events.
fn stream(events: &[(&str, Value)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, payload) in events {
        frames::write(&mut out, FrameKind::Event, name, |out| {
            out.extend_from_slice(payload.to_string().as_bytes());
        });
    }
    out
}

fn call(id: &str, name: &str, arguments: &str) -> Content {
    Content::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        signature: None,
        cache: None,
    }
}

#[test]
fn a_stream_says_what_a_whole_answer_would() {
    let answer = fold(read(STREAM).unwrap());
    let choice = &answer.choices[0];
    let expect = [
        Content::Thinking {
            text: "Two lookups are needed.".into(),
            signature: Some("RXFRQkNrWUlCeGdDS2tC".into()),
        },
        Content::RedactedThinking { data: "cmVkYWN0ZWQ=".into() },
        Content::text("I will look both up — now."),
        call("tooluse_FixtureWeather01", "get_weather", r#"{"city": "Lisbon"}"#),
        call("tooluse_FixtureTime02", "get_time", "{}"),
    ];
    assert_eq!(choice.content, expect);
    assert_eq!((choice.stop, answer.usage), (Some(StopReason::ToolUse), Some(usage())));
    assert_eq!(fold(read(&write(&read(STREAM).unwrap())).unwrap()), answer);
    assert_eq!(fold(read(&write(&unfold(&answer))).unwrap()), answer);
}

#[test]
fn a_stream_is_passed_on_as_it_came() {
    let events = frames([STREAM]).into_iter().map(Frame::Event).collect();
    let (out, result, tally) = pass(Bedrock.forwarder(&asked(STREAMED)), events);
    assert_eq!((out.as_slice(), result), (STREAM, Ok(())));
    assert_eq!((tally.usage, tally.stop), (Some(usage()), Some(StopReason::ToolUse)));
    let said = ["Two lookups are needed.", "I will look both up — now.", r#"{"city": "Lisbon"}"#];
    assert_eq!(tally.output_bytes, said.iter().map(|text| text.len() as u64).sum::<u64>());
}

#[test]
fn an_event_is_content_only_when_it_says_something() {
    let mut forwarder = Bedrock.forwarder(&asked(STREAMED));
    for event in frames([STREAM]).into_iter().take(1) {
        forwarder.push(Frame::Event(event), &mut Vec::new()).unwrap();
    }
    assert!(!forwarder.tally().has_content);
    let empty = stream(&[("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": ""}}))]);
    forwarder.push(Frame::Event(frames([empty]).remove(0)), &mut Vec::new()).unwrap();
    assert!(!forwarder.tally().has_content);
}

#[test]
fn blocks_that_interleave_are_written_one_after_the_other() {
    let open = |block, opening| Event::Open { choice: 0, block, opening };
    let tool = |id: &str| Opening::ToolCall { id: id.into(), name: "f".into(), signature: None };
    let delta = |block, delta| Event::Delta { choice: 0, block, delta };
    let close = |block| Event::Close { choice: 0, block };
    let events = [
        Event::Start { id: None, model: None, created: None },
        open(0, Opening::Text),
        delta(0, Delta::Text(String::new())),
        close(0),
        open(1, Opening::Thinking),
        open(2, tool("a")),
        open(3, tool("b")),
        delta(3, Delta::Arguments("{\"b\":".into())),
        delta(1, Delta::Thinking("hm".into())),
        delta(1, Delta::Signature("c2".into())),
        delta(1, Delta::Signature("ln".into())),
        delta(3, Delta::Arguments("1}".into())),
        close(1),
        close(3),
        Event::Ping,
        Event::Finish { choice: 0, reason: StopReason::EndTurn, stop_sequence: None },
        Event::Usage(Usage { input: Tokens(1), output: Tokens(2), ..Usage::default() }),
        Event::End,
    ];
    let index = |index: u32| json!({"contentBlockIndex": index});
    let piece = |index: u32, delta: Value| json!({"contentBlockIndex": index, "delta": delta});
    let start = |index: u32, id: &str| json!({"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": id, "name": "f"}}});
    let usage = json!({
        "inputTokens": 1, "outputTokens": 2, "totalTokens": 3,
        "cacheReadInputTokens": 0, "cacheWriteInputTokens": 0,
    });
    let expect = [
        ("messageStart", json!({"role": "assistant"})),
        ("contentBlockDelta", piece(0, json!({"reasoningContent": {"text": "hm"}}))),
        ("contentBlockDelta", piece(0, json!({"reasoningContent": {"signature": "c2ln"}}))),
        ("contentBlockStop", index(0)),
        ("contentBlockStart", start(1, "a")),
        ("contentBlockDelta", piece(1, json!({"toolUse": {"input": "{}"}}))),
        ("contentBlockStop", index(1)),
        ("contentBlockStart", start(2, "b")),
        ("contentBlockDelta", piece(2, json!({"toolUse": {"input": "{\"b\":1}"}}))),
        ("contentBlockStop", index(2)),
        ("messageStop", json!({"stopReason": "tool_use"})),
        ("metadata", json!({"usage": usage, "metrics": {"latencyMs": 0}})),
    ];
    let expect = expect.map(|(name, payload)| (name.to_owned(), payload));
    assert_eq!(told(&write(&events)), expect);
}

#[test]
fn a_provider_s_own_tools_are_kept_whole() {
    let called = json!({"toolUseId": "s", "name": "web", "type": "server_tool_use"});
    let result = json!({"toolUseId": "s", "type": "web_result", "status": "success"});
    let said = stream(&[
        ("messageStart", json!({"role": "assistant"})),
        ("contentBlockStart", json!({"contentBlockIndex": 0, "start": {"toolUse": called}})),
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{\"q\":1}"}}})),
        ("contentBlockStop", json!({"contentBlockIndex": 0})),
        ("contentBlockStart", json!({"contentBlockIndex": 1, "start": {"toolResult": result}})),
        ("contentBlockDelta", json!({"contentBlockIndex": 1, "delta": {"toolResult": [{"text": "found"}]}})),
        ("contentBlockStop", json!({"contentBlockIndex": 1})),
        ("contentBlockDelta", json!({"contentBlockIndex": 2, "delta": {"citation": {"title": "t"}}})),
        ("contentBlockDelta", json!({"contentBlockIndex": 2, "delta": {"text": "cited"}})),
        ("contentBlockStop", json!({"contentBlockIndex": 2})),
        ("messageStop", json!({"stopReason": "end_turn"})),
        ("metadata", json!({"usage": {"inputTokens": "?"}})),
    ]);
    let answer = fold(read(&said).unwrap());
    let json = |content: &Content| -> Value {
        let Content::Opaque { json, .. } = content else { panic!("{content:?}") };
        json.to().unwrap()
    };
    let [call, result, text] = &answer.choices[0].content[..] else { panic!("{answer:?}") };
    assert_eq!(
        json(call),
        json!({"toolUse": {"toolUseId": "s", "name": "web", "type": "server_tool_use", "input": {"q": 1}}})
    );
    assert_eq!(
        json(result),
        json!({"toolResult": {"toolUseId": "s", "type": "web_result", "status": "success", "content": [{"text": "found"}]}})
    );
    assert_eq!((text, answer.usage), (&Content::text("cited"), None));
}

#[test]
fn a_stream_that_breaks_off_says_so() {
    let events = frames([STREAM]);
    for end in 0..events.len() {
        let mut decoder = Bedrock.decoder();
        let mut forwarder = Bedrock.forwarder(&asked(STREAMED));
        for event in &events[..end] {
            decoder.push(event, &mut Vec::new()).unwrap();
            forwarder.push(Frame::Event(event.clone()), &mut Vec::new()).unwrap();
        }
        let ends = [decoder.end(&mut Vec::new()), forwarder.end(&mut Vec::new())];
        // Behind the end of the message, only what it cost may be missing.
        let expect = if end == events.len() - 1 { Ok(()) } else { Err(FaultKind::Cut) };
        for result in ends {
            assert_eq!(result.map_err(|fault| fault.kind), expect, "cut before event {end}");
        }
    }
}

#[test]
fn a_failure_of_any_name_is_one() {
    let mut frame = Vec::new();
    frames::write(&mut frame, FrameKind::Exception, "Throttled", |out| out.extend_from_slice(b"slow down"));
    let event = frames([&frame]).remove(0);
    let read = Bedrock.decoder().push(&event, &mut Vec::new()).unwrap_err();
    let passed = Bedrock.forwarder(&asked(STREAMED)).push(Frame::Event(event), &mut Vec::new()).unwrap_err();
    for fault in [read, passed] {
        let said = (fault.kind, fault.message.as_str(), fault.upstream_kind.as_deref());
        assert_eq!(said, (FaultKind::Server, "slow down", Some("Throttled")));
    }
    let tomorrow = frames([stream(&[("somethingNew", json!({}))])]).remove(0);
    assert_eq!(Bedrock.decoder().push(&tomorrow, &mut Vec::new()), Ok(()));
}

#[test]
fn what_follows_the_end_changes_nothing() {
    let more = stream(&[("throttlingException", json!({"message": "too late"}))]);
    let whole = [STREAM, &more].concat();
    assert_eq!(fold(read(&whole).unwrap()), fold(read(STREAM).unwrap()));
    let events = frames([&whole]).into_iter().map(Frame::Event).collect();
    let (out, result, _) = pass(Bedrock.forwarder(&asked(STREAMED)), events);
    assert_eq!((out, result), (whole, Ok(())));
}
