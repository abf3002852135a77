//! How an error is judged: whose it is, whether trying again can help, which code the caller sees.

use std::time::Duration;

use crate::Code;

/// Whose doing an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The caller's: changing the request would help.
    Caller,
    /// The gateway's own.
    Gateway,
    /// The upstream provider's.
    Upstream,
}

/// Whether the same request can succeed if it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// It cannot.
    Never,
    /// It may, after this long.
    After(Duration),
    /// It may, at once, elsewhere.
    Elsewhere,
}

/// The judgement every error carries. Callers branch on it, never on an error's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// Whose doing it is.
    pub blame: Blame,
    /// Whether trying again can help.
    pub retry: Retry,
    /// The code the caller sees.
    pub code: Code,
}

/// Errors that know their verdict.
pub trait Classify: std::error::Error {
    /// The judgement on this error.
    fn verdict(&self) -> Verdict;
}
