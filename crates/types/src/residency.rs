//! Where an answer had to be made, as far as that has a price of its own.

use serde::{Deserialize, Serialize};

/// A place that an answer was kept to, for which its provider asks more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Residency {
    /// The United States.
    Us,
}

impl Residency {
    /// Every place.
    pub const ALL: &[Self] = &[Self::Us];

    /// The word used in price tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
        }
    }

    /// What an answer's own word for its place means; none for anywhere and for words that nobody knows.
    pub fn of_word(word: &[u8]) -> Option<Self> {
        Self::ALL.iter().copied().find(|place| place.as_str().as_bytes() == word)
    }
}
