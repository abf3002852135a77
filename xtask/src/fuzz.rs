//! The fuzz targets, each for a moment: bytes of any kind against the parsers of outside bytes. They are built with the
//! compiler's own coverage instrumentation, so nothing but Rust and a C++ compiler (for libFuzzer) is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// A target, and the fixtures that it begins with besides its own seeds.
const TARGETS: &[(&str, &[&str])] = &[
    ("anthropic_answer", &["anthropic"]),
    ("anthropic_request", &["anthropic"]),
    ("anthropic_stream", &["anthropic"]),
    ("bedrock_answer", &["bedrock"]),
    ("bedrock_request", &["bedrock"]),
    ("bedrock_stream", &["bedrock"]),
    ("cohere_answer", &["cohere"]),
    ("cohere_request", &["cohere"]),
    ("cohere_stream", &["cohere"]),
    ("form", &[]),
    ("frames", &[]),
    ("gemini_answer", &["gemini"]),
    ("gemini_request", &["gemini"]),
    ("gemini_stream", &["gemini"]),
    ("lines", &["ollama"]),
    ("ollama_answer", &["ollama"]),
    ("ollama_request", &["ollama"]),
    ("ollama_stream", &["ollama"]),
    ("openai_chat_answer", &["openai_chat"]),
    ("openai_chat_request", &["openai_chat"]),
    ("openai_chat_stream", &["openai_chat"]),
    ("openai_responses_answer", &["openai_responses"]),
    ("openai_responses_request", &["openai_responses"]),
    ("openai_responses_stream", &["openai_responses"]),
    ("scan", &["anthropic", "bedrock", "cohere", "gemini", "ollama", "openai_chat", "openai_responses"]),
    ("sse", &["anthropic", "cohere", "gemini", "openai_chat", "openai_responses"]),
    ("websocket", &[]),
];

/// For how many seconds all targets together run.
const SECONDS: usize = 80;
/// The most memory that a target may take, in mebibytes: nothing allocates by a number that stands in the input.
const MEBIBYTES: usize = 1024;

/// What libFuzzer needs of the compiler.
const FLAGS: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing -Ccodegen-units=1";

/// Builds the targets and runs each for its share of the time; says how many held. An error names those that did not.
pub(crate) fn smoke(root: &Path) -> Result<usize> {
    let programs = build(root)?;
    let mut broken = Vec::new();
    for (target, fixtures) in TARGETS {
        println!("fuzzing {target}");
        let corpus = corpus(root, target, fixtures).with_context(|| format!("the seeds of {target}"))?;
        let output = run(root, &programs.join(target), &corpus)?;
        if !output.status.success() {
            println!("{}", String::from_utf8_lossy(&output.stderr));
            broken.push(*target);
        }
    }
    if !broken.is_empty() {
        bail!("broken by an input that lies in {}: {}", artifacts(root).display(), broken.join(", "));
    }
    Ok(TARGETS.len())
}

/// Builds the targets and says where they are.
fn build(root: &Path) -> Result<PathBuf> {
    // With a target named, build scripts and macros are spared the instrumentation.
    let host = host()?;
    let place = root.join("target/fuzz");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--quiet", "--target", &host, "--target-dir"]).arg(&place);
    cargo.current_dir(root.join("fuzz")).env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", FLAGS);
    let status = cargo.stdin(Stdio::null()).status().context("cargo cannot be run")?;
    if !status.success() {
        bail!("the fuzz targets do not build: cargo ended with {status}");
    }
    Ok(place.join(host).join("release"))
}

/// The triple of the machine this runs on.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("rustc cannot be run")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not say for which machine it builds")
}

/// A folder with the target's seeds, to which it may add: those of the tree stay as they are.
fn corpus(root: &Path, target: &str, fixtures: &[&str]) -> Result<PathBuf> {
    let corpus = root.join("target/fuzz/corpus").join(target);
    if corpus.exists() {
        fs::remove_dir_all(&corpus)?;
    }
    fs::create_dir_all(&corpus)?;
    let fixtures = fixtures.iter().map(|dialect| root.join("crates/dialects/fixtures").join(dialect));
    for folder in fixtures.chain([root.join("fuzz/seeds").join(target)]).filter(|folder| folder.is_dir()) {
        for file in fs::read_dir(folder)? {
            let file = file?;
            if file.file_type()?.is_file() {
                fs::copy(file.path(), corpus.join(file.file_name()))?;
            }
        }
    }
    Ok(corpus)
}

/// Where inputs are kept that break a target.
fn artifacts(root: &Path) -> PathBuf {
    root.join("target/fuzz/artifacts")
}

fn run(root: &Path, program: &Path, corpus: &Path) -> Result<Output> {
    let artifacts = artifacts(root);
    fs::create_dir_all(&artifacts)?;
    let mut command = Command::new(program);
    command.arg(corpus);
    command.arg(format!("-dict={}", root.join("fuzz/words.dict").display()));
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(format!("-max_total_time={}", SECONDS / TARGETS.len()));
    command.arg(format!("-rss_limit_mb={MEBIBYTES}"));
    // The same seed each time: what breaks on one machine breaks on the next.
    command.args(["-seed=1", "-timeout=10", "-max_len=8192"]);
    command.stdin(Stdio::null()).output().with_context(|| format!("{} cannot be run", program.display()))
}
