//! Token counts: inclusive on the wire (`cached_tokens` is part of `input_tokens`), disjoint in `types::Usage`.

use serde::de::Deserializer;
use serde::{Deserialize, Serialize};
use types::{ServiceTier, Units, Usage};

use crate::openai_family::MAX_DEPTH;
use crate::openai_family::usage::{Count, Inclusive};
use crate::outline::{self, Part};

/// `usage` as upstreams write it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReadUsage(Inclusive);

impl<'de> Deserialize<'de> for ReadUsage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        outline::deserialize(deserializer, MAX_DEPTH, Self::read)
    }
}

impl ReadUsage {
    /// Reads it where it lies; none where a count is no number.
    pub(super) fn read(usage: Part<'_>) -> Option<Self> {
        let mut read = Inclusive::default();
        for (name, value) in usage.fields() {
            match name {
                b"input_tokens" => read.input = Count::read(value)?,
                b"output_tokens" => read.output = Count::read(value)?,
                b"total_tokens" => read.total = Count::read(value)?,
                // Many answers leave the details out, or name none.
                _ if value.raw() == b"null" => {}
                b"input_tokens_details" => {
                    read.cache_read = Count::of(value, "cached_tokens")?;
                    read.cache_written = Count::of(value, "cache_write_tokens")?;
                    read.input_audio = Count::of(value, "audio_tokens")?;
                    read.input_image = Count::of(value, "image_tokens")?;
                }
                b"output_tokens_details" => {
                    read.reasoning = Count::of(value, "reasoning_tokens")?;
                    read.output_audio = Count::of(value, "audio_tokens")?;
                    read.output_image = Count::of(value, "image_tokens")?;
                }
                _ => {}
            }
        }
        Some(Self(read))
    }

    /// The disjoint classes, at the tier that the answer names beside them, and the searches that are among its items.
    pub(super) fn to_usage(self, service_tier: Option<ServiceTier>, web_search: u64) -> Usage {
        Usage { units: Units { web_search, ..Units::default() }, ..self.0.to_usage(service_tier) }
    }
}

/// `usage` as callers read it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct WriteUsage {
    input_tokens: u64,
    input_tokens_details: WriteInputDetails,
    output_tokens: u64,
    output_tokens_details: WriteOutputDetails,
    total_tokens: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct WriteInputDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct WriteOutputDetails {
    reasoning_tokens: u64,
}

impl From<&Usage> for WriteUsage {
    fn from(usage: &Usage) -> Self {
        Self {
            input_tokens: usage.input_total().0,
            input_tokens_details: WriteInputDetails {
                cached_tokens: usage.cache_read.0.saturating_add(usage.cache_read_audio.0),
                cache_write_tokens: usage.cache_write_5m.0.saturating_add(usage.cache_write_1h.0),
            },
            output_tokens: usage.output_total().0,
            output_tokens_details: WriteOutputDetails { reasoning_tokens: usage.reasoning.0 },
            total_tokens: usage.total().0,
        }
    }
}
