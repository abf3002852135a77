//! Whole numbers, however they are written: JSON has one kind of number, and some callers' languages have no other, so
//! that they send `3.0` and `1e2`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// What is wrong with a field that is none.
pub(crate) const WHOLE: &str = "must be a whole number";

/// A number without a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole<T>(pub(crate) T);

struct Number<T>(PhantomData<T>);

/// Beyond this a number with a point may stand for several whole ones.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl<'de, T: TryFrom<i128>> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Number(PhantomData))
    }
}

impl<T: TryFrom<i128>> Visitor<'_> for Number<T> {
    type Value = Whole<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_i128(number.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        self.visit_i128(number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        let is_whole = number.abs() <= EXACT && number.fract().abs() <= 0.0;
        let whole = is_whole.then(|| format!("{number:.0}").parse().ok()).flatten();
        self.visit_i128(whole.ok_or_else(|| E::custom("not a whole number"))?)
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Self::Value, E> {
        T::try_from(number).map(Whole).map_err(|_| E::custom("out of range"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_whole_if_it_has_no_fraction_however_it_is_written() {
        #[track_caller]
        fn check(json: &str, natural: Option<u64>, signed: Option<i64>) {
            assert_eq!(serde_json::from_str(json).ok().map(|Whole(number)| number), natural, "{json}");
            assert_eq!(serde_json::from_str(json).ok().map(|Whole(number)| number), signed, "{json}");
        }
        check("3", Some(3), Some(3));
        check("3.0", Some(3), Some(3));
        check("1e2", Some(100), Some(100));
        check("-1", None, Some(-1));
        check("-1.0", None, Some(-1));
        check("-0.0", Some(0), Some(0));
        check("18446744073709551615", Some(u64::MAX), None);
        for wrong in ["3.5", "1e300", "1e16", "99999999999999999999", "\"3\"", "true", "null", "[3]"] {
            check(wrong, None, None);
        }
    }
}
