//! How much to think, in words and in tokens.
//!
//! | effort | minimal, low | medium | high | xhigh | max |
//! |---|---|---|---|---|---|
//! | budget | 1024, 2048 | 8192 | 16384 | 32768 | 65536 |

use serde::Serialize;
use types::conversation::{Content, Effort, Message, Role};

use crate::proofs;

/// The least budget that is taken.
pub(crate) const MIN_BUDGET: u64 = 1024;

/// What is said about thinking.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Anthropic's models' own field `thinking`.
    pub(crate) thinking: Option<Thinking>,
    /// The word for the effort, in a field of its own.
    pub(crate) effort: Option<&'static str>,
}

/// Anthropic's models' own field `thinking`.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Thinking {
    /// As much as the model likes.
    Adaptive,
    /// None.
    Disabled,
    /// Up to a budget.
    Enabled { budget_tokens: u64 },
}

impl Plan {
    /// Whether the model will think.
    pub(crate) const fn thinks(&self) -> bool {
        matches!(self.thinking, Some(Thinking::Adaptive | Thinking::Enabled { .. }))
    }

    /// The tokens set aside for thinking.
    pub(crate) const fn budget(&self) -> u64 {
        match self.thinking {
            Some(Thinking::Enabled { budget_tokens }) => budget_tokens,
            Some(Thinking::Adaptive | Thinking::Disabled) | None => 0,
        }
    }
}

/// The budget an effort stands for. Without a word it is `high`, the default of those who have both.
pub(crate) const fn budget_of(effort: Option<Effort>) -> u64 {
    match effort {
        Some(Effort::None | Effort::Minimal) => MIN_BUDGET,
        Some(Effort::Low) => 2048,
        Some(Effort::Medium) => 8192,
        Some(Effort::High) | None => 16384,
        Some(Effort::Xhigh) => 32768,
        Some(Effort::Max) => 65536,
    }
}

/// The effort whose budget comes closest from above.
pub(crate) fn effort_of(budget: u64) -> Effort {
    let words = [Effort::Low, Effort::Medium, Effort::High, Effort::Xhigh];
    words.into_iter().find(|effort| budget <= budget_of(Some(*effort))).unwrap_or(Effort::Max)
}

/// A budget that leaves a fifth of the answer's limit for the answer; none where the limit is too low to think at all.
pub(crate) fn fitting(budget: u64, limit: Option<u64>) -> Option<u64> {
    let Some(limit) = limit else { return Some(budget.max(MIN_BUDGET)) };
    (limit > MIN_BUDGET).then(|| budget.min(limit / 5 * 4).max(MIN_BUDGET))
}

/// Whether the conversation stands inside a tool loop whose calls came without thinking: with a budget, Anthropic's
/// models refuse to go on from there.
pub(crate) fn lacks_thinking(messages: &[Message]) -> bool {
    let last = messages.iter().rev().find(|message| message.role == Role::Assistant);
    let Some(assistant) = last else { return false };
    let has = |wanted: fn(&Content) -> bool| assistant.content.iter().any(wanted);
    let thought = has(|content| match content {
        Content::RedactedThinking { .. } => true,
        Content::Thinking { signature: Some(signature), .. } => !proofs::is_marked(signature),
        Content::Audio(_)
        | Content::Document(_)
        | Content::Image(_)
        | Content::Opaque { .. }
        | Content::Refusal(_)
        | Content::Text { .. }
        | Content::Thinking { signature: None, .. }
        | Content::ToolCall { .. }
        | Content::ToolResult { .. } => false,
    });
    let in_loop = messages.last().is_some_and(|message| {
        message.content.iter().any(|content| matches!(content, Content::ToolResult { .. }))
    });
    in_loop && !thought && has(|content| matches!(content, Content::ToolCall { .. }))
}
