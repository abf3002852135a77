//! `tollgate check`: every problem of a configuration file at once.

use std::process::ExitCode;

use anyhow::Context;
use settings::Environment;

use crate::args::{CheckArguments, FileArguments};
use crate::configuration;

/// The exit code for a file with problems.
const PROBLEMS: u8 = 7;

/// Checks the file.
pub(crate) fn run(arguments: &CheckArguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let file = FileArguments { config: arguments.file.clone() };
    if let Some(path) = &file.config {
        // A file that is not there is another matter than one with problems.
        std::fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
    }
    match configuration::load(&file, environment) {
        Ok(configuration) => {
            let what = configuration
                .path
                .map_or_else(|| "no file: the defaults".to_owned(), |path| path.display().to_string());
            super::print(&format!("{what}: OK"))
        }
        Err(problems) => {
            eprintln!("{problems:#}");
            Ok(ExitCode::from(PROBLEMS))
        }
    }
}
