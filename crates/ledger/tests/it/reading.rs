//! Reading beside the process that writes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ledger::{Options, Record, read, report};
use tempfile::TempDir;

use crate::support::{answered, intent, open, quiet, records};

#[test]
fn an_absent_or_empty_ledger() {
    let directory = TempDir::new().unwrap();
    assert_eq!(records(directory.path()), []);
    assert!(read(&directory.path().join("nowhere")).is_err());
    open(directory.path(), quiet()).0.close().unwrap();
    assert_eq!(records(directory.path()), []);
}

#[test]
fn a_reader_sees_each_record_once_while_segments_come_and_go() {
    let directory = TempDir::new().unwrap();
    let options = Options { segment_size: 10_000, reserve: 4096, ..Options::default() };
    let (ledger, _) = open(directory.path(), options);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..3_000 {
                ledger.begin(intent()).unwrap().settle(answered());
            }
            done.store(true, Ordering::Release);
        });
        let mut last = 0;
        while !done.load(Ordering::Acquire) {
            let mut begun = Vec::new();
            for record in read(directory.path()).unwrap() {
                if let Record::Begun(intent) = record.unwrap() {
                    begun.push(intent.attempt);
                }
            }
            let count = begun.len();
            begun.sort_unstable();
            begun.dedup();
            assert_eq!(begun.len(), count, "seen twice");
            assert!(count >= last, "what was read once stays");
            last = count;
        }
    });
    ledger.close().unwrap();
    let report = report::Report::collect(read(directory.path()).unwrap(), report::Window::ALL).unwrap();
    assert_eq!((report.total.attempts, report.total.open), (3_000, 0));
}
