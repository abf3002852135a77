//! Compares the gateway with nginx and with a bare hyper pass-through, and counts its instructions. Called by
//! `cargo xtask bench` and `cargo xtask instructions`, which build what it runs.

mod growth;
mod instructions;
mod machine;
mod memory;
mod process;
mod report;
mod rows;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use bench::arguments::Arguments;

fn main() -> anyhow::Result<ExitCode> {
    let mut words = std::env::args().skip(1);
    let command = words.next().context("expected `compare` or `instructions`")?;
    let arguments = Arguments::read(words)?;
    let root = PathBuf::from(arguments.text("root").context("--root is missing")?);
    match command.as_str() {
        "compare" => compare(&root, &arguments),
        "instructions" => instructions::run(&root, &arguments),
        _ => bail!("no such command: {command}"),
    }
}

/// Runs every row and writes the table.
fn compare(root: &std::path::Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let rounds = rows::Rounds {
        count: arguments.parsed_or("rounds", 5)?,
        seconds: arguments.parsed_or("seconds", 2.5)?,
        only: arguments.text("only").map(str::to_owned),
    };
    process::ensure_installed("nginx", "nginx-light")?;
    let before = machine::busy();
    let mut table = rows::run(&rounds)?;
    table.extend(memory::run(&rounds)?);
    table.extend(growth::run(&rounds)?);
    let text = report::markdown(&table, &rounds, [before, machine::busy()]);
    println!("{text}");
    if rounds.only.is_none() {
        let path = root.join("bench/RESULTS.md");
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
