//! How much to think, in the words that a target knows.

use serde::Serialize;
use types::conversation::{Change, Effort, Reasoning, Target};

use crate::openai_family::effort::effort_of;
use crate::quirks;
use crate::thinking::budget_of;

/// What is said about thinking.
#[derive(Default, Serialize)]
pub(super) struct Plan {
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Switch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Wish>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_thinking: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<u64>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Switch {
    Disabled,
    Enabled,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Wish {
    Effort(&'static str),
    Enabled(bool),
    MaxTokens(u64),
}

/// How the wish to think is said to this target.
pub(super) fn plan(reasoning: Option<&Reasoning>, target: &Target, changes: &mut Vec<Change>) -> Plan {
    let Some(reasoning) = reasoning else { return Plan::default() };
    let field = if reasoning.effort.is_some() { "reasoning_effort" } else { "thinking" };
    let is_off = reasoning.enabled == Some(false) || reasoning.effort == Some(Effort::None);
    if target.has_quirk(quirks::NO_REASONING) {
        if !is_off {
            changes.push(Change::dropped(field));
        }
        return Plan::default();
    }
    if target.has_quirk(quirks::REASONING_OBJECT) {
        return Plan { reasoning: Some(wish(reasoning, is_off, target, changes)), ..Plan::default() };
    }
    if target.has_quirk(quirks::ENABLE_THINKING) {
        return budgeted(reasoning, is_off, changes);
    }
    let is_switch = target.has_quirk(quirks::THINKING_SWITCH);
    match (is_off, is_switch) {
        (true, true) => Plan { thinking: Some(Switch::Disabled), ..Plan::default() },
        (true, false) if target.has_quirk(quirks::REASONING_NONE) => {
            Plan { reasoning_effort: Some(Effort::None.as_str()), ..Plan::default() }
        }
        (true, false) => {
            changes.push(Change::dropped(field));
            Plan::default()
        }
        (false, _) => {
            let reasoning_effort = effort(reasoning, target, changes);
            if reasoning_effort.is_none() && reasoning.enabled == Some(true) && !is_switch {
                changes.push(Change::dropped(field));
            }
            let thinking = is_switch.then_some(Switch::Enabled);
            Plan { reasoning_effort, thinking, ..Plan::default() }
        }
    }
}

/// Thinking by a switch and a budget. A budget says more than an effort.
fn budgeted(reasoning: &Reasoning, is_off: bool, changes: &mut Vec<Change>) -> Plan {
    if is_off {
        return Plan { enable_thinking: Some(false), ..Plan::default() };
    }
    let budget = match (reasoning.effort, reasoning.budget_tokens) {
        (Some(_), Some(budget)) => {
            changes.push(Change::dropped("reasoning_effort"));
            Some(budget)
        }
        (Some(effort), None) => {
            changes.push(Change::emulated("reasoning_effort"));
            Some(budget_of(Some(effort)))
        }
        (None, budget) => budget,
    };
    Plan { enable_thinking: Some(true), thinking_budget: budget, ..Plan::default() }
}

/// The object that holds either an effort or a budget.
fn wish(reasoning: &Reasoning, is_off: bool, target: &Target, changes: &mut Vec<Change>) -> Wish {
    match (is_off, reasoning.effort, reasoning.budget_tokens) {
        (true, _, _) => Wish::Enabled(false),
        (false, None, None) => Wish::Enabled(true),
        (false, None, Some(budget)) => Wish::MaxTokens(budget),
        (false, Some(effort), budget) => {
            if budget.is_some() {
                changes.push(Change::dropped("thinking.budget_tokens"));
            }
            Wish::Effort(word(effort, target, changes))
        }
    }
}

/// The effort that stands for what was asked.
fn effort(reasoning: &Reasoning, target: &Target, changes: &mut Vec<Change>) -> Option<&'static str> {
    match (reasoning.effort, reasoning.budget_tokens) {
        (Some(effort), budget) => {
            if budget.is_some() {
                changes.push(Change::dropped("thinking.budget_tokens"));
            }
            Some(word(effort, target, changes))
        }
        (None, Some(budget)) => {
            changes.push(Change::emulated("thinking.budget_tokens"));
            Some(effort_of(budget).as_str())
        }
        // To think as much as the model likes has no word but the switch.
        (None, None) => None,
    }
}

/// The target's word for an effort. Those with a switch take every word; elsewhere the most is `xhigh`.
fn word(effort: Effort, target: &Target, changes: &mut Vec<Change>) -> &'static str {
    if effort == Effort::Max && !target.has_quirk(quirks::THINKING_SWITCH) {
        changes.push(Change::rewritten("reasoning_effort"));
        return Effort::Xhigh.as_str();
    }
    effort.as_str()
}
