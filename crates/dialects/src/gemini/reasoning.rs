//! How much to think: budgets in tokens, and levels for the models that have those
//! (<https://ai.google.dev/gemini-api/docs/thinking>).
//!
//! | effort | minimal | low | medium | high and more |
//! |---|---|---|---|---|
//! | budget | 512 | 1024 | 8192 | 24576 |
//!
//! The budgets are those of Google's own translation of efforts.

use serde::Serialize;
use types::conversation::{Change, Effort, Reasoning};

use super::request_encode::Writer;
use crate::quirks;

/// A budget of as much as the model likes.
const DYNAMIC: i64 = -1;
/// The least budget of a model that always thinks.
const LEAST: i64 = 128;

/// `thinkingConfig`.
#[expect(clippy::struct_field_names, reason = "the wire's own names")]
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Thinking {
    #[serde(skip_serializing_if = "Option::is_none")]
    include_thoughts: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
}

impl Writer<'_> {
    /// How the wish to think is said to this target.
    pub(super) fn reasoning(&mut self) -> Option<Thinking> {
        let reasoning = self.asked.reasoning.as_ref()?;
        let field = if reasoning.effort.is_some() { "reasoning_effort" } else { "thinking" };
        let is_off = reasoning.enabled == Some(false) || reasoning.effort == Some(Effort::None);
        if self.target.has_quirk(quirks::NO_REASONING) {
            if !is_off {
                self.dropped(field);
            }
            return None;
        }
        let by_levels = self.target.has_quirk(quirks::THINKING_LEVELS);
        if is_off {
            return Some(self.least(field, by_levels));
        }
        let include_thoughts = Some(true);
        if self.is_own() {
            return Some(Thinking { include_thoughts, ..as_said(reasoning) });
        }
        if by_levels {
            let thinking_level = self.level(reasoning);
            return Some(Thinking { include_thoughts, thinking_budget: None, thinking_level });
        }
        let budget = reasoning.budget_tokens.map(|budget| i64::try_from(budget).unwrap_or(i64::MAX));
        if budget.is_none() && reasoning.effort.is_some() {
            self.changes.push(Change::emulated(field));
        }
        let thinking_budget = budget.unwrap_or_else(|| reasoning.effort.map_or(DYNAMIC, budget_of));
        Some(Thinking { include_thoughts, thinking_budget: Some(thinking_budget), thinking_level: None })
    }

    /// No thinking, or where that is impossible as little of it as every model has a level for.
    fn least(&mut self, field: &str, by_levels: bool) -> Thinking {
        if by_levels && !self.is_own() {
            self.changes.push(Change::rewritten(field));
            return Thinking { thinking_level: Some("LOW"), ..Thinking::default() };
        }
        if self.target.has_quirk(quirks::ALWAYS_THINKS) && !self.is_own() {
            self.changes.push(Change::rewritten(field));
            return Thinking { thinking_budget: Some(LEAST), ..Thinking::default() };
        }
        Thinking { thinking_budget: Some(0), ..Thinking::default() }
    }

    fn level(&mut self, reasoning: &Reasoning) -> Option<&'static str> {
        let effort = reasoning.effort.or_else(|| {
            let budget = reasoning.budget_tokens?;
            self.changes.push(Change::emulated("thinking.budget_tokens"));
            Some(effort_of(budget))
        })?;
        let level = level_of(effort);
        if effort > Effort::High || effort == Effort::Minimal {
            self.changes.push(Change::rewritten("reasoning_effort"));
        }
        Some(level)
    }
}

/// What a caller of this language said.
fn as_said(reasoning: &Reasoning) -> Thinking {
    let budget = reasoning.budget_tokens.and_then(|budget| i64::try_from(budget).ok());
    let is_dynamic = budget.is_none() && reasoning.effort.is_none();
    Thinking {
        include_thoughts: None,
        thinking_budget: budget.or(is_dynamic.then_some(DYNAMIC)),
        thinking_level: reasoning.effort.map(own_level),
    }
}

/// The level that every model by levels has for this effort.
const fn level_of(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High | Effort::Xhigh | Effort::Max => "HIGH",
    }
}

/// The level as a caller of this language has said it.
const fn own_level(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal => "MINIMAL",
        Effort::Low | Effort::Medium | Effort::High | Effort::Xhigh | Effort::Max => level_of(effort),
    }
}

/// The budget an effort stands for.
const fn budget_of(effort: Effort) -> i64 {
    match effort {
        Effort::None => 0,
        Effort::Minimal => 512,
        Effort::Low => 1024,
        Effort::Medium => 8192,
        Effort::High | Effort::Xhigh | Effort::Max => 24_576,
    }
}

/// The effort whose budget comes closest from above.
const fn effort_of(budget: u64) -> Effort {
    match budget {
        0..=1024 => Effort::Low,
        1025..=8192 => Effort::Medium,
        _ => Effort::High,
    }
}
