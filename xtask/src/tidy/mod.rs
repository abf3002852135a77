//! `cargo xtask tidy`: what the house rules say and a machine can check, in a few seconds and without building.

mod catalogue;
mod choke_points;
mod error_pages;
mod forbidden;
mod map;
mod mask;
mod provider_names;
mod repetition;
mod sizes;
mod source;

use std::fmt;
use std::path::Path;

use anyhow::Result;

use source::Tree;

/// One place where the tree breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    file: String,
    line: usize,
    rule: &'static str,
    what: String,
}

impl Finding {
    fn new(file: &str, line: usize, rule: &'static str, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, rule, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, what } = self;
        write!(f, "{file}:{line}: {rule}: {what}")
    }
}

/// Everything that is not as it should be, in the order of the tree.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let tree = Tree::read(root)?;
    let providers = catalogue::names(root)?;
    let mut findings: Vec<_> = tree
        .sources
        .iter()
        .flat_map(|source| {
            let mut findings = sizes::check(source);
            findings.extend(forbidden::check(source));
            findings.extend(choke_points::check(source));
            findings.extend(provider_names::check(source, &providers));
            findings
        })
        .collect();
    findings.extend(choke_points::check_table(&tree));
    findings.extend(repetition::check(&tree));
    findings.extend(catalogue::check(root, &providers)?);
    findings.extend(error_pages::check(root, &tree)?);
    findings.extend(map::check(root, &tree)?);
    findings.sort();
    findings.dedup();
    Ok(findings)
}

/// Prints what is not as it should be. Says whether there was nothing.
pub(crate) fn run(root: &Path) -> Result<bool> {
    let findings = check(root)?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("tidy: nothing to say"),
        count => println!("tidy: {count} to put right; the rules and their reasons are in CONTRIBUTING.md"),
    }
    Ok(findings.is_empty())
}
