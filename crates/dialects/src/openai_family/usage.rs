//! Token counts as this family writes them: inclusive (what a cache served is part of the input), while those of
//! `types::Usage` are disjoint.

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use types::{ServiceTier, Tokens, Units, Usage};

use crate::outline::Part;

/// What a provider counted, as it counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Inclusive {
    pub(crate) input: Count,
    pub(crate) output: Count,
    pub(crate) total: Count,
    pub(crate) cache_read: Count,
    pub(crate) cache_written: Count,
    /// Of what was written: what is kept for an hour.
    pub(crate) cache_written_1h: Count,
    pub(crate) input_audio: Count,
    pub(crate) input_image: Count,
    pub(crate) output_audio: Count,
    pub(crate) output_image: Count,
    pub(crate) reasoning: Count,
}

impl Inclusive {
    /// The disjoint classes, at this tier. Where a provider's parts exceed their whole, the whole holds.
    pub(crate) fn to_usage(self, service_tier: Option<ServiceTier>) -> Usage {
        let (input, output) = (self.input.0, self.output.0);
        let (input_audio, reasoning) = (self.input_audio.0, self.reasoning.0);
        // What the total holds beyond its two parts: audio that Mistral keeps out of the prompt, or reasoning
        // that Google's and xAI's endpoints keep out of the completion.
        let gap = self.total.0.saturating_sub(input).saturating_sub(output);
        let (more_input, hidden) = if gap == input_audio { (gap, 0) } else { (0, gap) };

        let mut input_left = input.saturating_add(more_input);
        let cache_read = take(&mut input_left, self.cache_read.0);
        let written = take(&mut input_left, self.cache_written.0);
        let hour = self.cache_written_1h.0.min(written);
        let input_audio = take(&mut input_left, input_audio);
        let input_image = take(&mut input_left, self.input_image.0);
        let mut output_left = output.saturating_add(hidden);
        let output_audio = take(&mut output_left, self.output_audio.0);
        let output_image = take(&mut output_left, self.output_image.0);
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
            residency: None,
            units: Units::default(),
        }
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
    /// Reads it where it lies.
    pub(crate) fn read(value: Part<'_>) -> Option<Self> {
        // Nearly all are plain digits.
        match value.written().parse() {
            Ok(count) => Some(Self(count)),
            Err(_) => serde_json::from_slice(value.raw()).ok(),
        }
    }

    /// The count in this field of the details; zero where there is none.
    pub(crate) fn of(details: Part<'_>, name: &str) -> Option<Self> {
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
