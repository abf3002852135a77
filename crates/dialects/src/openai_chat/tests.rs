//! Behaviour of the language through the crate's public surface.

mod answers;
mod errors;
mod forwarding;
mod functions;
mod quirks;
mod recordings;
mod requests;
mod streams;

use bytes::Bytes;
use serde_json::Value;
use types::conversation::{Conversation, Delivery, Event, Target};
use types::{Fault, Frame, RequestId, StreamEvent, StreamForm, UnixTime};

use super::OpenAiChat;
use crate::trial::{self, fold, pass_text as pass, server_sent, target, told};
use crate::{Asked, Calls, Conversational, Dialect, EncodeError, Fields, Head, Tally};

const STREAM: Delivery = Delivery::Stream { include_usage: false };
const STREAM_WITH_USAGE: Delivery = Delivery::Stream { include_usage: true };

/// A stream of these data lines.
fn stream(data: &[&str]) -> String {
    data.iter().flat_map(|data| ["data: ", data, "\n\n"]).collect()
}

/// A chunk whose only choice is this.
fn chunk(choice: &str) -> String {
    format!(r#"{{"id":"chatcmpl-1","model":"m","created":5,"choices":[{choice}]}}"#)
}

/// A stream of the deltas of one choice, complete with a reason and `[DONE]`.
fn deltas(deltas: &[&str], finish: &str) -> String {
    let choices = deltas.iter().map(|delta| chunk(&format!(r#"{{"index":0,"delta":{delta}}}"#)));
    let last = chunk(&format!(r#"{{"index":0,"delta":{{}},"finish_reason":"{finish}"}}"#));
    let data: Vec<String> = choices.chain([last, "[DONE]".to_owned()]).collect();
    stream(&data.iter().map(String::as_str).collect::<Vec<_>>())
}

fn forward(stream: &str, asked: &Asked) -> (String, Result<(), Fault>, Tally) {
    pass(OpenAiChat.forwarder(asked), split(stream).into_iter().map(Frame::Event).collect())
}

fn conversation(body: &str) -> Conversation {
    OpenAiChat.decode_request(Head::of(&http::HeaderMap::new()), body.as_bytes()).unwrap()
}

fn asked(delivery: Delivery) -> Asked {
    Asked { at: UnixTime::from_secs(1_760_000_000), ..trial::asked(delivery, StreamForm::Events) }
}

fn split(stream: &str) -> Vec<StreamEvent> {
    server_sent(stream.replace("\r\n", "\n").as_bytes())
}

fn decode(stream: &str) -> Result<Vec<Event>, Fault> {
    trial::read(&OpenAiChat, &split(stream))
}

fn encode(events: &[Event], asked: &Asked) -> String {
    String::from_utf8(trial::write(&OpenAiChat, events, asked)).unwrap()
}

/// The request written for a target, and the changes as they are told.
fn written(conversation: &Conversation, target: &Target) -> (Value, Vec<String>) {
    told(&OpenAiChat.encode_request(conversation, target).unwrap())
}

fn adapted(body: &str, target: &Target) -> Result<(String, Vec<String>), EncodeError> {
    trial::adapted(&OpenAiChat, body, target)
}
