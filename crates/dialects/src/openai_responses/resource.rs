//! The answer as an object, with every field that Open Responses demands of one.

use serde::Serialize;
use types::conversation::StopReason;
use types::{ServiceTier, Usage};

use super::echo::Echo;
use super::error::Failure;
use super::usage::WriteUsage;

/// An answer, whole or as far as it has come. `O` is its list of items.
#[derive(Serialize)]
pub(super) struct Resource<'a, O> {
    pub(super) id: &'a str,
    pub(super) object: &'static str,
    pub(super) created_at: u64,
    pub(super) completed_at: Option<u64>,
    pub(super) status: &'static str,
    pub(super) background: bool,
    pub(super) error: Option<Failure<'a>>,
    pub(super) incomplete_details: Option<Incomplete>,
    pub(super) model: &'a str,
    pub(super) output: O,
    pub(super) previous_response_id: Option<&'a str>,
    pub(super) service_tier: &'static str,
    /// The gateway keeps no answers.
    pub(super) store: bool,
    #[serde(flatten)]
    pub(super) echo: &'a Echo,
    pub(super) usage: Option<WriteUsage>,
}

/// Why an answer is not complete.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Incomplete {
    pub(super) reason: &'static str,
}

impl<'a, O> Resource<'a, O> {
    /// The same with what it used, and the tier it was served at.
    pub(super) fn with_usage(self, usage: Option<&Usage>) -> Self {
        let tier = usage.and_then(|usage| usage.service_tier);
        let service_tier = tier.map_or(self.service_tier, ServiceTier::as_str);
        Self { service_tier, usage: usage.map(WriteUsage::from), ..self }
    }

    /// An answer that is being given.
    pub(super) const fn begun(id: &'a str, model: &'a str, echo: &'a Echo, output: O) -> Self {
        Self {
            id,
            object: "response",
            created_at: 0,
            completed_at: None,
            status: "in_progress",
            background: false,
            error: None,
            incomplete_details: None,
            model,
            output,
            previous_response_id: None,
            service_tier: "default",
            store: false,
            echo,
            usage: None,
        }
    }
}

/// How an answer ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) status: &'static str,
    pub(super) incomplete: Option<Incomplete>,
}

impl Ending {
    /// The words for a reason. A refusal that the answer puts into words is a complete answer.
    pub(super) const fn of(reason: StopReason, has_refusal: bool) -> Self {
        match reason {
            StopReason::ContextFull | StopReason::MaxTokens => Self::incomplete("max_output_tokens"),
            StopReason::Refusal if has_refusal => Self::COMPLETED,
            StopReason::Filtered | StopReason::Refusal => Self::incomplete("content_filter"),
            StopReason::EndTurn | StopReason::Pause | StopReason::StopSequence | StopReason::ToolUse => {
                Self::COMPLETED
            }
        }
    }

    const COMPLETED: Self = Self { status: "completed", incomplete: None };

    const fn incomplete(reason: &'static str) -> Self {
        Self { status: "incomplete", incomplete: Some(Incomplete { reason }) }
    }
}
