//! The service tiers that have prices of their own.

use serde::{Deserialize, Serialize};

/// Declares the tiers once: variant, printed word, the words of providers for it, meaning.
macro_rules! tiers {
    ($($variant:ident $text:literal $($word:literal)|+ $doc:literal;)+) => {
        /// How soon an answer was wanted, where that changes its price.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ServiceTier { $(#[doc = $doc] $variant,)+ }

        impl ServiceTier {
            /// Every tier.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word used in price tables.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// What an answer's own word for its tier means; none for the usual tier and for words that nobody knows.
            pub fn of_word(word: &[u8]) -> Option<Self> {
                $(if [$($word.as_slice()),+].contains(&word) { return Some(Self::$variant); })+
                None
            }
        }
    };
}

tiers! {
    Balanced "balanced" b"balanced" "Between flex and the usual tier.";
    Batch "batch" b"batch" "Within a day, in a batch.";
    Fast "fast" b"fast" "Anthropic's fast mode.";
    Flex "flex" b"flex" | b"ON_DEMAND_FLEX" "When there is room.";
    Priority "priority" b"priority" | b"ON_DEMAND_PRIORITY" "Before the others.";
    Ultrafast "ultrafast" b"ultrafast" "Before all others.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_told_by_the_answers_word_and_the_usual_one_is_none() {
        for tier in ServiceTier::ALL {
            assert_eq!(ServiceTier::of_word(tier.as_str().as_bytes()), Some(*tier));
        }
        for word in ["default", "standard", "auto", "on_demand", "", "Flex"] {
            assert_eq!(ServiceTier::of_word(word.as_bytes()), None, "{word}");
        }
    }
}
