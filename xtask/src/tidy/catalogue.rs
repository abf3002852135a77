//! Every provider in the catalogue comes with exchanges in its own shapes, which tests replay.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Finding;

const CATALOGUE: &str = "crates/providers/catalogue";
/// What the folder of a provider without conversations has.
const OTHERS: &[&str] = &["provider.toml", "fixtures/operations.toml"];
/// What each other folder has.
const FILES: &[&str] =
    &["provider.toml", "fixtures/chat.request.json", "fixtures/chat.response.json", "fixtures/expect.toml"];
/// What a streamed answer is in, one of these: it depends on the form of the stream.
const STREAMS: &[&str] =
    &["fixtures/chat.stream.sse", "fixtures/chat.stream.frames", "fixtures/chat.stream.ndjson"];

/// The names of the catalogue's providers.
pub(crate) fn names(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(CATALOGUE)).context("the catalogue cannot be read")? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string());
        }
    }
    names.sort();
    Ok(names)
}

/// What is missing in the folders of these providers.
pub(crate) fn check(root: &Path, providers: &[String]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for provider in providers {
        let described = fs::read_to_string(root.join(format!("{CATALOGUE}/{provider}/provider.toml")));
        let has_chat = described.map_or(true, |text| text.lines().any(|line| line.starts_with("chat = ")));
        let single = if has_chat { FILES } else { OTHERS }.iter().map(std::slice::from_ref);
        for either in single.chain(has_chat.then_some(STREAMS)) {
            let paths = either.iter().map(|file| format!("{CATALOGUE}/{provider}/{file}"));
            let mut is_there = false;
            for path in paths.clone() {
                let reached = root.join(&path).try_exists();
                is_there |= reached.with_context(|| format!("{path} cannot be reached"))?;
            }
            if let (false, Some(path)) = (is_there, paths.clone().next()) {
                findings.push(Finding::new(&path, 1, "catalogue", "every provider has this file"));
            }
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_without_its_exchanges_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let providers = names(&root).unwrap();
        assert!(providers.contains(&"openai".to_owned()));
        let unknown = check(&root, &["no-such-provider".to_owned()]).unwrap();
        assert_eq!(unknown.len(), FILES.len() + 1);
    }
}
