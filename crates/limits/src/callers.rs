//! The callers that have state: a sharded map, so that no lock is shared by all, with a bound and no timer.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use types::{Monotonic, Tenant};

use crate::RateLimit;
use crate::bucket::Bucket;

const SHARDS: usize = 64;

/// Callers with state per shard. Above it the least indebted caller without an open request is forgotten, which
/// forgives it at most what it has taken in the last minute.
const SHARD_CAPACITY: usize = 4_096;

/// A shard of fewer callers is not worth sweeping.
const SWEEP_FROM: usize = 64;

/// What one caller has taken and has not got back.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) open: u32,
    pub(crate) requests: Bucket,
    pub(crate) tokens: Bucket,
}

impl Taken {
    /// Lets in what has flowed back to both buckets.
    pub(crate) fn refill(&mut self, limit: &RateLimit, now: Monotonic) {
        if let Some(per_minute) = limit.requests_per_minute {
            self.requests.refill(per_minute, now);
        }
        if let Some(per_minute) = limit.tokens_per_minute {
            self.tokens.refill(per_minute, now);
        }
    }

    /// How full the fuller bucket's debt is, in nanoseconds until it is gone; zero for a caller as good as new.
    fn debt(&mut self, limit: &RateLimit, now: Monotonic) -> u128 {
        self.refill(limit, now);
        let requests = limit.requests_per_minute.map(|rate| self.requests.full_in(rate).as_nanos());
        let tokens = limit.tokens_per_minute.map(|rate| self.tokens.full_in(rate).as_nanos());
        requests.max(tokens).unwrap_or(0)
    }
}

/// One caller's state; a hold keeps it alive and thereby in the map.
#[derive(Debug, Default)]
pub(crate) struct Caller(Mutex<Taken>);

impl Caller {
    /// The state, locked. Nothing that can panic runs under the lock, so a poisoned one is still sound.
    pub(crate) fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every caller that has state.
#[derive(Debug)]
pub(crate) struct Callers {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

impl Callers {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::default(), shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// The caller's state, new if it has none.
    pub(crate) fn of(&self, tenant: &Tenant, limit: &RateLimit, now: Monotonic) -> Arc<Caller> {
        // The map inside picks its bucket by a hash of its own, so the same bits are not used twice.
        let hash = usize::try_from(self.hasher.hash_one(tenant) % SHARDS as u64).unwrap_or(0);
        let Some(shard) = self.shards.get(hash) else { return Arc::default() };
        shard.lock().unwrap_or_else(PoisonError::into_inner).of(tenant, limit, now)
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().callers.len()).sum()
    }
}

#[derive(Debug)]
struct Shard {
    callers: HashMap<Tenant, Arc<Caller>, RandomState>,
    sweep_at: usize,
}

impl Default for Shard {
    fn default() -> Self {
        Self { callers: HashMap::default(), sweep_at: SWEEP_FROM }
    }
}

impl Shard {
    fn of(&mut self, tenant: &Tenant, limit: &RateLimit, now: Monotonic) -> Arc<Caller> {
        if let Some(caller) = self.callers.get(tenant) {
            return Arc::clone(caller);
        }
        if self.callers.len() >= self.sweep_at {
            self.sweep(limit, now);
        }
        Arc::clone(self.callers.entry(tenant.clone()).or_default())
    }

    /// Forgets callers that are as good as new. The next sweep waits until the shard has doubled, so that a caller's
    /// share of the cost stays the same however many there are.
    fn sweep(&mut self, limit: &RateLimit, now: Monotonic) {
        self.callers.retain(|_, caller| is_held(caller) || caller.taken().debt(limit, now) > 0);
        if self.callers.len() >= SHARD_CAPACITY {
            let idle = self.callers.iter().filter(|(_, caller)| !is_held(caller));
            let least = idle.min_by_key(|(_, caller)| caller.taken().debt(limit, now));
            if let Some(tenant) = least.map(|(tenant, _)| tenant.clone()) {
                self.callers.remove(&tenant);
            }
        }
        self.sweep_at = (self.callers.len() * 2).clamp(SWEEP_FROM, SHARD_CAPACITY);
    }
}

/// Whether a request of this caller is open. Nobody takes hold of a caller without the shard's lock, so the answer
/// stands while the shard is locked.
fn is_held(caller: &Arc<Caller>) -> bool {
    Arc::strong_count(caller) > 1
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limit() -> RateLimit {
        RateLimit { requests_per_minute: 60.try_into().ok(), ..RateLimit::default() }
    }

    #[test]
    fn idle_callers_are_forgotten_and_indebted_or_open_ones_kept() {
        let callers = Callers::new();
        let now = Monotonic::from_nanos(1);
        let held = callers.of(&Tenant::from("held"), &limit(), now);
        held.taken().open = 1;
        callers.of(&Tenant::from("indebted"), &limit(), now).taken().requests.take(60);
        let later = now.plus(Duration::from_secs(59));
        for number in 0..100_000 {
            callers.of(&Tenant::from(format!("k_{number}")), &limit(), later);
        }
        assert!(callers.count() <= SHARDS * (SWEEP_FROM + 1), "{}", callers.count());
        assert_eq!(callers.of(&Tenant::from("held"), &limit(), later).taken().open, 1);
        let indebted = callers.of(&Tenant::from("indebted"), &limit(), later);
        assert!(indebted.taken().debt(&limit(), later) > 0);
    }

    #[test]
    fn the_number_of_callers_is_bounded_even_if_all_are_indebted() {
        let mut shard = Shard::default();
        let now = Monotonic::from_nanos(1);
        for number in 0..SHARD_CAPACITY + 50 {
            let units = if number == 7 { 1 } else { 2 };
            shard.of(&Tenant::from(format!("k_{number}")), &limit(), now).taken().requests.take(units);
        }
        assert_eq!(shard.callers.len(), SHARD_CAPACITY);
        assert!(!shard.callers.contains_key("k_7"), "the least indebted goes first");
    }
}
