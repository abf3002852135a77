//! Every provider in the catalogue comes with exchanges in its own shapes, which tests replay.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Finding;

const CATALOGUE: &str = "crates/providers/catalogue";
/// What the folder of a provider without conversations has.
const OTHERS: &[&str] = &["provider.toml", "fixtures/operations.toml"];
/// What each other folder has.
const FILES: &[&str] = &[
    "provider.toml",
    "fixtures/chat.request.json",
    "fixtures/chat.response.json",
    "fixtures/chat.stream.sse",
    "fixtures/expect.toml",
];

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
        for file in if has_chat { FILES } else { OTHERS } {
            let path = format!("{CATALOGUE}/{provider}/{file}");
            let is_there =
                root.join(&path).try_exists().with_context(|| format!("{path} cannot be reached"))?;
            if !is_there {
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
        assert_eq!(unknown.len(), FILES.len());
    }
}
