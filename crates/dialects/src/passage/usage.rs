//! Token counts in the words of every operation: those of completions, of images and of audio, and of providers that
//! tell what they bill.

use serde::Deserialize;
use types::{Tokens, Usage};

use crate::Fields;
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
    /// The disjoint classes; none where no tokens are told. What the total holds
    /// beyond both directions is input: where there is nothing but a total, and audio that stands beside the prompt.
    pub(crate) fn to_usage(&self) -> Option<Usage> {
        let number = |count: Option<Count>| count.map_or(0, |count| count.0);
        let told = [self.prompt_tokens, self.input_tokens, self.output_tokens, self.total_tokens];
        if told.iter().all(Option::is_none) {
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
            ..Usage::default()
        })
    }
}
