//! A budget for retries: a failing upstream must not be hit by every request twice.
//!
//! Each request deposits a fraction of a retry; each retry withdraws a whole one. While a few fail, all of them
//! are retried; when everything fails, at most that fraction is. The idea is Finagle's and tower's.

use std::sync::Mutex;
use std::time::Duration;

use types::Monotonic;

/// How much may be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryConfig {
    /// The most attempts for one request beyond the first.
    pub attempts: u32,
    /// Retries per hundred requests.
    pub percent: u32,
}

impl Default for RetryConfig {
    /// Two more attempts; ten per cent.
    fn default() -> Self {
        Self { attempts: 2, percent: 10 }
    }
}

/// Deposits are forgotten after this: a quiet hour must not save up for a storm.
const WINDOW: Duration = Duration::from_secs(10);
/// One retry a second is always allowed, so that a gateway with little traffic can retry at all.
const FLOOR_PER_WINDOW: u64 = 10;
/// The balance is kept in hundredths of a retry.
const WHOLE: u64 = 100;

/// One pool's budget.
#[derive(Debug)]
pub struct RetryBudget {
    config: RetryConfig,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    since: Monotonic,
    /// Requests seen in this window.
    requests: u64,
    /// Requests of the window before, which still count by the part that lies within the last ten seconds.
    before: u64,
    /// Hundredths spent in this window.
    spent: u64,
}

impl RetryBudget {
    /// A full budget.
    pub const fn new(config: RetryConfig) -> Self {
        let window = Window { since: Monotonic::from_nanos(0), requests: 0, before: 0, spent: 0 };
        Self { config, window: Mutex::new(window) }
    }

    /// The most attempts for one request beyond the first.
    pub const fn attempts(&self) -> u32 {
        self.config.attempts
    }

    /// Counts a request.
    pub fn deposit(&self, now: Monotonic) {
        self.with_window(now, |window| window.requests += 1);
    }

    /// Asks for one retry; true if the budget allows it.
    pub fn withdraw(&self, now: Monotonic) -> bool {
        let percent = u64::from(self.config.percent);
        self.with_window(now, |window| {
            let earned = (window.requests + window.before) * percent + FLOOR_PER_WINDOW * WHOLE;
            let allowed = window.spent + WHOLE <= earned;
            if allowed {
                window.spent += WHOLE;
            }
            allowed
        })
    }

    fn with_window<T>(&self, now: Monotonic, act: impl FnOnce(&mut Window) -> T) -> T {
        let mut window = self.window.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let age = now.since(window.since);
        if age >= WINDOW {
            let before = if age < WINDOW * 2 { window.requests } else { 0 };
            *window = Window { since: now, requests: 0, before, spent: 0 };
        }
        act(&mut window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_storm_is_retried_by_a_tenth_and_a_trickle_in_full() {
        let budget = RetryBudget::new(RetryConfig::default());
        let retried = (0..1_000).filter(|_| {
            budget.deposit(at(1));
            budget.withdraw(at(1))
        });
        assert_eq!(retried.count(), 110);
        let quiet = RetryBudget::new(RetryConfig::default());
        assert!((0..30).all(|second| {
            quiet.deposit(at(second * 1_000));
            quiet.withdraw(at(second * 1_000))
        }));
    }
}
