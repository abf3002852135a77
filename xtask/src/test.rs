//! `cargo xtask test`: everything that has to hold, on a machine that has Rust and nothing else.
//!
//! A step that fails does not keep the others from running: one run says all that is wrong.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::tally::Tally;
use crate::{bench, exit_code, fuzz, packages, sdk, tidy};

/// Runs every step. The last line on standard output is `N passed, N failed`.
pub(crate) fn run(root: &Path) -> ExitCode {
    let mut tally = Tally::default();
    step(&mut tally, "packages", |_| packages::install());
    step(&mut tally, "format", |_| cargo(root, &["fmt", "--all", "--check"]));
    step(&mut tally, "tidy", |_| {
        if tidy::run(root)? { Ok(()) } else { bail!("there is something to put right") }
    });
    step(&mut tally, "clippy", |_| cargo(root, CLIPPY));
    step(&mut tally, "client libraries", |_| sdk::prepare(root));
    step(&mut tally, "tests", |tally| tests(root, tally));
    step(&mut tally, "fuzz", |_| fuzz::smoke(root).map(|held| println!("{held} targets held")));
    step(&mut tally, "instructions", |_| bench::instructions(root, &[]));
    summary(&tally)
}

const CLIPPY: &[&str] = &["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"];

/// Runs the tests that have a page of the reference to write, and tells them to.
pub(crate) fn write_reference(root: &Path) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(["test", "--package", "tollgate", "--test", "it", "fidelity"]);
    command.env("TOLLGATE_WRITE_REFERENCE", "1").current_dir(root).stdin(Stdio::null());
    let status = command.status().context("cargo cannot be run")?;
    if status.success() { Ok(()) } else { bail!("cargo test ended with {status}") }
}

/// Runs one step and says how long it took. A step that has counted its own results counts no further.
fn step(tally: &mut Tally, name: &str, run: impl FnOnce(&mut Tally) -> Result<()>) {
    println!("\n== {name}");
    let began = now();
    let before = tally.count();
    let result = run(tally);
    if result.is_err() || tally.count() == before {
        tally.note(name, result);
    }
    println!("== {name}: {:.1} s", began.elapsed().as_secs_f32());
}

fn summary(tally: &Tally) -> ExitCode {
    println!();
    for name in tally.failures() {
        println!("failed: {name}");
    }
    println!("{tally}");
    exit_code(tally.failed() == 0)
}

/// Runs every test of the workspace and counts each. An error is what kept tests from running at all.
fn tests(root: &Path, tally: &mut Tally) -> Result<()> {
    let before = tally.failed();
    let mut command = Command::new("cargo");
    command.args(["test", "--workspace", "--locked", "--no-fail-fast"]).current_dir(root);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cargo cannot be run")?;
    let output = child.stdout.take().context("cargo has no output")?;
    // Read as bytes: what a test prints need not be text.
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("the tests' output cannot be read")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        tally.read(&line);
    }
    let status = child.wait().context("the tests cannot be waited for")?;
    // A failure that no test has reported: something does not build, or a test program was killed.
    if !status.success() && tally.failed() == before {
        bail!("cargo test ended with {status}");
    }
    Ok(())
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("cargo");
    let status = command.args(arguments).current_dir(root).stdin(Stdio::null()).status();
    let status = status.context("cargo cannot be run")?;
    if status.success() { Ok(()) } else { bail!("cargo {} ended with {status}", arguments.join(" ")) }
}

#[expect(clippy::disallowed_methods, reason = "a developer's command tells the time to people only")]
fn now() -> Instant {
    Instant::now()
}
