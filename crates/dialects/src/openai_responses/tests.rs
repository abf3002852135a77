//! Behaviour of the language through the crate's public surface.

mod answers;
mod forwarding;
mod recordings;
mod requests;
mod streams;

use bytes::Bytes;
use serde_json::Value;
use types::conversation::{Conversation, Delivery, Event, Target};
use types::{Fault, Frame, RequestId, StreamEvent, StreamForm, UnixTime};

use super::OpenAiResponses;
use crate::{Asked, Calls, Conduit, Conversational, Dialect, EncodeError, Fields, Fold, Head, Tally};

const STREAM: Delivery = Delivery::Stream { include_usage: true };

fn asked(delivery: Delivery) -> Asked {
    let request: RequestId = serde_json::from_str("\"00000000000000000000000000000007\"").unwrap();
    Asked {
        model: "public".into(),
        delivery,
        calls: Calls::Tools,
        form: StreamForm::Events,
        vectors: crate::Vectors::default(),
        tool_names: crate::ToolNames::default(),
        request,
        at: UnixTime::from_secs(1_760_000_000),
        echo: Bytes::new(),
    }
}

fn target(quirks: &[&str]) -> Target {
    Target {
        model: "upstream".into(),
        max_output_tokens: None,
        quirks: quirks.iter().map(|quirk| (*quirk).to_owned()).collect(),
        strict: false,
    }
}

/// The events of a stream written with line feeds.
fn split(stream: &str) -> Vec<StreamEvent> {
    let events = stream.replace("\r\n", "\n");
    let events = events.split_inclusive("\n\n").filter(|event| !event.trim().is_empty());
    events.map(|raw| event(raw.to_owned())).collect()
}

fn event(raw: String) -> StreamEvent {
    let raw = Bytes::from(raw);
    let field = |name: &str| {
        let lines = str::from_utf8(&raw).unwrap().lines().filter_map(|line| line.strip_prefix(name));
        let lines: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        // As the parser does: one line stays a slice.
        if let [one] = lines[..] { raw.slice_ref(one.as_bytes()) } else { lines.join("\n").into() }
    };
    StreamEvent { name: field("event:"), data: field("data:"), raw: raw.clone() }
}

/// A stream of these data, each an event with or without a name.
fn stream(data: &[Value]) -> String {
    let data: Vec<String> = data.iter().map(|data| format!("data: {data}\n\n")).collect();
    data.concat()
}

fn decode(stream: &str) -> Result<Vec<Event>, Fault> {
    let mut decoder = OpenAiResponses.decoder();
    let mut events = Vec::new();
    for event in split(stream) {
        decoder.push(&event, &mut events)?;
    }
    decoder.end(&mut events)?;
    Ok(events)
}

fn encode(events: &[Event], asked: &Asked) -> String {
    let mut encoder = OpenAiResponses.encoder(asked);
    let mut out = Vec::new();
    for event in events {
        encoder.push(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

fn fold(events: Vec<Event>) -> types::conversation::Answer {
    let mut fold = Fold::default();
    for event in events {
        fold.push(event).unwrap();
    }
    fold.finish()
}

/// What a conduit makes of these frames.
fn pass(mut conduit: Box<dyn Conduit>, frames: Vec<Frame>) -> (String, Result<(), Fault>, Tally) {
    let mut out = Vec::new();
    let result = frames.into_iter().try_for_each(|frame| conduit.push(frame, &mut out));
    let result = result.and_then(|()| conduit.end(&mut out));
    (String::from_utf8(out.concat()).unwrap(), result, conduit.tally().clone())
}

fn forward(stream: &str, asked: &Asked) -> (String, Result<(), Fault>, Tally) {
    pass(OpenAiResponses.forwarder(asked), split(stream).into_iter().map(Frame::Event).collect())
}

fn conversation(body: &Value) -> Conversation {
    let headers = http::HeaderMap::new();
    OpenAiResponses.decode_request(Head::of(&headers), body.to_string().as_bytes()).unwrap()
}

/// The request written for a target, and the changes as they are told.
fn written(conversation: &Conversation, target: &Target) -> (Value, Vec<String>) {
    let encoded = OpenAiResponses.encode_request(conversation, target).unwrap();
    let body = serde_json::from_slice(&encoded.body.concat()).unwrap();
    (body, encoded.changes.iter().map(ToString::to_string).collect())
}

fn adapted(body: &str, target: &Target) -> Result<(String, Vec<String>), EncodeError> {
    let body = Bytes::from(body.to_owned());
    let fields = Fields::scan(&body, 64).unwrap();
    let encoded = OpenAiResponses.adapt_request(&body, &fields, target)?;
    let changes = encoded.changes.iter().map(ToString::to_string).collect();
    Ok((String::from_utf8(encoded.body.concat()).unwrap(), changes))
}
