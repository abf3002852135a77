//! Whether the file has changed: by what it says, so that every way of replacing it counts and touching it does not.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

/// Looks at one file again and again. It follows links, so that a link that is swapped, as Kubernetes does with
/// mounted configuration, is a change like any other.
#[derive(Debug)]
pub struct FileWatch {
    path: PathBuf,
    known: Option<u64>,
    pending: Option<u64>,
}

impl FileWatch {
    /// A watch that knows the file as it is now.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let known = fingerprint(&path);
        Self { path, known, pending: None }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file says something new. True once per change, and only when two looks in a row saw the same:
    /// a file that is just being written would otherwise be read in part. A file that is gone has not changed.
    pub fn changed(&mut self) -> bool {
        let seen = fingerprint(&self.path);
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

/// What the file says, in a number; `None` if it cannot be read.
fn fingerprint(path: &Path) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    std::fs::read(path).ok()?.hash(&mut hasher);
    Some(hasher.finish())
}
