//! `tollgate keys`: make, list and revoke API keys. A running gateway notices by itself.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use auth::{Keys, NewKey};
use router::Plan;
use settings::Environment;
use store::Allowed;
use types::{Clock, SystemClock};

use crate::args::{KeysArguments, KeysCommand};
use crate::configuration::{self, Configuration};
use crate::generation::Table;
use crate::wiring;

/// Carries out what was typed.
pub(crate) fn run(arguments: KeysArguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    match arguments.command {
        KeysCommand::Create { name, models, expires, file } => {
            let configuration = configuration::load(&file, environment)?;
            let keys = open(&configuration)?;
            warn_of_unknown(&Table::new(&configuration, None, &wiring::no_credential)?, &models);
            create(&keys, name, &models, expires)
        }
        KeysCommand::List { file } => list(&open(&configuration::load(&file, environment)?)?),
        KeysCommand::Revoke { key, file } => revoke(&open(&configuration::load(&file, environment)?)?, &key),
    }
}

fn open(configuration: &Configuration) -> anyhow::Result<Keys> {
    let data = &configuration.settings.server.data;
    store::private::directory(data).with_context(|| format!("{} cannot be used", data.display()))?;
    Keys::open(data).context("the keys cannot be opened")
}

/// Says which of these names mean no model now. They may be of a configuration still to come, so the key is made all
/// the same.
fn warn_of_unknown(table: &Table, models: &[String]) {
    for model in models.iter().filter(|model| !gateway::is_right(model)) {
        if let Err(error) = table.router.resolve(model) {
            eprintln!("warning: {error}");
        }
    }
}

fn create(
    keys: &Keys,
    name: String,
    models: &[String],
    lifetime: Option<Duration>,
) -> anyhow::Result<ExitCode> {
    let models = match models {
        [] => Allowed::All,
        names => Allowed::Only(names.iter().map(|name| name.as_str().into()).collect()),
    };
    let new = NewKey { name, models, lifetime, created_by: "command line".to_owned() };
    let created = keys.create(new, SystemClock::new().wall()).context("the key was not made")?;
    eprintln!("key {} ({}); it is shown only this once:", created.record.name, created.record.id);
    super::print(created.secret.reveal())
}

fn list(keys: &Keys) -> anyhow::Result<ExitCode> {
    let mut table = format!("{:<20} {:<24} {:<26} {:<10} MODELS\n", "ID", "NAME", "CREATED", "STATE");
    let now = SystemClock::new().wall();
    for key in keys.list().context("the keys cannot be read")? {
        let state = match (key.disabled, key.expires) {
            (Some(_), _) => "revoked",
            (None, Some(expires)) if expires <= now => "expired",
            (None, Some(_) | None) => "active",
        };
        let models = match &key.models {
            Allowed::All => "all".to_owned(),
            Allowed::Only(names) => names.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "{:<20} {:<24} {:<26} {state:<10} {models}",
            key.id.as_str(),
            key.name,
            key.created.to_string()
        );
    }
    super::print(&table)
}

fn revoke(keys: &Keys, key: &str) -> anyhow::Result<ExitCode> {
    match keys.revoke(key, SystemClock::new().wall()).context("the key was not revoked")? {
        Some(id) => super::print(&format!("{id} is revoked")),
        None => bail!("no key in use has the id or name `{key}`; `tollgate keys list` shows them"),
    }
}
