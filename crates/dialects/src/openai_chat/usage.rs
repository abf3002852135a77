//! Token counts: inclusive on the wire (`cached_tokens` is part of `prompt_tokens`), disjoint in `types::Usage`.

use serde::de::Deserializer;
use serde::{Deserialize, Serialize};
use types::{ServiceTier, Unit, Units, Usage};

use crate::openai_family::MAX_DEPTH;
use crate::openai_family::usage::{Count, Inclusive};
use crate::outline::{self, Part};

/// `usage` as upstreams write it, with the fields of all providers' flavours.
#[derive(Debug, Default)]
pub(super) struct ReadUsage {
    prompt_tokens: Count,
    completion_tokens: Count,
    total_tokens: Count,
    prompt_tokens_details: ReadPromptDetails,
    completion_tokens_details: ReadCompletionDetails,
    /// `DeepSeek`'s word for `cached_tokens`, which Moonshot writes here as well.
    prompt_cache_hit_tokens: Count,
    /// Words of gateways in front of Anthropic's models.
    cache_read_input_tokens: Count,
    cache_creation_input_tokens: Count,
    /// Of `cache_creation`: what is kept for an hour.
    ephemeral_1h_input_tokens: Count,
    /// Searches of the web, where they are told by number.
    web_searches: Count,
    /// How much of one was read, where that is told instead.
    search: Option<Unit>,
}

/// The object `x_groq`, in which some servers put the usage of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WrappedUsage {
    pub(super) usage: Option<ReadUsage>,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_field_names, reason = "the wire's own names")]
struct ReadPromptDetails {
    cached_tokens: Count,
    audio_tokens: Count,
    image_tokens: Count,
    cache_write_tokens: Count,
    cache_creation_tokens: Count,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_field_names, reason = "the wire's own names")]
struct ReadCompletionDetails {
    reasoning_tokens: Count,
    audio_tokens: Count,
    image_tokens: Count,
}

impl<'de> Deserialize<'de> for ReadUsage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        outline::deserialize(deserializer, MAX_DEPTH, Self::read)
    }
}

impl ReadUsage {
    /// Reads it where it lies; none where a count is no number.
    pub(super) fn read(usage: Part<'_>) -> Option<Self> {
        let mut read = Self::default();
        for (name, value) in usage.fields() {
            match name {
                b"prompt_tokens" => read.prompt_tokens = Count::read(value)?,
                b"completion_tokens" => read.completion_tokens = Count::read(value)?,
                b"total_tokens" => read.total_tokens = Count::read(value)?,
                b"prompt_cache_hit_tokens" | b"cached_tokens" => {
                    read.prompt_cache_hit_tokens = Count::read(value)?;
                }
                b"cache_read_input_tokens" => read.cache_read_input_tokens = Count::read(value)?,
                b"cache_creation_input_tokens" => read.cache_creation_input_tokens = Count::read(value)?,
                // Many answers leave the details out, or name none.
                _ if value.raw() == b"null" => {}
                b"prompt_tokens_details" => {
                    read.prompt_tokens_details = ReadPromptDetails {
                        cached_tokens: Count::of(value, "cached_tokens")?,
                        audio_tokens: Count::of(value, "audio_tokens")?,
                        image_tokens: Count::of(value, "image_tokens")?,
                        cache_write_tokens: Count::of(value, "cache_write_tokens")?,
                        cache_creation_tokens: Count::of(value, "cache_creation_tokens")?,
                    };
                }
                b"completion_tokens_details" => {
                    read.completion_tokens_details = ReadCompletionDetails {
                        reasoning_tokens: Count::of(value, "reasoning_tokens")?,
                        audio_tokens: Count::of(value, "audio_tokens")?,
                        image_tokens: Count::of(value, "image_tokens")?,
                    };
                }
                b"num_search_queries" => read.web_searches = Count::read(value)?,
                b"server_tool_use" => read.web_searches = Count::of(value, "web_search_requests")?,
                b"search_context_size" => read.search = search(value),
                b"cache_creation" => {
                    read.ephemeral_1h_input_tokens = Count::of(value, "ephemeral_1h_input_tokens")?;
                }
                _ => {}
            }
        }
        Some(read)
    }

    /// The disjoint classes, at the tier that the answer names beside them.
    pub(super) fn to_usage(&self, service_tier: Option<ServiceTier>) -> Usage {
        let (input, output) = (&self.prompt_tokens_details, &self.completion_tokens_details);
        let counted = Inclusive {
            input: self.prompt_tokens,
            output: self.completion_tokens,
            total: self.total_tokens,
            cache_read: Count(self.cache_read()),
            cache_written: Count(self.cache_written()),
            cache_written_1h: self.ephemeral_1h_input_tokens,
            input_audio: input.audio_tokens,
            input_image: input.image_tokens,
            output_audio: output.audio_tokens,
            output_image: output.image_tokens,
            reasoning: output.reasoning_tokens,
        };
        let units = match (self.web_searches.0, self.search) {
            (0, Some(search)) => Units::default().with(search, 1),
            (web_search, _) => Units { web_search, ..Units::default() },
        };
        Usage { units, ..counted.to_usage(service_tier) }
    }

    fn cache_read(&self) -> u64 {
        let detail = self.prompt_tokens_details.cached_tokens.0;
        detail.max(self.prompt_cache_hit_tokens.0).max(self.cache_read_input_tokens.0)
    }

    fn cache_written(&self) -> u64 {
        let detail = &self.prompt_tokens_details;
        let detail = detail.cache_write_tokens.0.max(detail.cache_creation_tokens.0);
        detail.max(self.cache_creation_input_tokens.0)
    }
}

/// A search of which so much is read, by the word for that.
fn search(size: Part<'_>) -> Option<Unit> {
    match size.text()?.as_ref() {
        "low" => Some(Unit::WebSearchLow),
        "high" => Some(Unit::WebSearchHigh),
        _ => Some(Unit::WebSearch),
    }
}

/// `usage` as callers read it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct WriteUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: WritePromptDetails,
    completion_tokens_details: WriteCompletionDetails,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the wire's own names")]
struct WritePromptDetails {
    cached_tokens: u64,
    audio_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    image_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_write_tokens: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the wire's own names")]
struct WriteCompletionDetails {
    reasoning_tokens: u64,
    audio_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    image_tokens: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl From<&Usage> for WriteUsage {
    fn from(usage: &Usage) -> Self {
        Self {
            prompt_tokens: usage.input_total().0,
            completion_tokens: usage.output_total().0,
            total_tokens: usage.total().0,
            prompt_tokens_details: WritePromptDetails {
                cached_tokens: usage.cache_read.0.saturating_add(usage.cache_read_audio.0),
                audio_tokens: usage.input_audio.0,
                image_tokens: usage.input_image.0,
                cache_write_tokens: usage.cache_write_5m.0.saturating_add(usage.cache_write_1h.0),
            },
            completion_tokens_details: WriteCompletionDetails {
                reasoning_tokens: usage.reasoning.0,
                audio_tokens: usage.output_audio.0,
                image_tokens: usage.output_image.0,
            },
        }
    }
}
