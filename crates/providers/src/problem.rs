//! What is wrong with a catalogue folder: file, field and sentence.

use std::fmt;

/// One thing that is wrong with a catalogue folder. All of them are reported at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file or folder, e.g. `groq/provider.toml`.
    pub file: String,
    /// The field, e.g. `models[3].price.input`; empty where the whole file is meant.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}
