//! A token bucket as a meter: what has been taken and has not flowed back yet (the generic cell rate algorithm in the
//! form of a leaky bucket, ITU-T I.371).
//!
//! The bucket holds one minute's worth and refills continuously. Amounts are whole numbers of `unit × nanosecond`, so
//! that nothing is ever rounded in anyone's favour. A bucket that nobody has touched for a minute is as good as new.

use std::num::NonZeroU64;
use std::time::Duration;

use types::Monotonic;

/// One unit in the bucket's scale: a rate of one unit a minute brings it back in this many nanoseconds.
const UNIT: u128 = 60_000_000_000;

/// How much has been taken and has not flowed back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    debt: u128,
    at: Monotonic,
}

impl Bucket {
    /// How long it takes until `units` are there, zero if they are; `None` if the bucket never holds that many.
    pub(crate) fn wait_for(&self, units: u64, per_minute: NonZeroU64) -> Option<Duration> {
        let capacity = scaled(per_minute.get());
        if scaled(units) > capacity {
            return None;
        }
        Some(time_to_refill(self.debt.saturating_sub(capacity - scaled(units)), per_minute))
    }

    /// Takes `units`, even if that leaves the bucket below empty.
    pub(crate) fn take(&mut self, units: u64) {
        self.debt = self.debt.saturating_add(scaled(units));
    }

    /// Gives back `units` that were taken and not used.
    pub(crate) fn give_back(&mut self, units: u64) {
        self.debt = self.debt.saturating_sub(scaled(units));
    }

    /// Whole units left.
    pub(crate) fn remaining(&self, per_minute: NonZeroU64) -> u64 {
        let level = scaled(per_minute.get()).saturating_sub(self.debt);
        u64::try_from(level / UNIT).unwrap_or(u64::MAX)
    }

    /// How long it takes until the bucket is full, if nothing more is taken.
    pub(crate) fn full_in(&self, per_minute: NonZeroU64) -> Duration {
        time_to_refill(self.debt, per_minute)
    }

    /// Lets in what has flowed back up to `now`. A time before the last one, read by a slower thread, changes nothing.
    pub(crate) fn refill(&mut self, per_minute: NonZeroU64, now: Monotonic) {
        let elapsed = now.as_nanos().saturating_sub(self.at.as_nanos());
        self.debt = self.debt.saturating_sub(u128::from(elapsed) * u128::from(per_minute.get()));
        self.at = self.at.max(now);
    }
}

fn scaled(units: u64) -> u128 {
    u128::from(units) * UNIT
}

/// Rounded up: after this time the amount is there, a nanosecond earlier it is not.
fn time_to_refill(amount: u128, per_minute: NonZeroU64) -> Duration {
    let nanos = amount.div_ceil(u128::from(per_minute.get()));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
