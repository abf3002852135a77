//! Token counts: of the prompt as far as it was evaluated, and of the answer, reasoning included.

use serde::{Deserialize, Deserializer, Serialize};
use types::{Tokens, Usage};

use super::MAX_DEPTH;
use crate::outline::{self, Part};

/// Counts on the wire, which stand in the answer itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WireUsage {
    prompt_eval_count: Option<u64>,
    eval_count: Option<u64>,
}

impl<'de> Deserialize<'de> for WireUsage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        outline::deserialize(deserializer, MAX_DEPTH, |answer| Some(Self::read(answer)))
    }
}

impl WireUsage {
    /// Reads the counts of an answer; one that is no number is none.
    pub(super) fn read(answer: Part<'_>) -> Self {
        let count = |name| serde_json::from_slice(answer.field(name)?.raw()).ok();
        Self { prompt_eval_count: count("prompt_eval_count"), eval_count: count("eval_count") }
    }

    /// The same in disjoint classes, where anything was counted. A prompt that was evaluated before is left out.
    pub(super) fn canonical(self) -> Option<Usage> {
        let Self { prompt_eval_count, eval_count } = self;
        prompt_eval_count.or(eval_count)?;
        let [input, output] = [prompt_eval_count, eval_count].map(|count| Tokens(count.unwrap_or_default()));
        Some(Usage { input, output, ..Usage::default() })
    }
}

/// Counts as they are written.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct UsageOut {
    prompt_eval_count: u64,
    eval_count: u64,
}

impl From<Usage> for UsageOut {
    fn from(usage: Usage) -> Self {
        Self { prompt_eval_count: usage.input_total().0, eval_count: usage.output_total().0 }
    }
}
