//! Token counts in disjoint classes that sum to the provider's total, and what is counted beside them.

use serde::{Deserialize, Serialize};

use crate::{Residency, ServiceTier, Units};

/// A number of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tokens(pub u64);

/// Declares the classes once: field, variant, printed word, direction, meaning.
macro_rules! classes {
    ($($field:ident $variant:ident $text:literal $input:literal $doc:literal;)+) => {
        /// One disjoint class of tokens.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum TokenClass { $(#[doc = $doc] $variant,)+ }

        impl TokenClass {
            /// Every class, input first.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word used in metrics, ledger records and price tables.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Whether the class is part of the input.
            pub const fn is_input(self) -> bool {
                match self { $(Self::$variant => $input,)+ }
            }
        }

        /// What one answer used. The classes are disjoint: no token is in two of them.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Usage {
            $(#[doc = $doc] #[serde(default)] pub $field: Tokens,)+
            /// The tier it was served at, where the provider named one that may have a price of its own.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub service_tier: Option<ServiceTier>,
            /// Where it was kept to, where the provider named a place that may have a price of its own.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub residency: Option<Residency>,
            /// What was used that is not counted in tokens.
            #[serde(default, skip_serializing_if = "Units::is_empty")]
            pub units: Units,
        }

        impl Usage {
            /// The count of one class.
            pub const fn of(&self, class: TokenClass) -> Tokens {
                match class { $(TokenClass::$variant => self.$field,)+ }
            }

            /// The sum of two usages, class by class. The later one's tier and place count.
            #[must_use]
            pub fn plus(&self, other: &Self) -> Self {
                Self {
                    $($field: Tokens(self.$field.0.saturating_add(other.$field.0)),)+
                    service_tier: other.service_tier.or(self.service_tier),
                    residency: other.residency.or(self.residency),
                    units: self.units.plus(&other.units),
                }
            }

            /// The same, told again later in the same answer: what a later report counts wins, and what it leaves out
            /// stays.
            #[must_use]
            pub fn updated(&self, later: &Self) -> Self {
                Self {
                    $($field: if later.$field.0 == 0 { self.$field } else { later.$field },)+
                    service_tier: later.service_tier.or(self.service_tier),
                    residency: later.residency.or(self.residency),
                    units: self.units.updated(&later.units),
                }
            }

            /// The same with no more than so many tokens of input and output in all; what is beyond is taken from the classes
            /// that come last.
            #[must_use]
            pub fn at_most(&self, input: Tokens, output: Tokens) -> Self {
                let (mut input, mut output) = (input.0, output.0);
                Self {
                    $($field: take(if $input { &mut input } else { &mut output }, self.$field),)+
                    service_tier: self.service_tier,
                    residency: self.residency,
                    units: self.units,
                }
            }
        }
    };
}

classes! {
    input Input "input" true "Text input that no cache served or stored.";
    input_audio InputAudio "input_audio" true "Audio input that no cache served.";
    input_image InputImage "input_image" true "Pictures that no cache served, where the provider counts them apart.";
    cache_read CacheRead "cache_read" true "Input read from the provider's prompt cache.";
    cache_read_audio CacheReadAudio "cache_read_audio" true "Audio read from the provider's prompt cache, where it counts that apart.";
    cache_write_5m CacheWrite5m "cache_write_5m" true "Input written to a prompt cache for five minutes (or the provider's default).";
    cache_write_1h CacheWrite1h "cache_write_1h" true "Input written to a prompt cache for an hour.";
    output Output "output" false "Visible output.";
    output_audio OutputAudio "output_audio" false "Audio output.";
    output_image OutputImage "output_image" false "Pictures as output, where the provider counts them in tokens.";
    reasoning Reasoning "reasoning" false "Output spent on reasoning, billed as output.";
}

/// As many of `wanted` as are left.
fn take(left: &mut u64, wanted: Tokens) -> Tokens {
    let taken = wanted.0.min(*left);
    *left -= taken;
    Tokens(taken)
}

impl Usage {
    /// All input, cached or not.
    pub fn input_total(&self) -> Tokens {
        self.sum(true)
    }

    /// All output, reasoning included.
    pub fn output_total(&self) -> Tokens {
        self.sum(false)
    }

    /// Everything.
    pub fn total(&self) -> Tokens {
        Tokens(self.input_total().0.saturating_add(self.output_total().0))
    }

    fn sum(&self, input: bool) -> Tokens {
        let classes = TokenClass::ALL.iter().filter(|class| class.is_input() == input);
        Tokens(classes.fold(0, |sum, class| sum.saturating_add(self.of(*class).0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_a_bound_is_taken_from_the_last_classes_of_its_direction() {
        let endless = Tokens(u64::MAX);
        let usage = Usage { input: Tokens(5), cache_read: endless, output: Tokens(1), ..Usage::default() };
        let bounded = Usage { cache_read: Tokens(2), ..usage };
        assert_eq!(usage.at_most(Tokens(7), Tokens(7)), bounded);
        assert_eq!(usage.at_most(endless, endless).total(), endless);
        assert_eq!(bounded.at_most(Tokens(7), Tokens(1)), bounded);
        assert_eq!(usage.at_most(Tokens(0), Tokens(0)), Usage::default());
    }
}
