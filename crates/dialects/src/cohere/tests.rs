//! Tests of this language through its public face.

mod answers;
mod recordings;
mod requests;
mod streams;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use types::conversation::{
    Answer, Content, Conversation, Delivery, Event, Extras, Message, Role, Sampling, Target,
};
use types::{Fault, Frame, StreamEvent, StreamForm};

use super::Cohere;
use crate::trial::{self, call, fold, foreign, message, pass, server_sent as events, target};
use crate::{Asked, Conversational as _, DecodeError, Head};

/// A request with a message of every kind.
const REQUEST: &str = include_str!("../../fixtures/cohere/request.json");
/// A stream with an event of every kind.
const STREAM: &str = include_str!("../../fixtures/cohere/stream.sse");

const STREAMED: Delivery = Delivery::Stream { include_usage: true };

fn decode(body: &str) -> Result<Conversation, DecodeError> {
    Cohere.decode_request(Head::of(&HeaderMap::new()), body.as_bytes())
}

fn asked(delivery: Delivery) -> Asked {
    trial::asked(delivery, StreamForm::Events)
}

/// Reads a stream to its end.
fn read(stream: &[u8]) -> Result<Vec<Event>, Fault> {
    trial::read(&Cohere, &events(stream))
}

fn write(events: &[Event]) -> Vec<u8> {
    trial::write(&Cohere, events, &asked(STREAMED))
}
