//! Why the embedded database could not do what was asked.

use std::fmt;

use types::{Blame, Classify, Code, Retry, Verdict};

use crate::private::PrivateFileError;

/// Why the store could not do what was asked.
#[derive(Debug)]
pub enum StoreError {
    /// A row holds something that this program never writes.
    Damaged {
        /// The table and the column.
        column: &'static str,
    },
    /// The database refused or failed.
    Database(rusqlite::Error),
    /// The database's file or directory cannot be used.
    File(PrivateFileError),
    /// A newer program has migrated the database.
    Newer {
        /// The schema version in the file.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { column } => write!(f, "the database holds an unreadable value in {column}"),
            Self::Database(_) => f.write_str("the database failed"),
            Self::File(_) => f.write_str("the database's file cannot be used"),
            Self::Newer { found, known } => write!(
                f,
                "the database has schema version {found} and this program knows {known}: run the newer program"
            ),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Database(cause) => Some(cause),
            Self::File(cause) => Some(cause),
            Self::Damaged { .. } | Self::Newer { .. } => None,
        }
    }
}

impl Classify for StoreError {
    fn verdict(&self) -> Verdict {
        Verdict { blame: Blame::Gateway, retry: Retry::Never, code: Code::Internal }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(cause: rusqlite::Error) -> Self {
        Self::Database(cause)
    }
}

impl From<PrivateFileError> for StoreError {
    fn from(cause: PrivateFileError) -> Self {
        Self::File(cause)
    }
}
