//! Tests of this language through its public face.

mod answers;
mod recordings;
mod requests;
mod streams;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use types::conversation::{Answer, Content, Conversation, Delivery, Event, Message, Role, Sampling, Target};
use types::{Fault, Frame, StreamEvent, StreamForm};

use super::Ollama;
use crate::trial::{self, call, fold, foreign, message, pass, target};
use crate::{Asked, Conversational as _, DecodeError, Head};

/// A request with a message of every kind.
const REQUEST: &str = include_str!("../../fixtures/ollama/request.json");
/// A stream with a line of every kind.
const STREAM: &str = include_str!("../../fixtures/ollama/stream.ndjson");

const STREAMED: Delivery = Delivery::Stream { include_usage: true };

fn decode(body: &str) -> Result<Conversation, DecodeError> {
    Ollama.decode_request(Head::of(&HeaderMap::new()), body.as_bytes())
}

/// The lines of a stream.
fn lines(stream: &[u8]) -> Vec<StreamEvent> {
    let lines = stream.split_inclusive(|byte| *byte == b'\n').map(Bytes::copy_from_slice);
    lines.map(|raw| StreamEvent { name: Bytes::new(), data: raw.slice_ref(raw.trim_ascii()), raw }).collect()
}

fn asked(delivery: Delivery) -> Asked {
    trial::asked(delivery, StreamForm::Lines)
}

/// Reads a stream to its end.
fn read(stream: &[u8]) -> Result<Vec<Event>, Fault> {
    trial::read(&Ollama, &lines(stream))
}

fn write(events: &[Event]) -> Vec<u8> {
    trial::write(&Ollama, events, &asked(STREAMED))
}
