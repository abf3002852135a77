//! `tollgate usage`: what was used and what it cost, from the ledger; works while the gateway runs.

use std::process::ExitCode;

use anyhow::Context;
use ledger::report::{Report, Window};
use settings::Environment;
use types::{Clock, SystemClock, UnixTime};

use crate::args::{Output, UsageArguments};
use crate::configuration;
use crate::serve::LEDGER;

/// Prints the report.
pub(crate) fn run(arguments: &UsageArguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let data = configuration::load(&arguments.file, environment)?.settings.server.data;
    let window = match arguments.since {
        None => Window::ALL,
        Some(age) => {
            let age = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
            let from = SystemClock::new().wall().as_micros().saturating_sub(age);
            Window { from: UnixTime::from_micros(from), ..Window::ALL }
        }
    };
    let directory = data.join(LEDGER);
    let records =
        ledger::read(&directory).with_context(|| format!("{} cannot be read", directory.display()))?;
    let report = Report::collect(records, window).context("the ledger cannot be read to its end")?;
    match arguments.output {
        Output::Json => super::print(&serde_json::to_string_pretty(&report)?),
        Output::Table => super::print(&report.to_string()),
    }
}
