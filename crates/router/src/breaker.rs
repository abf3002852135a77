//! One target's circuit: closed while it serves, open after a run of faults of its own, then probed by one
//! request at a time. A pure state machine over the time it is given.

use std::time::Duration;

use types::{CircuitState, FaultKind, Monotonic};

use crate::{Claim, Outcome};

/// When a circuit opens and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Consecutive faults of the target's own that open it.
    pub threshold: u32,
    /// How long it stays open before it is probed.
    pub timeout: Duration,
}

impl Default for BreakerConfig {
    /// Five faults, thirty seconds.
    fn default() -> Self {
        Self { threshold: 5, timeout: Duration::from_secs(30) }
    }
}

/// The longest an upstream's `retry-after` keeps a target out: a wrong header must not bench it for a day.
const MAX_COOLDOWN: Duration = Duration::from_mins(5);
/// How long a refused credential or an empty account keeps a target out.
const BENCH: Duration = Duration::from_mins(1);

/// One target's circuit.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    config: BreakerConfig,
    state: State,
    faults: u32,
    /// Not before this: a wait that the upstream asked for, or a benched credential.
    cool_until: Monotonic,
    /// What an active check last found.
    reachable: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    /// Until this time.
    Open(Monotonic),
    /// The probe was sent at this time. One that never reports is given up after the breaker's own timeout, so
    /// that a lost report cannot keep a target out for ever.
    Probing(Monotonic),
}

impl Breaker {
    pub(crate) const fn new(config: BreakerConfig) -> Self {
        Self {
            config,
            state: State::Closed,
            faults: 0,
            cool_until: Monotonic::from_nanos(0),
            reachable: true,
        }
    }

    pub(crate) const fn state(&self) -> CircuitState {
        match self.state {
            State::Closed => CircuitState::Closed,
            State::Open(_) => CircuitState::Open,
            State::Probing(_) => CircuitState::HalfOpen,
        }
    }

    /// When a request may next be sent; `now` or earlier if at once.
    pub(crate) fn available_at(&self, now: Monotonic) -> Monotonic {
        let circuit = match self.state {
            State::Closed if !self.reachable => now.plus(self.config.timeout),
            State::Closed => now,
            State::Open(until) => until,
            State::Probing(since) => since.plus(self.config.timeout),
        };
        circuit.max(self.cool_until)
    }

    pub(crate) fn claim(&mut self, now: Monotonic) -> Claim {
        if self.available_at(now) > now {
            return Claim::Refused;
        }
        match self.state {
            State::Closed => Claim::Granted,
            State::Open(_) | State::Probing(_) => {
                self.state = State::Probing(now);
                Claim::Probe
            }
        }
    }

    /// A probe that was not sent may be sent by the next request.
    pub(crate) fn release(&mut self, now: Monotonic) {
        if let State::Probing(_) = self.state {
            self.state = State::Open(now);
        }
    }

    /// Takes in the outcome of a request that was sent on this claim.
    pub(crate) fn report(&mut self, claim: Claim, outcome: Outcome, now: Monotonic) {
        if let Outcome::Failed(kind, retry_after) = outcome {
            self.cool(kind, retry_after, now);
        }
        // What was sent before the circuit opened tells nothing new: once it is open, only the probe counts.
        if claim != Claim::Probe && !matches!(self.state, State::Closed) {
            return;
        }
        match outcome {
            Outcome::Begun => {
                // The target serves again, and an answer may last longer than any timeout. The faults stay counted
                // until it is complete: if it breaks off, one is enough to open the circuit again.
                if let State::Probing(_) = self.state {
                    self.state = State::Closed;
                }
            }
            Outcome::Served => {
                self.reachable = true;
                // A probe that was given up may come late: another is on its way, or has failed.
                if !matches!(self.state, State::Open(_)) {
                    self.faults = 0;
                    self.state = State::Closed;
                }
            }
            Outcome::Failed(kind, _) => self.fail(kind, now),
        }
    }

    /// Keeps the target out for as long as it asks for, or as its fault is known to last.
    fn cool(&mut self, kind: FaultKind, retry_after: Option<Duration>, now: Monotonic) {
        let cooldown = match kind {
            FaultKind::Credential | FaultKind::Quota => Some(BENCH),
            FaultKind::Overloaded => retry_after.map(|wait| wait.min(MAX_COOLDOWN)),
            FaultKind::ClientGone
            | FaultKind::ContextLength
            | FaultKind::Cut
            | FaultKind::Filtered
            | FaultKind::ForeignProof
            | FaultKind::Invalid
            | FaultKind::Server
            | FaultKind::Timeout
            | FaultKind::TooLarge
            | FaultKind::Unreachable
            | FaultKind::Unreadable => None,
        };
        if let Some(wait) = cooldown {
            self.cool_until = self.cool_until.max(now.plus(wait));
        }
    }

    fn fail(&mut self, kind: FaultKind, now: Monotonic) {
        if !kind.counts_against_target() {
            // The target answered, or was never asked to the end: a probe that ends so proves nothing bad.
            return self.release(now);
        }
        self.faults = self.faults.saturating_add(1);
        let trips = match self.state {
            State::Probing(_) => true,
            State::Closed => self.faults >= self.config.threshold,
            State::Open(_) => false,
        };
        if trips {
            self.state = State::Open(now.plus(self.config.timeout));
        }
    }

    /// Takes in what an active check found.
    pub(crate) fn observe(&mut self, reachable: bool) {
        self.reachable = reachable;
    }

    pub(crate) fn is_reachable(&self) -> bool {
        self.reachable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BreakerConfig = BreakerConfig { threshold: 3, timeout: Duration::from_secs(30) };
    const SERVER: Outcome = Outcome::Failed(FaultKind::Server, None);

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_nanos(seconds * 1_000_000_000)
    }

    fn tripped() -> Breaker {
        let mut breaker = Breaker::new(CONFIG);
        for _ in 0..3 {
            breaker.report(Claim::Granted, SERVER, at(0));
        }
        breaker
    }

    #[test]
    fn consecutive_faults_open_it_and_a_success_between_starts_over() {
        let mut breaker = Breaker::new(CONFIG);
        for outcome in [SERVER, SERVER, Outcome::Served, SERVER, SERVER] {
            breaker.report(Claim::Granted, outcome, at(0));
        }
        assert_eq!(breaker.state(), CircuitState::Closed);
        breaker.report(Claim::Granted, SERVER, at(0));
        assert_eq!(breaker.state(), CircuitState::Open);
    }

    #[test]
    fn an_open_circuit_is_probed_by_one_request_after_its_timeout() {
        let mut breaker = tripped();
        assert_eq!(breaker.claim(at(29)), Claim::Refused);
        assert_eq!(breaker.claim(at(30)), Claim::Probe);
        assert_eq!(breaker.state(), CircuitState::HalfOpen);
        assert_eq!(breaker.claim(at(31)), Claim::Refused);
        breaker.report(Claim::Probe, Outcome::Served, at(32));
        assert_eq!(breaker.claim(at(32)), Claim::Granted);
    }

    #[test]
    fn a_late_success_does_not_close_an_open_circuit() {
        let mut breaker = tripped();
        breaker.report(Claim::Granted, Outcome::Served, at(2));
        assert_eq!(breaker.claim(at(3)), Claim::Refused);
    }

    #[test]
    fn a_probe_that_fails_opens_it_again_and_one_that_is_lost_is_replaced() {
        let mut breaker = tripped();
        assert_eq!(breaker.claim(at(30)), Claim::Probe);
        breaker.report(Claim::Probe, SERVER, at(31));
        assert_eq!(breaker.claim(at(60)), Claim::Refused);
        assert_eq!(breaker.claim(at(61)), Claim::Probe);
        assert_eq!(breaker.claim(at(91)), Claim::Probe);
    }

    #[test]
    fn a_probe_whose_answer_begins_closes_it_and_one_fault_opens_it_again() {
        let mut breaker = tripped();
        assert_eq!(breaker.claim(at(30)), Claim::Probe);
        breaker.report(Claim::Probe, Outcome::Begun, at(31));
        assert_eq!(breaker.claim(at(31)), Claim::Granted);
        breaker.report(Claim::Probe, Outcome::Failed(FaultKind::Cut, None), at(90));
        assert_eq!(breaker.claim(at(119)), Claim::Refused);
        assert_eq!(breaker.claim(at(120)), Claim::Probe);
        breaker.report(Claim::Probe, Outcome::Begun, at(121));
        breaker.report(Claim::Probe, Outcome::Served, at(200));
        breaker.report(Claim::Granted, SERVER, at(201));
        assert_eq!(breaker.claim(at(202)), Claim::Granted);
    }

    #[test]
    fn while_a_probe_is_out_nothing_but_its_own_outcome_counts() {
        for old in [SERVER, Outcome::Served, Outcome::Failed(FaultKind::ClientGone, None)] {
            let mut breaker = tripped();
            assert_eq!(breaker.claim(at(30)), Claim::Probe);
            breaker.report(Claim::Granted, old, at(31));
            assert_eq!(breaker.state(), CircuitState::HalfOpen);
            assert_eq!(breaker.claim(at(31)), Claim::Refused);
            breaker.report(Claim::Probe, Outcome::Begun, at(32));
            assert_eq!(breaker.state(), CircuitState::Closed);
        }
    }

    #[test]
    fn a_late_beginning_does_not_close_an_open_circuit() {
        let mut breaker = tripped();
        breaker.report(Claim::Granted, Outcome::Begun, at(2));
        assert_eq!(breaker.claim(at(3)), Claim::Refused);
    }

    #[test]
    fn a_probe_that_was_not_sent_is_free_for_the_next_request() {
        let mut breaker = tripped();
        assert_eq!(breaker.claim(at(30)), Claim::Probe);
        breaker.release(at(30));
        assert_eq!(breaker.state(), CircuitState::Open);
        assert_eq!(breaker.claim(at(30)), Claim::Probe);
        let mut closed = Breaker::new(CONFIG);
        assert_eq!(closed.claim(at(0)), Claim::Granted);
        closed.release(at(0));
        assert_eq!(closed.state(), CircuitState::Closed);
    }

    #[test]
    fn what_the_client_caused_never_opens_it() {
        let mut breaker = Breaker::new(CONFIG);
        for kind in [
            FaultKind::ClientGone,
            FaultKind::Invalid,
            FaultKind::ContextLength,
            FaultKind::Filtered,
            FaultKind::ForeignProof,
        ] {
            for _ in 0..10 {
                breaker.report(Claim::Granted, Outcome::Failed(kind, None), at(0));
            }
        }
        assert_eq!(breaker.claim(at(0)), Claim::Granted);
    }

    #[test]
    fn a_wait_the_upstream_asks_for_is_kept_but_not_for_ever() {
        let mut breaker = Breaker::new(CONFIG);
        breaker.report(
            Claim::Granted,
            Outcome::Failed(FaultKind::Overloaded, Some(Duration::from_secs(7))),
            at(0),
        );
        assert_eq!(breaker.claim(at(6)), Claim::Refused);
        assert_eq!(breaker.claim(at(7)), Claim::Granted);
        breaker.report(
            Claim::Granted,
            Outcome::Failed(FaultKind::Overloaded, Some(Duration::from_hours(24))),
            at(7),
        );
        assert_eq!(breaker.claim(at(307)), Claim::Granted);
    }

    #[test]
    fn an_unreachable_target_is_left_out_until_a_check_finds_it() {
        let mut breaker = Breaker::new(CONFIG);
        breaker.observe(false);
        assert_eq!(breaker.claim(at(0)), Claim::Refused);
        breaker.observe(true);
        assert_eq!(breaker.claim(at(0)), Claim::Granted);
    }
}
