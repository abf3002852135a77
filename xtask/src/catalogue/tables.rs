//! The tables themselves: fetched with pip, read once, and asked for what belongs to a provider.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use super::sources::{Packages, Source};
use crate::sdk::{Stamp, remove, run};

/// Where the packages are unpacked.
const PLACE: &str = "target/catalogue";
const LITELLM: &str = "litellm/model_prices_and_context_window_backup.json";
const GENAI_PRICES: &str = "xtask/src/catalogue/read_genai_prices.py";

/// What a table says of a model.
pub(super) type Facts = Map<String, Value>;

/// Both tables.
pub(super) struct Tables {
    litellm: BTreeMap<String, Facts>,
    genai_prices: BTreeMap<String, BTreeMap<String, Facts>>,
}

impl Tables {
    /// Fetches what is not there in these versions, and reads it.
    pub(super) fn fetch(root: &Path, packages: &Packages) -> Result<Self> {
        let place = root.join(PLACE);
        fs::create_dir_all(&place).with_context(|| format!("{} cannot be made", place.display()))?;
        let wanted =
            [format!("litellm=={}", packages.litellm), format!("genai-prices=={}", packages.genai_prices)];
        let (stamp, unpacked) = (Stamp::new(&place, "packages", &wanted), place.join("packages"));
        if !stamp.is_there() {
            remove(&unpacked)?;
            let mut pip = Command::new("python3");
            pip.args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--target",
            ]);
            run(pip.arg(&unpacked).args(&wanted))?;
            stamp.leave()?;
        }
        let litellm = fs::read(unpacked.join(LITELLM)).context("LiteLLM's table cannot be read")?;
        let mut read = Command::new("python3");
        let read = read.arg(root.join(GENAI_PRICES)).arg(&unpacked).stdin(Stdio::null()).output()?;
        if !read.status.success() {
            bail!("the table of genai-prices cannot be read: {}", String::from_utf8_lossy(&read.stderr));
        }
        Ok(Self {
            litellm: serde_json::from_slice(&litellm).context("LiteLLM's table is not as it was")?,
            genai_prices: serde_json::from_slice(&read.stdout)?,
        })
    }

    /// The models of a provider, by the provider's own names; of two for the same name the first counts.
    pub(super) fn of(&self, source: &Source) -> Vec<(String, Facts)> {
        let mut found = Vec::new();
        for provider in &source.litellm {
            let own = self.litellm.iter().filter(|(_, facts)| {
                facts.get("litellm_provider").and_then(Value::as_str) == Some(provider.as_str())
            });
            found.extend(own.filter_map(|(name, facts)| Some((source.name(name)?, facts.clone()))));
        }
        for provider in &source.genai_prices {
            let own = self.genai_prices.get(provider).into_iter().flatten();
            let route = source.routed.as_ref().and_then(|prefix| provider.strip_prefix(prefix.as_str()));
            let route = route.map(|route| format!(":{route}")).unwrap_or_default();
            found.extend(own.filter_map(|(name, facts)| {
                Some((source.name(name)? + &route, self.with_abilities(name, facts)))
            }));
        }
        found
    }

    /// The facts of genai-prices, which has prices alone, with what the other table says of the same model elsewhere.
    fn with_abilities(&self, name: &str, facts: &Facts) -> Facts {
        let Some(same) = self.same_elsewhere(name) else { return facts.clone() };
        let mut joined: Facts = same
            .iter()
            .filter(|(key, _)| {
                key.starts_with("supports_") || key.starts_with("supported_") || key.starts_with("max_")
            })
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        joined.extend(facts.clone());
        joined
    }

    /// The model of this name at whoever made it: `anthropic/claude-opus-5.5` is `claude-opus-5-5` there.
    fn same_elsewhere(&self, name: &str) -> Option<&Facts> {
        let plain = name.split_once(':').map_or(name, |(plain, _)| plain);
        let last = plain.rsplit('/').next()?;
        let (dashed, maker) =
            (last.replace('.', "-"), plain.replace("x-ai/", "xai/").replace("google/", "gemini/"));
        [plain, last, &dashed, &maker].into_iter().find_map(|name| self.litellm.get(name))
    }
}
