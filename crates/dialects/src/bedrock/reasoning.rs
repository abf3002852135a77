//! How much to think, where the model is one that is told so: among its own fields, as a budget or adaptively.

use types::conversation::{Change, Effort};

use super::request_encode::Writer;
use crate::quirks;
use crate::thinking::{Plan, Thinking, budget_of, effort_of, fitting, lacks_thinking};

impl Writer<'_> {
    /// How the wish to think is said to this target.
    pub(super) fn reasoning(&mut self) -> Plan {
        let Some(reasoning) = &self.asked.reasoning else { return Plan::default() };
        let field = if reasoning.effort.is_some() { "reasoning_effort" } else { "thinking" };
        let is_adaptive = self.target.has_quirk(quirks::ADAPTIVE_THINKING);
        if !self.is_own() && !is_adaptive && !self.target.has_quirk(quirks::BUDGET_THINKING) {
            self.dropped(field);
            return Plan::default();
        }
        if reasoning.enabled == Some(false) || reasoning.effort == Some(Effort::None) {
            return Plan { thinking: Some(Thinking::Disabled), effort: None };
        }
        let budget = reasoning.budget_tokens;
        if is_adaptive || (self.is_own() && budget.is_none()) {
            if budget.is_some() {
                self.changes.push(Change::emulated("thinking.budget_tokens"));
            }
            let effort = reasoning.effort.or_else(|| budget.map(effort_of));
            let thinking = (is_adaptive || reasoning.enabled.is_some()).then_some(Thinking::Adaptive);
            return Plan { thinking, effort: effort.map(Effort::as_str) };
        }
        let limit = self.asked.sampling.max_tokens.or(self.target.max_output_tokens);
        match fitting(budget.unwrap_or_else(|| budget_of(reasoning.effort)), limit) {
            Some(budget_tokens) if self.is_own() || !lacks_thinking(&self.asked.messages) => {
                if budget != Some(budget_tokens) {
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
}
