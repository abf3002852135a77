//! The catalogue's tables of models, written anew from packages that carry them under a free licence. Which packages, in
//! which versions, and what of them belongs to which provider stands in the catalogue's `sources.toml`.

mod model;
mod price;
mod sources;
mod tables;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::model::Entry;
use self::sources::Sources;
use self::tables::Tables;

const CATALOGUE: &str = "crates/providers/catalogue";

/// Writes every table.
pub(crate) fn write(root: &Path) -> Result<()> {
    let written = tables(root)?;
    let mut models = 0;
    for (file, table) in &written {
        models += table.matches("[[models]]").count();
        fs::write(file, table).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    println!("{models} models of {} providers", written.len());
    Ok(())
}

/// Whether every table is what would be written; says which are not.
pub(crate) fn check(root: &Path) -> Result<bool> {
    let written = tables(root)?;
    let differs = |file: &Path, table: &str| fs::read_to_string(file).map_or(true, |found| found != table);
    let stale: Vec<_> =
        written.iter().filter(|(file, table)| differs(file, table)).map(|(file, _)| file).collect();
    for file in &stale {
        println!("{} is not what its sources say", file.display());
    }
    Ok(stale.is_empty())
}

/// The text of each table by its file.
fn tables(root: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let folder = root.join(CATALOGUE);
    let sources = Sources::read(&folder.join("sources.toml"))?;
    let tables = Tables::fetch(root, &sources.packages)?;
    let mut written = BTreeMap::new();
    for (name, source) in &sources.providers {
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for (model, facts) in tables.of(source) {
            if let Some(entry) = Entry::read(&model, &facts, source) {
                entries.entry(model).or_insert(entry);
            }
        }
        let text = table(&without_dated(entries), &sources.packages.date);
        written.insert(folder.join(name).join("models.toml"), text);
    }
    Ok(written)
}

/// The entries without those whose names are another's with a date and that cost the same: a model is found by
/// either name, and what else tables say of the two differs by oversight.
fn without_dated(entries: BTreeMap<String, Entry>) -> BTreeMap<String, Entry> {
    let is_repeated = |name: &str, entry: &Entry| {
        undated(name).and_then(|stem| entries.get(stem)).is_some_and(|same| same.costs_as(entry))
    };
    let repeated: Vec<String> = entries
        .iter()
        .filter(|(name, entry)| is_repeated(name, entry))
        .map(|(name, _)| name.clone())
        .collect();
    let mut entries = entries;
    entries.retain(|name, _| !repeated.contains(name));
    entries
}

/// As the gateway finds models: `gpt-4o-2024-08-06` and `claude-haiku-4-5-20251001`.
fn undated(name: &str) -> Option<&str> {
    ["-dddd-dd-dd", "-dddddddd"].iter().find_map(|form| {
        let (stem, suffix) = name.split_at_checked(name.len().checked_sub(form.len())?)?;
        let fits =
            |(byte, wanted): (u8, u8)| if wanted == b'd' { byte.is_ascii_digit() } else { byte == wanted };
        (!stem.is_empty() && suffix.bytes().zip(form.bytes()).all(fits)).then_some(stem)
    })
}

fn table(entries: &BTreeMap<String, Entry>, date: &str) -> String {
    let mut text = format!(
        "# Written by `cargo xtask catalogue`. What is wrong here is put right in models.local.toml.\n\
         price_version = \"{date}\"\n"
    );
    for (name, entry) in entries {
        entry.write(name, &mut text);
    }
    text
}
