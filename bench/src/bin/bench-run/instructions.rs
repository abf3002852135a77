//! The regression gate: how many instructions one small chat takes, everything on, passed on and translated.
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

/// A request that is counted.
struct Chat {
    /// Its key in the file.
    name: &'static str,
    /// What is asked for, in the load generator's words.
    load: &'static str,
}

const CHATS: [Chat; 2] = [
    Chat { name: "per_request", load: "" },
    // Messages in, Chat out.
    Chat { name: "per_translated_request", load: "--shape messages" },
];

/// Counts, and compares with the file; or writes the file where that is asked for.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    process::ensure_installed("valgrind", "valgrind")?;
    let mut counts = Vec::new();
    for chat in &CHATS {
        counts.push((chat.name, per_request(chat)?));
    }
    let compiler = report::version("rustc", "--version");
    let path = root.join("bench/instructions.toml");
    if arguments.has("update") {
        let lines = counts.iter().map(|(name, counted)| format!("{name} = {counted}\n"));
        let text = format!(
            "# Instructions of one small chat, everything on. Written by `cargo xtask instructions --update`; the gate fails at 5 % more.\n\
             {}compiler = \"{compiler}\"\n",
            lines.collect::<String>()
        );
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        println!("{counts:?}, recorded");
        return Ok(ExitCode::SUCCESS);
    }
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    if value(&text, "compiler") != Some(compiler.as_str()) {
        println!("the record is of another compiler than {compiler}: a difference may be the compiler's");
    }
    let mut is_fine = true;
    for (name, counted) in counts {
        let recorded = value(&text, name).with_context(|| format!("no {name}"))?.parse()?;
        is_fine &= is_within(name, counted, recorded);
    }
    if !is_fine {
        println!("that is too much more; if it is worth it: cargo xtask instructions --update");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Says how a count compares with its record; whether it may grow that far.
#[expect(clippy::cast_precision_loss, reason = "instructions of one request stay below 2^52")]
fn is_within(name: &str, counted: u64, recorded: u64) -> bool {
    let growth = counted as f64 / recorded as f64 - 1.0;
    println!("{name}: {counted} instructions; {recorded} recorded: {:+.2} %", growth * 100.0);
    growth <= TOLERANCE
}

/// The value of this key in a file of `key = value` lines.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='))?;
    Some(value.trim().trim_matches('"'))
}

fn per_request(chat: &Chat) -> anyhow::Result<u64> {
    let (short, long) = (count(chat, SHORT)?, count(chat, LONG)?);
    ensure!(long > short, "{LONG} requests took no more instructions than {SHORT}");
    Ok((long - short) / (LONG - SHORT))
}

/// All instructions of a run of this many requests.
fn count(chat: &Chat, requests: u64) -> anyhow::Result<u64> {
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
    let ask = |count: u64| {
        let words = format!("--connections 1 --requests {count} {}", chat.load);
        stage::load(&server, Place::Anywhere, &words)
    };
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
