//! What the tests of every language begin with: a target, a caller, a conversation of another language's, the events of
//! a stream, and what becomes of them.

use bytes::Bytes;
use serde_json::Value;
use types::conversation::{
    Answer, Content, Conversation, Delivery, Event, Extras, Message, OutputFormat, Role, Sampling, Target,
};
use types::{DialectId, Fault, Frame, RequestId, StreamEvent, StreamForm, UnixTime};

use crate::{
    Asked, Calls, Conduit, Conversational, EncodeError, Encoded, Fields, Fold, Tally, ToolNames, Vectors,
};

/// A model with these quirks.
pub(crate) fn target(quirks: &[&str]) -> Target {
    Target {
        model: "upstream".into(),
        max_output_tokens: None,
        quirks: quirks.iter().map(|quirk| (*quirk).to_owned()).collect(),
        strict: false,
    }
}

/// A caller that reads streams in this form.
pub(crate) fn asked(delivery: Delivery, form: StreamForm) -> Asked {
    Asked {
        model: "public".into(),
        delivery,
        calls: Calls::Tools,
        form,
        vectors: Vectors::default(),
        tool_names: ToolNames::default(),
        request: request_id(7),
        at: UnixTime::from_secs(1),
        echo: Bytes::new(),
    }
}

/// A request id that prints as this number in 32 hexadecimal digits.
pub(crate) fn request_id(number: u128) -> RequestId {
    serde_json::from_value(Value::String(format!("{number:032x}"))).unwrap()
}

/// A conversation of another language's caller.
pub(crate) fn foreign(messages: Vec<Message>) -> Conversation {
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

pub(crate) fn message(role: Role, content: impl IntoIterator<Item = Content>) -> Message {
    Message { role, content: content.into_iter().collect(), name: None }
}

/// What makes the turns before it earlier ones: an answer, and the next question.
pub(crate) fn answered() -> [Message; 2] {
    [message(Role::Assistant, [Content::text("seen")]), message(Role::User, [Content::text("next")])]
}

/// A call of a tool without a proof.
pub(crate) fn call(id: &str, name: &str, arguments: &str) -> Content {
    Content::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        signature: None,
        cache: None,
    }
}

/// What is written as JSON, and the changes as they are told.
pub(crate) fn told(encoded: &Encoded) -> (Value, Vec<String>) {
    let body = serde_json::from_slice(&encoded.body.concat()).unwrap();
    (body, encoded.changes.iter().map(ToString::to_string).collect())
}

/// The server-sent events of a stream, whose lines all end alike.
pub(crate) fn server_sent(stream: &[u8]) -> Vec<StreamEvent> {
    let text = std::str::from_utf8(stream).unwrap();
    let end = if text.contains("\r\n") { "\r\n\r\n" } else { "\n\n" };
    let events = text.split_inclusive(end).filter(|event| !event.trim().is_empty());
    events.map(|raw| event(&Bytes::copy_from_slice(raw.as_bytes()))).collect()
}

/// The event that these bytes are.
pub(crate) fn event(raw: &Bytes) -> StreamEvent {
    let field = |name: &str| {
        let lines = std::str::from_utf8(raw).unwrap().lines().filter_map(|line| line.strip_prefix(name));
        let lines: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        // As the parser does: one line stays a slice.
        if let [one] = lines[..] { raw.slice_ref(one.as_bytes()) } else { lines.join("\n").into() }
    };
    StreamEvent { name: field("event:"), data: field("data:"), raw: raw.clone() }
}

/// Reads a stream to its end.
pub(crate) fn read(language: &dyn Conversational, said: &[StreamEvent]) -> Result<Vec<Event>, Fault> {
    let (mut decoder, mut events) = (language.decoder(), Vec::new());
    said.iter().try_for_each(|event| decoder.push(event, &mut events))?;
    decoder.end(&mut events)?;
    Ok(events)
}

/// The stream that a caller is told these events in.
pub(crate) fn write(language: &dyn Conversational, events: &[Event], asked: &Asked) -> Vec<u8> {
    let (mut encoder, mut out) = (language.encoder(asked), Vec::new());
    for event in events {
        encoder.push(event, &mut out);
    }
    out
}

/// The answer that these events are.
pub(crate) fn fold(events: Vec<Event>) -> Answer {
    let mut fold = Fold::default();
    events.into_iter().try_for_each(|event| fold.push(event)).unwrap();
    fold.finish()
}

/// What a caller reads of these frames, how it ended and what was counted.
pub(crate) fn pass(mut conduit: Box<dyn Conduit>, frames: Vec<Frame>) -> (Vec<u8>, Result<(), Fault>, Tally) {
    let mut out = Vec::new();
    let pushed = frames.into_iter().try_for_each(|frame| conduit.push(frame, &mut out));
    let result = pushed.and_then(|()| conduit.end(&mut out));
    assert!(out.iter().all(|piece| !piece.is_empty()), "an empty piece would end the body");
    (out.concat(), result, conduit.tally().clone())
}

/// The same where what is read is text.
pub(crate) fn pass_text(conduit: Box<dyn Conduit>, frames: Vec<Frame>) -> (String, Result<(), Fault>, Tally) {
    let (out, result, tally) = pass(conduit, frames);
    (String::from_utf8(out).unwrap(), result, tally)
}

/// What is passed on of a request of this language, and the changes as they are told.
pub(crate) fn adapted(
    language: &dyn Conversational,
    body: &str,
    target: &Target,
) -> Result<(String, Vec<String>), EncodeError> {
    let body = Bytes::from(body.to_owned());
    let fields = Fields::scan(&body, 64).unwrap();
    let encoded = language.adapt_request(&body, &fields, target)?;
    let changes = encoded.changes.iter().map(ToString::to_string).collect();
    Ok((String::from_utf8(encoded.body.concat()).unwrap(), changes))
}
