//! Token counts: the wire's input excludes what a cache read or stored, its output includes reasoning.

use serde::{Deserialize, Deserializer, Serialize};
use types::{Residency, ServiceTier, Tokens, Units, Usage};

use super::ANSWER_DEPTH;
use crate::outline::{self, Part};

/// Usage on the wire. Later reports replace earlier ones field by field: they are cumulative, not additional.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WireUsage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
    web_searches: Option<u64>,
    service_tier: Option<ServiceTier>,
    inference_geo: Option<Residency>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

impl<'de> Deserialize<'de> for WireUsage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        outline::deserialize(deserializer, ANSWER_DEPTH, Self::read)
    }
}

impl WireUsage {
    /// Reads it where it lies; none where a count is no number.
    pub(super) fn read(usage: Part<'_>) -> Option<Self> {
        let count = |part: Part<'_>| serde_json::from_slice::<Option<u64>>(part.raw());
        let detail = |part: Part<'_>, name| part.field(name).map_or(Ok(None), count);
        let mut read = Self::default();
        for (name, value) in usage.fields() {
            match name {
                b"input_tokens" => read.input_tokens = count(value).ok()?,
                b"cache_creation_input_tokens" => read.cache_creation_input_tokens = count(value).ok()?,
                b"cache_read_input_tokens" => read.cache_read_input_tokens = count(value).ok()?,
                b"output_tokens" => read.output_tokens = count(value).ok()?,
                b"cache_creation" if value.raw() != b"null" => {
                    read.cache_creation = Some(CacheCreation {
                        ephemeral_5m_input_tokens: detail(value, "ephemeral_5m_input_tokens").ok()?,
                        ephemeral_1h_input_tokens: detail(value, "ephemeral_1h_input_tokens").ok()?,
                    });
                }
                b"output_tokens_details" if value.raw() != b"null" => {
                    let thinking_tokens = detail(value, "thinking_tokens").ok()?;
                    read.output_tokens_details = Some(OutputDetails { thinking_tokens });
                }
                b"server_tool_use" if value.raw() != b"null" => {
                    read.web_searches = detail(value, "web_search_requests").ok()?;
                }
                // Where the usual tier is meant, `speed` may still say that it was the fast mode.
                b"service_tier" | b"speed" => {
                    let word = value.text().unwrap_or_default();
                    read.service_tier = read.service_tier.or(ServiceTier::of_word(word.as_bytes()));
                }
                b"inference_geo" => {
                    let word = value.text().unwrap_or_default();
                    read.inference_geo = Residency::of_word(word.as_bytes());
                }
                _ => {}
            }
        }
        Some(read)
    }

    /// Takes a later report in: what it says wins, what it leaves out stays.
    pub(super) fn update(&mut self, later: Self) {
        let Self {
            input_tokens,
            cache_creation_input_tokens,
            cache_read_input_tokens,
            cache_creation,
            output_tokens,
            output_tokens_details,
            web_searches,
            service_tier,
            inference_geo,
        } = later;
        self.input_tokens = input_tokens.or(self.input_tokens);
        self.cache_creation_input_tokens = cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.cache_creation = cache_creation.or(self.cache_creation);
        self.output_tokens = output_tokens.or(self.output_tokens);
        self.output_tokens_details = output_tokens_details.or(self.output_tokens_details);
        self.web_searches = web_searches.or(self.web_searches);
        self.service_tier = service_tier.or(self.service_tier);
        self.inference_geo = inference_geo.or(self.inference_geo);
    }

    /// The same in disjoint classes.
    pub(super) fn canonical(&self) -> Usage {
        let split = self.cache_creation.unwrap_or_default();
        let long = split.ephemeral_1h_input_tokens.unwrap_or_default();
        let short = split.ephemeral_5m_input_tokens.unwrap_or_default();
        // A stream tells the split at its start and only the sum at its end: the sum wins.
        let written = self.cache_creation_input_tokens.unwrap_or_else(|| long.saturating_add(short));
        let long = long.min(written);
        let output = self.output_tokens.unwrap_or_default();
        let thinking = self.output_tokens_details.unwrap_or_default().thinking_tokens.unwrap_or_default();
        let thinking = thinking.min(output);
        Usage {
            input: Tokens(self.input_tokens.unwrap_or_default()),
            cache_read: Tokens(self.cache_read_input_tokens.unwrap_or_default()),
            cache_write_5m: Tokens(written - long),
            cache_write_1h: Tokens(long),
            output: Tokens(output - thinking),
            reasoning: Tokens(thinking),
            service_tier: self.service_tier,
            residency: self.inference_geo,
            units: Units { web_search: self.web_searches.unwrap_or_default(), ..Units::default() },
            ..Usage::default()
        }
    }
}

/// Usage as it is written. Audio and pictures, which the wire has no word for, count as text.
#[derive(Debug, Serialize)]
pub(super) struct UsageOut {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation: CacheCreation,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<OutputDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_tool_use: Option<ServerToolUse>,
}

#[derive(Debug, Serialize)]
struct ServerToolUse {
    web_search_requests: u64,
    web_fetch_requests: u64,
}

impl From<Usage> for UsageOut {
    fn from(usage: Usage) -> Self {
        let written = usage.cache_write_5m.0.saturating_add(usage.cache_write_1h.0);
        let (reasoning, searches) = (usage.reasoning.0, usage.units.searches());
        Self {
            input_tokens: usage
                .input
                .0
                .saturating_add(usage.input_audio.0)
                .saturating_add(usage.input_image.0),
            cache_creation_input_tokens: written,
            cache_read_input_tokens: usage.cache_read.0.saturating_add(usage.cache_read_audio.0),
            cache_creation: CacheCreation {
                ephemeral_5m_input_tokens: Some(usage.cache_write_5m.0),
                ephemeral_1h_input_tokens: Some(usage.cache_write_1h.0),
            },
            output_tokens: usage.output_total().0,
            output_tokens_details: (reasoning > 0)
                .then_some(OutputDetails { thinking_tokens: Some(reasoning) }),
            server_tool_use: (searches > 0)
                .then_some(ServerToolUse { web_search_requests: searches, web_fetch_requests: 0 }),
        }
    }
}
