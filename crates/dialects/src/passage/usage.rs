//! Token counts and units in the words of every operation: those of completions, of images and of audio, and of providers that
//! tell what they bill.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use types::{Tokens, Units, Usage};

use crate::Fields;
use crate::openai_family::lenient;
use crate::openai_family::usage::Count;

/// Tokens of text, or what stands in their place.
pub(crate) fn plain(body: &[u8], fields: &Fields) -> Option<Usage> {
    read(body, fields)?.to_usage()
}

/// Tokens of an image's making: its output is one.
pub(crate) fn drawn(body: &[u8], fields: &Fields) -> Option<Usage> {
    let read = read(body, fields)?;
    let usage = read.to_usage()?;
    // Where text comes out too, the provider counts it apart.
    let counts_apart = read.output_tokens_details.is_some();
    Some(if counts_apart { usage } else { Usage { output: Tokens(0), output_image: usage.output, ..usage } })
}

/// Tokens of speech: its output is sound.
pub(crate) fn spoken(body: &[u8], fields: &Fields) -> Option<Usage> {
    let usage = plain(body, fields)?;
    Some(Usage { output: Tokens(0), output_audio: usage.output, ..usage })
}

/// Nothing that an answer is by itself.
pub(crate) fn nothing(_body: &[u8], _fields: &Fields) -> Units {
    Units::default()
}

/// Pictures that were made: those of a list, or the one of an event that ends its making.
pub(crate) fn pictures(body: &[u8], fields: &Fields) -> Units {
    let list = |data| serde_json::from_slice::<Vec<&RawValue>>(data).map_or(0, |list| list.len() as u64);
    let ends = || fields.value(body, "type").is_some_and(|kind| kind.ends_with(b".completed\""));
    let output_image = fields.value(body, "data").map_or_else(|| u64::from(ends()), list);
    Units { output_image, ..Units::default() }
}

/// Seconds that were listened to.
pub(crate) fn heard(body: &[u8], fields: &Fields) -> Units {
    let seconds = fields.value(body, "duration").and_then(|seconds| serde_json::from_slice(seconds).ok());
    Units { input_second: seconds.map_or(0, begun), ..Units::default() }
}

/// Seconds, of which one that has begun counts. Some servers tell them as text.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Seconds<'a> {
    Number(f64),
    Text(&'a str),
}

fn begun(seconds: Seconds<'_>) -> u64 {
    let seconds = match seconds {
        Seconds::Number(seconds) => seconds,
        Seconds::Text(text) => text.parse().unwrap_or_default(),
    };
    Duration::try_from_secs_f64(seconds).map_or(0, Units::begun_seconds)
}

/// What is billed, which is all that some providers tell (Cohere's `meta.billed_units`).
pub(crate) fn billed(body: &[u8], fields: &Fields) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Meta {
        billed_units: Option<ReadUsage>,
    }
    let meta: Meta = serde_json::from_slice(fields.value(body, "meta")?).ok()?;
    meta.billed_units?.to_usage()
}

fn read(body: &[u8], fields: &Fields) -> Option<ReadUsage> {
    serde_json::from_slice(fields.value(body, "usage")?).ok()
}

/// `usage` as upstreams write it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReadUsage {
    prompt_tokens: Option<Count>,
    completion_tokens: Option<Count>,
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    total_tokens: Option<Count>,
    input_token_details: Option<ReadDetails>,
    input_tokens_details: Option<ReadDetails>,
    prompt_tokens_details: Option<ReadDetails>,
    output_tokens_details: Option<ReadDetails>,
    /// What is billed in units.
    images: Option<Count>,
    search_units: Option<Count>,
    #[serde(deserialize_with = "whole_seconds")]
    seconds: Option<Count>,
    #[serde(deserialize_with = "whole_seconds")]
    prompt_audio_seconds: Option<Count>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the wire's own names")]
struct ReadDetails {
    audio_tokens: Option<Count>,
    cached_tokens: Option<Count>,
    image_tokens: Option<Count>,
}

impl ReadUsage {
    /// The disjoint classes and the units; none where neither are told. What the total holds
    /// beyond both directions is input: where there is nothing but a total, and audio that stands beside the prompt.
    pub(crate) fn to_usage(&self) -> Option<Usage> {
        let number = |count: Option<Count>| count.map_or(0, |count| count.0);
        let told = [self.prompt_tokens, self.input_tokens, self.output_tokens, self.total_tokens];
        let units = Units {
            input_image: number(self.images),
            input_second: number(self.seconds.or(self.prompt_audio_seconds)),
            query: number(self.search_units),
            ..Units::default()
        };
        if told.iter().all(Option::is_none) && units.is_empty() {
            return None;
        }
        let output = number(self.completion_tokens).max(number(self.output_tokens));
        let input = number(self.prompt_tokens).max(number(self.input_tokens));
        let mut input = input.max(number(self.total_tokens).saturating_sub(output));
        let details = [&self.input_token_details, &self.input_tokens_details, &self.prompt_tokens_details];
        let details = details.into_iter().flatten().next().cloned().unwrap_or_default();
        let mut part = |count: Option<Count>| {
            let taken = number(count).min(input);
            input -= taken;
            Tokens(taken)
        };
        let (input_audio, input_image) = (part(details.audio_tokens), part(details.image_tokens));
        let cache_read = part(details.cached_tokens);
        let drawn = self.output_tokens_details.as_ref().and_then(|details| details.image_tokens);
        let drawn = number(drawn).min(output);
        Some(Usage {
            input: Tokens(input),
            input_audio,
            input_image,
            cache_read,
            output: Tokens(output - drawn),
            output_image: Tokens(drawn),
            units,
            ..Usage::default()
        })
    }
}

fn whole_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Count>, D::Error> {
    let seconds: Option<Option<Seconds<'_>>> = lenient(deserializer)?;
    Ok(seconds.flatten().map(|seconds| Count(begun(seconds))))
}
