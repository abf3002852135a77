//! Token counts: what the model saw and said. What is billed is told apart, and counts neither the provider's own
//! prompt nor what its cache held.

use serde::{Deserialize, Deserializer, Serialize};
use types::{Tokens, Usage};

use super::MAX_DEPTH;
use crate::outline::{self, Part};

/// Usage on the wire: input includes what a cache held, output includes reasoning.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WireUsage {
    input: u64,
    output: u64,
    reasoning: u64,
    cached: u64,
}

impl<'de> Deserialize<'de> for WireUsage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        outline::deserialize(deserializer, MAX_DEPTH, Self::read)
    }
}

impl WireUsage {
    /// Reads it where it lies; none where nothing was counted.
    pub(super) fn read(usage: Part<'_>) -> Option<Self> {
        let tokens = usage.field("tokens").or_else(|| usage.field("billed_units"))?;
        let count = |part: Part<'_>, name| {
            // Some counts are written as decimals.
            let number: f64 = serde_json::from_slice(part.field(name)?.raw()).ok()?;
            whole(number)
        };
        let (input, output) = (count(tokens, "input_tokens"), count(tokens, "output_tokens"));
        input.or(output)?;
        Some(Self {
            input: input.unwrap_or_default(),
            output: output.unwrap_or_default(),
            reasoning: count(tokens, "reasoning_tokens").unwrap_or_default(),
            cached: count(usage, "cached_tokens").unwrap_or_default(),
        })
    }

    /// The same in disjoint classes.
    pub(super) fn canonical(self) -> Usage {
        let cached = self.cached.min(self.input);
        let reasoning = self.reasoning.min(self.output);
        Usage {
            input: Tokens(self.input - cached),
            cache_read: Tokens(cached),
            output: Tokens(self.output - reasoning),
            reasoning: Tokens(reasoning),
            ..Usage::default()
        }
    }
}

/// A count that is written as a decimal.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is between zero and what a decimal counts exactly"
)]
fn whole(number: f64) -> Option<u64> {
    (0.0..9e15).contains(&number).then_some(number as u64)
}

/// Usage as it is written.
#[derive(Debug, Serialize)]
pub(super) struct UsageOut {
    billed_units: Counts,
    tokens: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_tokens: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Counts {
    #[serde(rename = "input_tokens")]
    input: u64,
    #[serde(rename = "output_tokens")]
    output: u64,
    #[serde(rename = "reasoning_tokens", skip_serializing_if = "Option::is_none")]
    reasoning: Option<u64>,
}

impl From<Usage> for UsageOut {
    fn from(usage: Usage) -> Self {
        let cached = usage.cache_read.0.saturating_add(usage.cache_read_audio.0);
        let counts = |reasoning: u64| Counts {
            input: usage.input_total().0,
            output: usage.output_total().0,
            reasoning: (reasoning > 0).then_some(reasoning),
        };
        Self {
            billed_units: counts(0),
            tokens: counts(usage.reasoning.0),
            cached_tokens: (cached > 0).then_some(cached),
        }
    }
}
