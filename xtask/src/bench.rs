//! `bench` and `instructions`: builds what is measured and what measures it, and runs the latter. What they do stands
//! in `bench/src/bin/bench-run`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Compares the gateway with nginx and with a bare pass-through, and writes `bench/RESULTS.md`.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    build_and_run(root, "compare", arguments)
}

/// Counts the instructions of a request and compares them with `bench/instructions.toml`.
pub(crate) fn instructions(root: &Path, arguments: &[String]) -> Result<()> {
    build_and_run(root, "instructions", arguments)
}

fn build_and_run(root: &Path, command: &str, arguments: &[String]) -> Result<()> {
    let mut build = Command::new("cargo");
    build.current_dir(root).args(["build", "--release", "--locked", "-p", "tollgate", "-p", "bench"]);
    succeed(&mut build)?;
    // This program stands in the same target folder, one profile beside.
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(2).context("there is no target folder")?;
    let mut run = Command::new(target.join("release/bench-run"));
    succeed(run.arg(command).arg("--root").arg(root).args(arguments))
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} cannot be started"))?;
    if !status.success() {
        bail!("{command:?}: {status}");
    }
    Ok(())
}
