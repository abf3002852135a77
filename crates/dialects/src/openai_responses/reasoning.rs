//! How much to think, in the words that a target knows.

use serde::Serialize;
use types::Json;
use types::conversation::{Change, Effort, Reasoning, Target};

use crate::extras::Named;
use crate::openai_family::effort::effort_of;
use crate::quirks;

/// The field `reasoning`.
#[derive(Default, Serialize)]
pub(super) struct Plan<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(flatten)]
    rest: Named<'a>,
}

/// How the wish to think is said to this target. `rest` is what a caller of this language says beside the effort.
pub(super) fn plan<'a>(
    reasoning: Option<&Reasoning>,
    rest: Vec<(&'a str, &'a Json)>,
    (target, is_own): (&Target, bool),
    changes: &mut Vec<Change>,
) -> Option<Plan<'a>> {
    let effort = reasoning.and_then(|reasoning| effort(reasoning, target, is_own, changes));
    (effort.is_some() || !rest.is_empty()).then_some(Plan { effort, rest: Named(rest) })
}

/// The effort that stands for what was asked.
fn effort(
    reasoning: &Reasoning,
    target: &Target,
    is_own: bool,
    changes: &mut Vec<Change>,
) -> Option<&'static str> {
    if is_own {
        return reasoning.effort.map(Effort::as_str);
    }
    let field = if reasoning.effort.is_some() { "reasoning_effort" } else { "thinking" };
    if reasoning.enabled == Some(false) || reasoning.effort == Some(Effort::None) {
        if target.has_quirk(quirks::REASONING_NONE) {
            return Some(Effort::None.as_str());
        }
        changes.push(Change::dropped(field));
        return None;
    }
    if let (Some(_), Some(_)) = (reasoning.effort, reasoning.budget_tokens) {
        changes.push(Change::dropped("thinking.budget_tokens"));
    }
    match (reasoning.effort, reasoning.budget_tokens) {
        (Some(Effort::Max), _) => {
            changes.push(Change::rewritten("reasoning_effort"));
            Some(Effort::Xhigh.as_str())
        }
        (Some(effort), _) => Some(effort.as_str()),
        (None, Some(budget)) => {
            changes.push(Change::emulated("thinking.budget_tokens"));
            Some(effort_of(budget).as_str())
        }
        // To think as much as the model likes has no word.
        (None, None) => {
            if reasoning.enabled == Some(true) {
                changes.push(Change::dropped(field));
            }
            None
        }
    }
}
