//! Money in integer micro-units, checked. No floating point anywhere.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Tokens;

/// An amount in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MicroUsd(u64);

impl MicroUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// This many millionths of a dollar.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Millionths of a dollar.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The sum, saturating: an amount never wraps.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for MicroUsd {
    /// Dollars with six decimals, e.g. `0.001234`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// A price in micro-dollars per million tokens: $0.15 per million is `150_000`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerMillion(pub u64);

impl PerMillion {
    /// What `tokens` cost, in millionths of a micro-dollar: sum these, then round once with [`MicroUsd::from_exact`].
    pub fn exact(self, tokens: Tokens) -> u128 {
        u128::from(self.0) * u128::from(tokens.0)
    }

    /// The same of so many units, each of which has this price by the million.
    pub fn exact_units(self, count: u64) -> u128 {
        u128::from(self.0) * u128::from(count)
    }
}

impl MicroUsd {
    /// Rounds a sum of [`PerMillion::exact`] amounts half up to whole micro-dollars.
    pub fn from_exact(exact: u128) -> Self {
        Self(u64::try_from((exact + 500_000) / 1_000_000).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_rounded_once_over_the_sum() {
        let exact = PerMillion(150_000).exact(Tokens(3)) + PerMillion(600_000).exact(Tokens(2));
        assert_eq!(MicroUsd::from_exact(exact), MicroUsd::from_micros(2));
        assert_eq!(MicroUsd::from_micros(1_234_567).to_string(), "1.234567");
    }
}
