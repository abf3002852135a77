//! The router inside the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use types::{CircuitState, FaultKind, ModelName, Monotonic, ProviderName, TargetId};

use crate::breaker::Breaker;
use crate::names::Names;
use crate::{
    BreakerConfig, Candidate, ChooseError, Chosen, Claim, Outcome, Plan, ProviderModels, Resolved, Route,
    Strictness, Transition, balance,
};

/// The most targets that get a circuit of their own because a caller named a model no list knows; beyond
/// them such models share their provider's.
const MAX_PASSED: usize = 4096;

/// The table, and the state of each target.
#[derive(Debug)]
pub struct Local {
    names: Names,
    routes: HashMap<ModelName, Balanced, RandomState>,
    circuits: HashMap<TargetId, Circuit, RandomState>,
    passed: Mutex<HashMap<TargetId, Breaker, RandomState>>,
    breaker: BreakerConfig,
}

#[derive(Debug)]
struct Balanced {
    route: Route,
    /// The state of the smooth weighted round robin, one number per target.
    turns: Mutex<Vec<i64>>,
}

#[derive(Debug)]
struct Circuit {
    provider: ProviderName,
    breaker: Arc<Mutex<Breaker>>,
}

/// How one target stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetStatus {
    /// Which.
    pub target: TargetId,
    /// Its circuit.
    pub state: CircuitState,
    /// Whether the last active check reached it.
    pub is_reachable: bool,
}

impl Local {
    /// A router for these routes and providers, every circuit closed.
    pub fn new(
        routes: Vec<(ModelName, Route)>,
        providers: Vec<ProviderModels>,
        breaker: BreakerConfig,
    ) -> Self {
        let mut circuits = HashMap::default();
        let mut add = |candidate: &Candidate| {
            circuits.entry(candidate.target.clone()).or_insert_with(|| Circuit {
                provider: candidate.provider.clone(),
                breaker: Arc::new(Mutex::new(Breaker::new(breaker))),
            });
        };
        for (_, route) in &routes {
            route.targets.iter().map(|target| &target.candidate).chain(&route.fallback).for_each(&mut add);
        }
        for provider in &providers {
            for model in &provider.models {
                add(&Candidate::new(provider.provider.clone(), model.clone()));
            }
        }
        let names = Names::new(routes.iter().map(|(name, _)| name.clone()), providers);
        let routes = routes.into_iter().map(|(name, route)| {
            let turns = Mutex::new(vec![0; route.targets.len()]);
            (name, Balanced { route, turns })
        });
        Self { names, routes: routes.collect(), circuits, passed: Mutex::default(), breaker }
    }

    /// Takes over the circuits of the targets that the table before this one had too: a reload must not forget
    /// who is out of service. With other limits they start over.
    pub fn inherit(&mut self, previous: &Self) {
        if self.breaker != previous.breaker {
            return;
        }
        for (target, circuit) in &mut self.circuits {
            if let Some(known) = previous.circuits.get(target) {
                circuit.breaker = Arc::clone(&known.breaker);
            }
        }
        lock(&self.passed).clone_from(&lock(&previous.passed));
    }

    /// Every public name, routes first.
    pub fn listing(&self) -> Vec<String> {
        self.names.listing()
    }

    /// How every target stands, sorted by name.
    pub fn status(&self) -> Vec<TargetStatus> {
        let mut status: Vec<_> = self
            .circuits
            .iter()
            .map(|(target, circuit)| {
                let breaker = lock(&circuit.breaker);
                TargetStatus {
                    target: target.clone(),
                    state: breaker.state(),
                    is_reachable: breaker.is_reachable(),
                }
            })
            .collect();
        status.sort_by(|left, right| left.target.cmp(&right.target));
        status
    }

    /// Takes in what an active check of a provider found; it holds for all of its targets.
    pub fn observe(&self, provider: &ProviderName, reachable: bool) {
        for circuit in self.circuits.values().filter(|circuit| circuit.provider == *provider) {
            lock(&circuit.breaker).observe(reachable);
        }
    }

    fn with_breaker<T>(&self, target: &TargetId, act: impl FnOnce(&mut Breaker) -> T) -> T {
        if let Some(circuit) = self.circuits.get(target) {
            return act(&mut lock(&circuit.breaker));
        }
        let mut passed = lock(&self.passed);
        if passed.len() >= MAX_PASSED && !passed.contains_key(target) {
            let shared = target.as_str().split('/').next().unwrap_or_default();
            let breaker = passed.entry(TargetId::from(shared));
            return act(breaker.or_insert_with(|| Breaker::new(self.breaker)));
        }
        act(passed.entry(target.clone()).or_insert_with(|| Breaker::new(self.breaker)))
    }

    /// Changes a circuit; says so if it is in another state then.
    fn change(
        &self,
        target: &TargetId,
        cause: Option<FaultKind>,
        change: impl FnOnce(&mut Breaker),
    ) -> Option<Transition> {
        let (before, after) = self.with_breaker(target, |breaker| {
            let before = breaker.state();
            change(breaker);
            (before, breaker.state())
        });
        (before != after).then(|| Transition { target: target.clone(), state: after, cause })
    }

    fn available_at(&self, target: &TargetId, now: Monotonic) -> Monotonic {
        if self.circuits.contains_key(target) {
            return self.with_breaker(target, |breaker| breaker.available_at(now));
        }
        // Asking must not make an entry.
        lock(&self.passed).get(target).map_or(now, |breaker| breaker.available_at(now))
    }

    fn choose_of_route(&self, name: &ModelName, now: Monotonic) -> Result<Chosen, ChooseError> {
        let Some(balanced) = self.routes.get(name) else {
            return Err(self.unavailable(name.as_str(), std::iter::empty(), now));
        };
        let candidates = self.rank(balanced, now);
        if candidates.is_empty() {
            let targets = balanced.route.targets.iter().map(|target| &target.candidate);
            return Err(self.unavailable(name.as_str(), targets.chain(&balanced.route.fallback), now));
        }
        Ok(Chosen { strict: balanced.route.strict, candidates })
    }

    /// The route's targets in the order to try them.
    fn rank(&self, balanced: &Balanced, now: Monotonic) -> Vec<Candidate> {
        let targets = &balanced.route.targets;
        let is_available = |index: usize| {
            targets.get(index).is_some_and(|target| self.available_at(&target.candidate.target, now) <= now)
        };
        let weights = targets.iter().map(|target| target.weight);
        let first = match targets.len() {
            0 => None,
            1 => is_available(0).then_some(0),
            _ => balance::pick(weights, &mut lock(&balanced.turns), is_available),
        };
        let mut rest: Vec<_> = (0..targets.len()).filter(|index| Some(*index) != first).collect();
        rest.sort_by_key(|index| std::cmp::Reverse(targets.get(*index).map(|target| target.weight)));
        let ranked = first.into_iter().chain(rest).filter_map(|index| targets.get(index));
        ranked
            .map(|target| &target.candidate)
            .chain(&balanced.route.fallback)
            .filter(|candidate| self.available_at(&candidate.target, now) <= now)
            .cloned()
            .collect()
    }

    fn unavailable<'a>(
        &self,
        model: &str,
        candidates: impl Iterator<Item = &'a Candidate>,
        now: Monotonic,
    ) -> ChooseError {
        let first =
            candidates.map(|candidate| self.available_at(&candidate.target, now)).min().unwrap_or(now);
        ChooseError::Unavailable { model: model.to_owned(), retry_after: first.since(now) }
    }
}

impl Plan for Local {
    fn resolve(&self, model: &str) -> Result<Resolved, ChooseError> {
        self.names.resolve(model)
    }

    fn choose(&self, model: &Resolved, now: Monotonic) -> Result<Chosen, ChooseError> {
        let candidate = match model {
            Resolved::Route(name) => return self.choose_of_route(name, now),
            Resolved::Known(candidate)
            | Resolved::Passed(candidate)
            | Resolved::Programmed { candidate, .. } => candidate,
        };
        if self.available_at(&candidate.target, now) > now {
            return Err(self.unavailable(model.as_str(), std::iter::once(candidate), now));
        }
        Ok(Chosen { strict: Strictness::Report, candidates: vec![candidate.clone()] })
    }

    fn claim(&self, target: &TargetId, now: Monotonic) -> Claim {
        self.with_breaker(target, |breaker| breaker.claim(now))
    }

    fn release(&self, target: &TargetId, now: Monotonic) -> Option<Transition> {
        self.change(target, None, |breaker| breaker.release(now))
    }

    fn report(
        &self,
        target: &TargetId,
        claim: Claim,
        outcome: Outcome,
        now: Monotonic,
    ) -> Option<Transition> {
        let cause = match outcome {
            Outcome::Failed(kind, _) => Some(kind),
            Outcome::Begun | Outcome::Served => None,
        };
        self.change(target, cause, |breaker| breaker.report(claim, outcome, now))
    }
}

/// The state behind a lock stays usable when a holder panicked: every change to it is complete at once.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
