//! Whether the file has changed: by what it says, so that every way of replacing it counts and touching it does not.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use crate::Source;

/// Looks at one file again and again. It follows links, so that a link that is swapped, as Kubernetes does with
/// mounted configuration, is a change like any other.
#[derive(Debug)]
pub struct FileWatch {
    path: PathBuf,
    known: Option<u64>,
    pending: Option<u64>,
}

impl FileWatch {
    /// A watch that knows the file as it was when `source` was read: what was written since then is a change.
    /// `None` where no file was read.
    pub fn new(source: &Source) -> Option<Self> {
        let path = source.path()?.to_owned();
        Some(Self { path, known: Some(fingerprint(source.text().as_bytes())), pending: None })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file says something new. True once per change, and only when two looks in a row saw the same:
    /// a file that is just being written would otherwise be read in part. A file that is gone has not changed.
    pub fn changed(&mut self) -> bool {
        let seen = std::fs::read(&self.path).ok().map(|text| fingerprint(&text));
        if seen.is_none() || seen == self.known {
            self.pending = None;
            return false;
        }
        if seen == self.pending {
            self.known = seen;
            self.pending = None;
            return true;
        }
        self.pending = seen;
        false
    }
}

/// What the file says, in a number.
fn fingerprint(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
