//! What is used and charged for besides tokens, counted by the unit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::TokenClass;

/// Declares the units once: field, variant, printed word, meaning.
macro_rules! units {
    ($($field:ident $variant:ident $text:literal $doc:literal;)+) => {
        /// Something other than tokens that is counted and may be charged for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Unit { $(#[doc = $doc] $variant,)+ }

        impl Unit {
            /// Every unit.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word used in price tables, ledger records, lines and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        /// How many of each unit were used.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Units {
            $(#[doc = $doc] #[serde(default, skip_serializing_if = "is_none")] pub $field: u64,)+
        }

        impl Units {
            /// None of any.
            pub const NONE: Self = Self { $($field: 0,)+ };

            /// The count of one unit.
            pub const fn of(&self, unit: Unit) -> u64 {
                match unit { $(Unit::$variant => self.$field,)+ }
            }

            /// The same with another count of one unit.
            #[must_use]
            pub const fn with(mut self, unit: Unit, count: u64) -> Self {
                match unit { $(Unit::$variant => self.$field = count,)+ }
                self
            }

            /// The sum of two counts, unit by unit.
            #[must_use]
            pub const fn plus(&self, other: &Self) -> Self {
                Self { $($field: self.$field.saturating_add(other.$field),)+ }
            }

            /// The same, told again later in the same answer: what a later report counts wins, and what it leaves out
            /// stays.
            #[must_use]
            pub const fn updated(&self, later: &Self) -> Self {
                Self { $($field: if later.$field == 0 { self.$field } else { later.$field },)+ }
            }
        }
    };
}

units! {
    input_character InputCharacter "input_character" "A character of text to speak.";
    input_image InputImage "input_image" "A picture that is sent.";
    input_second InputSecond "input_second" "A second of sound or film that is sent; what has begun counts.";
    output_image OutputImage "output_image" "A picture that is made.";
    output_second OutputSecond "output_second" "A second of sound or film that is made.";
    page Page "page" "A page that is read.";
    query Query "query" "A query, of a reranker a search unit.";
    request Request "request" "A request.";
    web_search WebSearch "web_search" "A search of the web while answering.";
    web_search_low WebSearchLow "web_search_low" "One of which little is read.";
    web_search_high WebSearchHigh "web_search_high" "One of which much is read.";
}

impl Unit {
    /// The tokens in which some models count the same thing.
    pub const fn as_tokens(self) -> Option<TokenClass> {
        match self {
            Self::InputImage => Some(TokenClass::InputImage),
            Self::InputSecond => Some(TokenClass::InputAudio),
            Self::OutputImage => Some(TokenClass::OutputImage),
            Self::OutputSecond => Some(TokenClass::OutputAudio),
            Self::InputCharacter
            | Self::Page
            | Self::Query
            | Self::Request
            | Self::WebSearch
            | Self::WebSearchHigh
            | Self::WebSearchLow => None,
        }
    }

    /// The unit whose price counts where a list has none of this one's own.
    #[must_use]
    pub const fn usual(self) -> Self {
        match self {
            Self::WebSearchHigh | Self::WebSearchLow => Self::WebSearch,
            other @ (Self::InputCharacter
            | Self::InputImage
            | Self::InputSecond
            | Self::OutputImage
            | Self::OutputSecond
            | Self::Page
            | Self::Query
            | Self::Request
            | Self::WebSearch) => other,
        }
    }
}

impl Units {
    /// Whether nothing was used.
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// The seconds of so long a time; one that has begun counts.
    pub fn begun_seconds(time: Duration) -> u64 {
        time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
    }

    /// All searches of the web, however much is read of them.
    pub const fn searches(&self) -> u64 {
        self.web_search.saturating_add(self.web_search_low).saturating_add(self.web_search_high)
    }

    /// The units of which some were used, with how many.
    pub fn used(&self) -> impl Iterator<Item = (Unit, u64)> {
        Unit::ALL.iter().map(|unit| (*unit, self.of(*unit))).filter(|(_, count)| *count > 0)
    }

    /// The same with no more than so many of each.
    #[must_use]
    pub fn at_most(&self, most: u64) -> Self {
        self.used().fold(Self::default(), |units, (unit, count)| units.with(unit, count.min(most)))
    }
}

/// What can be said of units while an answer is still to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Foreseen {
    /// What the request itself is: no answer tells it better.
    pub counted: Units,
    /// What the answer will tell. Where it does not, this is an estimate.
    pub guessed: Units,
}

impl Foreseen {
    /// Both together.
    pub fn all(&self) -> Units {
        self.guessed.updated(&self.counted)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_counted_each_by_itself() {
        let first = Units { output_image: 2, web_search: u64::MAX, ..Units::default() };
        let later = Units { web_search: 1, query: 3, ..Units::default() };
        let sum = Units { output_image: 2, query: 3, web_search: u64::MAX, ..Units::default() };
        assert_eq!(first.plus(&later), sum);
        assert_eq!(first.updated(&later), Units { web_search: 1, ..sum });
        assert_eq!(sum.at_most(2), Units { output_image: 2, query: 2, web_search: 2, ..Units::default() });
        let used: Vec<_> = sum.used().map(|(unit, _)| unit.as_str()).collect();
        assert_eq!(used, ["output_image", "query", "web_search"]);
        assert!(Units::default().is_empty() && !sum.is_empty());
        assert_eq!(serde_json::to_string(&later).unwrap(), r#"{"query":3,"web_search":1}"#);
    }
}
