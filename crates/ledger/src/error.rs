//! Why the ledger could not be opened, written or read.

use std::path::PathBuf;
use std::time::Duration;
use std::{error, fmt, io};

use types::{AttemptId, Blame, Classify, Code, Retry, Verdict};

use crate::segment::{Position, SegmentNumber};

/// Why a ledger could not be opened or written.
#[derive(Debug)]
pub enum LedgerError {
    /// An attempt with this id is open already.
    AlreadyBegun {
        /// The id.
        attempt: AttemptId,
    },
    /// The ledger has been closed.
    Closed,
    /// A record is damaged, and sound ones follow it, so it cannot be a tail that was cut short. The ledger stops
    /// rather than miscount; moving the segment aside is the operator's decision.
    Corrupt {
        /// Where.
        position: Position,
    },
    /// Another process writes this ledger.
    Locked {
        /// The ledger's directory.
        directory: PathBuf,
    },
    /// A file of the ledger cannot be opened, read or prepared.
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk is full or failing. Attempts under way can still be settled; no new one may be sent.
    Unwritable(io::Error),
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyBegun { attempt } => write!(f, "attempt {attempt} is open already"),
            Self::Closed => f.write_str("the ledger is closed"),
            Self::Corrupt { position } => write!(f, "the ledger is damaged in {position}"),
            Self::Locked { directory } => {
                write!(f, "another process writes the ledger {}", directory.display())
            }
            Self::Open { path, .. } => write!(f, "cannot open {}", path.display()),
            Self::Unwritable(_) => f.write_str("the ledger cannot be written"),
        }
    }
}

impl error::Error for LedgerError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Open { source, .. } | Self::Unwritable(source) => Some(source),
            Self::AlreadyBegun { .. } | Self::Closed | Self::Corrupt { .. } | Self::Locked { .. } => None,
        }
    }
}

impl Classify for LedgerError {
    fn verdict(&self) -> Verdict {
        let (retry, code) = match self {
            Self::AlreadyBegun { .. } => (Retry::Never, Code::Internal),
            Self::Closed => (Retry::After(Duration::from_secs(1)), Code::Draining),
            Self::Corrupt { .. } | Self::Locked { .. } | Self::Open { .. } | Self::Unwritable(_) => {
                (Retry::After(Duration::from_secs(1)), Code::LedgerUnavailable)
            }
        };
        Verdict { blame: Blame::Gateway, retry, code }
    }
}

/// Why a ledger could not be read to its end.
#[derive(Debug)]
pub enum ReadError {
    /// The bytes here are not what was written.
    Corrupt {
        /// Where.
        position: Position,
    },
    /// A file cannot be read.
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A segment is missing between two that are there.
    Missing {
        /// Which.
        segment: SegmentNumber,
    },
    /// A segment was removed while the ledger was read, since it is no longer kept. Reading again starts with what is.
    Removed {
        /// Which.
        segment: SegmentNumber,
    },
    /// A segment's digest is not the one that was noted when the next one began.
    Unlinked {
        /// Which.
        segment: SegmentNumber,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { position } => write!(f, "the ledger is damaged in {position}"),
            Self::Io { path, .. } => write!(f, "cannot read {}", path.display()),
            Self::Missing { segment } => write!(f, "the ledger's segment {segment} is missing"),
            Self::Removed { segment } => {
                write!(f, "the ledger's segment {segment} was removed while it was read")
            }
            Self::Unlinked { segment } => {
                write!(f, "the ledger's segment {segment} was changed after it was closed")
            }
        }
    }
}

impl error::Error for ReadError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Corrupt { .. } | Self::Missing { .. } | Self::Removed { .. } | Self::Unlinked { .. } => {
                None
            }
        }
    }
}
