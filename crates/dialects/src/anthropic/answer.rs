//! Whole answers, both ways, and the words for why an answer ended.

use std::borrow::Cow;

use serde::Serialize;
use types::conversation::{Answer, Choice, Content, StopReason};
use types::{Fault, FaultKind, Tokens};

use super::blocks::Reader;
use super::error::{fault_in_answer, unreadable};
use super::request_decode::MAX_DEPTH;
use super::usage::{UsageOut, WireUsage};
use super::wire::{self, Block, Object, is_own};
use super::{cited, ids};
use crate::calls::{broken_input, input};
use crate::outline::Outline;
use crate::scanner;
use crate::shape::write;
use crate::surrogates::mend;
use crate::vocabulary::Said;
use crate::{Asked, DecodeError, citations, proofs};

/// Reads a whole answer.
pub(super) fn decode(body: &[u8]) -> Result<Answer, Fault> {
    let text = mend(scanner::text(body).map_err(|_| not_json())?);
    let mut outline = Outline::default();
    let root = outline.read_text(&text, MAX_DEPTH).map_err(|_| not_json())?;
    let mut object = Object::parse(root, String::new()).map_err(|_| not_json())?;
    if object.take("error").is_some() {
        return Err(fault_in_answer(body));
    }
    answer(&mut object).map_err(|error| unreadable(&error))
}

fn answer(object: &mut Object<'_>) -> Result<Answer, DecodeError> {
    let Some(content) = object.take("content") else {
        return Err(wire::wrong("content", "is required"));
    };
    let content = Reader::of_answer().content(content, "content")?;
    // A count that cannot be read is no count: the answer has been paid for and is worth more than its report.
    let usage = object.value::<WireUsage>("usage", "must be an object of numbers").unwrap_or_default();
    let stop = object.text("stop_reason")?.map(|word| stop_reason(&word));
    let stop_sequence = object.text("stop_sequence")?.filter(|_| stop.is_some());
    let choice = Choice { content, stop, stop_sequence, logprobs: None };
    Ok(Answer {
        id: object.text("id")?,
        model: object.text("model")?,
        created: None,
        choices: vec![choice],
        usage: usage.map(|usage| usage.canonical()),
    })
}

fn not_json() -> Fault {
    Fault::new(FaultKind::Unreadable, "the provider's answer is not a JSON object")
}

/// Writes the answer to a request to count tokens.
pub(super) fn encode_count(tokens: Tokens) -> Vec<u8> {
    format!(r#"{{"input_tokens":{}}}"#, tokens.0).into_bytes()
}

/// A message as it is written, whole or at the start of a stream.
#[derive(Serialize)]
pub(super) struct MessageOut<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) r#type: &'static str,
    pub(super) role: &'static str,
    pub(super) model: &'a str,
    pub(super) content: Vec<Block<'a>>,
    pub(super) stop_reason: Option<&'static str>,
    pub(super) stop_sequence: Option<&'a str>,
    pub(super) usage: UsageOut,
}

/// As much as a small answer takes.
const USUAL_LENGTH: usize = 2048;

/// Writes a whole answer. The wire has one answer per request: the first.
pub(super) fn encode(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let content = blocks(&choice.content);
    let said = Said {
        tool_call: content.iter().any(|block| matches!(block, Block::ToolUse { .. })),
        refusal: choice.content.iter().any(|content| matches!(content, Content::Refusal(_))),
    };
    let message = MessageOut {
        id: message_id(answer.id.as_deref(), asked),
        r#type: "message",
        role: "assistant",
        model: asked.model.as_str(),
        content,
        stop_reason: Some(stop_word(choice.stop, said)),
        stop_sequence: choice.stop_sequence.as_deref(),
        usage: answer.usage.unwrap_or_default().into(),
    };
    let mut out = Vec::with_capacity(USUAL_LENGTH);
    write(&mut out, &message);
    out
}

fn blocks(content: &[Content]) -> Vec<Block<'_>> {
    let mut blocks = Vec::with_capacity(content.len());
    for content in content {
        if let Content::Opaque { kind, json } = content
            && let Some(said) = citations::of(kind, json)
        {
            if let Some(Block::Text { citations, .. }) = blocks.last_mut() {
                citations.extend(said.iter().filter_map(cited::written));
            }
            continue;
        }
        blocks.extend(carried(content));
        blocks.extend(block(content));
    }
    blocks
}

/// The upstream's id where it is of this language, else one made of the request's.
pub(super) fn message_id<'a>(upstream: Option<&'a str>, asked: &Asked) -> Cow<'a, str> {
    match upstream {
        Some(id) if id.starts_with("msg_") => Cow::Borrowed(id),
        Some(_) | None => Cow::Owned(format!("msg_{}", asked.request)),
    }
}

/// The reasoning that carries the proof of a call, which itself has no place for one.
fn carried(content: &Content) -> Option<Block<'_>> {
    let Content::ToolCall { signature: Some(proof), .. } = content else { return None };
    Some(Block::Thinking { thinking: "", signature: proofs::of_call(proof).into() })
}

/// A block of an answer.
fn block(content: &Content) -> Option<Block<'_>> {
    match content {
        Content::Text { text, .. } | Content::Refusal(text) => {
            (!text.is_empty()).then_some(Block::Text { text, cache_control: None, citations: Vec::new() })
        }
        Content::Thinking { text, signature } => Some(Block::Thinking {
            thinking: text,
            signature: signature.as_deref().unwrap_or_default().into(),
        }),
        Content::RedactedThinking { data } => Some(Block::RedactedThinking { data }),
        Content::ToolCall { id, name, arguments, .. } => {
            // A model's broken arguments still reach the caller, as the one thing an object can hold them in.
            let input = input(arguments).or_else(|| broken_input(arguments))?;
            Some(Block::ToolUse { id: ids::fit(id), name: name.into(), input, cache_control: None })
        }
        Content::Opaque { kind, json } => is_own(kind).then_some(Block::Opaque(json)),
        // No model answers with these in this language.
        Content::Audio(_) | Content::Document(_) | Content::Image(_) | Content::ToolResult { .. } => None,
    }
}

/// The wire's word for why an answer ended.
pub(super) fn stop_word(stop: Option<StopReason>, said: Said) -> &'static str {
    match said.refine(stop.unwrap_or(StopReason::EndTurn)) {
        StopReason::ContextFull => "model_context_window_exceeded",
        StopReason::EndTurn => "end_turn",
        StopReason::Filtered | StopReason::Refusal => "refusal",
        StopReason::MaxTokens => "max_tokens",
        StopReason::Pause => "pause_turn",
        StopReason::StopSequence => "stop_sequence",
        StopReason::ToolUse => "tool_use",
    }
}

/// Why an answer ended, by the wire's word. A word of tomorrow is an end like any other.
pub(super) fn stop_reason(word: &str) -> StopReason {
    match word {
        "max_tokens" => StopReason::MaxTokens,
        "model_context_window_exceeded" => StopReason::ContextFull,
        "pause_turn" => StopReason::Pause,
        "refusal" => StopReason::Refusal,
        "stop_sequence" => StopReason::StopSequence,
        "tool_use" => StopReason::ToolUse,
        _ => StopReason::EndTurn,
    }
}
