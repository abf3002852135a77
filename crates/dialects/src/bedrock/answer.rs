//! Whole answers, both ways, and the words for why an answer ended.

use serde::{Deserialize, Serialize};
use types::conversation::{Answer, Choice, Content, StopReason};
use types::{Fault, FaultKind, Json};

use super::blocks::blocks;
use super::cited;
use super::error::{not_json, unreadable};
use super::usage::{UsageOut, WireUsage, tier_of_word};
use super::wire::{Block, CitationsOut, CitedText, ReasoningOut, ToolUseOut, is_blob, is_own};
use crate::calls::{broken_input, input};
use crate::object::{Object, Path};
use crate::surrogates::mend;
use crate::vocabulary::Said;
use crate::{DecodeError, citations, shape};

/// Reads a whole answer.
pub(super) fn decode(body: &[u8]) -> Result<Answer, Fault> {
    let text = mend(std::str::from_utf8(body).map_err(|_| not_json())?);
    let mut object = Object::read(&text, &Path::Root).map_err(|_| not_json())?;
    let word = object.take_text("stopReason").map_err(|error| unreadable(&error))?;
    if let Some(word) = word.as_deref().filter(|word| has_failed(word)) {
        return Err(failed(word));
    }
    answer(&mut object, word.as_deref().map(stop_reason)).map_err(|error| unreadable(&error))
}

#[derive(Deserialize)]
struct Tier {
    r#type: String,
}

fn answer(object: &mut Object<'_, '_>, stop: Option<StopReason>) -> Result<Answer, DecodeError> {
    let output = Path::Field(&Path::Root, "output");
    let said = Path::Field(&output, "message");
    let content = Path::Field(&said, "content");
    let Some(raw) = object.take("output")? else { return Err(output.wrong("is missing")) };
    let Some(raw) = Object::read(raw.get(), &output)?.take("message")? else {
        return Err(said.wrong("is missing"));
    };
    let content = match Object::read(raw.get(), &said)?.take("content")? {
        Some(raw) => blocks(raw, &content)?,
        None => Vec::new(),
    };
    // A count that cannot be read is no count: the answer has been paid for and is worth more than its report.
    let usage = object.take("usage")?.and_then(|raw| serde_json::from_str::<WireUsage>(raw.get()).ok());
    let tier = object.take("serviceTier")?.and_then(|raw| serde_json::from_str::<Tier>(raw.get()).ok());
    let tier = tier.and_then(|tier| tier_of_word(&tier.r#type));
    let choice = Choice { content, stop, stop_sequence: None, logprobs: None };
    Ok(Answer { choices: vec![choice], usage: usage.map(|usage| usage.canonical(tier)), ..Answer::default() })
}

/// Whether a body that is no answer is an error all the same.
pub(super) fn not_an_answer() -> Fault {
    Fault::new(FaultKind::Unreadable, "the provider's answer has no message")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AnswerOut<'a> {
    output: Output<'a>,
    stop_reason: &'static str,
    usage: UsageOut,
    metrics: Metrics,
}

#[derive(Serialize)]
struct Output<'a> {
    message: MessageOut<'a>,
}

#[derive(Serialize)]
struct MessageOut<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

/// What the wire wants to be told of the time: the gateway measures it elsewhere.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metrics {
    latency_ms: u64,
}

/// Writes a whole answer. The wire has one answer per request: the first.
pub(super) fn encode(answer: &Answer) -> Vec<u8> {
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let content = written(&choice.content);
    let said = Said {
        tool_call: content.iter().any(|block| matches!(block, Block::ToolUse(_))),
        refusal: choice.content.iter().any(|content| matches!(content, Content::Refusal(_))),
    };
    let answer = AnswerOut {
        output: Output { message: MessageOut { role: "assistant", content } },
        stop_reason: stop_word(choice.stop, said),
        usage: answer.usage.unwrap_or_default().into(),
        metrics: Metrics::default(),
    };
    let mut out = Vec::new();
    shape::write(&mut out, &answer);
    out
}

fn written(content: &[Content]) -> Vec<Block<'_>> {
    let mut blocks = Vec::with_capacity(content.len());
    for content in content {
        let Content::Opaque { kind, json } = content else {
            blocks.extend(block(content));
            continue;
        };
        match (citations::of(kind, json), blocks.pop()) {
            (Some(said), Some(Block::Text(text))) => {
                let citations: Vec<Json> = said.iter().filter_map(cited::written).collect();
                blocks.push(if citations.is_empty() {
                    Block::Text(text)
                } else {
                    Block::CitationsContent(CitationsOut { content: [CitedText { text }], citations })
                });
            }
            (Some(said), Some(Block::CitationsContent(mut cited))) => {
                cited.citations.extend(said.iter().filter_map(cited::written));
                blocks.push(Block::CitationsContent(cited));
            }
            (Some(_), last) => blocks.extend(last),
            (None, last) => {
                blocks.extend(last);
                blocks.extend(block(content));
            }
        }
    }
    blocks
}

/// A block of an answer.
fn block(content: &Content) -> Option<Block<'_>> {
    match content {
        Content::Text { text, .. } | Content::Refusal(text) => {
            (!text.is_empty()).then_some(Block::Text(text))
        }
        Content::Thinking { text, signature } => {
            let signature = signature.as_deref();
            Some(Block::ReasoningContent(ReasoningOut::ReasoningText { text, signature }))
        }
        // Clients decode it: what is no base64 would cost them the whole answer.
        Content::RedactedThinking { data } => {
            is_blob(data).then_some(Block::ReasoningContent(ReasoningOut::RedactedContent(data)))
        }
        Content::ToolCall { id, name, arguments, .. } => {
            let input = input(arguments).or_else(|| broken_input(arguments))?;
            Some(Block::ToolUse(ToolUseOut { tool_use_id: id.into(), name: name.into(), input }))
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
        StopReason::EndTurn | StopReason::Pause => "end_turn",
        StopReason::Filtered | StopReason::Refusal => "content_filtered",
        StopReason::MaxTokens => "max_tokens",
        StopReason::StopSequence => "stop_sequence",
        StopReason::ToolUse => "tool_use",
    }
}

/// Whether the wire's word says that the model has failed: it wrote what is no answer, or no call.
pub(super) fn has_failed(word: &str) -> bool {
    matches!(word, "malformed_model_output" | "malformed_tool_use")
}

/// An answer that ended because the model failed.
pub(super) fn failed(word: &str) -> Fault {
    Fault::new(FaultKind::Server, format!("the provider ended the answer with an error: {word}"))
}

/// Why an answer ended, by the wire's word. A word of tomorrow is an end like any other.
pub(super) fn stop_reason(word: &str) -> StopReason {
    match word {
        "content_filtered" | "guardrail_intervened" => StopReason::Filtered,
        "max_tokens" => StopReason::MaxTokens,
        "model_context_window_exceeded" => StopReason::ContextFull,
        "refusal" => StopReason::Refusal,
        "stop_sequence" => StopReason::StopSequence,
        "tool_use" => StopReason::ToolUse,
        _ => StopReason::EndTurn,
    }
}
