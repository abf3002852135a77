//! `tollgate usage`: what was used and what it cost, from the ledger; works while the gateway runs.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use ledger::ReadError;
use ledger::report::{Report, Window};
use settings::Environment;
use types::{Clock, SystemClock};

use crate::args::{Output, UsageArguments};
use crate::configuration;
use crate::serve::LEDGER;

/// Prints the report.
pub(crate) fn run(arguments: &UsageArguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let data = configuration::load(&arguments.file, environment)?.settings.server.data;
    let window = match arguments.since {
        None => Window::ALL,
        Some(age) => Window { from: SystemClock::new().wall().minus(age), ..Window::ALL },
    };
    let directory = data.join(LEDGER);
    let report = loop {
        match collect(&directory, window) {
            // What is no longer kept went while it was read.
            Err(ReadError::Removed { .. }) => {}
            read => break read.context("the ledger cannot be read to its end")?,
        }
    };
    match arguments.output {
        Output::Json => super::print(&serde_json::to_string_pretty(&report)?),
        Output::Table => super::print(&report.to_string()),
    }
}

fn collect(directory: &Path, window: Window) -> Result<Report, ReadError> {
    Report::collect(ledger::read(directory)?, window)
}
