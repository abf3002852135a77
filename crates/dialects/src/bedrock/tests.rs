//! Tests of this language through its public face.

mod answers;
mod errors;
mod properties;
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

use super::Bedrock;
use crate::frames::FrameParser;
use crate::{
    Asked, Calls, Conduit, Conversational as _, DecodeError, Fold, Head, PathSaid, Streams, Tally, ToolNames,
    Vectors,
};

/// A request with a block of every kind.
const REQUEST: &str = include_str!("../../fixtures/bedrock/request.json");
/// A stream with a block of every kind.
const STREAM: &[u8] = include_bytes!("../../fixtures/bedrock/stream.frames");

fn path(streams: Streams) -> PathSaid {
    PathSaid { model: Some("public".into()), streams }
}

/// Reads a request for a whole answer.
fn decode(body: &str) -> Result<Conversation, DecodeError> {
    let (headers, path) = (HeaderMap::new(), path(Streams::Never));
    Bedrock.decode_request(Head { path: &path, ..Head::of(&headers) }, body.as_bytes())
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
        form: StreamForm::Frames,
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

/// The frames of a stream, however its bytes were cut.
fn frames(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<StreamEvent> {
    let mut parser = FrameParser::new(1 << 20);
    let mut events = Vec::new();
    for piece in pieces {
        parser.push(Bytes::copy_from_slice(piece.as_ref()));
        while let Some(event) = parser.next().unwrap() {
            events.push(event);
        }
    }
    events
}

/// Reads a stream to its end.
fn read(stream: &[u8]) -> Result<Vec<Event>, Fault> {
    let mut decoder = Bedrock.decoder();
    let mut read = Vec::new();
    for event in frames([stream]) {
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
    let mut encoder = Bedrock.encoder(&asked(Delivery::Stream { include_usage: true }));
    let mut out = Vec::new();
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

/// The names and payloads of a written stream.
fn told(stream: &[u8]) -> Vec<(String, Value)> {
    let part = |event: StreamEvent| {
        let name = String::from_utf8(event.name.to_vec()).unwrap();
        (name, serde_json::from_slice(&event.data).unwrap())
    };
    frames([stream]).into_iter().map(part).collect()
}
