//! Token counts: cumulative on the wire, with what a cache served inside the prompt and thoughts beside the answer.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};
use types::{ServiceTier, Tokens, Units, Usage};

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
    of_prompt: Modalities,
    of_cached: Modalities,
    of_candidates: Modalities,
    service_tier: Option<ServiceTier>,
}

/// How much of a count is what is not text. Films and documents are priced like text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Modalities {
    audio: u64,
    image: u64,
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
                b"promptTokensDetails" => read.of_prompt = Modalities::read(value),
                b"cacheTokensDetails" => read.of_cached = Modalities::read(value),
                b"candidatesTokensDetails" => read.of_candidates = Modalities::read(value),
                b"serviceTier" | b"trafficType" => {
                    let tier = value.text().and_then(|word| ServiceTier::of_word(word.as_bytes()));
                    read.service_tier = tier.or(read.service_tier);
                }
                _ => {}
            }
        }
        let counts = [read.prompt, read.tool_use_prompt, read.candidates, read.thoughts];
        counts.iter().any(|count| *count > 0).then_some(read)
    }

    /// The disjoint classes, with the searches that the answer tells of beside them. Where parts exceed their whole, the
    /// whole holds.
    pub(super) fn canonical(&self, web_search: u64) -> Usage {
        let mut fresh = self.prompt;
        let mut cached = take(&mut fresh, self.cached);
        let cache_read_audio = take(&mut cached, self.of_cached.audio);
        let input_audio = take(&mut fresh, self.of_prompt.audio.saturating_sub(self.of_cached.audio));
        let input_image = take(&mut fresh, self.of_prompt.image.saturating_sub(self.of_cached.image));
        let mut output = self.candidates;
        let output_audio = take(&mut output, self.of_candidates.audio);
        let output_image = take(&mut output, self.of_candidates.image);
        Usage {
            input: Tokens(fresh.saturating_add(self.tool_use_prompt)),
            input_audio: Tokens(input_audio),
            input_image: Tokens(input_image),
            cache_read: Tokens(cached),
            cache_read_audio: Tokens(cache_read_audio),
            output: Tokens(output),
            output_audio: Tokens(output_audio),
            output_image: Tokens(output_image),
            reasoning: Tokens(self.thoughts),
            service_tier: self.service_tier,
            units: Units { web_search, ..Units::default() },
            ..Usage::default()
        }
    }
}

/// How many searches an answer is charged for, by what it says it is grounded on: from the third generation on each query,
/// before that the prompt (<https://ai.google.dev/gemini-api/docs/google-search>).
pub(super) fn searches(grounding: &[u8], model: &str) -> u64 {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Grounding<'a> {
        #[serde(borrow, default)]
        web_search_queries: Vec<Cow<'a, str>>,
    }
    let Ok(read) = serde_json::from_slice::<Grounding<'_>>(grounding) else { return 0 };
    let queries: BTreeSet<_> = read.web_search_queries.iter().filter(|query| !query.is_empty()).collect();
    let count = queries.len() as u64;
    let is_by_prompt = BY_PROMPT.iter().any(|generation| model.starts_with(generation));
    if is_by_prompt { count.min(1) } else { count }
}

/// The generations whose searches are charged for by the prompt.
const BY_PROMPT: [&str; 2] = ["gemini-1", "gemini-2"];

impl Modalities {
    /// Reads a list of counts by modality.
    fn read(details: Part<'_>) -> Self {
        let mut read = Self::default();
        for item in details.items() {
            let counted = item.field("tokenCount").and_then(count).unwrap_or_default();
            match item.field("modality").and_then(Part::text).as_deref() {
                Some("AUDIO") => read.audio = read.audio.saturating_add(counted),
                Some("IMAGE") => read.image = read.image.saturating_add(counted),
                Some(_) | None => {}
            }
        }
        read
    }

    /// The same as it is written; what is left of `all` is text.
    fn written(self, all: u64) -> Vec<Modality> {
        let text = all.saturating_sub(self.audio).saturating_sub(self.image);
        let counts = [("TEXT", text), ("AUDIO", self.audio), ("IMAGE", self.image)];
        let counted = counts.into_iter().filter(|(_, count)| *count > 0);
        counted.map(|(modality, token_count)| Modality { modality, token_count }).collect()
    }
}

fn count(value: Part<'_>) -> Option<u64> {
    match value.raw() {
        b"null" => Some(0),
        raw => std::str::from_utf8(raw).ok()?.parse().ok(),
    }
}

/// Takes at most `wanted` out of what is left.
fn take(left: &mut u64, wanted: u64) -> u64 {
    let taken = wanted.min(*left);
    *left -= taken;
    taken
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
    cache_tokens_details: Vec<Modality>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates_tokens_details: Vec<Modality>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Modality {
    modality: &'static str,
    token_count: u64,
}

impl From<&Usage> for WriteUsage {
    fn from(usage: &Usage) -> Self {
        let sum = |counts: &[Tokens]| counts.iter().fold(0, |sum: u64, count| sum.saturating_add(count.0));
        let prompt = usage.input_total().0;
        let cached = sum(&[usage.cache_read, usage.cache_read_audio]);
        let candidates = sum(&[usage.output, usage.output_audio, usage.output_image]);
        let of_cached = Modalities { audio: usage.cache_read_audio.0, image: 0 };
        let of_prompt = Modalities {
            audio: sum(&[usage.input_audio, usage.cache_read_audio]),
            image: usage.input_image.0,
        };
        let of_candidates = Modalities { audio: usage.output_audio.0, image: usage.output_image.0 };
        let some = |count: u64| (count > 0).then_some(count);
        Self {
            prompt_token_count: prompt,
            cached_content_token_count: some(cached),
            candidates_token_count: candidates,
            thoughts_token_count: some(usage.reasoning.0),
            total_token_count: usage.total().0,
            prompt_tokens_details: of_prompt.written(prompt),
            cache_tokens_details: of_cached.written(cached),
            candidates_tokens_details: of_candidates.written(candidates),
            service_tier: usage.service_tier.map(ServiceTier::as_str),
        }
    }
}
