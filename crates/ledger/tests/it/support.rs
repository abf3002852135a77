//! What every test needs: intents, settlements, a clock that stands still, and a summary of what was read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ledger::{Estimated, Intent, Ledger, Options, Outcome, Record, Recovery, Settlement, read};
use types::{AttemptId, Clock, KeyId, MicroUsd, Monotonic, Operation, RequestId, Tokens, UnixTime, Usage};

#[derive(Debug)]
pub(crate) struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Monotonic {
        Monotonic::from_nanos(0)
    }

    fn wall(&self) -> UnixTime {
        UnixTime::from_secs(1_000)
    }
}

/// Small segments, and a flusher that leaves the work to the test.
pub(crate) fn quiet() -> Options {
    Options { flush_interval: Duration::from_hours(1), reserve: 4096, ..Options::default() }
}

pub(crate) fn open(directory: &Path, options: Options) -> (Ledger, Recovery) {
    Ledger::open(directory, options, Arc::new(StoppedClock)).unwrap()
}

pub(crate) fn intent() -> Intent {
    Intent {
        attempt: AttemptId::generate(),
        request: RequestId::generate(),
        number: 1,
        at: UnixTime::from_secs(100),
        operation: Operation::Chat,
        key: Some(KeyId::from("k_one")),
        tenant: "acme".into(),
        model: "small".into(),
        provider: "mock".into(),
        upstream_model: "mock-small".into(),
        price_version: Some("2026-11".into()),
        input_estimate: Tokens(40),
        reserved: MicroUsd::from_micros(900),
    }
}

pub(crate) fn answered() -> Settlement {
    Settlement {
        outcome: Outcome::Answered,
        at: UnixTime::from_secs(101),
        usage: Usage { input: Tokens(30), output: Tokens(12), ..Usage::default() },
        cost: MicroUsd::from_micros(250),
        estimated: Estimated::No,
        status: Some(200),
        upstream_id: Some("chatcmpl-1".into()),
        first_token: Some(Duration::from_millis(200)),
        duration: Duration::from_millis(900),
    }
}

/// Everything in the ledger.
pub(crate) fn records(directory: &Path) -> Vec<Record> {
    read(directory).unwrap().map(Result::unwrap).collect()
}

/// Every attempt with its terminal records; fails if one began twice.
pub(crate) fn attempts(directory: &Path) -> BTreeMap<AttemptId, Vec<Settlement>> {
    let mut attempts = BTreeMap::<_, Vec<_>>::new();
    for record in records(directory) {
        match record {
            Record::Begun(intent) => {
                assert_eq!(attempts.insert(intent.attempt, Vec::new()), None, "begun twice");
            }
            Record::Settled { attempt, settlement } => attempts.entry(attempt).or_default().push(settlement),
            Record::Carried(_) | Record::Checkpoint { .. } => {}
        }
    }
    attempts
}

#[track_caller]
pub(crate) fn assert_each_settled_once(attempts: &BTreeMap<AttemptId, Vec<Settlement>>) {
    for (attempt, settlements) in attempts {
        assert_eq!(settlements.len(), 1, "terminal records of {attempt}");
    }
}
