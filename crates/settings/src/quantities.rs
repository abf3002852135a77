//! Numbers with a unit: durations, sizes, counts, shares.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use serde_json::{Value, json};

use crate::read::{Refused, Scalar};
use crate::shown::Shown;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// Units of size, largest first, binary before decimal.
const SIZE_UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("kB", 1_000),
    ("B", 1),
];

impl ByteSize {
    /// This many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// This many times 1024 bytes.
    pub const fn kibibytes(count: u64) -> Self {
        Self(count << 10)
    }

    /// This many times 1024 × 1024 bytes.
    pub const fn mebibytes(count: u64) -> Self {
        Self(count << 20)
    }

    /// The number of bytes.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The number of bytes, at most as many as can be addressed.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for ByteSize {
    /// In the largest unit that divides it, e.g. `32MiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZE_UNITS.iter().find(|(_, bytes)| self.0 > 0 && self.0.is_multiple_of(*bytes)) {
            Some((unit, bytes)) => write!(f, "{}{unit}", self.0 / bytes),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl Scalar for ByteSize {
    const EXPECTED: &'static str = "a size such as 32MiB, 64KB or 1000";

    fn parse(text: &str) -> Result<Self, Refused> {
        let (number, unit) = split_number(text)?;
        let known = SIZE_UNITS
            .iter()
            .find(|(name, _)| unit.is_empty() && *name == "B" || name.eq_ignore_ascii_case(unit));
        let bytes = known.and_then(|(_, bytes)| exact(number, *bytes)).filter(|bytes| *bytes > 0);
        bytes.map(Self).ok_or_else(|| refused("units are B, KB, MB, GB (1000) and KiB, MiB, GiB (1024)"))
    }

    fn schema() -> Value {
        json!({"anyOf": [
            {"type": "integer", "minimum": 1},
            {"type": "string", "pattern": r"^([0-9.]+\s?([KkMmGg]i?)?[Bb]?|.*\$\{.+)$"},
        ]})
    }

    fn shown(&self) -> Shown {
        Shown::Bare(self.to_string())
    }
}

/// Units of time, largest first.
const TIME_UNITS: &[(&str, u64)] =
    &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Scalar for Duration {
    const EXPECTED: &'static str = "a duration such as 30s, 10m, 1h or 500ms";

    fn parse(text: &str) -> Result<Self, Refused> {
        let time = time(text)?;
        if time.is_zero() {
            return Err(refused(
                "nothing can be done in no time, or again and again without a pause; leave it out for the default",
            ));
        }
        Ok(time)
    }

    fn schema() -> Value {
        json!({"type": "string", "pattern": r"^(([0-9.]+(ms|s|m|h|d))+|.*\$\{.+)$"})
    }

    fn shown(&self) -> Shown {
        let millis = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        let unit = TIME_UNITS.iter().find(|(_, unit)| millis > 0 && millis.is_multiple_of(*unit));
        Shown::Bare(unit.map_or_else(|| "0s".to_owned(), |(name, unit)| format!("{}{name}", millis / unit)))
    }
}

/// A wait that may be left out: zero is "at once".
pub(crate) struct Wait(Duration);

impl From<Wait> for Duration {
    fn from(wait: Wait) -> Self {
        wait.0
    }
}

impl From<Wait> for Option<Duration> {
    fn from(wait: Wait) -> Self {
        Some(wait.0)
    }
}

impl Scalar for Wait {
    const EXPECTED: &'static str = Duration::EXPECTED;

    fn parse(text: &str) -> Result<Self, Refused> {
        time(text).map(Self)
    }

    fn schema() -> Value {
        <Duration as Scalar>::schema()
    }

    fn shown(&self) -> Shown {
        Scalar::shown(&self.0)
    }
}

/// Numbers with a unit of time each, added up.
fn time(text: &str) -> Result<Duration, Refused> {
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (number, tail) = split_number(rest)?;
        let length = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(length);
        let known = TIME_UNITS.iter().find(|(name, _)| *name == unit);
        let advice = || {
            refused(if unit.is_empty() {
                "add a unit: s, m, h, d or ms"
            } else {
                "units are ms, s, m, h and d"
            })
        };
        let millis = known.and_then(|(_, millis)| exact(number, *millis)).ok_or_else(advice)?;
        total = total.saturating_add(millis);
        rest = after;
    }
    Ok(Duration::from_millis(total))
}

/// A share of a whole, between nothing and all of it.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Ratio(f64);

impl Ratio {
    /// All of it.
    pub const ALL: Self = Self(1.0);

    /// This many hundredths, at most a hundred.
    pub fn percent(hundredths: u8) -> Self {
        Self(f64::from(hundredths.min(100)) / 100.0)
    }

    /// Between 0.0 and 1.0.
    pub const fn as_f64(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Ratio {
    /// In hundredths, e.g. `10%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded to what a person would write: 0.07 times a hundred is not 7 in binary.
        write!(f, "{}%", (self.0 * 1e8).round() / 1e6)
    }
}

impl Scalar for Ratio {
    const EXPECTED: &'static str = "a share such as 10% or 0.1";

    fn parse(text: &str) -> Result<Self, Refused> {
        let (number, unit) = split_number(text)?;
        let number: f64 = number.parse().map_err(|_| Refused::Type)?;
        let share = match unit {
            "%" => number / 100.0,
            "" => number,
            _ => return Err(refused("write 10% or 0.1")),
        };
        if share <= 1.0 {
            Ok(Self(share))
        } else {
            Err(refused("between 0% and 100%; a number without % is a fraction of 1"))
        }
    }

    fn schema() -> Value {
        json!({"anyOf": [
            {"type": "number", "minimum": 0, "maximum": 1},
            {"type": "string", "pattern": r"^([0-9.]+%?|.*\$\{.+)$"},
        ]})
    }

    fn shown(&self) -> Shown {
        Shown::Bare(self.to_string())
    }
}

impl Scalar for NonZeroU64 {
    const EXPECTED: &'static str = "a count such as 1000, 2k or 2M";

    fn parse(text: &str) -> Result<Self, Refused> {
        let (number, unit) = split_number(text)?;
        let factor = match unit {
            "" => Some(1),
            "k" | "K" => Some(1_000),
            "m" | "M" => Some(1_000_000),
            "g" | "G" => Some(1_000_000_000),
            _ => None,
        };
        let count = factor.and_then(|factor| exact(number, factor)).and_then(Self::new);
        count.ok_or_else(|| {
            refused("a whole number, at least 1; k, M and G stand for thousands, millions, billions")
        })
    }

    fn schema() -> Value {
        json!({"anyOf": [
            {"type": "integer", "minimum": 1},
            {"type": "string", "pattern": r"^([0-9.]+\s?[kKmMgG]?|.*\$\{.+)$"},
        ]})
    }

    fn shown(&self) -> Shown {
        Shown::Bare(self.to_string())
    }
}

impl Scalar for NonZeroU32 {
    const EXPECTED: &'static str = NonZeroU64::EXPECTED;

    fn parse(text: &str) -> Result<Self, Refused> {
        let count = <NonZeroU64 as Scalar>::parse(text)?;
        Self::try_from(count).map_err(|_| refused("at most 4294967295"))
    }

    fn schema() -> Value {
        <NonZeroU64 as Scalar>::schema()
    }

    fn shown(&self) -> Shown {
        Shown::Bare(self.to_string())
    }
}

impl Scalar for u32 {
    const EXPECTED: &'static str = "a whole number";

    fn parse(text: &str) -> Result<Self, Refused> {
        split_number(text)?;
        text.parse().map_err(|_| refused("a whole number, at least 0"))
    }

    fn schema() -> Value {
        json!({"type": "integer", "minimum": 0})
    }

    fn shown(&self) -> Shown {
        Shown::Bare(self.to_string())
    }
}

/// The number a text begins with, and the rest without the space between them.
fn split_number(text: &str) -> Result<(&str, &str), Refused> {
    let text = text.trim();
    if text.starts_with('-') {
        return Err(refused("must not be negative"));
    }
    let length = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(length);
    if number.starts_with(|c: char| c.is_ascii_digit()) {
        Ok((number, rest.trim_start()))
    } else {
        Err(Refused::Type)
    }
}

/// `number` × `factor` if that is a whole number that fits. Decimals are counted, not floated.
fn exact(number: &str, factor: u64) -> Option<u64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let scale = 10_u64.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let fraction = if decimals.is_empty() { 0 } else { decimals.parse::<u64>().ok()?.checked_mul(factor)? };
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    fraction.is_multiple_of(scale).then_some(fraction / scale)?.checked_add(whole)
}

fn refused(help: &str) -> Refused {
    Refused::Value(Some(help.to_owned()))
}
