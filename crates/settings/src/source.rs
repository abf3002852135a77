//! Where the file is, and its text.

use std::io;
use std::path::{Path, PathBuf};

/// The file's usual name.
const FILE_NAME: &str = "tollgate.yaml";

/// A configuration text and where it came from.
#[derive(Clone, Debug)]
pub struct Source {
    pub(crate) path: Option<PathBuf>,
    pub(crate) text: String,
}

impl Source {
    /// This text, read from `path` if it was a file. Relative paths inside the text start at the file's folder.
    pub fn new(path: Option<PathBuf>, text: impl Into<String>) -> Self {
        Self { path, text: text.into() }
    }

    /// The file at `path`.
    ///
    /// # Errors
    /// What the operating system says, and `InvalidData` for a file that is not UTF-8.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::new(Some(path.to_owned()), std::fs::read_to_string(path)?))
    }

    /// The file it came from.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The text, as problems are rendered against it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The folder that relative paths in the text start at.
    pub(crate) fn folder(&self) -> PathBuf {
        self.path.as_deref().and_then(Path::parent).map(Path::to_owned).unwrap_or_default()
    }
}

/// The file to read: the one that was asked for, whether or not it exists, else `tollgate.yaml` in `folder`.
pub fn find_file(explicit: Option<&Path>, folder: &Path) -> Option<PathBuf> {
    explicit.map(Path::to_owned).or_else(|| Some(folder.join(FILE_NAME)).filter(|path| path.is_file()))
}
