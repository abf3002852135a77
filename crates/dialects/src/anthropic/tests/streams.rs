//! Streams: read, written, passed through.

use bytes::Bytes;
use serde_json::Value;
use types::conversation::{Content, Delivery, Delta, Event, Opening, StopReason};
use types::{FaultKind, Frame, Json, StreamEvent, Tokens, Units, Usage};

use super::{Anthropic, STREAM, asked, events, fold, read};
use crate::{Conversational as _, Dialect as _};

const STREAMED: Delivery = Delivery::Stream { include_usage: true };

/// Checks what every stream of this language has to obey, and gives back its events' data.
#[track_caller]
pub(super) fn validate(stream: &[u8]) -> Vec<Value> {
    let mut open = None;
    let mut next = 0;
    let mut pieces = 0;
    let mut all: Vec<Value> = Vec::new();
    for event in events([stream]) {
        let data: Value = serde_json::from_slice(&event.data).unwrap();
        assert_eq!(data["type"].as_str().unwrap().as_bytes(), event.name, "the name says the type");
        assert_eq!(all.is_empty(), data["type"] == "message_start", "message_start is first and once");
        match data["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!(open, None, "blocks do not interleave");
                assert_eq!(data["index"], next, "indices have no gaps");
                (open, pieces, next) =
                    (data["content_block"]["type"].as_str().map(str::to_owned), 0, next + 1);
            }
            "content_block_delta" => {
                assert!(open.is_some(), "a delta lies in a block");
                assert_eq!(data["index"], next - 1);
                pieces += usize::from(data["delta"]["type"] == "input_json_delta");
            }
            "content_block_stop" => {
                assert!(open.take().unwrap() != "tool_use" || pieces > 0, "a tool has at least one piece");
            }
            _ => {}
        }
        all.push(data);
    }
    assert_eq!(open, None, "every block is closed");
    assert_eq!(all.iter().filter(|data| data["type"] == "message_delta").count(), 1);
    assert_eq!(all[all.len() - 2]["type"], "message_delta");
    assert_eq!(all[all.len() - 1]["type"], "message_stop");
    all
}

pub(super) fn write(events: &[Event]) -> Vec<u8> {
    let mut encoder = Anthropic.encoder(&asked(STREAMED));
    let mut out = Vec::new();
    for event in events {
        encoder.push(event, &mut out);
    }
    out
}

fn open(block: u32, opening: Opening) -> Event {
    Event::Open { choice: 0, block, opening }
}

fn tool(id: &str) -> Opening {
    Opening::ToolCall { id: id.into(), name: "f".into(), signature: None }
}

fn delta(block: u32, delta: Delta) -> Event {
    Event::Delta { choice: 0, block, delta }
}

fn close(block: u32) -> Event {
    Event::Close { choice: 0, block }
}

fn usage() -> Usage {
    Usage {
        input: Tokens(11),
        cache_read: Tokens(3),
        cache_write_5m: Tokens(2),
        cache_write_1h: Tokens(5),
        output: Tokens(30),
        reasoning: Tokens(10),
        units: Units { web_search: 1, ..Units::default() },
        ..Usage::default()
    }
}

#[test]
fn a_stream_with_every_kind_of_block_is_read() {
    let answer = fold(read(STREAM.as_bytes()));
    let call = |id: &str, name: &str, arguments: &str| Content::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        signature: None,
        cache: None,
    };
    let search =
        r#"{"id":"srvtoolu_1","input":{"query":"weather"},"name":"web_search","type":"server_tool_use"}"#;
    let cited = r#"[{"source":{"document":{"index":0,"unit":"letter","start":0,"end":0}},"title":"","quoted":"","start":0,"end":14,"own":["anthropic",{"type":"char_location"}]}]"#;
    let expect = [
        Content::Thinking { text: "Hmä. ".into(), signature: Some("c2lnbmF0dXJl".into()) },
        Content::Opaque { kind: "anthropic:server_tool_use".into(), json: Json::parse(search).unwrap() },
        Content::text("Let me \"look\"."),
        Content::Opaque { kind: "citations".into(), json: Json::parse(cited).unwrap() },
        call("toolu_1", "get_weather", r#"{"city": "Oslo"}"#),
        call("toolu_2", "get_time", "{}"),
    ];
    assert_eq!(answer.choices[0].content, expect);
    assert_eq!(answer.choices[0].stop, Some(StopReason::ToolUse));
    assert_eq!(answer.usage, Some(usage()));
    assert_eq!((answer.id.as_deref(), answer.model.as_deref()), (Some("msg_01"), Some("claude-upstream-1")));
}

#[test]
fn a_stream_that_is_read_and_written_says_the_same() {
    let read_once = read(STREAM.as_bytes());
    let written = write(&read_once);
    validate(&written);
    let mut answer = fold(read(&written));
    assert_eq!(answer.model.replace("claude-upstream-1".into()).as_deref(), Some("claude-public"));
    assert_eq!(answer, fold(read_once));
}

#[test]
fn a_stream_passes_through_but_for_the_model() {
    let mut forwarder = Anthropic.forwarder(&asked(STREAMED));
    let mut out = Vec::new();
    let frames = events([STREAM]);
    let (last, rest) = frames.split_last().unwrap();
    for (index, event) in rest.iter().enumerate() {
        // message_start, an empty block and a ping carry nothing yet.
        assert_eq!(forwarder.tally().has_content, index > 3, "before event {index}");
        forwarder.push(Frame::Event(event.clone()), &mut out).unwrap();
    }
    assert_eq!(forwarder.end(&mut out).unwrap_err().kind, FaultKind::Cut);
    forwarder.push(Frame::Event(last.clone()), &mut out).unwrap();
    forwarder.end(&mut out).unwrap();
    let expect = STREAM.replace("claude-upstream-1", "claude-public");
    assert_eq!(std::str::from_utf8(&out.concat()).unwrap(), expect);
    let tally = forwarder.tally();
    assert_eq!((tally.usage, tally.stop), (Some(usage()), Some(StopReason::ToolUse)));
    assert_eq!((tally.id.as_deref(), tally.model.as_deref()), (Some("msg_01"), Some("claude-upstream-1")));
    let said = "Hm\\u00e4. ".len()
        + "{\"query\": \"weather\"}".len()
        + "Let me \"look\".".len()
        + "{\"city\": \"Oslo\"}".len();
    assert_eq!(tally.output_bytes, said as u64 - 1, "the escape of one letter counts by its digits");
}

#[test]
fn untouched_frames_are_not_copied() {
    let mut asked = asked(STREAMED);
    asked.model = "claude-upstream-1".into();
    let mut forwarder = Anthropic.forwarder(&asked);
    for event in events([STREAM]) {
        let mut out = Vec::new();
        forwarder.push(Frame::Event(event.clone()), &mut out).unwrap();
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].as_ptr(), event.raw.as_ptr());
    }
}

#[track_caller]
fn check_forwarded(raw: &str, expect: &str) {
    let mut out = Vec::new();
    let mut forwarder = Anthropic.forwarder(&asked(STREAMED));
    for event in events([raw]) {
        forwarder.push(Frame::Event(event), &mut out).unwrap();
    }
    assert_eq!(std::str::from_utf8(&out.concat()).unwrap(), expect);
}

#[test]
fn what_relays_do_to_a_stream_is_mended() {
    check_forwarded("data: {\"type\":\"ping\"}\n\n", "event: ping\ndata: {\"type\":\"ping\"}\n\n");
    check_forwarded("event: data\ndata: [DONE]\n\n", "");
    check_forwarded(": keep-alive\n\n", ": keep-alive\n\n");
    check_forwarded(
        "event: message_start\ndata: {\"type\":\"message_start\",\ndata: \"message\":{\"model\":\"x\"}}\n\n",
        "event: message_start\ndata: {\"type\":\"message_start\",\ndata: \"message\":{\"model\":\"claude-public\"}}\n\n",
    );
}

#[track_caller]
fn check_fault(raw: &str, kind: FaultKind) {
    let event = events([raw]).remove(0);
    let mut read = Vec::new();
    assert_eq!(Anthropic.decoder().push(&event, &mut read).unwrap_err().kind, kind);
    let mut out = Vec::new();
    let fault = Anthropic.forwarder(&asked(STREAMED)).push(Frame::Event(event), &mut out).unwrap_err();
    assert_eq!((fault.kind, out.len()), (kind, 0));
}

#[test]
fn an_error_inside_a_stream_is_a_fault() {
    let error = |kind: &str| {
        format!(
            "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":\"x\"}}}}\n\n"
        )
    };
    check_fault(&error("overloaded_error"), FaultKind::Overloaded);
    check_fault(&error("invalid_request_error"), FaultKind::Invalid);
    check_fault(&error("api_error"), FaultKind::Server);
    check_fault("event: content_block_delta\ndata: {\"type\":\n\n", FaultKind::Unreadable);
    check_fault(
        "data: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\"}}\n\n",
        FaultKind::Overloaded,
    );
}

#[test]
fn a_stream_that_ends_early_is_a_fault() {
    let mut decoder = Anthropic.decoder();
    assert_eq!(decoder.end(&mut Vec::new()).unwrap_err().kind, FaultKind::Cut);
}

#[test]
fn parallel_tools_are_written_one_after_the_other() {
    let piece = |block, text: &str| delta(block, Delta::Arguments(text.into()));
    let written = write(&[
        Event::Start { id: Some("chatcmpl-1".into()), model: None, created: None },
        Event::Ping,
        open(0, Opening::Text),
        delta(0, Delta::Text("hi".into())),
        close(0),
        open(1, tool("a")),
        open(2, tool("b")),
        piece(2, "{\"b\""),
        piece(1, "{\"a\""),
        piece(2, ":2}"),
        piece(1, ":1}"),
        open(3, tool("c")),
        piece(3, "null"),
        close(2),
        Event::Finish { choice: 0, reason: StopReason::EndTurn, stop_sequence: None },
        Event::Usage(usage()),
        Event::End,
        Event::End,
    ]);
    let data = validate(&written);
    let pieces: Vec<&str> = data.iter().filter_map(|data| data["delta"]["partial_json"].as_str()).collect();
    assert_eq!(pieces, ["{\"a\"", ":1}", "{\"b\":2}", "{}"]);
    let last = &data[data.len() - 2];
    assert_eq!(last["delta"]["stop_reason"], "tool_use");
    assert_eq!(last["usage"]["output_tokens"], 40);
    assert_eq!(data[0]["message"]["id"], "msg_00000000000000000000000000000007");
}

#[test]
fn what_this_language_has_no_word_for_leaves_no_trace() {
    let foreign = Opening::Opaque { kind: "audio".into(), json: Json::parse("{}").unwrap() };
    let written = write(&[
        Event::Ping,
        Event::Start { id: None, model: None, created: None },
        open(0, foreign),
        delta(0, Delta::Text("x".into())),
        Event::Open { choice: 1, block: 0, opening: Opening::Text },
        close(0),
        open(1, Opening::Thinking),
        delta(1, Delta::Signature("a".into())),
        delta(1, Delta::Signature("b".into())),
        close(1),
        open(2, Opening::Refusal),
        delta(2, Delta::Refusal("no".into())),
        Event::End,
    ]);
    let data = validate(&written);
    let types: Vec<&str> = data.iter().filter_map(|data| data["type"].as_str()).collect();
    let block = ["content_block_start", "content_block_delta", "content_block_stop"];
    let expect = [&["message_start"], &block[..], &block[..], &["message_delta", "message_stop"]].concat();
    assert_eq!(types, expect);
    assert_eq!(data[2]["delta"]["signature"], "ab");
    assert_eq!(data[data.len() - 2]["delta"]["stop_reason"], "refusal");
}

#[test]
fn an_event_without_data_is_a_sign_of_life() {
    let event = StreamEvent { raw: Bytes::from_static(b": x\n\n"), ..StreamEvent::default() };
    let mut read = Vec::new();
    Anthropic.decoder().push(&event, &mut read).unwrap();
    assert_eq!(read, [Event::Ping]);
}
