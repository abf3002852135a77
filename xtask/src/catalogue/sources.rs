//! `sources.toml`: which packages, in which versions, and what of them belongs to which provider.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sources {
    pub(super) packages: Packages,
    pub(super) providers: BTreeMap<String, Source>,
}

/// The versions of the packages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Packages {
    /// The date of the prices.
    pub(super) date: String,
    pub(super) litellm: String,
    pub(super) genai_prices: String,
}

/// What belongs to one provider.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Source {
    /// The providers of `LiteLLM`'s table, the preferred one first.
    pub(super) litellm: Vec<String>,
    /// The providers of the table of genai-prices: for models that the other table lacks.
    pub(super) genai_prices: Vec<String>,
    /// What their names begin with and the provider's own do not.
    pub(super) strip: Vec<String>,
    /// What the provider's own names begin with and the tables' do not.
    pub(super) prefix: String,
    /// Where the names end in a colon and the table's provider, what that begins with.
    pub(super) routed: Option<String>,
    /// Names that contain one of these are left out.
    pub(super) skip: Vec<String>,
    /// Only names that contain one of these are taken; all where there are none.
    pub(super) only: Vec<String>,
    /// Whether a price of nothing means that the model costs nothing. Elsewhere it means that nobody knows.
    pub(super) zero_is_free: bool,
    /// The language of the models that are for Responses alone.
    pub(super) responses: Option<String>,
    /// Conversational models by how their names begin; the first that fits counts.
    pub(super) families: Vec<Family>,
}

/// Models that are alike, and unlike others of their provider.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Family {
    /// How their names begin; all are meant where there is none.
    pub(super) begins: Vec<String>,
    /// Quirks of those that reason.
    pub(super) reasoning: Vec<String>,
    /// Quirks of those that do not.
    pub(super) unreasoning: Vec<String>,
    /// Quirks that follow from what the table says of single ones.
    pub(super) told: Vec<String>,
}

impl Sources {
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not right", file.display()))
    }
}

impl Source {
    /// The family of the model of this name, if it has one.
    pub(super) fn family(&self, name: &str) -> Option<&Family> {
        let begins = |begin: &String| name.starts_with(begin.as_str());
        self.families.iter().find(|family| family.begins.is_empty() || family.begins.iter().any(begins))
    }

    /// The provider's own name for a model of a table; none for what is left out.
    pub(super) fn name(&self, listed: &str) -> Option<String> {
        let stripped = self.strip.iter().find_map(|prefix| listed.strip_prefix(prefix.as_str()));
        let name = stripped.unwrap_or(listed);
        let is_wanted = self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()));
        let is_left_out = name.is_empty() || self.skip.iter().any(|part| name.contains(part.as_str()));
        (is_wanted && !is_left_out).then(|| format!("{}{name}", self.prefix))
    }
}
