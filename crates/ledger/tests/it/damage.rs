//! Torn tails are cut off, damage is found where it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::{Ledger, LedgerError, Options, Position, ReadError, SegmentNumber, read};
use tempfile::TempDir;
use types::AttemptId;

use crate::support::{
    StoppedClock, answered, assert_each_settled_once, attempts, intent, open, quiet, records,
};

const FIRST: SegmentNumber = SegmentNumber(1);

fn first(directory: &Path) -> PathBuf {
    directory.join("00000001.log")
}

/// A ledger as a killed process leaves it: header, two intents and one settlement. Returns the bytes of the segment
/// and where its last record, the second intent, begins.
fn killed(directory: &Path) -> (Vec<u8>, usize, [AttemptId; 2]) {
    let (ledger, _) = open(directory, quiet());
    let one = ledger.begin(intent()).unwrap();
    let first_id = one.id();
    one.settle(answered());
    ledger.flush().unwrap();
    let last = fs::read(first(directory)).unwrap().len();
    let two = ledger.begin(intent()).unwrap();
    let second_id = two.id();
    let bytes = fs::read(first(directory)).unwrap();
    ledger.close().unwrap();
    drop(two);
    fs::write(first(directory), &bytes).unwrap();
    (bytes, last, [first_id, second_id])
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_off() {
    let directory = TempDir::new().unwrap();
    let (bytes, last, [one, two]) = killed(directory.path());
    for cut in last..=bytes.len() {
        let directory = TempDir::new().unwrap();
        fs::write(first(directory.path()), &bytes[..cut]).unwrap();
        assert_eq!(records(directory.path()).len(), 2 + usize::from(cut == bytes.len()));
        let (ledger, recovery) = open(directory.path(), quiet());
        let torn = recovery.truncated.map_or(0, |cut| cut.bytes);
        if cut == bytes.len() {
            assert_eq!((torn, recovery.lost.as_slice()), (0, [two].as_slice()));
        } else {
            assert_eq!((torn, recovery.lost.len()), ((cut - last) as u64, 0));
            assert_eq!(fs::read(first(directory.path())).unwrap(), bytes[..last]);
        }
        ledger.begin(intent()).unwrap().settle(answered());
        ledger.close().unwrap();
        let attempts = attempts(directory.path());
        assert_each_settled_once(&attempts);
        assert!(attempts.contains_key(&one));
        assert_eq!(attempts.contains_key(&two), cut == bytes.len());
    }
}

#[test]
fn a_tail_of_zeros_is_cut_off() {
    let directory = TempDir::new().unwrap();
    let (mut bytes, last, _) = killed(directory.path());
    let length = bytes.len();
    bytes[last..].fill(0);
    bytes.resize(length + 10_000, 0);
    fs::write(first(directory.path()), &bytes).unwrap();
    let (ledger, recovery) = open(directory.path(), quiet());
    let cut = recovery.truncated.unwrap();
    assert_eq!(cut.position, Position { segment: FIRST, offset: last as u64 });
    assert_eq!(cut.bytes, (length - last) as u64 + 10_000);
    ledger.close().unwrap();
}

#[test]
fn a_segment_that_a_power_cut_left_empty_is_removed() {
    for left in [0, 500] {
        let directory = TempDir::new().unwrap();
        let (_, _, [_, two]) = killed(directory.path());
        fs::write(directory.path().join("00000002.log"), vec![0; left]).unwrap();
        fs::write(directory.path().join("00000003.log.new"), b"half a header").unwrap();
        let (ledger, recovery) = open(directory.path(), quiet());
        assert_eq!(recovery.lost, [two]);
        ledger.close().unwrap();
        assert_each_settled_once(&attempts(directory.path()));
    }
}

#[test]
fn open_attempts_are_found_though_a_power_cut_took_their_copies() {
    let directory = TempDir::new().unwrap();
    let (ledger, _) = open(directory.path(), Options { segment_size: 400, ..quiet() });
    let long: Vec<_> = (0..5).map(|_| ledger.begin(intent()).unwrap()).collect();
    ledger.flush().unwrap();
    ledger.begin(intent()).unwrap().settle(answered());
    let segments =
        ["00000001.log", "00000002.log"].map(|name| (name, fs::read(directory.path().join(name)).unwrap()));
    let mut ids: Vec<_> = long.iter().map(ledger::OpenAttempt::id).collect();
    ids.sort_unstable();
    let (_, second) = &segments[1];
    for cut in boundaries(second)[1]..second.len() {
        let directory = TempDir::new().unwrap();
        for (name, bytes) in &segments {
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        fs::write(directory.path().join(segments[1].0), &second[..cut]).unwrap();
        let (ledger, recovery) = open(directory.path(), quiet());
        assert!(ids.iter().all(|id| recovery.lost.contains(id)), "cut at {cut}");
        ledger.close().unwrap();
        assert_each_settled_once(&attempts(directory.path()));
    }
}

/// The first error that reading comes to.
fn first_error(directory: &Path) -> Option<ReadError> {
    match read(directory) {
        Ok(mut records) => records.find_map(Result::err),
        Err(error) => Some(error),
    }
}

/// Where each record of these bytes begins.
fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let mut boundaries = vec![0];
    let mut at = 0;
    while at < bytes.len() {
        at += 8 + usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        boundaries.push(at);
    }
    boundaries
}

#[test]
fn a_changed_byte_is_found_where_it_is() {
    let directory = TempDir::new().unwrap();
    let (bytes, _, _) = killed(directory.path());
    let boundaries = boundaries(&bytes);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(first(directory.path()), &damaged).unwrap();
        let record = *boundaries.iter().rfind(|start| **start <= at).unwrap();
        match first_error(directory.path()) {
            Some(ReadError::Corrupt { position }) => {
                assert_eq!(position, Position { segment: FIRST, offset: record as u64 }, "byte {at}");
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
}

#[test]
fn a_start_refuses_damage_that_sound_records_follow() {
    let directory = TempDir::new().unwrap();
    let (bytes, last, _) = killed(directory.path());
    for at in 0..last {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(first(directory.path()), &damaged).unwrap();
        match Ledger::open(directory.path(), quiet(), Arc::new(StoppedClock)) {
            Err(LedgerError::Corrupt { position }) => assert_eq!(position.segment, FIRST),
            Err(other) => panic!("byte {at}: {other:?}"),
            Ok(_) => panic!("byte {at}: opened"),
        }
        assert_eq!(fs::read(first(directory.path())).unwrap(), damaged, "nothing is cut off");
    }
}

#[test]
fn records_left_out_doubled_or_moved_are_found() {
    let directory = TempDir::new().unwrap();
    let (bytes, _, _) = killed(directory.path());
    let cuts = boundaries(&bytes);
    let record = |n: usize| &bytes[cuts[n]..cuts[n + 1]];
    let orders: [&[usize]; 4] = [&[0, 2, 3], &[0, 1, 1, 2, 3], &[0, 2, 1, 3], &[1, 2, 3]];
    for order in orders {
        let forged: Vec<u8> = order.iter().flat_map(|n| record(*n)).copied().collect();
        fs::write(first(directory.path()), forged).unwrap();
        assert!(matches!(first_error(directory.path()), Some(ReadError::Corrupt { .. })), "{order:?}");
    }
}

#[test]
fn a_finished_segment_cannot_be_changed_or_taken_away() {
    let directory = TempDir::new().unwrap();
    let other = TempDir::new().unwrap();
    for directory in [&directory, &other] {
        for _ in 0..3 {
            let (ledger, _) = open(directory.path(), quiet());
            ledger.begin(intent()).unwrap().settle(answered());
            ledger.close().unwrap();
        }
    }
    assert!(first_error(directory.path()).is_none());
    let second = directory.path().join("00000002.log");
    let sound = fs::read(&second).unwrap();

    // Sound in itself, but not what the next segment's header saw.
    let forged = fs::read(other.path().join("00000002.log")).unwrap();
    assert_eq!(forged.len(), sound.len());
    fs::write(&second, forged).unwrap();
    assert!(matches!(
        first_error(directory.path()),
        Some(ReadError::Unlinked { segment: SegmentNumber(1 | 2) })
    ));

    fs::write(&second, &sound[..sound.len() - 1]).unwrap();
    assert!(matches!(first_error(directory.path()), Some(ReadError::Corrupt { .. })));

    fs::remove_file(&second).unwrap();
    assert!(matches!(first_error(directory.path()), Some(ReadError::Missing { segment: SegmentNumber(2) })));

    fs::write(&second, &sound).unwrap();
    assert!(first_error(directory.path()).is_none());
}
