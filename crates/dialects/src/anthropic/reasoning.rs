//! How much to think: words of effort, budgets in tokens, and adaptive thinking.

use types::conversation::{Change, Effort, Reasoning};

use super::request_encode::Writer;
use crate::quirks;
use crate::thinking::{Plan, Thinking, budget_of, effort_of, fitting, lacks_thinking};

impl Writer<'_> {
    /// How the wish to think is said to this target.
    pub(super) fn reasoning(&mut self) -> Plan {
        let Some(reasoning) = &self.asked.reasoning else { return Plan::default() };
        let adaptive = self.target.has_quirk(quirks::ADAPTIVE_THINKING);
        if reasoning.enabled == Some(false) || reasoning.effort == Some(Effort::None) {
            let effort = reasoning.effort.and_then(|effort| self.effort_word(effort));
            return Plan { thinking: Some(Thinking::Disabled), effort };
        }
        if self.is_own() {
            return self.own_reasoning(reasoning, adaptive);
        }
        if adaptive {
            let effort = reasoning.effort.or_else(|| {
                let budget = reasoning.budget_tokens?;
                self.changes.push(Change::emulated("thinking.budget_tokens"));
                Some(effort_of(budget))
            });
            let effort = effort.and_then(|effort| self.effort_word(effort));
            return Plan { thinking: Some(Thinking::Adaptive), effort };
        }
        let field = if reasoning.effort.is_some() { "reasoning_effort" } else { "thinking" };
        let budget = reasoning.budget_tokens.unwrap_or_else(|| budget_of(reasoning.effort));
        let limit = self.asked.sampling.max_tokens.or(self.target.max_output_tokens);
        match fitting(budget, limit) {
            Some(budget_tokens) if !lacks_thinking(&self.asked.messages) => {
                if reasoning.budget_tokens != Some(budget_tokens) {
                    self.changes.push(Change::emulated(field));
                }
                Plan { thinking: Some(Thinking::Enabled { budget_tokens }), effort: None }
            }
            Some(_) | None => {
                self.dropped(field);
                Plan::default()
            }
        }
    }

    /// What a caller of this dialect said, as it was said; only an adaptive target knows no budgets.
    fn own_reasoning(&mut self, reasoning: &Reasoning, adaptive: bool) -> Plan {
        let mut effort = reasoning.effort;
        let thinking = match (reasoning.enabled, reasoning.budget_tokens) {
            (Some(true), Some(budget_tokens)) if !adaptive => Some(Thinking::Enabled { budget_tokens }),
            (Some(true), Some(budget)) => {
                self.changes.push(Change::emulated("thinking.budget_tokens"));
                effort = effort.or(Some(effort_of(budget)));
                Some(Thinking::Adaptive)
            }
            (Some(true), None) => Some(Thinking::Adaptive),
            (Some(false) | None, _) => None,
        };
        Plan { thinking, effort: effort.and_then(|effort| self.effort_word(effort)) }
    }

    /// The wire's word for an effort; it has none below `low`.
    fn effort_word(&mut self, effort: Effort) -> Option<&'static str> {
        match effort {
            Effort::None => None,
            Effort::Minimal => {
                self.changes.push(Change::rewritten("reasoning_effort"));
                Some(Effort::Low.as_str())
            }
            Effort::Low | Effort::Medium | Effort::High | Effort::Xhigh | Effort::Max => {
                Some(effort.as_str())
            }
        }
    }
}
