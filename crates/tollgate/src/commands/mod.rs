//! The commands besides `serve`.

pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod explain_route;
pub(crate) mod healthcheck;
pub(crate) mod keys;
pub(crate) mod usage;

use std::io::Write;
use std::process::ExitCode;

/// Prints the JSON Schema of the configuration.
pub(crate) fn schema() -> anyhow::Result<ExitCode> {
    print(&settings::schema())
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no error.
pub(crate) fn print(text: &str) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Err(_) | Ok(()) => Ok(ExitCode::SUCCESS),
    }
}
