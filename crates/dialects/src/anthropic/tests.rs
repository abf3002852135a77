//! Tests of this language through its public face.

mod answers;
mod properties;
mod requests;
mod streams;

use http::HeaderMap;
use types::conversation::{Conversation, Delivery, Event, Message, Sampling, Target};
use types::{StreamEvent, StreamForm};

use super::Anthropic;
use crate::Asked;
use crate::trial::{self, fold, message, request_id, server_sent};

/// A stream with every kind of block.
const STREAM: &str = include_str!("../../fixtures/anthropic/stream.sse");

fn headers(version: &str) -> HeaderMap {
    HeaderMap::from_iter([(http::HeaderName::from_static("anthropic-version"), version.parse().unwrap())])
}

fn target(quirks: &[&str]) -> Target {
    Target { model: "claude-upstream-1".into(), ..trial::target(quirks) }
}

fn asked(delivery: Delivery) -> Asked {
    Asked { model: "claude-public".into(), ..trial::asked(delivery, StreamForm::Events) }
}

/// A conversation of another language's caller.
fn foreign(messages: Vec<Message>) -> Conversation {
    let sampling = Sampling { max_tokens: Some(100_000), ..Sampling::default() };
    Conversation { model: "claude-public".into(), sampling, ..trial::foreign(messages) }
}

/// The events of a stream, however its bytes were cut.
fn events(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<StreamEvent> {
    let pieces: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.as_ref().to_vec()).collect();
    server_sent(&pieces)
}

/// Reads a stream to its end.
fn read(stream: &[u8]) -> Vec<Event> {
    trial::read(&Anthropic, &events([stream])).unwrap()
}
