//! Token counts: the wire's input excludes what a cache read or stored.

use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Deserializer, Serialize};
use types::{ServiceTier, Tokens, Usage};

use super::MAX_DEPTH;
use crate::outline::{self, Part};

/// Usage on the wire.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WireUsage {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    /// As much of what was written as is kept for an hour.
    cache_write_1h: u64,
}

/// The header that tells the tokens of a model that is invoked.
const INPUT_TOKENS: HeaderName = HeaderName::from_static("x-amzn-bedrock-input-token-count");

/// What the head of an answer says that an invoked model was given.
pub(crate) fn counted(headers: &HeaderMap) -> Option<Usage> {
    let count = headers.get(INPUT_TOKENS)?.to_str().ok()?.parse().ok()?;
    Some(Usage { input: Tokens(count), ..Usage::default() })
}

impl<'de> Deserialize<'de> for WireUsage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        outline::deserialize(deserializer, MAX_DEPTH, Self::read)
    }
}

impl WireUsage {
    /// Reads it where it lies; none where a count is no number.
    pub(super) fn read(usage: Part<'_>) -> Option<Self> {
        let count = |part: Part<'_>| serde_json::from_slice::<Option<u64>>(part.raw());
        let mut read = Self::default();
        for (name, value) in usage.fields() {
            let slot = match name {
                b"inputTokens" => &mut read.input,
                b"outputTokens" => &mut read.output,
                b"cacheReadInputTokens" => &mut read.cache_read,
                b"cacheWriteInputTokens" => &mut read.cache_write,
                b"cacheDetails" => {
                    read.cache_write_1h = kept_for_an_hour(value);
                    continue;
                }
                _ => continue,
            };
            *slot = count(value).ok()?.unwrap_or_default();
        }
        Some(read)
    }

    /// The same in disjoint classes, at the tier that was named beside it. Output includes reasoning, which the wire does not count apart.
    pub(super) fn canonical(&self, service_tier: Option<ServiceTier>) -> Usage {
        let long = self.cache_write_1h.min(self.cache_write);
        Usage {
            input: Tokens(self.input),
            cache_read: Tokens(self.cache_read),
            cache_write_5m: Tokens(self.cache_write - long),
            cache_write_1h: Tokens(long),
            output: Tokens(self.output),
            service_tier,
            ..Usage::default()
        }
    }
}

/// How much of what was written to the cache is kept for an hour.
fn kept_for_an_hour(details: Part<'_>) -> u64 {
    let is_long = |detail: &Part<'_>| detail.field("ttl").and_then(Part::text).as_deref() == Some("1h");
    let count = |detail: Part<'_>| serde_json::from_slice::<u64>(detail.field("inputTokens")?.raw()).ok();
    details.items().filter(is_long).filter_map(count).fold(0, u64::saturating_add)
}

/// The tier that this language's word means.
pub(super) fn tier_of_word(word: &str) -> Option<ServiceTier> {
    ServiceTier::of_word(word.as_bytes())
}

/// Usage as it is written. Audio and pictures, which the wire has no word for, count as text.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageOut {
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    cache_read_input_tokens: u64,
    cache_write_input_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cache_details: Vec<CacheDetail>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CacheDetail {
    ttl: &'static str,
    input_tokens: u64,
}

impl From<Usage> for UsageOut {
    fn from(usage: Usage) -> Self {
        let written = [("5m", usage.cache_write_5m.0), ("1h", usage.cache_write_1h.0)];
        let details = written.into_iter().filter(|(_, input_tokens)| *input_tokens > 0);
        Self {
            input_tokens: usage
                .input
                .0
                .saturating_add(usage.input_audio.0)
                .saturating_add(usage.input_image.0),
            output_tokens: usage.output_total().0,
            total_tokens: usage.total().0,
            cache_read_input_tokens: usage.cache_read.0.saturating_add(usage.cache_read_audio.0),
            cache_write_input_tokens: usage.cache_write_5m.0.saturating_add(usage.cache_write_1h.0),
            cache_details: details.map(|(ttl, input_tokens)| CacheDetail { ttl, input_tokens }).collect(),
        }
    }
}
