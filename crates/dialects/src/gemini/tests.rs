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
    Answer, Content, Conversation, Delivery, Event, Extras, Message, OutputFormat, Role, Sampling, Target,
};
use types::{DialectId, Fault, Frame, RequestId, StreamEvent, StreamForm, UnixTime};

use super::Gemini;
use crate::{
    Asked, Calls, Conduit, Conversational as _, DecodeError, Dialect as _, Fields, Fold, Head, PathSaid,
    Peek, Tally,
};

/// A stream with every kind of block.
const STREAM: &str = include_str!("../../fixtures/gemini/stream.sse");
/// How it is asked for.
const STREAMED: Delivery = Delivery::Stream { include_usage: true };

fn target(quirks: &[&str]) -> Target {
    Target {
        model: "gemini-upstream-1".into(),
        max_output_tokens: None,
        quirks: quirks.iter().map(ToString::to_string).collect(),
        strict: false,
    }
}

fn asked(delivery: Delivery, form: StreamForm) -> Asked {
    let request: RequestId = serde_json::from_value(Value::String(format!("{:032x}", 7))).unwrap();
    Asked {
        model: "gemini-public".into(),
        delivery,
        calls: Calls::Tools,
        form,
        vectors: crate::Vectors::default(),
        tool_names: crate::ToolNames::default(),
        request,
        at: UnixTime::from_secs(1),
        echo: Bytes::new(),
    }
}

/// What a path says, read by the routes of the language.
fn said(path: &str) -> PathSaid {
    Gemini.routes().iter().find_map(|route| route.read(path)).expect("a path of this language")
}

const PATH: &str = "/v1beta/models/gemini-public:generateContent";

fn decode_at(path: &str, body: &str) -> Result<Conversation, DecodeError> {
    let (headers, said) = (HeaderMap::new(), said(path));
    Gemini.decode_request(Head { headers: &headers, path: &said, query: None }, body.as_bytes())
}

fn decode(body: &str) -> Result<Conversation, DecodeError> {
    decode_at(PATH, body)
}

fn peek(path: &str, query: Option<&str>, body: &str) -> Result<Peek, DecodeError> {
    let (headers, said) = (HeaderMap::new(), said(path));
    let body = Bytes::copy_from_slice(body.as_bytes());
    let fields = Fields::scan(&body, 64).map_err(DecodeError::Json)?;
    Gemini.peek(Head { headers: &headers, path: &said, query }, &body, &fields)
}

/// A conversation of another language's caller.
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

fn call(id: &str, name: &str, arguments: &str, signature: Option<&str>) -> Content {
    Content::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        signature: signature.map(str::to_owned),
        cache: None,
    }
}

/// What an upstream reads of this conversation, and what was changed.
fn encode(conversation: &Conversation, quirks: &[&str]) -> (Value, Vec<String>) {
    let encoded = Gemini.encode_request(conversation, &target(quirks)).unwrap();
    let body = serde_json::from_slice(&encoded.body.concat()).unwrap();
    (body, encoded.changes.iter().map(ToString::to_string).collect())
}

/// The events of a stream whose lines end as Google ends them.
fn events(stream: &str) -> Vec<StreamEvent> {
    let stream = Bytes::copy_from_slice(stream.as_bytes());
    let raws = str::from_utf8(&stream).unwrap().split_inclusive("\r\n\r\n");
    raws.map(|raw| {
        let data = raw.strip_prefix("data: ").map_or("", |data| data.trim_end_matches(['\r', '\n']));
        let raw = stream.slice_ref(raw.as_bytes());
        let data = if data.is_empty() { Bytes::new() } else { stream.slice_ref(data.as_bytes()) };
        StreamEvent { raw, name: Bytes::new(), data }
    })
    .collect()
}

/// Reads a stream to its end.
fn read(stream: &str) -> Result<Vec<Event>, Fault> {
    let mut decoder = Gemini.decoder();
    let mut read = Vec::new();
    for event in events(stream) {
        decoder.push(&event, &mut read)?;
    }
    decoder.end(&mut read)?;
    Ok(read)
}

fn write(events: &[Event], form: StreamForm) -> String {
    let mut encoder = Gemini.encoder(&asked(STREAMED, form));
    let mut out = Vec::new();
    for event in events {
        encoder.push(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

fn fold(events: Vec<Event>) -> Answer {
    let mut fold = Fold::default();
    for event in events {
        fold.push(event).unwrap();
    }
    fold.finish()
}

/// What a conduit makes of these frames.
fn pass(
    mut conduit: Box<dyn Conduit>,
    frames: impl IntoIterator<Item = Frame>,
) -> (String, Result<(), Fault>, Tally) {
    let mut out = Vec::new();
    let pushed = frames.into_iter().try_for_each(|frame| conduit.push(frame, &mut out));
    let result = pushed.and_then(|()| conduit.end(&mut out));
    assert!(out.iter().all(|piece| !piece.is_empty()), "an empty piece would end the body");
    (String::from_utf8(out.concat()).unwrap(), result, conduit.tally().clone())
}
