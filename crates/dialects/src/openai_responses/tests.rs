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
use crate::trial::{self, fold, pass_text as pass, server_sent, target, told};
use crate::{Asked, Conversational, Dialect, EncodeError, Fields, Head, Tally};

const STREAM: Delivery = Delivery::Stream { include_usage: true };

/// A stream of these data, each an event with or without a name.
fn stream(data: &[Value]) -> String {
    let data: Vec<String> = data.iter().map(|data| format!("data: {data}\n\n")).collect();
    data.concat()
}

fn forward(stream: &str, asked: &Asked) -> (String, Result<(), Fault>, Tally) {
    pass(OpenAiResponses.forwarder(asked), split(stream).into_iter().map(Frame::Event).collect())
}

fn conversation(body: &Value) -> Conversation {
    let headers = http::HeaderMap::new();
    OpenAiResponses.decode_request(Head::of(&headers), body.to_string().as_bytes()).unwrap()
}

fn asked(delivery: Delivery) -> Asked {
    Asked { at: UnixTime::from_secs(1_760_000_000), ..trial::asked(delivery, StreamForm::Events) }
}

fn split(stream: &str) -> Vec<StreamEvent> {
    server_sent(stream.replace("\r\n", "\n").as_bytes())
}

fn decode(stream: &str) -> Result<Vec<Event>, Fault> {
    trial::read(&OpenAiResponses, &split(stream))
}

fn encode(events: &[Event], asked: &Asked) -> String {
    String::from_utf8(trial::write(&OpenAiResponses, events, asked)).unwrap()
}

/// The request written for a target, and the changes as they are told.
fn written(conversation: &Conversation, target: &Target) -> (Value, Vec<String>) {
    told(&OpenAiResponses.encode_request(conversation, target).unwrap())
}

fn adapted(body: &str, target: &Target) -> Result<(String, Vec<String>), EncodeError> {
    trial::adapted(&OpenAiResponses, body, target)
}
