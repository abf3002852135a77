//! Token counts: inclusive on the wire (`cached_tokens` is part of `prompt_tokens`), disjoint in `types::Usage`.

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use types::{ServiceTier, Tokens, Usage};

use super::MAX_DEPTH;
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
                b"cache_creation" => {
                    read.ephemeral_1h_input_tokens = Count::of(value, "ephemeral_1h_input_tokens")?;
                }
                _ => {}
            }
        }
        Some(read)
    }

    /// The disjoint classes, at the tier that the answer names beside them. Where a provider's parts exceed their
    /// whole, the whole holds.
    pub(super) fn to_usage(&self, service_tier: Option<ServiceTier>) -> Usage {
        let (prompt, completion) = (self.prompt_tokens.0, self.completion_tokens.0);
        let input_audio = self.prompt_tokens_details.audio_tokens.0;
        let output_audio = self.completion_tokens_details.audio_tokens.0;
        let reasoning = self.completion_tokens_details.reasoning_tokens.0;
        // What the total holds beyond its two parts: audio that Mistral keeps out of the prompt, or reasoning
        // that Google's and xAI's endpoints keep out of the completion.
        let gap = self.total_tokens.0.saturating_sub(prompt).saturating_sub(completion);
        let (more_input, hidden) = if gap == input_audio { (gap, 0) } else { (0, gap) };

        let mut input_left = prompt.saturating_add(more_input);
        let cache_read = take(&mut input_left, self.cache_read());
        let written = take(&mut input_left, self.cache_written());
        let hour = self.ephemeral_1h_input_tokens.0.min(written);
        let input_audio = take(&mut input_left, input_audio);
        let input_image = take(&mut input_left, self.prompt_tokens_details.image_tokens.0);
        let mut output_left = completion.saturating_add(hidden);
        let output_audio = take(&mut output_left, output_audio);
        let output_image = take(&mut output_left, self.completion_tokens_details.image_tokens.0);
        let reasoning = take(&mut output_left, reasoning.max(hidden));
        Usage {
            input: Tokens(input_left),
            input_audio: Tokens(input_audio),
            input_image: Tokens(input_image),
            cache_read: Tokens(cache_read),
            cache_read_audio: Tokens(0),
            cache_write_5m: Tokens(written.saturating_sub(hour)),
            cache_write_1h: Tokens(hour),
            output: Tokens(output_left),
            output_audio: Tokens(output_audio),
            output_image: Tokens(output_image),
            reasoning: Tokens(reasoning),
            service_tier,
        }
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

/// Takes at most `wanted` out of what is left.
fn take(left: &mut u64, wanted: u64) -> u64 {
    let taken = wanted.min(*left);
    *left = left.saturating_sub(taken);
    taken
}

/// A count, however a provider spells it: null and negative numbers are none, fractions are cut.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count(pub(crate) u64);

impl Count {
    fn read(value: Part<'_>) -> Option<Self> {
        // Nearly all are plain digits.
        match std::str::from_utf8(value.raw()).ok()?.parse() {
            Ok(count) => Some(Self(count)),
            Err(_) => serde_json::from_slice(value.raw()).ok(),
        }
    }

    /// The count in this field of the details; zero where there is none.
    fn of(details: Part<'_>, name: &str) -> Option<Self> {
        details.field(name).map_or(Some(Self(0)), Self::read)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number of tokens")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Count, E> {
        Ok(Count(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Count, E> {
        Ok(Count(u64::try_from(value).unwrap_or(0)))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from float saturates, which is what a count out of range should do"
    )]
    fn visit_f64<E>(self, value: f64) -> Result<Count, E> {
        Ok(Count(value as u64))
    }

    fn visit_unit<E>(self) -> Result<Count, E> {
        Ok(Count(0))
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
