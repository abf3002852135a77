//! A process that is killed at any instant loses no attempt and doubles none. The test runs itself as the process to
//! be killed, so it has its own `main`.

#![expect(clippy::unwrap_used, reason = "the lints' leave for tests does not see a test with its own main")]

mod samples;

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::{env, io, thread};

use ledger::report::{Report, Window};
use ledger::{Estimated, Intent, Ledger, Options, Outcome, Record, Settlement, read};
use types::{AttemptId, SystemClock, Tokens, Usage};

use crate::samples::{answered, intent};

const ROUNDS: u32 = 20;
const THREADS: usize = 4;
const CHILD: &str = "a-process-to-be-killed";

fn main() {
    let arguments: Vec<String> = env::args().collect();
    match arguments.get(1..) {
        Some([child, directory]) if child == CHILD => work(Path::new(directory)),
        _ => kill_at_random_instants(),
    }
}

fn kill_at_random_instants() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut printed = Vec::new();
    for round in 0..ROUNDS {
        // The low bits of a new id are as good a die as any.
        let lines = AttemptId::generate().as_uuid().as_u128() % 600;
        printed.extend(run_and_kill(directory.path(), usize::try_from(lines).unwrap()));
        let (ledger, recovery) = open(directory.path());
        assert!(recovery.lost.len() < 100, "only what was open");
        drop(ledger);
        check(directory.path(), &printed);
        println!("round {round}: {} attempts, {} lost", printed.len(), recovery.lost.len());
    }
    let report = || Report::collect(read(directory.path()).unwrap(), Window::ALL).unwrap();
    assert_eq!(report(), report());
    assert_eq!(report().total.open, 0);
}

/// Lets a child work until it has begun `lines` attempts, kills it, and returns all that it said it had begun.
fn run_and_kill(directory: &Path, lines: usize) -> Vec<String> {
    let mut child = Command::new(env::current_exe().unwrap())
        .arg(CHILD)
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut printed = Vec::new();
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        if printed.len() == lines {
            child.kill().unwrap();
        }
        if line.ends_with('\n') {
            printed.push(line.trim_end().to_owned());
        }
        line.clear();
    }
    assert!(!child.wait().unwrap().success(), "killed, not finished");
    printed
}

/// Every attempt began once and ended once, and all that were announced are there.
fn check(directory: &Path, printed: &[String]) {
    let mut attempts = BTreeMap::<String, (u32, u32)>::new();
    for record in read(directory).unwrap() {
        match record.unwrap() {
            Record::Begun(intent) => attempts.entry(intent.attempt.to_string()).or_default().0 += 1,
            Record::Settled { attempt, .. } => attempts.entry(attempt.to_string()).or_default().1 += 1,
            Record::Carried(_) | Record::Checkpoint { .. } => {}
        }
    }
    for attempt in printed {
        assert!(attempts.contains_key(attempt), "{attempt} is missing");
    }
    for (attempt, counts) in attempts {
        assert_eq!(counts, (1, 1), "beginnings and ends of {attempt}");
    }
}

/// Begins and settles without end, announcing each attempt before it would be sent.
fn work(directory: &Path) {
    let (ledger, _) = open(directory);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut under_way = VecDeque::new();
                loop {
                    let mut begun = ledger.begin(intent()).unwrap();
                    let line = format!("{}\n", begun.id());
                    io::stdout().lock().write_all(line.as_bytes()).unwrap();
                    begun.checkpoint(Usage { output: Tokens(256), ..Usage::default() });
                    under_way.push_back(begun);
                    if under_way.len() > 5 {
                        under_way.pop_front().unwrap().settle(answered());
                    }
                }
            });
        }
    });
}

fn open(directory: &Path) -> (Ledger, ledger::Recovery) {
    let options = Options { reserve: 4096, segment_size: 16 * 1024, ..Options::default() };
    Ledger::open(directory, options, Arc::new(SystemClock::new())).unwrap()
}
