//! Why there is no credential for a provider.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use net::body::BodyError;
use net::client::{OriginError, SendError};
use types::{Blame, Classify, Code, FaultKind, Retry, Verdict};

/// Why a credential could not be obtained. Nothing of a secret is in it: an endpoint is named by its origin, a file by
/// its path, and of a refusal only its code is told.
#[derive(Debug)]
pub enum ObtainError {
    /// None of the places that may hold a credential holds one.
    Absent {
        /// The places.
        searched: &'static str,
    },
    /// A file with a credential cannot be read.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The attempt ended before there was an answer.
    Interrupted,
    /// A file does not hold what it should.
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// Whoever gives out tokens refused.
    Refused {
        /// Its origin.
        endpoint: String,
        /// Its HTTP status.
        status: u16,
        /// Its own word for why, e.g. `invalid_grant`.
        word: Option<String>,
    },
    /// A private key cannot sign.
    SigningKey,
    /// It took longer than it may.
    Timeout,
    /// Whoever gives out tokens could not be asked.
    Unanswered {
        /// Its origin.
        endpoint: String,
        /// What went wrong.
        cause: FetchError,
    },
    /// The answer is not what the protocol says.
    Unreadable {
        /// The origin of whoever answered.
        endpoint: String,
    },
    /// Whoever gives out tokens is on another machine and not reached over TLS.
    Untrusted {
        /// Its origin.
        endpoint: String,
    },
    /// The file asks for a kind of credential that this gateway does not know.
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The kind.
        kind: String,
    },
}

/// Why a question got no answer.
#[derive(Debug)]
pub enum FetchError {
    /// The answer broke off, came too slowly or is too large.
    Body(BodyError),
    /// The request did not get through.
    Send(SendError),
    /// The address cannot be one.
    Url(OriginError),
}

impl fmt::Display for ObtainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { searched } => write!(f, "no credential is configured; looked at {searched}"),
            Self::File { path, .. } => write!(f, "{} cannot be read", path.display()),
            Self::Interrupted => f.write_str("the attempt to obtain a token was interrupted"),
            Self::Malformed { path, expected } => write!(f, "{} holds no {expected}", path.display()),
            Self::Refused { endpoint, status, word: Some(word) } => {
                write!(f, "{endpoint} gives no token: {status} {word}")
            }
            Self::Refused { endpoint, status, word: None } => {
                write!(f, "{endpoint} gives no token: {status}")
            }
            Self::SigningKey => f.write_str("the private key cannot sign: it is no RSA key in PKCS #8"),
            Self::Timeout => f.write_str("no token came in time"),
            Self::Unanswered { endpoint, cause } => write!(f, "{endpoint} gives no token: {cause}"),
            Self::Unreadable { endpoint } => write!(f, "the answer of {endpoint} holds no token"),
            Self::Untrusted { endpoint } => {
                write!(
                    f,
                    "{endpoint} is asked for no token: it is on another machine and not reached over tls"
                )
            }
            Self::Unsupported { path, kind } => {
                write!(f, "{} asks for `{kind}`, which is not supported", path.display())
            }
        }
    }
}

impl Error for ObtainError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File { cause, .. } => Some(cause),
            Self::Unanswered { cause, .. } => Some(cause),
            Self::Absent { .. }
            | Self::Interrupted
            | Self::Malformed { .. }
            | Self::Refused { .. }
            | Self::SigningKey
            | Self::Timeout
            | Self::Unreadable { .. }
            | Self::Unsupported { .. }
            | Self::Untrusted { .. } => None,
        }
    }
}

impl ObtainError {
    /// The class that failover and breakers branch on: what is the operator's to mend is a refused credential.
    pub fn fault_kind(&self) -> FaultKind {
        match self {
            Self::Interrupted | Self::Refused { status: 408 | 429 | 500.., .. } | Self::Unreadable { .. } => {
                FaultKind::Unreachable
            }
            Self::Absent { .. }
            | Self::File { .. }
            | Self::Malformed { .. }
            | Self::Refused { .. }
            | Self::SigningKey
            | Self::Unanswered { cause: FetchError::Url(_), .. }
            | Self::Unsupported { .. }
            | Self::Untrusted { .. } => FaultKind::Credential,
            Self::Timeout
            | Self::Unanswered {
                cause:
                    FetchError::Send(
                        SendError::ConnectTimeout | SendError::HeadersTimeout | SendError::TlsTimeout,
                    ),
                ..
            } => FaultKind::Timeout,
            Self::Unanswered { cause: FetchError::Body(_) | FetchError::Send(_), .. } => {
                FaultKind::Unreachable
            }
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(cause) => cause.fmt(f),
            Self::Send(cause) => cause.fmt(f),
            Self::Url(cause) => cause.fmt(f),
        }
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Body(cause) => cause.source(),
            Self::Send(cause) => cause.source(),
            Self::Url(cause) => cause.source(),
        }
    }
}

/// A request to a provider cannot be authorised. Every request that waited for the same token gets the same one.
#[derive(Clone, Debug)]
pub struct AuthorizeError(Arc<ObtainError>);

impl AuthorizeError {
    pub(crate) const fn new(cause: Arc<ObtainError>) -> Self {
        Self(cause)
    }

    /// The class that failover and breakers branch on.
    pub fn fault_kind(&self) -> FaultKind {
        self.0.fault_kind()
    }
}

impl fmt::Display for AuthorizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for AuthorizeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl Classify for AuthorizeError {
    fn verdict(&self) -> Verdict {
        match self.fault_kind() {
            FaultKind::Timeout => {
                Verdict { blame: Blame::Upstream, retry: Retry::Elsewhere, code: Code::UpstreamTimeout }
            }
            FaultKind::Unreachable => {
                Verdict { blame: Blame::Upstream, retry: Retry::Elsewhere, code: Code::UpstreamUnreachable }
            }
            FaultKind::ClientGone
            | FaultKind::ContextLength
            | FaultKind::Credential
            | FaultKind::Cut
            | FaultKind::Filtered
            | FaultKind::ForeignProof
            | FaultKind::Invalid
            | FaultKind::Overloaded
            | FaultKind::Quota
            | FaultKind::Server
            | FaultKind::TooLarge
            | FaultKind::Unreadable => {
                Verdict { blame: Blame::Gateway, retry: Retry::Elsewhere, code: Code::UpstreamCredential }
            }
        }
    }
}
