//! `tollgate config`: what is configured, in its long form.

use std::process::ExitCode;

use settings::Environment;

use crate::args::{ConfigArguments, ConfigCommand};
use crate::configuration;

/// Shows the configuration.
pub(crate) fn run(arguments: &ConfigArguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let ConfigCommand::Show(file) = &arguments.command;
    super::print(&configuration::load(file, environment)?.settings.show())
}
