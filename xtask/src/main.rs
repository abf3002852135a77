//! The developer's commands. `cargo xtask test` is the one that says whether the tree is sound.

mod bench;
mod catalogue;
mod fuzz;
mod packages;
mod sdk;
mod tally;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask test          install what tests need, then check everything; ends with `N passed, N failed`
cargo xtask tidy          check the house rules, in seconds and without building
cargo xtask sdk           install the client libraries and coding agents that tests run against the gateway
cargo xtask catalogue     write the models of the catalogue anew from the tables that sources.toml names; [--check]
cargo xtask fuzz          run the fuzz targets for some 80 seconds
cargo xtask instructions  count a request's instructions and compare them with bench/instructions.toml; [--update]
cargo xtask reference     write docs/reference anew from what the tests find
cargo xtask bench         compare with nginx and a bare pass-through, and write bench/RESULTS.md;
                          [--rounds N] [--seconds S] [--only PART]
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let root = root();
    let (command, rest) = match arguments {
        [command, rest @ ..] => (command.as_str(), rest),
        [] => ("help", [].as_slice()),
    };
    match (command, rest) {
        ("test", []) => Ok(test::run(&root)),
        ("tidy", []) => Ok(exit_code(tidy::run(&root)?)),
        ("fuzz", []) => fuzz::smoke(&root).map(|_| ExitCode::SUCCESS),
        ("reference", []) => test::write_reference(&root).map(|()| ExitCode::SUCCESS),
        ("catalogue", []) => catalogue::write(&root).map(|()| ExitCode::SUCCESS),
        ("catalogue", [flag]) if flag == "--check" => Ok(exit_code(catalogue::check(&root)?)),
        ("sdk", []) => sdk::prepare(&root).map(|()| ExitCode::SUCCESS),
        ("instructions", rest) => bench::instructions(&root, rest).map(|()| ExitCode::SUCCESS),
        ("bench", rest) => bench::run(&root, rest).map(|()| ExitCode::SUCCESS),
        ("help" | "--help" | "-h", _) => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("no such command; these there are:\n{HELP}"),
    }
}

/// The root of the tree, wherever the command is called from.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

fn exit_code(is_good: bool) -> ExitCode {
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
