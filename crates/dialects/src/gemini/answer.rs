//! Whole answers, both ways. To be read, one is a stream of a single piece.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use types::Fault;
use types::conversation::{Answer, Choice, Content, StopReason};

use super::chunk::finish_reason;
use super::cited::{Grounded, Said};
use super::error::unreadable;
use super::stream_decode::{StreamDecoder, no_candidates};
use super::usage::WriteUsage;
use super::wire::{self, CallOut, ContentOut, PartOut, args};
use super::{logprobs, proofs};
use crate::extras::Named;
use crate::surrogates::mend;
use crate::{Asked, Fold, citations};

/// Reads a whole answer; a list of pieces is one too.
pub(super) fn decode(body: &[u8]) -> Result<Answer, Fault> {
    let text = mend(std::str::from_utf8(body).map_err(|error| unreadable(&error))?);
    let pieces: Vec<&RawValue> = match text.trim_ascii_start().as_bytes() {
        [b'[', ..] => serde_json::from_str(&text),
        _ => serde_json::from_str(&text).map(|piece| vec![piece]),
    }
    .map_err(|error| unreadable(&error))?;
    let (mut decoder, mut events) = (StreamDecoder::default(), Vec::new());
    for piece in pieces {
        decoder.piece(piece.get().as_bytes(), &mut events)?;
    }
    if decoder.is_empty() {
        return Err(no_candidates());
    }
    decoder.complete(&mut events);
    let mut fold = Fold::default();
    events.into_iter().try_for_each(|event| fold.push(event))?;
    Ok(fold.finish())
}

/// An answer, or a piece of one, as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnswerOut<'a> {
    pub(super) candidates: Vec<CandidateOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage_metadata: Option<WriteUsage>,
    pub(super) model_version: &'a str,
    pub(super) response_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CandidateOut<'a> {
    pub(super) content: ContentOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finish_reason: Option<&'static str>,
    pub(super) index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs_result: Option<types::Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) grounding_metadata: Option<types::Json>,
    #[serde(flatten)]
    pub(super) sources: Named<'a>,
}

impl<'a> CandidateOut<'a> {
    /// What the candidate with this index says.
    pub(super) fn saying(index: usize, parts: Vec<PartOut<'a>>) -> Self {
        Self {
            content: ContentOut { role: Some("model"), parts },
            finish_reason: None,
            index,
            logprobs_result: None,
            grounding_metadata: None,
            sources: Named::default(),
        }
    }
}

/// Writes a whole answer.
pub(super) fn encode(answer: &Answer, asked: &Asked) -> Vec<u8> {
    let id = answer_id(answer.id.as_deref(), asked);
    let written = AnswerOut {
        candidates: answer.choices.iter().enumerate().map(candidate).collect(),
        usage_metadata: answer.usage.as_ref().map(WriteUsage::from),
        model_version: asked.model.as_str(),
        response_id: &id,
    };
    let mut out = Vec::new();
    wire::write(&mut out, &written);
    out
}

/// The upstream's id, else one made of the request's: this language's have no form of their own.
pub(super) fn answer_id<'a>(upstream: Option<&'a str>, asked: &Asked) -> Cow<'a, str> {
    upstream.filter(|id| !id.is_empty()).map_or_else(|| Cow::Owned(asked.request.to_string()), Cow::Borrowed)
}

fn candidate((index, choice): (usize, &Choice)) -> CandidateOut<'_> {
    let mut parts: Vec<PartOut<'_>> = Vec::new();
    let mut sources = Named::default();
    let (mut text, mut last, mut grounded) = (String::new(), 0, Grounded::default());
    for content in &choice.content {
        if let Content::Text { text: said, .. } = content {
            last = text.len();
            text.push_str(said);
        }
        if let Content::Opaque { kind, json } = content
            && let Some(said) = citations::of(kind, json)
        {
            grounded.add(&said, Said { text: &text, last });
            continue;
        }
        if let Content::Opaque { kind, json } = content
            && let Some(field) = wire::candidate_field(kind)
        {
            sources.0.push((field, json));
            continue;
        }
        write_part(content, &mut parts);
    }
    if parts.is_empty() {
        // Clients take a content without parts for no content at all.
        parts.push(PartOut::text(""));
    }
    CandidateOut {
        finish_reason: Some(finish_reason(choice.stop.unwrap_or(StopReason::EndTurn))),
        logprobs_result: choice.logprobs.as_ref().and_then(logprobs::written),
        grounding_metadata: grounded.written(),
        sources,
        ..CandidateOut::saying(index, parts)
    }
}

/// Writes a block: as a part, or as the proof on the part before it.
fn write_part<'a>(content: &'a Content, parts: &mut Vec<PartOut<'a>>) {
    match content {
        Content::Text { text, .. } | Content::Refusal(text) => {
            if !text.is_empty() {
                parts.push(PartOut::text(text));
            }
        }
        Content::Thinking { text, signature } => {
            if let Some(last) = parts.last_mut()
                && let Some(proof) = signature.as_deref().filter(|_| text.is_empty())
                && last.prove(proof)
            {
                return;
            }
            parts.push(thought(text, signature.as_deref()));
        }
        Content::RedactedThinking { data } => parts.push(PartOut::redacted(data)),
        Content::ToolCall { id, name, arguments, signature, .. } => {
            let call = CallOut { id: Some(id), name: name.into(), args: args(arguments).0 };
            parts.push(PartOut::call(call, signature.as_deref().map(proofs::written)));
        }
        Content::Opaque { kind, json } if wire::is_own(kind) => parts.push(PartOut::Opaque(json)),
        // Another language's blocks, and what no model answers with.
        Content::Audio(_)
        | Content::Document(_)
        | Content::Image(_)
        | Content::Opaque { .. }
        | Content::ToolResult { .. } => {}
    }
}

/// Reasoning with its proof.
fn thought<'a>(text: &'a str, signature: Option<&'a str>) -> PartOut<'a> {
    match signature {
        Some(proof) if text.is_empty() => PartOut::proof(proof),
        Some(_) | None => PartOut::thought(text, signature.map(proofs::written)),
    }
}
