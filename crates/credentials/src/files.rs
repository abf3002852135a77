//! Files with credentials: read when one is due, so that what is renewed in place is taken in.

use std::path::Path;

use serde::de::DeserializeOwned;
use types::Secret;

use crate::error::ObtainError;

/// The file's text. It is small and on this machine: reading it holds the worker up no longer than a log line does.
pub(crate) fn read(path: &Path) -> Result<Secret<String>, ObtainError> {
    let text = std::fs::read_to_string(path);
    text.map(Secret::new).map_err(|cause| ObtainError::File { path: path.to_owned(), cause })
}

/// The same, where a file that is not there is nothing.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Secret<String>>, ObtainError> {
    match read(path) {
        Ok(text) => Ok(Some(text)),
        Err(ObtainError::File { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file's content as JSON of this shape.
pub(crate) fn parse<T: DeserializeOwned>(
    path: &Path,
    text: &Secret<String>,
    expected: &'static str,
) -> Result<T, ObtainError> {
    // The parser's message is left out: it may quote what it read.
    let malformed = |_| ObtainError::Malformed { path: path.to_owned(), expected };
    serde_json::from_str(text.reveal()).map_err(malformed)
}
