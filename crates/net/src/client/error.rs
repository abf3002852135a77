//! Why a request got no answer, and whether the upstream can have seen any of it.

use std::error::Error;
use std::fmt;
use std::io;

use types::{Blame, Classify, Code, FaultKind, Retry, Verdict};

use crate::tls::TlsError;

/// Why [`super::Client::send`] has no response to give.
#[derive(Debug)]
pub enum SendError {
    /// The request's own body failed while it was being sent.
    Body(hyper::Error),
    /// The connection ended before a response came.
    Closed {
        /// What the connection met.
        cause: hyper::Error,
        /// Whether the upstream can have seen part of the request.
        sent: Sent,
    },
    /// No address of the host took a connection.
    Connect(io::Error),
    /// No address of the host took a connection in time.
    ConnectTimeout,
    /// The connection was made, and the HTTP handshake on it failed.
    Handshake(hyper::Error),
    /// The request was sent, and no response headers came in time.
    HeadersTimeout,
    /// The host's name leads to a cloud's metadata service: see [`super::Reach`].
    OutOfReach,
    /// The host's name did not resolve.
    Resolve(io::Error),
    /// The TLS handshake failed.
    Tls(io::Error),
    /// The client's own TLS configuration cannot be built, e.g. the platform has no certificates.
    TlsSetup(TlsError),
    /// The TLS handshake did not end in time.
    TlsTimeout,
    /// What came back is not HTTP.
    Unreadable(hyper::Error),
}

/// Whether an upstream can have seen part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Not one byte was written.
    Nothing,
    /// Some of it may have been written.
    Perhaps,
}

impl SendError {
    /// Whether any byte of the request may have reached the upstream.
    pub fn may_have_been_sent(&self) -> bool {
        match self {
            Self::Closed { sent, .. } => *sent == Sent::Perhaps,
            Self::Body(_) | Self::HeadersTimeout | Self::Unreadable(_) => true,
            Self::Connect(_)
            | Self::ConnectTimeout
            | Self::Handshake(_)
            | Self::OutOfReach
            | Self::Resolve(_)
            | Self::Tls(_)
            | Self::TlsSetup(_)
            | Self::TlsTimeout => false,
        }
    }

    /// The class failover and breakers branch on. A body that failed is the client's going away.
    pub fn fault_kind(&self) -> FaultKind {
        match self {
            Self::Body(_) => FaultKind::ClientGone,
            Self::Closed { sent: Sent::Perhaps, .. } => FaultKind::Cut,
            Self::Unreadable(_) => FaultKind::Unreadable,
            Self::ConnectTimeout | Self::HeadersTimeout | Self::TlsTimeout => FaultKind::Timeout,
            Self::Closed { sent: Sent::Nothing, .. }
            | Self::Connect(_)
            | Self::Handshake(_)
            | Self::OutOfReach
            | Self::Resolve(_)
            | Self::Tls(_)
            | Self::TlsSetup(_) => FaultKind::Unreachable,
        }
    }

    /// Sorts an error of hyper's that ended an exchange.
    pub(super) fn from_exchange(cause: hyper::Error, sent: Sent) -> Self {
        if cause.is_user() {
            Self::Body(cause)
        } else if cause.is_parse() {
            Self::Unreadable(cause)
        } else {
            Self::Closed { cause, sent }
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body(_) => "the request's body could not be sent",
            Self::Closed { sent: Sent::Nothing, .. } => "the connection closed before the request was sent",
            Self::Closed { sent: Sent::Perhaps, .. } => "the connection closed before a response came",
            Self::Connect(_) => "no connection could be made",
            Self::ConnectTimeout => "no connection could be made in time",
            Self::Handshake(_) => "the http handshake failed",
            Self::HeadersTimeout => "no response headers came in time",
            Self::OutOfReach => "the host name leads to a metadata service",
            Self::Resolve(_) => "the host name did not resolve",
            Self::Tls(_) => "the tls handshake failed",
            Self::TlsSetup(_) => "tls cannot be set up",
            Self::TlsTimeout => "the tls handshake did not end in time",
            Self::Unreadable(_) => "the response is not http",
        })
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Body(cause)
            | Self::Closed { cause, .. }
            | Self::Handshake(cause)
            | Self::Unreadable(cause) => Some(cause),
            Self::Connect(cause) | Self::Resolve(cause) | Self::Tls(cause) => Some(cause),
            Self::TlsSetup(cause) => Some(cause),
            Self::ConnectTimeout | Self::HeadersTimeout | Self::OutOfReach | Self::TlsTimeout => None,
        }
    }
}

impl Classify for SendError {
    fn verdict(&self) -> Verdict {
        let elsewhere = |code| Verdict { blame: Blame::Upstream, retry: Retry::Elsewhere, code };
        match self {
            Self::Body(_) => Verdict { blame: Blame::Caller, retry: Retry::Never, code: Code::ClientGone },
            Self::Closed { sent: Sent::Perhaps, .. } => elsewhere(Code::UpstreamCut),
            Self::Unreadable(_) => elsewhere(Code::UpstreamUnreadable),
            Self::ConnectTimeout | Self::HeadersTimeout | Self::TlsTimeout => {
                elsewhere(Code::UpstreamTimeout)
            }
            Self::OutOfReach | Self::TlsSetup(_) => {
                Verdict { blame: Blame::Gateway, retry: Retry::Never, code: Code::UpstreamUnreachable }
            }
            Self::Closed { sent: Sent::Nothing, .. }
            | Self::Connect(_)
            | Self::Handshake(_)
            | Self::Resolve(_)
            | Self::Tls(_) => elsewhere(Code::UpstreamUnreachable),
        }
    }
}
