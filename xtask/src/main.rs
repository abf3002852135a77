//! The developer's commands. `cargo xtask test` is the one that says whether the tree is sound.

mod packages;
mod sdk;
mod tally;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask test    install what tests need, then check everything; the last line says `N passed, N failed`
cargo xtask tidy    check the house rules, in seconds and without building
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
