//! `tollgate explain-route`: where a request would go and why, without sending it.

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use router::{Plan, Resolved};
use serde_json::Value;
use settings::{Environment, Settings};
use types::Monotonic;

use crate::args::ExplainArguments;
use crate::configuration;
use crate::generation::Table;
use crate::wiring;

/// No request is larger.
const MAX_REQUEST: u64 = 32 << 20;

/// Explains the request.
pub(crate) fn run(arguments: &ExplainArguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let configuration = configuration::load(&arguments.file, environment)?;
    let request: Value =
        serde_json::from_str(&read(&arguments.request)?).context("the request is not JSON")?;
    let Some(model) = request.get("model").and_then(Value::as_str) else {
        bail!("the request has no `model`");
    };
    let table = Table::new(&configuration, None, &wiring::no_credential)?;
    let text = explain(&table, model)?;
    super::print(&text)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin()
            .take(MAX_REQUEST)
            .read_to_string(&mut text)
            .context("standard input cannot be read")?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    }
    Ok(text)
}

fn explain(table: &Table, model: &str) -> anyhow::Result<String> {
    let resolved = table.router.resolve(model)?;
    let meaning = match &resolved {
        Resolved::Route(name) => format!("a model of the configuration: {name}"),
        Resolved::Known(candidate) => format!("a model that {} is known to have", candidate.provider),
        Resolved::Programmed { of, .. } => format!("{of}, with a program behind its name"),
        Resolved::Passed(candidate) => format!("passed on to {}, which may have it", candidate.provider),
    };
    let chosen = table.router.choose(&resolved, Monotonic::default())?;
    let mut text = format!("{model}\n  is          {meaning}\n  counted as  {}\n", resolved.label());
    for (place, candidate) in (1..).zip(&chosen.candidates) {
        let share = share(&table.settings, model, candidate.target.as_str());
        let destination = table.directory.find(&candidate.provider);
        let price =
            destination.and_then(|place| place.catalogue.model(candidate.model.as_str())?.price.as_ref());
        let price = price.map_or_else(|| "no known price".to_owned(), |price| price.version.to_string());
        let first = if place == 1 { "  <- the first request goes here" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {place}. {:<40} {share:<12} prices of {price}{first}",
            candidate.target.as_str()
        );
    }
    let retries = &table.settings.routing.retries;
    let _ = writeln!(
        text,
        "  on failure  the next one, at most {} more; a circuit opens after {} faults in a row",
        retries.attempts, table.settings.routing.circuit_breaker.threshold
    );
    Ok(text)
}

/// A target's part in its model's route.
fn share(settings: &Settings, model: &str, target: &str) -> String {
    let Some(route) = settings.models.iter().find(|route| route.name.as_str() == model) else {
        return "only target".to_owned();
    };
    let is_target = |provider: &str, name: &str| target == format!("{provider}/{name}");
    let found = route.targets.iter().find(|known| is_target(known.provider.as_str(), known.model.as_str()));
    found.map_or_else(|| "fallback".to_owned(), |found| format!("weight {}", found.weight))
}
