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
use types::{Fault, Frame, StreamEvent, StreamForm};

use super::Bedrock;
use crate::frames::FrameParser;
use crate::trial::{self, fold, foreign, message, pass, target};
use crate::{Asked, Conversational as _, DecodeError, Head, PathSaid, Streams};

/// A request with a block of every kind.
const REQUEST: &str = include_str!("../../fixtures/bedrock/request.json");
/// A stream with a block of every kind.
const STREAM: &[u8] = include_bytes!("../../fixtures/bedrock/stream.frames");

fn path(streams: Streams) -> PathSaid {
    PathSaid { model: Some("public".into()), streams, ..PathSaid::default() }
}

/// Reads a request for a whole answer.
fn decode(body: &str) -> Result<Conversation, DecodeError> {
    let (headers, path) = (HeaderMap::new(), path(Streams::Never));
    Bedrock.decode_request(Head { path: &path, ..Head::of(&headers) }, body.as_bytes())
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

/// The names and payloads of a written stream.
fn told(stream: &[u8]) -> Vec<(String, Value)> {
    let part = |event: StreamEvent| {
        let name = String::from_utf8(event.name.to_vec()).unwrap();
        (name, serde_json::from_slice(&event.data).unwrap())
    };
    frames([stream]).into_iter().map(part).collect()
}

fn asked(delivery: Delivery) -> Asked {
    trial::asked(delivery, StreamForm::Frames)
}

/// Reads a stream to its end.
fn read(stream: &[u8]) -> Result<Vec<Event>, Fault> {
    trial::read(&Bedrock, &frames([stream]))
}

fn write(events: &[Event]) -> Vec<u8> {
    trial::write(&Bedrock, events, &asked(Delivery::Stream { include_usage: true }))
}
