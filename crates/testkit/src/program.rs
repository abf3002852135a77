//! Other people's programs as child processes: each with an environment of its own, run to its end within a bound.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::child::{self, Process};

/// A program that is to be run. It reads nothing and knows of this process's environment the path alone.
#[derive(Debug)]
pub struct Program {
    command: Command,
}

/// What a program that has ended has printed.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Whether it ended with success.
    pub is_success: bool,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Program {
    /// This program, in this folder.
    pub fn new(binary: &Path, folder: &Path) -> Self {
        Self { command: child::command(binary, folder, &[]) }
    }

    /// With this argument behind those before it.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// With these arguments behind those before them.
    #[must_use]
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// With this environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end. One that takes longer than `bound` is killed and fails the test with all it has printed.
    ///
    /// # Cancel safety
    /// Dropping it kills the program.
    pub async fn run(self, bound: Duration) -> Ran {
        let name = self.command.get_program().to_owned();
        let mut process = Process::start(self.command);
        let Ok(status) = tokio::time::timeout(bound, process.ended()).await else {
            panic!("{} has not ended within {bound:?}; {}", name.display(), process.printed().text());
        };
        let printed = process.printed();
        Ran {
            is_success: status.success(),
            stdout: printed.stdout.join("\n"),
            stderr: printed.stderr.join("\n"),
        }
    }
}
