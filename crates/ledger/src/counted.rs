//! How far the results of each batch have been counted: they may be fetched as often as one likes, in part or twice at
//! once, and each answer in them costs once.
//!
//! `<data>/batches` has a line `NUMBER RESULTS` for each time that somebody was done with some; the largest number
//! holds. It is handed to `write(2)` and no more: like an intent it outlives the process.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::{HashMap, HashMapExt};

use crate::LedgerError;

/// How far the results of each batch have been counted.
pub struct Counted(Mutex<Marks>);

struct Marks {
    file: File,
    /// By the results' name: how many of their lines are counted.
    lines: HashMap<Box<str>, u64>,
}

impl Counted {
    /// Reads what has been counted, from a file that is made where there is none.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let unusable = |source| LedgerError::Open { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).append(true).create(true).mode(0o600).open(path).map_err(unusable)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(unusable)?;
        let mut lines = HashMap::new();
        // A last line without its end was cut short, and says nothing.
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
            let Some((number, results)) = line.and_then(|line| line.split_once(' ')) else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            let known = lines.entry(Box::from(results)).or_insert(0);
            *known = number.max(*known);
        }
        if !text.is_empty() && !text.ends_with(b"\n") {
            file.write_all(b"\n").map_err(unusable)?;
        }
        Ok(Self(Mutex::new(Marks { file, lines })))
    }

    /// Whether this line of these results, of which the first is 1, has yet to be counted. Whoever is told so counts
    /// it, and everything up to it.
    pub fn is_due(&self, results: &str, line: u64) -> bool {
        let mut marks = self.marks();
        if let Some(known) = marks.lines.get_mut(results) {
            let is_due = line > *known;
            *known = line.max(*known);
            return is_due;
        }
        marks.lines.insert(results.into(), line);
        true
    }

    /// Writes down how far these results have been counted.
    ///
    /// # Errors
    /// The file cannot be written: until the next start the number is known all the same.
    pub fn keep(&self, results: &str) -> Result<(), LedgerError> {
        let mut marks = self.marks();
        let Some(number) = marks.lines.get(results) else { return Ok(()) };
        let line = format!("{number} {results}\n");
        marks.file.write_all(line.as_bytes()).map_err(LedgerError::Unwritable)
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_counted_once_by_whoever_comes_first() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("batches");
        let counted = Counted::open(&path).unwrap();
        assert!(counted.is_due("a/1", 1) && counted.is_due("a/1", 3) && counted.is_due("b 2", 1));
        assert!(!counted.is_due("a/1", 1) && !counted.is_due("a/1", 3));
        counted.keep("a/1").unwrap();
        assert!(counted.is_due("a/1", 4));
        counted.keep("a/1").unwrap();
        counted.keep("b 2").unwrap();
        counted.keep("nothing").unwrap();
        drop(counted);
        let again = Counted::open(&path).unwrap();
        assert!(!again.is_due("a/1", 4) && !again.is_due("b 2", 1) && again.is_due("a/1", 5));
    }

    #[test]
    fn a_line_that_was_cut_short_is_left_out() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("batches");
        std::fs::write(&path, b"2 a\nx\n\xff\n7 \n9 a").unwrap();
        let counted = Counted::open(&path).unwrap();
        assert!(!counted.is_due("a", 2) && counted.is_due("a", 3));
        counted.keep("a").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"2 a\nx\n\xff\n7 \n9 a\n3 a\n");
    }
}
