//! How far the results of each batch have been counted: they may be fetched as often as one likes, in part or twice at
//! once, and each answer in them costs once.
//!
//! `<data>/batches` has a line `NUMBER RESULTS` for each time that somebody was done with some; the largest number
//! holds. Behind a tab it says what those who were reading had counted by then: with the number, so that a process that
//! is killed in between loses nothing and doubles nothing. A line is handed to `write(2)` and no more: like an intent it
//! outlives the process.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::{HashMap, HashMapExt};
use serde::{Deserialize, Serialize};
use types::{AttemptId, MicroUsd, Usage};

use crate::LedgerError;

/// How far the results of each batch have been counted.
pub struct Counted(Mutex<Marks>);

/// What has been counted in one reading of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// What the answers have used.
    pub usage: Usage,
    /// What they cost, each by its own price.
    pub cost: MicroUsd,
}

/// What was last written down of readings, by their attempts.
pub type Readings = HashMap<AttemptId, Spent>;

struct Marks {
    file: File,
    /// Whether the last line may have been written without its end.
    is_cut: bool,
    /// By the results' name.
    progress: HashMap<Box<str>, Progress>,
    /// What the file said of readings when it was opened.
    left: Readings,
}

#[derive(Default)]
struct Progress {
    /// How many lines are counted.
    lines: u64,
    /// Who has counted some and is not done yet.
    readers: BTreeMap<AttemptId, Spent>,
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
        let (mut progress, mut left) = (HashMap::<Box<str>, Progress>::new(), Readings::new());
        // A last line without its end was cut short, and says nothing.
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
            let Some((number, rest)) = line.and_then(|line| line.split_once(' ')) else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            let (results, readers) = rest.split_once('\t').unwrap_or((rest, "{}"));
            let known = progress.entry(Box::from(results)).or_default();
            known.lines = number.max(known.lines);
            left.extend(serde_json::from_str::<BTreeMap<AttemptId, Spent>>(readers).unwrap_or_default());
        }
        let is_cut = !text.is_empty() && !text.ends_with(b"\n");
        Ok(Self(Mutex::new(Marks { file, is_cut, progress, left })))
    }

    /// What earlier processes have written down of readings, for [`Ledger::open_with`](crate::Ledger::open_with). Nothing the
    /// second time.
    pub fn take_left(&self) -> Readings {
        std::mem::take(&mut self.marks().left)
    }

    /// Counts this line of these results, of which the first is 1, unless it has been counted before: whether it cost
    /// this attempt so much.
    pub fn count(&self, results: &str, line: u64, attempt: AttemptId, spent: &Spent) -> bool {
        let mut marks = self.marks();
        if !marks.progress.contains_key(results) {
            marks.progress.insert(results.into(), Progress::default());
        }
        let Some(progress) = marks.progress.get_mut(results).filter(|known| line > known.lines) else {
            return false;
        };
        progress.lines = line;
        let sum = progress.readers.entry(attempt).or_default();
        *sum = Spent { usage: sum.usage.plus(&spent.usage), cost: sum.cost.plus(spent.cost) };
        true
    }

    /// Writes down how far these results have been counted.
    ///
    /// # Errors
    /// The file cannot be written: until the next start the number is known all the same.
    pub fn keep(&self, results: &str) -> Result<(), LedgerError> {
        let marks = &mut *self.marks();
        let Some(Progress { lines, readers }) = marks.progress.get(results) else { return Ok(()) };
        // Numbers and names: nothing of it can fail to be written.
        let readers = serde_json::to_string(readers).unwrap_or_default();
        let start = if marks.is_cut { "\n" } else { "" };
        let line = format!("{start}{lines} {results}\t{readers}\n");
        let written = marks.file.write_all(line.as_bytes());
        marks.is_cut = written.is_err();
        written.map_err(LedgerError::Unwritable)
    }

    /// This attempt reads no more of them, and what it has counted is kept.
    pub fn end(&self, results: &str, attempt: AttemptId) {
        if let Some(progress) = self.marks().progress.get_mut(results) {
            progress.readers.remove(&attempt);
        }
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
    use types::Tokens;

    use super::*;

    /// As much as one line costs.
    fn one() -> Spent {
        let usage = Usage { input: Tokens(3), ..Usage::default() };
        Spent { usage, cost: MicroUsd::from_micros(2) }
    }

    #[test]
    fn a_line_is_counted_once_by_whoever_comes_first() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("batches");
        let counted = Counted::open(&path).unwrap();
        let (first, second) = (AttemptId::generate(), AttemptId::generate());
        let count = |results, line, attempt| counted.count(results, line, attempt, &one());
        assert!(count("a/1", 1, first) && count("a/1", 3, second) && count("b 2", 1, first));
        assert!(!count("a/1", 1, second) && !count("a/1", 3, first));
        counted.keep("a/1").unwrap();
        counted.end("a/1", first);
        assert!(count("a/1", 4, second));
        counted.keep("a/1").unwrap();
        counted.keep("b 2").unwrap();
        counted.keep("nothing").unwrap();
        assert_eq!(counted.take_left(), Readings::new());
        drop(counted);
        let again = Counted::open(&path).unwrap();
        let left = again.take_left();
        let twice = Spent { usage: one().usage.plus(&one().usage), cost: one().cost.plus(one().cost) };
        assert_eq!((left.get(&first), left.get(&second)), (Some(&one()), Some(&twice)));
        let count = |results, line| again.count(results, line, first, &one());
        assert!(!count("a/1", 4) && !count("b 2", 1) && count("a/1", 5));
    }

    #[test]
    fn a_line_behind_one_that_could_not_be_written_counts() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("batches");
        let counted = Counted::open(&path).unwrap();
        let attempt = AttemptId::generate();
        assert!(counted.count("a", 5, attempt, &one()));
        // A file that takes some and then no more.
        std::fs::write(&path, b"5 a").unwrap();
        let kept = std::mem::replace(&mut counted.marks().file, File::open("/dev/null").unwrap());
        assert!(counted.keep("a").is_err());
        counted.marks().file = kept;
        counted.keep("a").unwrap();
        counted.keep("a").unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!(written.lines().count(), 3, "{written}");
        drop(counted);
        assert!(!Counted::open(&path).unwrap().count("a", 5, attempt, &one()));
    }

    #[test]
    fn a_line_that_was_cut_short_is_left_out() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("batches");
        std::fs::write(&path, b"2 a\nx\n\xff\n7 \n9 a").unwrap();
        let counted = Counted::open(&path).unwrap();
        let attempt = AttemptId::generate();
        assert!(!counted.count("a", 2, attempt, &one()) && counted.count("a", 3, attempt, &one()));
        counted.keep("a").unwrap();
        let written = std::fs::read(&path).unwrap();
        let begins = b"2 a\nx\n\xff\n7 \n9 a\n3 a\t{";
        assert!(written.starts_with(begins) && written.ends_with(b"}\n"));
    }
}
