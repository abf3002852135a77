//! Tests of this language through its public face.

mod answers;
mod forwarding;
mod properties;
mod recordings;
mod requests;
mod streams;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use types::conversation::{
    Answer, Content, Conversation, Delivery, Event, Extras, OutputFormat, Role, Sampling, Target,
};
use types::{Fault, Frame, StreamEvent, StreamForm};

use super::Gemini;
use crate::trial::{self, fold, foreign, message, pass_text as pass, server_sent, told};
use crate::{Asked, Conversational as _, DecodeError, Dialect as _, Fields, Head, PathSaid, Peek, Tally};

/// A stream with every kind of block.
const STREAM: &str = include_str!("../../fixtures/gemini/stream.sse");
/// How it is asked for.
const STREAMED: Delivery = Delivery::Stream { include_usage: true };

/// What a path says, read by the routes of the language.
fn said(path: &str) -> PathSaid {
    Gemini.routes().iter().find_map(|route| route.read(path)).expect("a path of this language")
}

const PATH: &str = "/v1beta/models/gemini-public:generateContent";

fn decode_at(path: &str, body: &str) -> Result<Conversation, DecodeError> {
    let (headers, said) = (HeaderMap::new(), said(path));
    Gemini.decode_request(Head { path: &said, ..Head::of(&headers) }, body.as_bytes())
}

fn decode(body: &str) -> Result<Conversation, DecodeError> {
    decode_at(PATH, body)
}

fn peek(path: &str, query: Option<&str>, body: &str) -> Result<Peek, DecodeError> {
    let (headers, said) = (HeaderMap::new(), said(path));
    let body = Bytes::copy_from_slice(body.as_bytes());
    let fields = Fields::scan(&body, 64).map_err(DecodeError::Json)?;
    Gemini.peek(Head { path: &said, query, ..Head::of(&headers) }, &body, &fields)
}

fn call(id: &str, name: &str, arguments: &str, signature: Option<&str>) -> Content {
    Content::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        signature: signature.map(str::to_owned),
        cache: None,
    }
}

fn target(quirks: &[&str]) -> Target {
    Target { model: "gemini-upstream-1".into(), ..trial::target(quirks) }
}

fn asked(delivery: Delivery, form: StreamForm) -> Asked {
    Asked { model: "gemini-public".into(), ..trial::asked(delivery, form) }
}

/// What an upstream reads of this conversation, and what was changed.
fn encode(conversation: &Conversation, quirks: &[&str]) -> (Value, Vec<String>) {
    told(&Gemini.encode_request(conversation, &target(quirks)).unwrap())
}

fn events(stream: &str) -> Vec<StreamEvent> {
    server_sent(stream.as_bytes())
}

/// Reads a stream to its end.
fn read(stream: &str) -> Result<Vec<Event>, Fault> {
    trial::read(&Gemini, &events(stream))
}

fn write(events: &[Event], form: StreamForm) -> String {
    String::from_utf8(trial::write(&Gemini, events, &asked(STREAMED, form))).unwrap()
}
