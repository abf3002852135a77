//! What went wrong at an upstream: one exhaustive enum, so that nothing the client or the gateway caused can
//! reach a circuit breaker.

use std::fmt;
use std::time::Duration;

use crate::{Blame, Classify, Code, Retry, Verdict};

/// The classes of upstream failure. Failover, breakers and ledgers branch on these and on nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// The client went away before the answer ended. No effect on any breaker.
    ClientGone,
    /// The prompt does not fit the model's context window: another, larger model may take it.
    ContextLength,
    /// The provider refused the gateway's credential (401, 403).
    Credential,
    /// The answer ended before it was complete.
    Cut,
    /// The provider refused the content by its policy.
    Filtered,
    /// The provider refused reasoning in the conversation that it has not signed itself: who has may take it.
    ForeignProof,
    /// The request itself is at fault (400, 404, 413, 422): no other target would take it.
    Invalid,
    /// 429, 503 or 529: too much at the moment.
    Overloaded,
    /// The gateway's account is out of credit or quota (402, 429 with a billing word).
    Quota,
    /// 5xx, or an answer that ended in an error.
    Server,
    /// A stage's timer ran out.
    Timeout,
    /// The answer, or one event of it, is larger than the gateway takes in.
    TooLarge,
    /// No connection could be made.
    Unreachable,
    /// The answer is not what the protocol says.
    Unreadable,
}

impl FaultKind {
    /// The word used in logs, metrics and ledger records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientGone => "client_gone",
            Self::ContextLength => "context_length",
            Self::Credential => "credential",
            Self::Cut => "cut",
            Self::Filtered => "filtered",
            Self::ForeignProof => "foreign_proof",
            Self::Invalid => "invalid",
            Self::Overloaded => "overloaded",
            Self::Quota => "quota",
            Self::Server => "server",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::Unreachable => "unreachable",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether the target itself is to blame, so that its circuit breaker counts it.
    pub const fn counts_against_target(self) -> bool {
        match self {
            Self::Cut
            | Self::Overloaded
            | Self::Server
            | Self::Timeout
            | Self::TooLarge
            | Self::Unreachable
            | Self::Unreadable => true,
            Self::ClientGone
            | Self::ContextLength
            | Self::Credential
            | Self::Filtered
            | Self::ForeignProof
            | Self::Invalid
            | Self::Quota => false,
        }
    }

    /// Whether another target may succeed where this one failed.
    pub const fn may_succeed_elsewhere(self) -> bool {
        match self {
            Self::ContextLength
            | Self::Credential
            | Self::Cut
            | Self::ForeignProof
            | Self::Overloaded
            | Self::Quota
            | Self::Server
            | Self::Timeout
            | Self::TooLarge
            | Self::Unreachable
            | Self::Unreadable => true,
            Self::ClientGone | Self::Filtered | Self::Invalid => false,
        }
    }
}

/// One upstream failure, as far as it may be told to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its class.
    pub kind: FaultKind,
    /// The upstream's HTTP status, if it got that far.
    pub status: Option<u16>,
    /// The upstream's own sentence, or ours where it sent none; at most 4 KiB.
    pub message: String,
    /// The upstream's own error type or code, e.g. `invalid_request_error`.
    pub upstream_kind: Option<String>,
    /// The request field the upstream names.
    pub param: Option<String>,
    /// How long the upstream asks to wait (`retry-after`, `retry-after-ms`, `RetryInfo`).
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// A fault of this kind that no upstream put into words.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            message: message.into(),
            upstream_kind: None,
            param: None,
            retry_after: None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "upstream fault ({}): {}", self.kind.as_str(), self.message)
    }
}

impl std::error::Error for Fault {}

impl Classify for Fault {
    fn verdict(&self) -> Verdict {
        let (blame, code) = match self.kind {
            FaultKind::ClientGone => (Blame::Caller, Code::ClientGone),
            FaultKind::ContextLength => (Blame::Caller, Code::ContextTooLong),
            FaultKind::Filtered | FaultKind::ForeignProof | FaultKind::Invalid => {
                (Blame::Caller, Code::UpstreamRejected)
            }
            FaultKind::Credential => (Blame::Gateway, Code::UpstreamCredential),
            FaultKind::Cut => (Blame::Upstream, Code::UpstreamCut),
            FaultKind::Overloaded => (Blame::Upstream, Code::UpstreamOverloaded),
            FaultKind::Quota => (Blame::Gateway, Code::UpstreamQuota),
            FaultKind::Server => (Blame::Upstream, Code::UpstreamFailed),
            FaultKind::Timeout => (Blame::Upstream, Code::UpstreamTimeout),
            FaultKind::TooLarge => (Blame::Upstream, Code::UpstreamTooLarge),
            FaultKind::Unreachable => (Blame::Upstream, Code::UpstreamUnreachable),
            FaultKind::Unreadable => (Blame::Upstream, Code::UpstreamUnreadable),
        };
        let retry = match self.retry_after {
            Some(wait) if self.kind.may_succeed_elsewhere() => Retry::After(wait),
            Some(_) | None if self.kind.may_succeed_elsewhere() => Retry::Elsewhere,
            Some(_) | None => Retry::Never,
        };
        Verdict { blame, retry, code }
    }
}
