//! `routing`: how a target is chosen, watched and given up.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::declare::{section, words};
use crate::quantities::Ratio;
use crate::read::Toggle;

section! {
    /// How a target is chosen among a model's targets, watched, and given up.
    pub struct Routing, example {"algorithm": "weighted_round_robin", "health_checks": true, "circuit_breaker": {"threshold": 5, "timeout": "30s"}} {
        /// How a target is chosen.
        algorithm: Algorithm = Algorithm::WeightedRoundRobin,
        /// Whether and how targets are probed while nobody calls them.
        health_checks: Option<HealthChecks> as Toggle<HealthChecks> = None,
        /// When a target that fails is left alone, and for how long.
        circuit_breaker: CircuitBreaker = CircuitBreaker::default(),
        /// How often a failed request is tried again.
        retries: Retries = Retries::default(),
    }
}

words! {
    /// How a target is chosen.
    pub enum Algorithm, expected "a routing algorithm" {
        /// By turns, smoothly spread, in proportion to the weights.
        WeightedRoundRobin = "weighted_round_robin",
    }
}

section! {
    /// How targets are probed while nobody calls them.
    pub struct HealthChecks, example {"interval": "10s", "timeout": "2s"} {
        /// How long between two probes of a target.
        interval: Duration = Duration::from_secs(10),
        /// How long a probe may take.
        timeout: Duration = Duration::from_secs(2),
    }
}

section! {
    /// When a target that fails is left alone, and for how long.
    pub struct CircuitBreaker, example {"threshold": 5, "timeout": "30s"} {
        /// After how many faults in a row, all the target's own.
        threshold: NonZeroU32 = NonZeroU32::MIN.saturating_add(4),
        /// How long until it is probed again.
        timeout: Duration = Duration::from_secs(30),
    }
}

section! {
    /// How often a failed request is tried again.
    pub struct Retries, example {"attempts": 2, "budget": "10%"} {
        /// The most further attempts of one request.
        attempts: u32 = 2,
        /// The most retries as a share of all requests, so that retries cannot become a flood.
        budget: Ratio = Ratio::percent(10),
    }
}
