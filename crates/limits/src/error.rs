//! Why a request was not let in by a limit.

use std::fmt;
use std::time::Duration;

use types::{Blame, Classify, Code, Retry, Tokens, Verdict};

use crate::Standings;

/// When to try again where open requests stand in the way: nobody knows when they end.
const CONCURRENT_WAIT: Duration = Duration::from_secs(1);

/// Why nothing was reserved. A refused request takes nothing from any bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveError {
    /// As many requests are open as may be.
    Concurrent {
        /// How many may be open at once.
        limit: u32,
        /// How the caller's buckets stand.
        standings: Standings,
    },
    /// This minute's requests are used up.
    Requests {
        /// Requests per minute.
        limit: u64,
        /// After this time one more is let in.
        wait: Duration,
        /// How the caller's buckets stand.
        standings: Standings,
    },
    /// Too few tokens are left for this request.
    Tokens {
        /// Tokens per minute.
        limit: u64,
        /// After this time there are enough.
        wait: Duration,
        /// How the caller's buckets stand.
        standings: Standings,
    },
    /// The request alone is estimated above a whole minute's tokens: waiting cannot help.
    TooManyTokens {
        /// Tokens per minute.
        limit: u64,
        /// The request's estimate.
        estimate: Tokens,
        /// How the caller's buckets stand.
        standings: Standings,
    },
}

impl ReserveError {
    /// The word for the limit in logs and metrics.
    pub const fn limit_word(&self) -> &'static str {
        match self {
            Self::Concurrent { .. } => "concurrent",
            Self::Requests { .. } => "requests",
            Self::Tokens { .. } | Self::TooManyTokens { .. } => "tokens",
        }
    }

    /// How the caller's buckets stand, for the refusal's headers.
    pub const fn standings(&self) -> &Standings {
        match self {
            Self::Concurrent { standings, .. }
            | Self::Requests { standings, .. }
            | Self::Tokens { standings, .. }
            | Self::TooManyTokens { standings, .. } => standings,
        }
    }
}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Concurrent { limit, .. } => {
                write!(
                    f,
                    "{limit} requests are open, which is as many as may be at once: wait for one to end"
                )
            }
            Self::Requests { limit, wait, .. } => {
                write!(
                    f,
                    "the limit of {limit} requests per minute is used up: try again in {}",
                    Seconds(*wait)
                )
            }
            Self::Tokens { limit, wait, .. } => {
                write!(
                    f,
                    "too little is left of the limit of {limit} tokens per minute: try again in {}",
                    Seconds(*wait)
                )
            }
            Self::TooManyTokens { limit, estimate, .. } => write!(
                f,
                "the request may take {} tokens and the limit is {limit} per minute: shorten it or lower its output limit",
                estimate.0
            ),
        }
    }
}

impl std::error::Error for ReserveError {}

impl Classify for ReserveError {
    fn verdict(&self) -> Verdict {
        let (retry, code) = match self {
            Self::Concurrent { .. } => (Retry::After(CONCURRENT_WAIT), Code::TooManyConcurrent),
            Self::Requests { wait, .. } | Self::Tokens { wait, .. } => {
                (Retry::After(*wait), Code::RateLimited)
            }
            Self::TooManyTokens { .. } => (Retry::Never, Code::RateLimited),
        };
        Verdict { blame: Blame::Caller, retry, code }
    }
}

/// A wait in seconds with three decimals, rounded up so that whoever waits that long is let in.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_nanos().div_ceil(1_000_000);
        write!(f, "{}.{:03} s", millis / 1_000, millis % 1_000)
    }
}
