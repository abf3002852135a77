//! The regression gate: how many instructions one small chat takes, everything on.
//!
//! The count does not depend on the neighbours: valgrind runs every thread's instructions one after the other on a
//! processor of its own making, one connection asks one question after the other, and of two runs of different
//! length only the difference counts, so that starting, warming up and background work cancel out. What still varies
//! (random ids, the digits of durations, when the ledger's thread wakes) stays far below one part in two hundred.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};
use bench::arguments::Arguments;

use crate::process::{self, Place};
use crate::report;
use crate::stage::{self, Cores, Folder, Gateway};

/// Enough that every table has grown, every path is cached and every connection is open.
const WARM_UP: u64 = 300;
const SHORT: u64 = 1_000;
const LONG: u64 = 4_000;

/// The share by which a request may grow before the gate closes.
const TOLERANCE: f64 = 0.05;

/// Counts, and compares with the file; or writes the file where that is asked for.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    process::ensure_installed("valgrind", "valgrind")?;
    let counted = per_request()?;
    let compiler = report::version("rustc", "--version");
    let path = root.join("bench/instructions.toml");
    if arguments.has("update") {
        let text = format!(
            "# Instructions of one small chat, everything on. Written by `cargo xtask instructions --update`; the gate fails at 5 % more.\n\
             per_request = {counted}\ncompiler = \"{compiler}\"\n"
        );
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        println!("{counted} instructions a request, recorded");
        return Ok(ExitCode::SUCCESS);
    }
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let recorded: u64 = value(&text, "per_request").context("no per_request")?.parse()?;
    #[expect(clippy::cast_precision_loss, reason = "instructions of one request stay below 2^52")]
    let growth = counted as f64 / recorded as f64 - 1.0;
    println!("{counted} instructions a request; {recorded} recorded: {:+.2} %", growth * 100.0);
    if value(&text, "compiler") != Some(compiler.as_str()) {
        println!("the record is of another compiler than {compiler}: a difference may be the compiler's");
    }
    if growth > TOLERANCE {
        println!("that is too much more; if it is worth it: cargo xtask instructions --update");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The value of this key in a file of `key = value` lines.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='))?;
    Some(value.trim().trim_matches('"'))
}

fn per_request() -> anyhow::Result<u64> {
    let (short, long) = (count(SHORT)?, count(LONG)?);
    ensure!(long > short, "{LONG} requests took no more instructions than {SHORT}");
    Ok((long - short) / (LONG - SHORT))
}

/// All instructions of a run of this many requests.
fn count(requests: u64) -> anyhow::Result<u64> {
    let folder = Folder::new(&std::env::temp_dir(), "instructions")?;
    let out = folder.path().join("callgrind.out");
    let under = [
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        "--instr-atstart=no".to_owned(),
        format!("--callgrind-out-file={}", out.display()),
    ];
    let mock = stage::mock(Cores::Shared)?;
    let gateway = Gateway { workers: 1, under: &under, ..Gateway::new(&folder, Cores::Shared, mock.address) };
    let (server, _) = gateway.start()?;
    let ask =
        |count: u64| stage::load(&server, Place::Anywhere, &format!("--connections 1 --requests {count}"));
    ask(WARM_UP)?;
    let id = server.running.id().to_string();
    switch("on", &id)?;
    ask(requests)?;
    switch("off", &id)?;
    server.running.terminate()?;
    let text = std::fs::read_to_string(&out).context("valgrind wrote nothing")?;
    let totals = text.lines().find_map(|line| line.strip_prefix("totals:")).context("no totals")?;
    Ok(totals.trim().parse()?)
}

/// Turns the counting on or off.
fn switch(word: &str, process: &str) -> anyhow::Result<()> {
    let mut command = Command::new("callgrind_control");
    let status = command.args(["-i", word, process]).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "callgrind_control failed");
    Ok(())
}
