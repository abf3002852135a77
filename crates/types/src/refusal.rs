//! What a caller is told when a request is refused or fails, before any dialect has shaped it.

use std::time::Duration;

use crate::{Code, ErrorClass};

/// When to try again where nobody knows better.
const SOON: Duration = Duration::from_secs(1);

/// What the answer says about trying again (`retry-after`, `x-should-retry`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAdvice {
    /// `x-should-retry: false`: waiting does not help.
    Never,
    /// `retry-after` and `retry-after-ms`.
    After(Duration),
}

/// A refusal or failure in words a caller may read. No secret and nothing of the operator's is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// The class a dialect maps to a status; the code's own class unless the upstream's word is kept.
    pub class: ErrorClass,
    /// The upstream's status where it is passed on as it came.
    pub status: Option<u16>,
    /// One sentence: what, whose limit, until when, what to do.
    pub message: String,
    /// The request field at fault, e.g. `messages[2].content`.
    pub param: Option<String>,
    /// The upstream's own error type or code, kept for clients that match on it.
    pub upstream_kind: Option<String>,
    /// What to say about trying again.
    pub retry: RetryAdvice,
}

impl Refusal {
    /// A refusal with the code's own class. Trying again does not help with what is the caller's to change, and may
    /// help soon with everything else.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let retry = match code.class() {
            ErrorClass::InvalidRequest
            | ErrorClass::Authentication
            | ErrorClass::Billing
            | ErrorClass::Permission
            | ErrorClass::NotFound
            | ErrorClass::MethodNotAllowed
            | ErrorClass::TooLarge
            | ErrorClass::HeadersTooLarge
            | ErrorClass::Loop => RetryAdvice::Never,
            ErrorClass::Conflict
            | ErrorClass::RateLimited
            | ErrorClass::Internal
            | ErrorClass::BadGateway
            | ErrorClass::Unavailable
            | ErrorClass::Timeout => RetryAdvice::After(SOON),
        };
        Self {
            code,
            class: code.class(),
            status: None,
            message: message.into(),
            param: None,
            upstream_kind: None,
            retry,
        }
    }

    /// The same refusal, naming the request field at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The same refusal with this advice on trying again.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryAdvice) -> Self {
        self.retry = retry;
        self
    }
}

/// What a caller's limit is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Requests.
    Requests,
    /// Tokens.
    Tokens,
}

impl Counted {
    /// The word in headers and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
        }
    }
}

/// How a caller stands with one of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What is counted.
    pub counted: Counted,
    /// The limit, a minute's worth.
    pub limit: u64,
    /// What is left of it now.
    pub remaining: u64,
    /// How long until all of it is back.
    pub reset: Duration,
}
