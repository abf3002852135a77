//! Attempts begin and end, in one process and across several.

use std::thread;
use std::time::Duration;

use ledger::{Durability, Estimated, LedgerError, Options, Outcome, Record};
use tempfile::TempDir;
use types::{Classify, Code, MicroUsd, Tokens, Usage};

use crate::support::{answered, assert_each_settled_once, attempts, intent, open, quiet, records};

#[test]
fn what_is_recorded_is_read_back_in_order() {
    let directory = TempDir::new().unwrap();
    let (ledger, recovery) = open(directory.path(), quiet());
    assert_eq!(recovery, ledger::Recovery::default());
    let intent = intent();
    let attempt = intent.attempt;
    let usage = Usage { output: Tokens(256), ..Usage::default() };
    let mut begun = ledger.begin(intent.clone()).unwrap();
    assert_eq!((begun.id(), ledger.open_attempts()), (attempt, 1));
    begun.checkpoint(usage);
    begun.settle(answered());
    assert_eq!(ledger.open_attempts(), 0);
    ledger.close().unwrap();
    let expected = [
        Record::Begun(intent),
        Record::Checkpoint { attempt, usage },
        Record::Settled { attempt, settlement: answered() },
    ];
    assert_eq!(records(directory.path()), expected);
}

#[test]
fn an_intent_is_in_the_file_when_begin_returns() {
    let directory = TempDir::new().unwrap();
    let (ledger, _) = open(directory.path(), quiet());
    let intent = intent();
    let open = ledger.begin(intent.clone()).unwrap();
    assert_eq!(records(directory.path()), [Record::Begun(intent)]);
    drop(open);
}

#[test]
fn a_settlement_goes_out_with_the_next_intent() {
    let directory = TempDir::new().unwrap();
    let (ledger, _) = open(directory.path(), quiet());
    ledger.begin(intent()).unwrap().settle(answered());
    assert_eq!(records(directory.path()).len(), 1);
    let next = ledger.begin(intent()).unwrap();
    assert_eq!(records(directory.path()).len(), 3);
    drop(next);
}

#[test]
fn a_dropped_attempt_is_settled_from_its_last_checkpoint() {
    let directory = TempDir::new().unwrap();
    let (ledger, _) = open(directory.path(), quiet());
    let mut begun = ledger.begin(intent()).unwrap();
    begun.checkpoint(Usage { output: Tokens(256), ..Usage::default() });
    drop(begun);
    ledger.close().unwrap();
    let attempts = attempts(directory.path());
    let [settlement] = attempts.values().next().unwrap().as_slice() else { panic!("one terminal record") };
    assert_eq!(settlement.outcome, Outcome::ClientGone);
    assert_eq!(settlement.usage, Usage { input: Tokens(40), output: Tokens(256), ..Usage::default() });
    assert_eq!((settlement.estimated, settlement.cost), (Estimated::Yes, MicroUsd::from_micros(900)));
}

#[test]
fn a_panicking_task_leaves_its_attempt_lost() {
    let directory = TempDir::new().unwrap();
    let (ledger, _) = open(directory.path(), quiet());
    let working = ledger.clone();
    let panicked = thread::spawn(move || {
        let _begun = working.begin(intent()).unwrap();
        std::panic::resume_unwind(Box::new("a bug"));
    });
    assert!(panicked.join().is_err());
    ledger.close().unwrap();
    let outcomes: Vec<_> =
        attempts(directory.path()).into_values().flatten().map(|end| end.outcome).collect();
    assert_eq!(outcomes, [Outcome::Lost]);
}

#[test]
fn what_a_process_left_open_is_settled_once_however_often_it_starts() {
    let directory = TempDir::new().unwrap();
    let (ledger, _) = open(directory.path(), quiet());
    let mut left = ledger.begin(intent()).unwrap();
    left.checkpoint(Usage { output: Tokens(512), ..Usage::default() });
    let done = ledger.begin(intent()).unwrap();
    done.settle(answered());
    let (id, keeper) = (left.id(), ledger.clone());
    ledger.close().unwrap();
    left.settle(answered()); // Too late: the ledger is closed.
    drop(keeper);

    let (ledger, recovery) = open(directory.path(), quiet());
    assert_eq!(recovery.lost, [id]);
    drop(ledger);
    let first = attempts(directory.path());
    assert_each_settled_once(&first);
    let lost = &first[&id][0];
    assert_eq!((lost.outcome, lost.estimated), (Outcome::Lost, Estimated::Yes));
    assert_eq!(lost.usage, Usage { input: Tokens(40), output: Tokens(512), ..Usage::default() });
    for _ in 0..3 {
        let (ledger, recovery) = open(directory.path(), quiet());
        assert_eq!(recovery, ledger::Recovery::default());
        drop(ledger);
        assert_eq!(attempts(directory.path()), first);
    }
}

#[test]
fn attempts_stay_open_across_segments_and_starts() {
    let directory = TempDir::new().unwrap();
    let options = Options { segment_size: 2_000, ..quiet() };
    let (ledger, _) = open(directory.path(), options);
    let long: Vec<_> = (0..5).map(|_| ledger.begin(intent()).unwrap()).collect();
    for _ in 0..100 {
        ledger.begin(intent()).unwrap().settle(answered());
        ledger.flush().unwrap();
    }
    let mut ids: Vec<_> = long.iter().map(ledger::OpenAttempt::id).collect();
    ids.sort_unstable();
    ledger.close().unwrap();
    drop(long);
    assert!(directory.path().join("00000005.log").exists());
    let carried =
        records(directory.path()).iter().filter(|record| matches!(record, Record::Carried(_))).count();
    assert!(carried > 20);

    let (ledger, recovery) = open(directory.path(), options);
    assert_eq!(recovery.lost, ids);
    ledger.close().unwrap();
    let attempts = attempts(directory.path());
    assert_eq!(attempts.len(), 105);
    assert_each_settled_once(&attempts);
}

#[test]
fn begins_from_many_threads_are_each_recorded_once() {
    for durability in [Durability::Process, Durability::Power] {
        let directory = TempDir::new().unwrap();
        let options = Options { durability, segment_size: 20_000, reserve: 4096, ..Options::default() };
        let (ledger, _) = open(directory.path(), options);
        let rounds = match durability {
            Durability::Power => 20,
            Durability::Process => 500,
        };
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..rounds {
                        ledger.begin(intent()).unwrap().settle(answered());
                    }
                });
            }
        });
        ledger.close().unwrap();
        let attempts = attempts(directory.path());
        assert_eq!(attempts.len(), 8 * rounds);
        assert_each_settled_once(&attempts);
    }
}

#[test]
fn only_one_process_writes_and_it_hands_over_when_it_closes() {
    let directory = TempDir::new().unwrap();
    let (ledger, _) = open(directory.path(), quiet());
    let second =
        ledger::Ledger::open(directory.path(), quiet(), std::sync::Arc::new(crate::support::StoppedClock));
    let error = second.unwrap_err();
    assert!(matches!(&error, LedgerError::Locked { .. }), "{error}");
    assert_eq!(error.verdict().code, Code::LedgerUnavailable);
    let keeper = ledger.clone();
    ledger.close().unwrap();
    assert!(matches!(keeper.begin(intent()), Err(LedgerError::Closed)));
    open(directory.path(), quiet()).0.close().unwrap();
}

#[test]
fn an_attempt_begins_once() {
    let directory = TempDir::new().unwrap();
    let (ledger, _) = open(directory.path(), quiet());
    let intent = intent();
    let _begun = ledger.begin(intent.clone()).unwrap();
    assert!(matches!(ledger.begin(intent), Err(LedgerError::AlreadyBegun { .. })));
}

#[test]
fn a_settlement_reaches_the_file_without_another_request() {
    let directory = TempDir::new().unwrap();
    let options = Options { flush_interval: Duration::from_millis(1), ..quiet() };
    let (ledger, _) = open(directory.path(), options);
    ledger.begin(intent()).unwrap().settle(answered());
    while records(directory.path()).len() < 2 {
        thread::yield_now();
    }
}
