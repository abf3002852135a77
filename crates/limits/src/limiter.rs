//! Reserving and settling: the local implementation of the limit port.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use types::{Counted, Monotonic, Standing, Tenant, Tokens};

use crate::ReserveError;
use crate::bucket::Bucket;
use crate::callers::{Caller, Callers, Taken};

/// What each caller may use. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests per minute; a minute's worth may come at once.
    pub requests_per_minute: Option<NonZeroU64>,
    /// Tokens per minute, input and output; a minute's worth may be used at once.
    pub tokens_per_minute: Option<NonZeroU64>,
    /// Requests open at the same time.
    pub concurrent: Option<NonZeroU32>,
}

impl RateLimit {
    /// Whether nothing is limited.
    pub const fn is_unlimited(&self) -> bool {
        self.requests_per_minute.is_none() && self.tokens_per_minute.is_none() && self.concurrent.is_none()
    }
}

/// How a caller stands with its limits; `None` where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standings {
    /// Requests.
    pub requests: Option<Standing>,
    /// Tokens.
    pub tokens: Option<Standing>,
}

impl Standings {
    /// The limits there are, requests first.
    pub fn to_vec(&self) -> Vec<Standing> {
        self.requests.into_iter().chain(self.tokens).collect()
    }
}

/// Knows what each caller has taken.
#[derive(Debug)]
pub struct Limiter {
    limit: ArcSwap<RateLimit>,
    callers: Callers,
}

impl Limiter {
    /// Gives each caller this limit.
    pub fn new(limit: RateLimit) -> Self {
        Self { limit: ArcSwap::from_pointee(limit), callers: Callers::new() }
    }

    /// Puts another limit in place. What callers have taken stays taken; open holds settle as they were reserved.
    pub fn replace(&self, limit: RateLimit) {
        self.limit.store(Arc::new(limit));
    }

    /// Lets one request in: takes a request and `estimate` tokens from the caller's buckets and an open place.
    ///
    /// # Errors
    /// A refused request takes nothing.
    pub fn reserve(&self, tenant: &Tenant, estimate: Tokens, now: Monotonic) -> Result<Hold, ReserveError> {
        let limit = **self.limit.load();
        if limit.is_unlimited() {
            return Ok(Hold { reserved: None });
        }
        let caller = self.callers.of(tenant, &limit, now);
        caller.taken().reserve(&limit, estimate, now)?;
        Ok(Hold { reserved: Some(Reserved { caller, limit, estimate }) })
    }
}

/// One request that has been let in. Dropped without being settled, it frees its open place and keeps what it took:
/// nobody knows what was used.
#[must_use = "a dropped hold is over: the request's open place is free again"]
#[derive(Debug)]
pub struct Hold {
    reserved: Option<Reserved>,
}

impl Hold {
    /// Ends the request with what it truly used: takes or gives back the difference to the estimate.
    pub fn settle(self, used: Tokens, now: Monotonic) {
        if let Some(reserved) = &self.reserved {
            reserved.caller.taken().settle(&reserved.limit, (reserved.estimate, used), now);
        }
    }

    /// How the caller stands now, for the answer's headers.
    pub fn standings(&self, now: Monotonic) -> Standings {
        let Some(Reserved { caller, limit, .. }) = &self.reserved else { return Standings::default() };
        let mut taken = caller.taken();
        taken.refill(limit, now);
        taken.standings(limit)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(reserved) = &self.reserved {
            let mut taken = reserved.caller.taken();
            taken.open = taken.open.saturating_sub(1);
        }
    }
}

#[derive(Debug)]
struct Reserved {
    caller: Arc<Caller>,
    /// The limit at the time, so that a reload in between cannot give back what was never taken.
    limit: RateLimit,
    estimate: Tokens,
}

impl Taken {
    /// Everything is looked at before anything is taken, so there is nothing to undo.
    fn reserve(&mut self, limit: &RateLimit, estimate: Tokens, now: Monotonic) -> Result<(), ReserveError> {
        self.refill(limit, now);
        let standings = self.standings(limit);
        if let Some(most) = limit.concurrent.map(NonZeroU32::get).filter(|most| self.open >= *most) {
            return Err(ReserveError::Concurrent { limit: most, standings });
        }
        if let Some(rate) = limit.requests_per_minute {
            let wait = self.requests.wait_for(1, rate).unwrap_or_default();
            if !wait.is_zero() {
                return Err(ReserveError::Requests { limit: rate.get(), wait, standings });
            }
        }
        if let Some(rate) = limit.tokens_per_minute {
            match self.tokens.wait_for(estimate.0, rate) {
                Some(Duration::ZERO) => self.tokens.take(estimate.0),
                Some(wait) => return Err(ReserveError::Tokens { limit: rate.get(), wait, standings }),
                None => return Err(ReserveError::TooManyTokens { limit: rate.get(), estimate, standings }),
            }
        }
        if limit.requests_per_minute.is_some() {
            self.requests.take(1);
        }
        self.open = self.open.saturating_add(1);
        Ok(())
    }

    fn settle(&mut self, limit: &RateLimit, (estimate, used): (Tokens, Tokens), now: Monotonic) {
        if limit.tokens_per_minute.is_some() {
            self.refill(limit, now);
            self.tokens.take(used.0.saturating_sub(estimate.0));
            self.tokens.give_back(estimate.0.saturating_sub(used.0));
        }
    }

    fn standings(&self, limit: &RateLimit) -> Standings {
        Standings {
            requests: limit.requests_per_minute.map(|rate| standing(Counted::Requests, &self.requests, rate)),
            tokens: limit.tokens_per_minute.map(|rate| standing(Counted::Tokens, &self.tokens, rate)),
        }
    }
}

fn standing(counted: Counted, bucket: &Bucket, per_minute: NonZeroU64) -> Standing {
    Standing {
        counted,
        limit: per_minute.get(),
        remaining: bucket.remaining(per_minute),
        reset: bucket.full_in(per_minute),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
