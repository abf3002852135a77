//! Tests of this language through its public face.

mod answers;
mod properties;
mod requests;
mod streams;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use types::conversation::{
    Content, Conversation, Delivery, Extras, Message, OutputFormat, Role, Sampling, Target,
};
use types::{DialectId, RequestId, StreamEvent, StreamForm, UnixTime};

use super::Anthropic;
use crate::{Asked, Calls, Conversational as _, Fold, Vectors};

/// A stream with every kind of block.
const STREAM: &str = include_str!("../../fixtures/anthropic/stream.sse");

fn headers(version: &str) -> HeaderMap {
    HeaderMap::from_iter([(http::HeaderName::from_static("anthropic-version"), version.parse().unwrap())])
}

fn target(quirks: &[&str]) -> Target {
    Target {
        model: "claude-upstream-1".into(),
        max_output_tokens: None,
        quirks: quirks.iter().map(ToString::to_string).collect(),
        strict: false,
    }
}

fn asked(delivery: Delivery) -> Asked {
    let request = request_id(7);
    Asked {
        model: "claude-public".into(),
        delivery,
        calls: Calls::Tools,
        form: StreamForm::Events,
        vectors: Vectors::default(),
        tool_names: crate::ToolNames::default(),
        request,
        at: UnixTime::from_secs(1),
        echo: Bytes::new(),
    }
}

/// A request id that prints as this number in 32 hexadecimal digits.
fn request_id(number: u128) -> RequestId {
    serde_json::from_value(Value::String(format!("{number:032x}"))).unwrap()
}

/// A conversation of another dialect's caller.
fn foreign(messages: Vec<Message>) -> Conversation {
    Conversation {
        model: "claude-public".into(),
        messages,
        prompt_is_apart: false,
        tools: vec![],
        tool_choice: None,
        parallel_tool_calls: None,
        sampling: Sampling { max_tokens: Some(100_000), ..Sampling::default() },
        reasoning: None,
        format: OutputFormat::Text,
        delivery: Delivery::Whole,
        user: None,
        extras: Extras { dialect: Some(DialectId("another")), fields: vec![] },
    }
}

fn message(role: Role, content: impl IntoIterator<Item = Content>) -> Message {
    Message { role, content: content.into_iter().collect(), name: None }
}

/// The events of a stream, however its bytes were cut: a small parser that knows `\n` only.
fn events(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<StreamEvent> {
    let mut buffer = Vec::new();
    let mut events = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece.as_ref());
        while let Some(end) = memchr::memmem::find(&buffer, b"\n\n") {
            let rest = buffer.split_off(end + 2);
            events.push(event(std::mem::replace(&mut buffer, rest)));
        }
    }
    assert!(buffer.is_empty(), "half an event is left");
    events
}

fn event(raw: Vec<u8>) -> StreamEvent {
    let raw = Bytes::from(raw);
    let field = |line: &[u8], name: &[u8]| {
        let value = line.strip_prefix(name)?.strip_prefix(b":")?;
        Some(raw.slice_ref(value.strip_prefix(b" ").unwrap_or(value)))
    };
    let lines = || raw.split(|byte| *byte == b'\n');
    let name = lines().find_map(|line| field(line, b"event")).unwrap_or_default();
    let data: Vec<Bytes> = lines().filter_map(|line| field(line, b"data")).collect();
    let data = if let [one] = &data[..] { one.clone() } else { data.join(&b'\n').into() };
    StreamEvent { name, data, raw: raw.clone() }
}

/// Reads a stream to its end.
fn read(stream: &[u8]) -> Vec<types::conversation::Event> {
    let mut decoder = Anthropic.decoder();
    let mut read = Vec::new();
    for event in events([stream]) {
        decoder.push(&event, &mut read).unwrap();
    }
    decoder.end(&mut read).unwrap();
    read
}

fn fold(events: Vec<types::conversation::Event>) -> types::conversation::Answer {
    let mut fold = Fold::default();
    for event in events {
        fold.push(event).unwrap();
    }
    fold.finish()
}
