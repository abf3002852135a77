//! Token counts in the words of every operation: those of completions, of images and of audio.

use serde::Deserialize;
use types::{TokenClass, Tokens, Usage};

use crate::openai_family::usage::Count;

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
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ReadDetails {
    audio_tokens: Option<Count>,
    cached_tokens: Option<Count>,
}

impl ReadUsage {
    /// The disjoint classes, the output as tokens of this class; none where no tokens are told. What the total holds
    /// beyond both directions is input: where there is nothing but a total, and audio that stands beside the prompt.
    pub(crate) fn to_usage(&self, output_class: TokenClass) -> Option<Usage> {
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
        let audio = number(details.audio_tokens).min(input);
        input -= audio;
        let cached = number(details.cached_tokens).min(input);
        input -= cached;
        let mut usage = Usage {
            input: Tokens(input),
            input_audio: Tokens(audio),
            cache_read: Tokens(cached),
            ..Usage::default()
        };
        if output_class == TokenClass::OutputAudio {
            usage.output_audio = Tokens(output);
        } else {
            usage.output = Tokens(output);
        }
        Some(usage)
    }
}
