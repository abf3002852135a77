//! What is no longer kept is removed, and what is left still adds up.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use ledger::report::{Report, Totals, Window};
use ledger::{Options, ReadError, Record, SegmentNumber, read};
use tempfile::TempDir;

use crate::support::{answered, assert_each_settled_once, attempts, intent, open, quiet, records};

/// Half of the time that the tests' clock shows.
const RETENTION: Option<Duration> = Some(Duration::from_secs(500));

fn segment(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("{number:08}.log"))
}

/// As if the segment's last record had been written at this second.
fn written_at(directory: &Path, number: u32, second: u64) {
    let file = File::options().append(true).open(segment(directory, number)).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(second)).unwrap();
}

/// A ledger of so many segments with one attempt in each.
fn segments(count: usize) -> TempDir {
    let directory = TempDir::new().unwrap();
    for _ in 0..count {
        let (ledger, _) = open(directory.path(), quiet());
        ledger.begin(intent()).unwrap().settle(answered());
        ledger.close().unwrap();
    }
    directory
}

fn totals(directory: &Path) -> Totals {
    Report::collect(read(directory).unwrap(), Window::ALL).unwrap().total
}

#[test]
fn a_segment_goes_when_its_last_record_is_older_than_is_kept() {
    let directory = segments(4);
    for (number, second) in [(1, 10), (2, 499), (3, 501), (4, 10)] {
        written_at(directory.path(), number, second);
    }
    open(directory.path(), quiet()).0.close().unwrap();
    assert_eq!(totals(directory.path()).attempts, 4, "everything is kept unless the options say otherwise");
    open(directory.path(), Options { retention: RETENTION, ..quiet() }).0.close().unwrap();
    let left: Vec<_> = (1..=6).filter(|number| segment(directory.path(), *number).exists()).collect();
    assert_eq!(left, [3, 4, 5, 6], "no gap in the row");
    // Reading checks every link from the first segment that is left.
    let totals = totals(directory.path());
    assert_eq!((totals.requests, totals.attempts, totals.open, totals.cost.as_micros()), (2, 2, 0, 500));
    // Within the row, a segment that is gone is still missed.
    fs::remove_file(segment(directory.path(), 4)).unwrap();
    let error = read(directory.path()).err();
    assert!(matches!(error, Some(ReadError::Missing { segment: SegmentNumber(4) })), "{error:?}");
}

#[test]
fn an_attempt_that_outlived_its_segment_is_counted_once_and_in_full() {
    let directory = TempDir::new().unwrap();
    let options = Options { segment_size: 400, retention: RETENTION, ..quiet() };
    let (ledger, _) = open(directory.path(), options);
    let long = ledger.begin(intent()).unwrap();
    let id = long.id();
    while !segment(directory.path(), 2).exists() {
        ledger.begin(intent()).unwrap().settle(answered());
        ledger.flush().unwrap();
    }
    long.settle(answered());
    ledger.close().unwrap();
    let all = totals(directory.path());
    written_at(directory.path(), 1, 10);
    open(directory.path(), options).0.close().unwrap();
    assert!(!segment(directory.path(), 1).exists());
    let left = totals(directory.path());
    assert!(left.attempts < all.attempts && left.open == 0, "{left:?} of {all:?}");
    assert_eq!(left.cost.as_micros(), 250 * left.attempts);
    let carried = |record: &Record| matches!(record, Record::Carried(intent) if intent.attempt == id);
    assert_eq!(records(directory.path()).iter().filter(|record| carried(record)).count(), 1);
}

#[test]
fn a_reader_is_told_when_what_it_reads_is_removed() {
    let directory = segments(4);
    let mut records = read(directory.path()).unwrap();
    assert!(records.next().unwrap().is_ok());
    for number in 1..=3 {
        fs::remove_file(segment(directory.path(), number)).unwrap();
    }
    let error = records.find_map(Result::err);
    assert!(matches!(error, Some(ReadError::Removed { segment: SegmentNumber(2) })), "{error:?}");
    assert_each_settled_once(&attempts(directory.path()));
    assert_eq!(totals(directory.path()).attempts, 1);
}
