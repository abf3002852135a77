//! What a model answered, whole.

use super::Content;
use crate::{Json, Usage};

/// A whole answer. The same content as the events of a stream, folded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The upstream's id for it.
    pub id: Option<String>,
    /// The upstream's name for the model.
    pub model: Option<String>,
    /// When, in seconds since 1970.
    pub created: Option<u64>,
    /// The answers; one unless more were asked for.
    pub choices: Vec<Choice>,
    /// What it used, if the upstream said so.
    pub usage: Option<Usage>,
}

/// One of the answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// What was said.
    pub content: Vec<Content>,
    /// Why it ended.
    pub stop: Option<StopReason>,
    /// The text it stopped at.
    pub stop_sequence: Option<String>,
    /// Log probabilities in OpenAI's form (`{"content": […], "refusal": …}`).
    pub logprobs: Option<Json>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The context window was full.
    ContextFull,
    /// The model was done.
    EndTurn,
    /// The provider's policy cut it.
    Filtered,
    /// The token limit was reached.
    MaxTokens,
    /// The provider paused a long turn; the caller sends it back to go on.
    Pause,
    /// The model refused.
    Refusal,
    /// One of the stop texts came up.
    StopSequence,
    /// The model called a tool.
    ToolUse,
}
