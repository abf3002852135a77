//! Tests of this language through its public face.

mod answers;
mod recordings;
mod requests;
mod streams;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use types::conversation::{
    Answer, Content, Conversation, Delivery, Event, Extras, Message, OutputFormat, Role, Sampling, Target,
};
use types::{DialectId, Fault, Frame, RequestId, StreamEvent, StreamForm, UnixTime};

use super::Cohere;
use crate::{Asked, Calls, Conduit, Conversational as _, DecodeError, Fold, Head, Tally, ToolNames, Vectors};

/// A request with a message of every kind.
const REQUEST: &str = include_str!("../../fixtures/cohere/request.json");
/// A stream with an event of every kind.
const STREAM: &str = include_str!("../../fixtures/cohere/stream.sse");

const STREAMED: Delivery = Delivery::Stream { include_usage: true };

fn decode(body: &str) -> Result<Conversation, DecodeError> {
    Cohere.decode_request(Head::of(&HeaderMap::new()), body.as_bytes())
}

fn target(quirks: &[&str]) -> Target {
    Target {
        model: "upstream".into(),
        max_output_tokens: None,
        quirks: quirks.iter().map(ToString::to_string).collect(),
        strict: false,
    }
}

fn asked(delivery: Delivery) -> Asked {
    let request: RequestId = serde_json::from_value(Value::String(format!("{:032x}", 7))).unwrap();
    Asked {
        model: "public".into(),
        delivery,
        calls: Calls::Tools,
        form: StreamForm::Events,
        vectors: Vectors::default(),
        tool_names: ToolNames::default(),
        request,
        at: UnixTime::from_secs(1),
        echo: Bytes::new(),
    }
}

/// A conversation of another dialect's caller.
fn foreign(messages: Vec<Message>) -> Conversation {
    Conversation {
        model: "public".into(),
        messages,
        prompt_is_apart: false,
        tools: vec![],
        tool_choice: None,
        parallel_tool_calls: None,
        sampling: Sampling::default(),
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

fn call(id: &str, name: &str, arguments: &str) -> Content {
    Content::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        signature: None,
        cache: None,
    }
}

/// The events of a stream whose lines end in `\n`.
fn events(stream: &[u8]) -> Vec<StreamEvent> {
    let text = std::str::from_utf8(stream).unwrap();
    let event = |raw: &str| {
        let raw = Bytes::copy_from_slice(raw.as_bytes());
        let field = |name: &str| {
            let text = std::str::from_utf8(&raw).unwrap();
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value.map(|value| raw.slice_ref(value.as_bytes())).unwrap_or_default()
        };
        StreamEvent { name: field("event"), data: field("data"), raw: raw.clone() }
    };
    text.split_inclusive("\n\n").map(event).collect()
}

/// Reads a stream to its end.
fn read(stream: &[u8]) -> Result<Vec<Event>, Fault> {
    let (mut decoder, mut read) = (Cohere.decoder(), Vec::new());
    for event in events(stream) {
        decoder.push(&event, &mut read)?;
    }
    decoder.end(&mut read)?;
    Ok(read)
}

fn fold(events: Vec<Event>) -> Answer {
    let mut fold = Fold::default();
    for event in events {
        fold.push(event).unwrap();
    }
    fold.finish()
}

fn write(events: &[Event]) -> Vec<u8> {
    let (mut encoder, mut out) = (Cohere.encoder(&asked(STREAMED)), Vec::new());
    for event in events {
        encoder.push(event, &mut out);
    }
    out
}

/// What a caller reads, how it ended and what was counted.
fn pass(mut conduit: Box<dyn Conduit>, frames: Vec<Frame>) -> (Vec<u8>, Result<(), Fault>, Tally) {
    let mut out = Vec::new();
    let pushed = frames.into_iter().try_for_each(|frame| conduit.push(frame, &mut out));
    let result = pushed.and_then(|()| conduit.end(&mut out));
    (out.concat(), result, conduit.tally().clone())
}
