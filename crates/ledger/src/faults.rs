//! What happens when the disk is full or failing: a medium that fails on command, over a real directory.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use types::{AttemptId, SystemClock};

use crate::medium::{Directory, Medium, SegmentFile};
use crate::retention::Retention;
use crate::samples::{answered, intent};
use crate::segment::{Link, SegmentNumber};
use crate::shared::{Shared, lock};
use crate::writer::Writer;
use crate::{Durability, Ledger, LedgerError, OpenAttempt, Options, Outcome, Record, read};

/// What is wrong with the disk.
#[derive(Debug, Default)]
struct Faults {
    write: Option<ErrorKind>,
    /// Bytes of the failing write that are taken first.
    taken_first: usize,
    /// How many times `fdatasync` fails, and takes with it what was not on the disk.
    syncs: usize,
    /// Only what the reserve gives back can be written.
    full: bool,
    restores: Option<ErrorKind>,
}

type Knobs = Arc<Mutex<Faults>>;

struct FaultyDisk(Directory, Knobs);

struct FaultyFile {
    inner: Arc<dyn SegmentFile>,
    knobs: Knobs,
    /// Length now, and when it was last on the disk.
    lengths: Mutex<(u64, u64)>,
}

impl Medium for FaultyDisk {
    fn create(&self, number: SegmentNumber, contents: &[u8]) -> io::Result<Arc<dyn SegmentFile>> {
        if let Some(kind) = lock(&self.1).write {
            return Err(kind.into());
        }
        let inner = self.0.create(number, contents)?;
        let lengths = Mutex::new((contents.len() as u64, 0));
        Ok(Arc::new(FaultyFile { inner, knobs: Arc::clone(&self.1), lengths }))
    }

    fn release_reserve(&self) -> io::Result<()> {
        let mut faults = lock(&self.1);
        if faults.full {
            faults.write = None;
        }
        self.0.release_reserve()
    }

    fn restore_reserve(&self) -> io::Result<()> {
        match lock(&self.1).restores {
            Some(kind) => Err(kind.into()),
            None => self.0.restore_reserve(),
        }
    }
}

impl SegmentFile for FaultyFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut faults = lock(&self.knobs);
        let part = match (faults.write, std::mem::take(&mut faults.taken_first)) {
            (Some(kind), 0) => return Err(kind.into()),
            (Some(_), taken) => &bytes[..taken.min(bytes.len() - 1)],
            (None, _) => bytes,
        };
        let taken = self.inner.append(part)?;
        lock(&self.lengths).0 += taken as u64;
        Ok(taken)
    }

    fn sync(&self) -> io::Result<()> {
        let mut faults = lock(&self.knobs);
        let mut lengths = lock(&self.lengths);
        if faults.syncs > 0 {
            faults.syncs -= 1;
            self.inner.truncate(lengths.1)?;
            return Err(ErrorKind::Other.into());
        }
        lengths.1 = lengths.0;
        self.inner.sync()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.inner.truncate(length)
    }
}

/// A ledger whose flusher does nothing of its own accord within a test's life.
fn open(directory: &Path, durability: Durability) -> (Ledger, Knobs) {
    let options =
        Options { durability, flush_interval: Duration::from_hours(1), reserve: 4096, ..Options::default() };
    let knobs = Knobs::default();
    let medium = Directory::new(directory, options.reserve);
    medium.restore_reserve().unwrap();
    let medium = Box::new(FaultyDisk(medium, Arc::clone(&knobs)));
    let writer =
        Writer::start(medium, SegmentNumber::FIRST, Link::default(), &[], options.segment_size).unwrap();
    let lock = File::create(directory.join("lock")).unwrap();
    let shared = Shared::new(Arc::new(SystemClock::new()), options, writer);
    (Ledger::assemble(shared, lock, Retention::new(directory, None)).unwrap(), knobs)
}

fn begin(ledger: &Ledger) -> Result<OpenAttempt, LedgerError> {
    ledger.begin(intent())
}

/// Every attempt in the ledger, in order of beginning, with its one outcome.
fn attempts(directory: &Path) -> Vec<(AttemptId, Option<Outcome>)> {
    let mut attempts = Vec::<(AttemptId, Option<Outcome>)>::new();
    for record in read(directory).unwrap() {
        match record.unwrap() {
            Record::Begun(intent) => {
                assert!(attempts.iter().all(|(id, _)| *id != intent.attempt), "begun twice");
                attempts.push((intent.attempt, None));
            }
            Record::Settled { attempt, settlement } => {
                let entry = attempts.iter_mut().find(|(id, _)| *id == attempt).expect("settled, so begun");
                assert_eq!(entry.1.replace(settlement.outcome), None, "settled twice");
            }
            Record::Carried(_) | Record::Checkpoint { .. } => {}
        }
    }
    attempts
}

#[test]
fn what_a_failed_fdatasync_took_is_written_again_in_a_new_segment() {
    let directory = TempDir::new().unwrap();
    let (ledger, knobs) = open(directory.path(), Durability::Process);
    let first = begin(&ledger).unwrap();
    ledger.flush().unwrap();
    let second = begin(&ledger).unwrap();
    let expected = vec![(first.id(), Some(Outcome::Answered)), (second.id(), Some(Outcome::Answered))];
    first.settle(answered());
    lock(&knobs).syncs = 2;
    ledger.flush().unwrap();
    second.settle(answered());
    ledger.close().unwrap();
    assert_eq!(attempts(directory.path()), expected);
    assert!(SegmentNumber(2).path(directory.path()).exists());
    assert!(!SegmentNumber(3).path(directory.path()).exists(), "a segment that never held is made anew");
}

#[test]
fn a_failing_write_refuses_new_attempts_and_loses_no_settlement() {
    for taken_first in [0, 1, 9, 150] {
        let directory = TempDir::new().unwrap();
        let (ledger, knobs) = open(directory.path(), Durability::Process);
        let before = begin(&ledger).unwrap();
        let id = before.id();
        before.settle(answered());
        *lock(&knobs) = Faults {
            write: Some(ErrorKind::Other),
            taken_first,
            restores: Some(ErrorKind::Other),
            ..Faults::default()
        };
        assert!(matches!(begin(&ledger), Err(LedgerError::Unwritable(_))));
        assert!(matches!(begin(&ledger), Err(LedgerError::Unwritable(_))));
        assert_eq!(ledger.open_attempts(), 0);
        *lock(&knobs) = Faults::default();
        ledger.shared().recover().unwrap();
        let after = begin(&ledger).unwrap();
        let expected = vec![(id, Some(Outcome::Answered)), (after.id(), Some(Outcome::Answered))];
        after.settle(answered());
        ledger.close().unwrap();
        assert_eq!(attempts(directory.path()), expected);
    }
}

#[test]
fn on_a_full_disk_the_reserve_lets_open_attempts_settle() {
    let directory = TempDir::new().unwrap();
    let (ledger, knobs) = open(directory.path(), Durability::Process);
    let first = begin(&ledger).unwrap();
    *lock(&knobs) = Faults {
        write: Some(ErrorKind::StorageFull),
        full: true,
        restores: Some(ErrorKind::StorageFull),
        ..Faults::default()
    };
    let last = begin(&ledger).expect("the reserve makes room for it");
    assert!(matches!(begin(&ledger), Err(LedgerError::Unwritable(_))));
    let expected = vec![(first.id(), Some(Outcome::Answered)), (last.id(), Some(Outcome::Answered))];
    first.settle(answered());
    last.settle(answered());
    ledger.flush().unwrap();
    assert_eq!(attempts(directory.path()), expected);
    assert_eq!(std::fs::metadata(directory.path().join("reserve")).unwrap().len(), 0);

    ledger.shared().recover().unwrap_err();
    assert!(
        matches!(begin(&ledger), Err(LedgerError::Unwritable(_))),
        "not before the reserve is whole again"
    );
    *lock(&knobs) = Faults::default();
    ledger.shared().recover().unwrap();
    assert_eq!(std::fs::metadata(directory.path().join("reserve")).unwrap().len(), 4096);
    begin(&ledger).unwrap().settle(answered());
    ledger.close().unwrap();
}

#[test]
fn an_intent_that_cannot_be_made_durable_is_never_sent() {
    let directory = TempDir::new().unwrap();
    let (ledger, knobs) = open(directory.path(), Durability::Power);
    begin(&ledger).unwrap().settle(answered());
    *lock(&knobs) = Faults { syncs: 3, restores: Some(ErrorKind::Other), ..Faults::default() };
    assert!(matches!(begin(&ledger), Err(LedgerError::Unwritable(_))));
    assert_eq!(ledger.open_attempts(), 0);
    *lock(&knobs) = Faults::default();
    ledger.shared().recover().unwrap();
    begin(&ledger).unwrap().settle(answered());
    ledger.close().unwrap();
    let outcomes: Vec<_> = attempts(directory.path()).into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Answered), Some(Outcome::Unsent), Some(Outcome::Answered)]);
}
