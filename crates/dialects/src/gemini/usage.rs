//! Token counts: cumulative on the wire, with what a cache served inside the prompt and thoughts beside the answer.

use serde::{Deserialize, Deserializer, Serialize};
use types::{Tokens, Usage};

use super::MAX_DEPTH;
use crate::outline::{self, Part};

/// `usageMetadata` as upstreams write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReadUsage {
    prompt: u64,
    /// Results of tools that ran at the provider, which are input too.
    tool_use_prompt: u64,
    cached: u64,
    candidates: u64,
    thoughts: u64,
    prompt_audio: u64,
    cached_audio: u64,
    candidates_audio: u64,
}

impl<'de> Deserialize<'de> for ReadUsage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        outline::deserialize(deserializer, MAX_DEPTH, Self::read)
    }
}

impl ReadUsage {
    /// Reads it where it lies; `None` where it counts nothing: some chunks tell the kind of traffic only.
    pub(super) fn read(usage: Part<'_>) -> Option<Self> {
        let mut read = Self::default();
        for (name, value) in usage.fields() {
            match name {
                b"promptTokenCount" => read.prompt = count(value)?,
                b"toolUsePromptTokenCount" => read.tool_use_prompt = count(value)?,
                b"cachedContentTokenCount" => read.cached = count(value)?,
                b"candidatesTokenCount" => read.candidates = count(value)?,
                b"thoughtsTokenCount" => read.thoughts = count(value)?,
                b"promptTokensDetails" => read.prompt_audio = audio(value),
                b"cacheTokensDetails" => read.cached_audio = audio(value),
                b"candidatesTokensDetails" => read.candidates_audio = audio(value),
                _ => {}
            }
        }
        (read != Self::default()).then_some(read)
    }

    /// The disjoint classes. Where parts exceed their whole, the whole holds.
    pub(super) fn canonical(&self) -> Usage {
        let cached = self.cached.min(self.prompt);
        let fresh = self.prompt - cached;
        let input_audio = self.prompt_audio.saturating_sub(self.cached_audio).min(fresh);
        let output_audio = self.candidates_audio.min(self.candidates);
        Usage {
            input: Tokens((fresh - input_audio).saturating_add(self.tool_use_prompt)),
            input_audio: Tokens(input_audio),
            cache_read: Tokens(cached),
            output: Tokens(self.candidates - output_audio),
            output_audio: Tokens(output_audio),
            reasoning: Tokens(self.thoughts),
            ..Usage::default()
        }
    }
}

fn count(value: Part<'_>) -> Option<u64> {
    match value.raw() {
        b"null" => Some(0),
        raw => std::str::from_utf8(raw).ok()?.parse().ok(),
    }
}

/// The tokens of sound in a list of counts by modality.
fn audio(details: Part<'_>) -> u64 {
    let of_audio = |item: &Part<'_>| item.field("modality").and_then(Part::text).as_deref() == Some("AUDIO");
    let counts = details.items().filter(of_audio).filter_map(|item| count(item.field("tokenCount")?));
    counts.fold(0, u64::saturating_add)
}

/// `usageMetadata` as callers read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WriteUsage {
    prompt_token_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_content_token_count: Option<u64>,
    candidates_token_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    thoughts_token_count: Option<u64>,
    total_token_count: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prompt_tokens_details: Vec<Modality>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates_tokens_details: Vec<Modality>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Modality {
    modality: &'static str,
    token_count: u64,
}

impl From<&Usage> for WriteUsage {
    fn from(usage: &Usage) -> Self {
        let (prompt, candidates) =
            (usage.input_total().0, usage.output.0.saturating_add(usage.output_audio.0));
        let some = |count: u64| (count > 0).then_some(count);
        Self {
            prompt_token_count: prompt,
            cached_content_token_count: some(usage.cache_read.0),
            candidates_token_count: candidates,
            thoughts_token_count: some(usage.reasoning.0),
            total_token_count: usage.total().0,
            prompt_tokens_details: modalities(prompt, usage.input_audio.0),
            candidates_tokens_details: modalities(candidates, usage.output_audio.0),
        }
    }
}

/// The counts by modality: whatever is no sound counts as text.
fn modalities(all: u64, audio: u64) -> Vec<Modality> {
    let counts = [("TEXT", all.saturating_sub(audio)), ("AUDIO", audio)];
    let counted = counts.into_iter().filter(|(_, count)| *count > 0);
    counted.map(|(modality, token_count)| Modality { modality, token_count }).collect()
}
