//! Where to send a request: which targets may serve a model, in which order, and which are out of service.
//!
//! [`Plan`] is the port; [`Local`] is its implementation inside the process. Choosing and judging are pure
//! functions of the table, the state of the circuits and the time.

mod balance;
mod breaker;
mod local;
mod names;
mod retries;

use std::time::Duration;

use types::{
    Blame, CircuitState, Classify, Code, FaultKind, ModelName, Monotonic, ProviderName, Retry, TargetId,
    Verdict,
};

pub use breaker::BreakerConfig;
pub use local::{Local, TargetStatus};
pub use names::{ProviderModels, Resolved};
pub use retries::{RetryBudget, RetryConfig};

/// The port: chooses targets and learns how they did.
pub trait Plan: Send + Sync {
    /// What a caller means by `model`.
    fn resolve(&self, model: &str) -> Result<Resolved, ChooseError>;

    /// The targets that may serve it, best first. Those whose circuit is open are left out.
    fn choose(&self, model: &Resolved, now: Monotonic) -> Result<Chosen, ChooseError>;

    /// Claims the right to send one request to a target: always granted while its circuit is closed, to one
    /// request at a time while it is being probed, never while it is open.
    fn claim(&self, target: &TargetId, now: Monotonic) -> Claim;

    /// Gives back a claim whose request was never sent: it tells nothing of the target, and a probe is free again.
    fn release(&self, target: &TargetId, now: Monotonic) -> Option<Transition>;

    /// Tells how a request goes that was sent on this claim.
    fn report(&self, target: &TargetId, claim: Claim, outcome: Outcome, now: Monotonic)
    -> Option<Transition>;
}

/// The answer to [`Plan::claim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Send it, and report how it went.
    Granted,
    /// Send it as the one that probes the target, whose circuit is half open now: report when its answer begins, and
    /// how it went.
    Probe,
    /// Do not.
    Refused,
}

/// The targets for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Whether anything lost in translation refuses the request.
    pub strict: Strictness,
    /// At least one, best first.
    pub candidates: Vec<Candidate>,
}

/// What becomes of a request that a target's language cannot say in full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// It is sent, and the answer's header names what was lost.
    #[default]
    Report,
    /// It is refused.
    Refuse,
}

/// One place a request may go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// The target: its circuit, its line in metrics.
    pub target: TargetId,
    /// Whose.
    pub provider: ProviderName,
    /// The provider's name for the model.
    pub model: ModelName,
}

/// How a request to a target goes, as far as the router cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its answer has begun and may take long; how it ends is reported too.
    Begun,
    /// It failed this way; the upstream asked to wait this long.
    Failed(FaultKind, Option<Duration>),
    /// It was answered.
    Served,
}

/// A circuit changed its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Whose circuit.
    pub target: TargetId,
    /// To what.
    pub state: CircuitState,
    /// The fault that tripped it, if one did.
    pub cause: Option<FaultKind>,
}

/// Why there is no target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChooseError {
    /// A bare name that more than one provider serves.
    Ambiguous {
        /// The name.
        model: String,
        /// The full names it could mean.
        candidates: Vec<String>,
    },
    /// No such model.
    Unknown {
        /// The name.
        model: String,
        /// Names that look like it.
        nearest: Vec<String>,
        /// How many models there are.
        known: usize,
    },
    /// Every target's circuit is open.
    Unavailable {
        /// The model.
        model: String,
        /// When the first circuit may be probed.
        retry_after: Duration,
    },
}

impl std::fmt::Display for ChooseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ambiguous { model, candidates } => {
                write!(
                    f,
                    "model `{model}` is served by more than one provider; say {}",
                    alternatives(candidates)
                )
            }
            Self::Unknown { model, nearest, known } if nearest.is_empty() => {
                write!(f, "no model `{model}`; `GET /v1/models` lists the {known} there are")
            }
            Self::Unknown { model, nearest, .. } => {
                write!(f, "no model `{model}`; did you mean {}?", alternatives(nearest))
            }
            Self::Unavailable { model, retry_after } => write!(
                f,
                "no provider of `{model}` is available: every target's circuit is open; the first is tried again in {:.1} s",
                retry_after.as_secs_f64()
            ),
        }
    }
}

impl std::error::Error for ChooseError {}

impl Classify for ChooseError {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Ambiguous { .. } => {
                Verdict { blame: Blame::Caller, retry: Retry::Never, code: Code::ModelAmbiguous }
            }
            Self::Unknown { .. } => {
                Verdict { blame: Blame::Caller, retry: Retry::Never, code: Code::ModelNotFound }
            }
            Self::Unavailable { retry_after, .. } => {
                Verdict { blame: Blame::Upstream, retry: Retry::After(*retry_after), code: Code::NoTarget }
            }
        }
    }
}

/// "`a`, `b` or `c`".
fn alternatives(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(|name| format!("`{name}`")).collect();
            format!("{} or `{last}`", first.join(", "))
        }
    }
}

/// What the router is told of a model in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Where its requests go, shared out by weight.
    pub targets: Vec<Weighted>,
    /// Where they go when none of those can take them, in order.
    pub fallback: Vec<Candidate>,
    /// What becomes of requests that cannot be said in full.
    pub strict: Strictness,
}

/// A target and its share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighted {
    /// The target.
    pub candidate: Candidate,
    /// Its share of the requests, relative to the others.
    pub weight: u32,
}

impl Candidate {
    /// The target `provider/model`.
    pub fn new(provider: ProviderName, model: ModelName) -> Self {
        let target = TargetId::from(format!("{provider}/{model}"));
        Self { target, provider, model }
    }
}
