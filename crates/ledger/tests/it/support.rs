//! What every test needs: a clock that stands still, and a summary of what was read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ledger::{Ledger, Options, Record, Recovery, Settlement, read};
use types::{AttemptId, Clock, Monotonic, UnixTime};

pub(crate) use crate::samples::{answered, intent};

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
