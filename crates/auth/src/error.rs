//! Why a caller could not be identified, in one answer for the caller and one word for the operator.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use store::StoreError;
use store::private::PrivateFileError;
use types::{Blame, Classify, Code, Retry, Verdict};

use crate::CredentialError;

/// When to try again while the keys cannot be read.
const UNAVAILABLE_WAIT: Duration = Duration::from_secs(1);

/// What is wrong with a credential. For logs and metrics only: a caller who guesses must not learn which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The key has been revoked.
    Disabled,
    /// The key or token has ended by itself.
    Expired,
    /// It has not the shape of a key or token: mistyped, cut off or another product's.
    Malformed,
    /// There is none.
    Missing,
    /// It has the right shape and nobody knows it.
    Unknown,
}

impl Reason {
    /// The word in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Malformed => "malformed",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }
}

/// Why the caller could not be identified. Its text is for the caller and is the same for every [`Reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentifyError {
    /// The credential is not good.
    BadCredential(Reason),
    /// Two different credentials are on the request.
    Conflict(CredentialError),
    /// The keys could not be read, so nothing can be said about this credential.
    Unavailable,
}

impl fmt::Display for IdentifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // `x-api-key` is not named: agents take an error with that word for one about a provider's key and tell
            // their user to log in there.
            Self::BadCredential(_) => f.write_str(
                "no valid key on the request: send a key that begins with tg- as Authorization: Bearer",
            ),
            Self::Conflict(conflict) => conflict.fmt(f),
            Self::Unavailable => f.write_str("keys cannot be checked now: try again shortly"),
        }
    }
}

impl std::error::Error for IdentifyError {}

impl From<CredentialError> for IdentifyError {
    fn from(conflict: CredentialError) -> Self {
        Self::Conflict(conflict)
    }
}

impl Classify for IdentifyError {
    fn verdict(&self) -> Verdict {
        match self {
            Self::BadCredential(_) => {
                Verdict { blame: Blame::Caller, retry: Retry::Never, code: Code::BadCredential }
            }
            Self::Conflict(conflict) => conflict.verdict(),
            Self::Unavailable => Verdict {
                blame: Blame::Gateway,
                retry: Retry::After(UNAVAILABLE_WAIT),
                code: Code::AuthenticationDown,
            },
        }
    }
}

/// Why the keys or the signing keys could not be opened. For the operator.
#[derive(Debug)]
pub enum OpenError {
    /// A secret file does not hold what this program writes.
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A secret file cannot be used.
    File(PrivateFileError),
    /// The database holds keys and the secret under which they were digested is gone.
    PepperMissing {
        /// Where it was.
        path: PathBuf,
    },
    /// The operating system gives no random numbers.
    Random,
    /// The store failed.
    Store(StoreError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { path } => write!(f, "{} is damaged: restore it from a backup", path.display()),
            Self::File(_) => f.write_str("a secret file cannot be used"),
            Self::PepperMissing { path } => write!(
                f,
                "{} is missing and no key in the database can be checked without it: restore it from a backup",
                path.display()
            ),
            Self::Random => f.write_str("the operating system gives no random numbers"),
            Self::Store(_) => f.write_str("the key store cannot be used"),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(cause) => Some(cause),
            Self::Store(cause) => Some(cause),
            Self::Damaged { .. } | Self::PepperMissing { .. } | Self::Random => None,
        }
    }
}

impl Classify for OpenError {
    fn verdict(&self) -> Verdict {
        Verdict { blame: Blame::Gateway, retry: Retry::Never, code: Code::Internal }
    }
}

impl From<PrivateFileError> for OpenError {
    fn from(cause: PrivateFileError) -> Self {
        Self::File(cause)
    }
}

impl From<StoreError> for OpenError {
    fn from(cause: StoreError) -> Self {
        Self::Store(cause)
    }
}

impl From<getrandom::Error> for OpenError {
    fn from(_: getrandom::Error) -> Self {
        Self::Random
    }
}
