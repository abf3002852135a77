//! Whole answers, both ways, and the words for why an answer ended.

use serde::Serialize;
use types::conversation::{Answer, Choice, Content, StopReason};
use types::{Fault, FaultKind, Json, ServiceTier, Usage};

use super::cited;
use super::message_decode::{self, MESSAGE_FIELD, assistant, is_empty, message_field, written_call};
use super::proofs::ExtraContent;
use super::usage::{ReadUsage, WrappedUsage, WriteUsage};
use super::wire::{CalledFunction, FunctionCall, ThinkingBlock, WireToolCall};
use super::{answer_id, call_id};
use crate::citations::{self, Citation};
use crate::extras::Named;
use crate::object::{Object, Path, keep_part, lenient, lenient_text};
use crate::openai_family::error::{fault_inside, unreadable};
use crate::openai_family::{MAX_DEPTH, json_bytes};
use crate::outline::{Outline, Part};
use crate::scanner;
use crate::shape::LongText;
use crate::surrogates::mend;
use crate::vocabulary::Said;
use crate::{Asked, Calls, DecodeError};

/// Reads a whole answer.
pub(super) fn decode(body: &[u8]) -> Result<Answer, Fault> {
    let text = mend(scanner::text(body).map_err(|error| unreadable(&error))?);
    let mut outline = Outline::default();
    let root = outline.read_text(&text, MAX_DEPTH).map_err(|error| unreadable(&error))?;
    let mut object = Object::of(root, &Path::Root).map_err(|error| unreadable(&error))?;
    let mut choices = object.take_parts("choices").map_err(|error| unreadable(&error))?.peekable();
    if choices.peek().is_none() {
        return Err(fault_inside(body)
            .unwrap_or_else(|| Fault::new(FaultKind::Unreadable, "the provider's answer has no choices")));
    }
    let path = Path::Field(&Path::Root, "choices");
    let id = lenient_text(&mut object, "id");
    let mut read = Vec::new();
    for (index, part) in choices.enumerate() {
        let (index, mut choice) = choice(part, index, &Path::Item(&path, index))?;
        identify(&mut choice.content, id.as_deref().unwrap_or_default(), index);
        read.push((index, choice));
    }
    let mut list = |name: &str| object.take_part(name).ok().flatten().map(Part::written);
    let sources = cited::sources(list("search_results"), list("citations"));
    for (_, choice) in &mut read {
        cite(&sources, &mut choice.content);
    }
    read.sort_by_key(|(index, _)| *index);
    Ok(Answer {
        id,
        model: lenient_text(&mut object, "model"),
        created: lenient(&mut object, "created"),
        choices: read.into_iter().map(|(_, choice)| choice).collect(),
        usage: usage(&mut object),
    })
}

/// The usage, at its usual place or at Groq's, and the tier, which stands beside it.
fn usage(object: &mut Object<'_, '_>) -> Option<Usage> {
    let usual = object.take_part("usage").ok().flatten().filter(|usage| usage.raw().starts_with(b"{"));
    let usual = usual.and_then(ReadUsage::read);
    let usage = usual.or_else(|| lenient(object, "x_groq").and_then(|wrapped: WrappedUsage| wrapped.usage));
    let tier = lenient_text(object, "service_tier");
    let tier = tier.and_then(|word| ServiceTier::of_word(word.as_bytes()));
    usage.map(|usage| usage.to_usage(tier))
}

/// Gives the calls ids that have none: those of servers that call functions rather than tools.
fn identify(content: &mut [Content], answer: &str, choice: usize) {
    let calls = content.iter_mut().filter_map(|content| match content {
        Content::ToolCall { id, .. } => Some(id),
        Content::Audio(_)
        | Content::Document(_)
        | Content::Image(_)
        | Content::Opaque { .. }
        | Content::RedactedThinking { .. }
        | Content::Refusal(_)
        | Content::Text { .. }
        | Content::Thinking { .. }
        | Content::ToolResult { .. } => None,
    });
    for (number, id) in calls.enumerate().filter(|(_, id)| id.is_empty()) {
        *id = call_id(answer, choice, number);
    }
}

fn choice(part: Part<'_>, position: usize, path: &Path<'_>) -> Result<(usize, Choice), Fault> {
    let as_fault = |error: DecodeError| unreadable(&error);
    let mut object = Object::of(part, path).map_err(as_fault)?;
    let message_path = Path::Field(path, "message");
    let content = match object.take_part("message").map_err(as_fault)? {
        Some(message) => {
            let mut message = Object::of(message, &message_path).map_err(as_fault)?;
            let mut content = assistant(&mut message).map_err(as_fault)?;
            content.retain(|block| !matches!(block, Content::Text { text, .. } if text.is_empty()));
            own_fields(message, &mut content);
            content
        }
        None => Vec::new(),
    };
    let said =
        lenient_text(&mut object, "finish_reason").map(|word| stop_reason(&word)).transpose()?.flatten();
    // vLLM names the text it stopped at.
    let stop_sequence =
        lenient_text(&mut object, "stop_reason").filter(|_| said == Some(StopReason::EndTurn));
    let reason = match &stop_sequence {
        Some(_) => StopReason::StopSequence,
        None => Said::of(&content, message_decode::is_call).refine(said.unwrap_or(StopReason::EndTurn)),
    };
    let logprobs = object.take_part("logprobs").map_err(as_fault)?.map(keep_part);
    let index = lenient(&mut object, "index").unwrap_or(position);
    Ok((index, Choice { content, stop: Some(reason), stop_sequence, logprobs }))
}

/// What an answer cites, behind its last text, and parts of it that only this language has.
fn own_fields(message: Object<'_, '_>, content: &mut Vec<Content>) {
    for (name, json) in message.rest().filter(|(_, json)| !is_empty(json)) {
        if name == "annotations" {
            let said: Vec<_> = json.to::<Vec<Json>>().unwrap_or_default().iter().map(cited::read).collect();
            cite(&said, content);
        } else if name == "audio" || name == "images" {
            content.push(message_field((name, json)));
        }
    }
}

/// Puts what an answer cites behind its last text, unless something already stands there.
fn cite(said: &[Citation], content: &mut Vec<Content>) {
    let is_cited =
        |content: &Content| matches!(content, Content::Opaque { kind, .. } if kind == citations::KIND);
    if content.iter().any(is_cited) {
        return;
    }
    let last = content.iter().rposition(|content| matches!(content, Content::Text { .. }));
    let behind = last.map_or(content.len(), |last| last + 1);
    content.splice(behind..behind, citations::block(said));
}

/// The reason behind a `finish_reason`; `None` for an empty one, a fault where the provider says that it failed. Some
/// providers say more behind a colon: `content_filter: PROHIBITED_CONTENT`.
pub(super) fn stop_reason(word: &str) -> Result<Option<StopReason>, Fault> {
    let word = word.to_ascii_lowercase();
    Ok(Some(match word.split_once(':').map_or(word.as_str(), |(word, _)| word) {
        "" => return Ok(None),
        "content_filter" | "safety" | "sensitive" => StopReason::Filtered,
        "abort"
        | "aborted"
        | "error"
        | "function_call_filter"
        | "insufficient_system_resource"
        | "network_error" => {
            return Err(Fault::new(
                FaultKind::Server,
                format!("the provider ended the answer with an error: {word}"),
            ));
        }
        "model_context_window_exceeded" => StopReason::ContextFull,
        "function_call" | "tool_calls" | "tool_use" => StopReason::ToolUse,
        "length" | "max_tokens" | "model_length" => StopReason::MaxTokens,
        _ => StopReason::EndTurn,
    }))
}

/// The `finish_reason` for a reason. A refusal that the answer puts into words is a plain stop.
pub(super) const fn finish_reason(reason: StopReason, said: Said, calls: Calls) -> &'static str {
    match reason {
        StopReason::ContextFull | StopReason::MaxTokens => "length",
        StopReason::Refusal if said.refusal => "stop",
        StopReason::Filtered | StopReason::Refusal => "content_filter",
        StopReason::EndTurn | StopReason::Pause | StopReason::StopSequence => "stop",
        StopReason::ToolUse => match calls {
            Calls::Function => "function_call",
            Calls::Tools => "tool_calls",
        },
    }
}

#[derive(Serialize)]
struct WireAnswer<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<WireChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<WriteUsage>,
}

#[derive(Serialize)]
struct WireChoice<'a> {
    index: usize,
    message: AnswerMessage<'a>,
    logprobs: Option<&'a Json>,
    finish_reason: &'static str,
}

#[derive(Default, Serialize)]
struct AnswerMessage<'a> {
    role: &'static str,
    content: Option<LongText>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thinking_blocks: Vec<ThinkingBlock<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireToolCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<CalledFunction<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Json>,
    #[serde(flatten)]
    fields: Named<'a>,
}

/// Writes a whole answer.
pub(super) fn encode(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let choices = answer.choices.iter().enumerate().map(|(index, choice)| WireChoice {
        index,
        message: message(&choice.content, asked.calls),
        logprobs: choice.logprobs.as_ref(),
        finish_reason: finish_reason(
            choice.stop.unwrap_or(StopReason::EndTurn),
            Said::of(&choice.content, message_decode::is_call),
            asked.calls,
        ),
    });
    json_bytes(&WireAnswer {
        id: answer_id(answer.id.as_deref(), asked),
        object: "chat.completion",
        created: answer.created.unwrap_or(asked.at.as_secs()),
        model: asked.model.as_str(),
        choices: choices.collect(),
        usage: answer.usage.as_ref().map(WriteUsage::from),
    })
}

fn message(content: &[Content], calls: Calls) -> AnswerMessage<'_> {
    let blocks: Vec<_> = content.iter().filter_map(ThinkingBlock::of).collect();
    let is_proven = blocks.iter().any(ThinkingBlock::is_proven);
    let mut message = AnswerMessage {
        role: "assistant",
        thinking_blocks: if is_proven { blocks } else { Vec::new() },
        ..AnswerMessage::default()
    };
    // Where the last text begins.
    let mut before = 0;
    for content in content {
        match content {
            Content::Refusal(text) => message.refusal.get_or_insert_default().push_str(text),
            Content::Text { text, .. } => {
                before = message.content.as_ref().map_or(0, |said| said.0.len());
                message.content.get_or_insert_default().0.push_str(text);
            }
            Content::Thinking { text, .. } if !text.is_empty() => {
                message.reasoning_content.get_or_insert_default().push_str(text);
            }
            Content::ToolCall { id, name, arguments, signature, .. } => {
                let call = FunctionCall::new(id.into(), name.into(), arguments);
                let extra_content = signature.as_deref().map(ExtraContent::told);
                let call = FunctionCall { extra_content, ..call };
                match calls {
                    Calls::Tools => message.tool_calls.push(WireToolCall::Function(call)),
                    // There is room for one.
                    Calls::Function => drop(message.function_call.get_or_insert(call.function)),
                }
            }
            Content::Opaque { kind, json } => message.opaque(kind, json, before),
            // What the wire has no word for, and what no model answers with.
            Content::Audio(_)
            | Content::Document(_)
            | Content::Image(_)
            | Content::RedactedThinking { .. }
            | Content::Thinking { .. }
            | Content::ToolResult { .. } => {}
        }
    }
    // Callers read nothing at all as a sign that something else is there.
    if message.tool_calls.is_empty() && message.function_call.is_none() && message.refusal.is_none() {
        message.content.get_or_insert_default();
    }
    message
}

impl<'a> AnswerMessage<'a> {
    /// Adds what a text cites that begins at the byte `before`, and what only this language has; another language's blocks
    /// are left out.
    fn opaque(&mut self, kind: &'a str, json: &'a Json, before: usize) {
        if message_decode::is_call(kind) {
            self.tool_calls.extend(written_call(kind, json).map(WireToolCall::Raw));
        } else if let Some(name) = kind.strip_prefix(MESSAGE_FIELD) {
            self.fields.0.push((name, json));
        } else if let Some(said) = citations::of(kind, json) {
            let before = self.content.as_ref().and_then(|text| text.0.get(..before));
            let before = before.map_or(0, citations::length);
            self.annotations.extend(said.iter().filter_map(|one| cited::written(one, before)));
        }
    }
}
