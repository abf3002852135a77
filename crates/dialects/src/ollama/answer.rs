//! Whole answers, both ways, and the words for why an answer ended.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use types::conversation::{Answer, Choice, Content, StopReason};
use types::{Fault, Json, UnixTime};

use super::error::{fault_inside, not_json, unreadable};
use super::message_decode::said;
use super::usage::{UsageOut, WireUsage};
use super::wire::{CallOut, CalledOut, MessageOut};
use crate::calls::{broken_input, input};
use crate::object::{Object, Path};
use crate::surrogates::mend;
use crate::{Asked, DecodeError, shape};

/// Reads a whole answer.
pub(super) fn decode(body: &[u8]) -> Result<Answer, Fault> {
    let text = mend(std::str::from_utf8(body).map_err(|_| not_json())?);
    let mut object = Object::read(&text, &Path::Root).map_err(|_| not_json())?;
    if object.take("error").is_ok_and(|error| error.is_some()) {
        return Err(fault_inside(body));
    }
    let usage = serde_json::from_str::<WireUsage>(&text).unwrap_or_default();
    answer(&mut object, usage).map_err(|error| unreadable(&error))
}

fn answer(object: &mut Object<'_, '_>, usage: WireUsage) -> Result<Answer, DecodeError> {
    let inside = Path::Field(&Path::Root, "message");
    let Some(raw) = object.take("message")? else { return Err(inside.wrong("is missing")) };
    let content = said(&mut Object::read(raw.get(), &inside)?, CALL)?;
    let has_call = content.iter().any(|content| matches!(content, Content::ToolCall { .. }));
    let stop = object.take_text("done_reason")?.map(|word| stop_reason(&word, has_call));
    let logprobs = object.take("logprobs")?.and_then(logprobs);
    let choice = Choice { content, stop, stop_sequence: None, logprobs };
    let model = object.take_text("model")?;
    Ok(Answer { model, choices: vec![choice], usage: usage.canonical(), ..Answer::default() })
}

/// What the ids of calls begin with that have none.
pub(super) const CALL: &str = "call";

/// Log probabilities in `OpenAI`'s form: the wire has the same list without a name around it.
pub(super) fn logprobs(raw: &RawValue) -> Option<Json> {
    raw.get()
        .starts_with('[')
        .then(|| Json::parse(format!(r#"{{"content":{},"refusal":null}}"#, raw.get())))?
}

/// The list inside log probabilities in `OpenAI`'s form.
pub(super) fn logprob_list(json: &Json) -> Option<Json> {
    #[derive(serde::Deserialize)]
    struct Named {
        content: Option<Json>,
    }
    json.to::<Named>()?.content
}

/// A line, or a whole answer.
#[derive(Serialize)]
pub(super) struct LineOut<'a> {
    pub(super) model: &'a str,
    pub(super) created_at: String,
    pub(super) message: MessageOut<'a>,
    pub(super) done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) done_reason: Option<&'static str>,
    #[serde(flatten)]
    pub(super) usage: Option<UsageOut>,
}

/// Writes a whole answer. The wire has one answer per request: the first.
pub(super) fn encode(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let mut message = MessageOut { role: "assistant", ..MessageOut::default() };
    for content in &choice.content {
        add(content, &mut message);
    }
    let line = LineOut {
        model: asked.model.as_str(),
        created_at: created_at(answer.created, asked),
        message,
        done: true,
        logprobs: choice.logprobs.as_ref().and_then(logprob_list),
        done_reason: Some(stop_word(choice.stop)),
        usage: Some(answer.usage.unwrap_or_default().into()),
    };
    let mut out = Vec::new();
    shape::write(&mut out, &line);
    out
}

/// When the upstream says the answer was made, or when it was asked for.
pub(super) fn created_at(created: Option<u64>, asked: &Asked) -> String {
    created.map_or(asked.at, UnixTime::from_secs).to_string()
}

/// Adds a block to the message of an answer.
fn add<'a>(content: &'a Content, message: &mut MessageOut<'a>) {
    match content {
        Content::Text { text, .. } | Content::Refusal(text) => append(&mut message.content, text),
        Content::Thinking { text, .. } => append(&mut message.thinking, text),
        Content::ToolCall { id, name, arguments, .. } => {
            let index = message.tool_calls.len();
            message.tool_calls.extend(call(index, id, name, arguments));
        }
        // No model answers with these in this language.
        Content::Audio(_)
        | Content::Document(_)
        | Content::Image(_)
        | Content::Opaque { .. }
        | Content::RedactedThinking { .. }
        | Content::ToolResult { .. } => {}
    }
}

fn append<'a>(text: &mut Cow<'a, str>, piece: &'a str) {
    if text.is_empty() {
        *text = Cow::Borrowed(piece);
    } else {
        text.to_mut().push_str(piece);
    }
}

/// A call of an answer.
pub(super) fn call<'a>(index: usize, id: &'a str, name: &'a str, arguments: &str) -> Option<CallOut<'a>> {
    let arguments = input(arguments).or_else(|| broken_input(arguments))?;
    Some(CallOut { id, function: CalledOut { index: Some(index), name: name.into(), arguments } })
}

/// The wire's word for why an answer ended: it has two.
pub(super) const fn stop_word(stop: Option<StopReason>) -> &'static str {
    match stop {
        Some(StopReason::ContextFull | StopReason::MaxTokens) => "length",
        Some(
            StopReason::EndTurn
            | StopReason::Filtered
            | StopReason::Pause
            | StopReason::Refusal
            | StopReason::StopSequence
            | StopReason::ToolUse,
        )
        | None => "stop",
    }
}

/// Why an answer ended, by the wire's word and by whether it called a tool.
pub(super) fn stop_reason(word: &str, has_call: bool) -> StopReason {
    match word {
        "length" => StopReason::MaxTokens,
        _ if has_call => StopReason::ToolUse,
        _ => StopReason::EndTurn,
    }
}
