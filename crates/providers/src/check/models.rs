//! `models.toml`: limits, capabilities and prices.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use types::{TokenClass, Tokens};

use super::Folder;
use super::findings::Findings;
use crate::model::{CAPABILITIES, MODALITIES, has_form};
use crate::price::{Rates, parse_dollars};
use crate::raw::{RawModel, RawModels};
use crate::{Model, Price, Problem};

/// The models of `folder`, and what is wrong with them.
pub(super) fn read(folder: &Folder) -> (Vec<Model>, Vec<Problem>) {
    let mut findings = Findings::new(format!("{}/models.toml", folder.name));
    let raw = folder.models.as_deref().and_then(|text| findings.parse::<RawModels>(text)).unwrap_or_default();
    let version = raw.price_version.as_deref().map(Arc::from);
    if raw.price_version.as_deref().is_some_and(|date| !has_form(date, "dddd-dd-dd")) {
        findings.report("price_version", "is not a date such as 2026-11-20");
    }
    if version.is_none() && raw.models.iter().any(|model| model.price.is_some()) {
        findings.report("price_version", "is missing, but there are prices");
    }
    let version = version.unwrap_or_else(|| Arc::from(""));
    let numbered = raw.models.into_iter().enumerate();
    let models: Vec<Model> = numbered
        .map(|(index, raw)| model(&format!("models[{index}]"), raw, &version, &mut findings))
        .collect();
    unique(&models, &mut findings);
    (models, findings.into_iter().collect())
}

fn model(field: &str, raw: RawModel, version: &Arc<str>, findings: &mut Findings) -> Model {
    findings.filled(&format!("{field}.name"), &raw.name);
    findings.quirks(&format!("{field}.quirks"), &raw.quirks);
    if raw.max_output_tokens.zip(raw.context_window).is_some_and(|(output, window)| output > window) {
        findings.report(&format!("{field}.max_output_tokens"), "is larger than the context window");
    }
    Model {
        input: findings.words(&format!("{field}.input"), &raw.input, MODALITIES),
        output: findings.words(&format!("{field}.output"), &raw.output, MODALITIES),
        capabilities: findings.words(&format!("{field}.capabilities"), &raw.capabilities, CAPABILITIES),
        price: price(field, &raw, version, findings),
        name: raw.name.into(),
        aliases: raw.aliases.into_iter().map(Into::into).collect(),
        context_window: raw.context_window,
        max_output_tokens: raw.max_output_tokens,
        quirks: raw.quirks,
    }
}

fn price(field: &str, raw: &RawModel, version: &Arc<str>, findings: &mut Findings) -> Option<Price> {
    if raw.price.is_none() && !raw.tiers.is_empty() {
        findings.report(&format!("{field}.tiers"), "there are tiers, but no price");
    }
    let base = rates(&format!("{field}.price"), raw.price.as_ref()?, findings)?;
    let tiers = raw.tiers.iter().enumerate().filter_map(|(index, tier)| {
        let rates = rates(&format!("{field}.tiers[{index}].price"), &tier.price, findings)?;
        Some((Tokens(tier.above), rates))
    });
    Some(Price::new(Arc::clone(version), base, tiers.collect()))
}

fn rates(field: &str, raw: &BTreeMap<String, String>, findings: &mut Findings) -> Option<Rates> {
    let words: Vec<_> = TokenClass::ALL.iter().map(|class| (class.as_str(), *class)).collect();
    let mut named = Vec::new();
    for (class, dollars) in raw {
        let field = format!("{field}.{class}");
        let price = parse_dollars(dollars);
        if price.is_none() {
            findings.report(&field, format!("`{dollars}` is not dollars with at most six decimals"));
        }
        named.extend(findings.word(&field, class, &words).zip(price));
    }
    let rates = Rates::new(|class| named.iter().find(|(known, _)| *known == class).map(|(_, price)| *price));
    if !raw.contains_key("input") || !raw.contains_key("output") {
        findings.report(field, "needs both `input` and `output`");
    }
    rates
}

fn unique(models: &[Model], findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for (index, model) in models.iter().enumerate() {
        for name in std::iter::once(&model.name).chain(&model.aliases) {
            if !seen.insert(name) {
                findings.report(&format!("models[{index}]"), format!("`{name}` is listed twice"));
            }
        }
    }
}
