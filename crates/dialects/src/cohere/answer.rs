//! Whole answers, both ways, and the words for why an answer ended.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use types::conversation::{Answer, Choice, Content, StopReason};
use types::{Fault, FaultKind};

use super::cited;
use super::error::{failure, not_json, unreadable};
use super::message_decode::said_from;
use super::usage::{UsageOut, WireUsage};
use super::wire::{CallOut, MessageOut, Part, is_own};
use crate::citations::{self, Citation};
use crate::object::{Object, Path, keep};
use crate::surrogates::mend;
use crate::{Asked, DecodeError, shape};

/// Reads a whole answer.
pub(super) fn decode(body: &[u8]) -> Result<Answer, Fault> {
    let text = mend(std::str::from_utf8(body).map_err(|_| not_json())?);
    let mut object = Object::read(&text, &Path::Root).map_err(|_| not_json())?;
    let reason = object.take_text("finish_reason").map_err(|error| unreadable(&error))?;
    if let Some(fault) = reason.as_deref().and_then(|reason| failure(reason, None)) {
        return Err(fault);
    }
    answer(&mut object, reason.as_deref()).map_err(|error| unreadable(&error))
}

fn answer(object: &mut Object<'_, '_>, reason: Option<&str>) -> Result<Answer, DecodeError> {
    let inside = Path::Field(&Path::Root, "message");
    let Some(raw) = object.take("message")? else { return Err(inside.wrong("is missing")) };
    let mut message = Object::read(raw.get(), &inside)?;
    let (mut content, first) = said_from(&mut message)?;
    cite(&message.take_list("citations")?, first, &mut content);
    // A count that cannot be read is no count: the answer has been paid for and is worth more than its report.
    let usage = object.take("usage")?.and_then(|raw| serde_json::from_str::<WireUsage>(raw.get()).ok());
    let choice = Choice { content, stop: reason.map(stop_reason), ..Choice::default() };
    let usage = usage.map(WireUsage::canonical);
    Ok(Answer { id: object.take_text("id")?, choices: vec![choice], usage, ..Answer::default() })
}

/// Puts what each text cites behind it. Parts are counted from the block with the number `first`.
fn cite(said: &[&RawValue], first: usize, content: &mut Vec<Content>) {
    let is_text = |at: usize| matches!(content.get(at), Some(Content::Text { .. }));
    let last = (0..content.len()).rfind(|at| is_text(*at));
    let mut cited: BTreeMap<usize, Vec<Citation>> = BTreeMap::new();
    for place in said.iter().map(|raw| keep(raw)) {
        let part =
            cited::part(&place).map(|part| first.saturating_add(usize::try_from(part).unwrap_or(usize::MAX)));
        let at = part.or(last).filter(|at| is_text(*at));
        let behind = at.or(last).map_or(content.len(), |at| at + 1);
        cited.entry(behind).or_default().extend(cited::read(&place, at.is_some()));
    }
    for (behind, cited) in cited.into_iter().rev() {
        content.splice(behind..behind, citations::block(&cited));
    }
}

/// A body that is no answer.
pub(super) fn not_an_answer() -> Fault {
    Fault::new(FaultKind::Unreadable, "the provider's answer has no message")
}

#[derive(Serialize)]
struct AnswerOut<'a> {
    id: Cow<'a, str>,
    message: MessageOut<'a>,
    finish_reason: &'static str,
    usage: UsageOut,
}

/// Writes a whole answer. The wire has one answer per request: the first.
pub(super) fn encode(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let mut message = MessageOut { role: "assistant", ..MessageOut::default() };
    for content in &choice.content {
        add(content, &mut message);
    }
    if message.content.is_empty() && message.tool_calls.is_empty() {
        // Clients look for a text where nothing is called.
        message.content.push(Part::Text { text: "".into() });
    }
    let finish_reason = stop_word(choice.stop, !message.tool_calls.is_empty());
    let usage = answer.usage.unwrap_or_default().into();
    let id = answer_id(answer.id.as_deref(), asked);
    let mut out = Vec::new();
    shape::write(&mut out, &AnswerOut { id, message, finish_reason, usage });
    out
}

/// The upstream's id, else the request's.
pub(super) fn answer_id<'a>(upstream: Option<&'a str>, asked: &Asked) -> Cow<'a, str> {
    upstream.map_or_else(|| Cow::Owned(asked.request.to_string()), Cow::Borrowed)
}

/// Adds a block to the message of an answer.
fn add<'a>(content: &'a Content, message: &mut MessageOut<'a>) {
    match content {
        Content::Text { text, .. } | Content::Refusal(text) if !text.is_empty() => {
            message.content.push(Part::Text { text: text.into() });
        }
        Content::Thinking { text, .. } if !text.is_empty() => {
            message.content.push(Part::Thinking { thinking: text });
        }
        Content::ToolCall { id, name, arguments, .. } => {
            message.tool_calls.push(CallOut::new(id, name, arguments));
        }
        Content::Opaque { kind, json } if kind == citations::KIND => {
            let said = citations::of(kind, json).unwrap_or_default();
            let part = message.content.len().saturating_sub(1);
            if let Some(Part::Text { text }) = message.content.last() {
                let number = u32::try_from(part).unwrap_or(u32::MAX);
                message.citations.extend(cited::written(&said, number, text));
            }
        }
        Content::Opaque { kind, json } if is_own(kind) => message.content.push(Part::Opaque(json)),
        // Nothing is said, or by no model in this language.
        Content::Audio(_)
        | Content::Document(_)
        | Content::Image(_)
        | Content::Opaque { .. }
        | Content::RedactedThinking { .. }
        | Content::Refusal(_)
        | Content::Text { .. }
        | Content::Thinking { .. }
        | Content::ToolResult { .. } => {}
    }
}

/// The wire's word for why an answer ended. Some providers end calls of tools with a plain stop.
pub(super) const fn stop_word(stop: Option<StopReason>, has_call: bool) -> &'static str {
    match stop {
        Some(StopReason::EndTurn) | None if has_call => "TOOL_CALL",
        Some(StopReason::EndTurn | StopReason::Filtered | StopReason::Pause | StopReason::Refusal) | None => {
            "COMPLETE"
        }
        Some(StopReason::ContextFull | StopReason::MaxTokens) => "MAX_TOKENS",
        Some(StopReason::StopSequence) => "STOP_SEQUENCE",
        Some(StopReason::ToolUse) => "TOOL_CALL",
    }
}

/// Why an answer ended, by the wire's word. A word of tomorrow is an end like any other.
pub(super) fn stop_reason(word: &str) -> StopReason {
    match word {
        "MAX_TOKENS" => StopReason::MaxTokens,
        "STOP_SEQUENCE" => StopReason::StopSequence,
        "TOOL_CALL" => StopReason::ToolUse,
        _ => StopReason::EndTurn,
    }
}
