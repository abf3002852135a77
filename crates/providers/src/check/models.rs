//! The models of a folder: those of the tables (`models.toml`), corrected and extended by hand (`models.local.toml`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use types::{PerMillion, Residency, ServiceTier, TokenClass, Tokens, Unit};

use super::findings::Findings;
use crate::model::{CAPABILITIES, MODALITIES, TASKS, has_form};
use crate::price::{Rates, Rule, Times, parse_dollars, parse_dollars_per_thousand, parse_times};
use crate::raw::{RawModel, RawModels, RawRule};
use crate::{Model, Price, Problem};

/// The texts of a folder's files on models.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ModelTexts<'t> {
    /// `models.toml`.
    pub(crate) table: Option<&'t str>,
    /// `models.local.toml`, which wins.
    pub(crate) local: Option<&'t str>,
}

/// The models that the files of the folder `name` describe, and what is wrong with them.
pub(crate) fn read(name: &str, texts: ModelTexts<'_>) -> (Vec<Arc<Model>>, Vec<Problem>) {
    let table = File::read(&format!("{name}/models.toml"), texts.table);
    let local = File::read(&format!("{name}/models.local.toml"), texts.local);
    let mut read = table.models;
    correct(&mut read, local.models);
    let mut problems: Vec<Problem> = table.findings.into_iter().chain(local.findings).collect();
    let mut models = Vec::new();
    let mut seen = BTreeSet::new();
    for read in read {
        let mut findings = Findings::new(read.file.clone());
        let model = model(read, &mut findings);
        for name in model.names() {
            if !seen.insert(name.clone()) {
                findings.report("models", format!("`{name}` is listed twice"));
            }
        }
        models.push(Arc::new(model));
        problems.extend(findings);
    }
    (models, problems)
}

/// One file as it was read.
struct File {
    models: Vec<Read>,
    findings: Findings,
}

/// A model as it was read.
struct Read {
    raw: RawModel,
    /// The file that spoke last of it.
    file: String,
    /// The version of the file that its price stands in.
    version: Arc<str>,
}

impl File {
    fn read(file: &str, text: Option<&str>) -> Self {
        let mut findings = Findings::new(file.to_owned());
        let raw = text.and_then(|text| findings.parse::<RawModels>(text)).unwrap_or_default();
        if raw.price_version.as_deref().is_some_and(|date| !has_form(date, "dddd-dd-dd")) {
            findings.report("price_version", "is not a date such as 2026-11-20");
        }
        let has_price = |model: &RawModel| model.price.is_some() || model.units.is_some();
        if raw.price_version.is_none() && raw.models.iter().any(has_price) {
            findings.report("price_version", "is missing, but there are prices");
        }
        let version: Arc<str> = raw.price_version.unwrap_or_default().into();
        let read = |raw| Read { raw, file: file.to_owned(), version: Arc::clone(&version) };
        Self { models: raw.models.into_iter().map(read).collect(), findings }
    }
}

/// Takes the corrections in, field by field: what they say wins, what they leave out stays. A price comes with its
/// rules. A name that a correction gives to its model is no longer a model of its own.
fn correct(models: &mut Vec<Read>, corrections: Vec<Read>) {
    let aliases: BTreeSet<&String> =
        corrections.iter().flat_map(|correction| correction.raw.aliases.iter().flatten()).collect();
    models.retain(|model| !aliases.contains(&model.raw.name));
    let places: HashMap<String, usize> =
        models.iter().enumerate().map(|(place, model)| (model.raw.name.clone(), place)).collect();
    for correction in corrections {
        let place = places.get(&correction.raw.name).copied();
        match place.and_then(|place| models.get_mut(place)) {
            Some(model) => merge(model, correction),
            None => models.push(correction),
        }
    }
}

fn merge(model: &mut Read, correction: Read) {
    let (old, new) = (std::mem::take(&mut model.raw), correction.raw);
    let keeps_price = new.price.is_none() && new.units.is_none();
    model.raw = RawModel {
        name: new.name,
        aliases: new.aliases.or(old.aliases),
        task: new.task.or(old.task),
        dialect: new.dialect.or(old.dialect),
        context_window: new.context_window.or(old.context_window),
        max_output_tokens: new.max_output_tokens.or(old.max_output_tokens),
        input: new.input.or(old.input),
        output: new.output.or(old.output),
        capabilities: new.capabilities.or(old.capabilities),
        quirks: new.quirks.or(old.quirks),
        price: if keeps_price { old.price } else { new.price },
        rules: if keeps_price { old.rules } else { new.rules },
        units: if keeps_price { old.units } else { new.units },
        residency: if keeps_price { old.residency } else { new.residency },
    };
    model.file = correction.file;
    if !keeps_price {
        model.version = correction.version;
    }
}

fn model(Read { raw, version, .. }: Read, findings: &mut Findings) -> Model {
    let field = format!("model `{}`", raw.name);
    if raw.name.trim().is_empty() {
        findings.report("models", "a name is empty");
    }
    let quirks = raw.quirks.clone().unwrap_or_default();
    findings.quirks(&format!("{field}.quirks"), &quirks);
    if raw.max_output_tokens.zip(raw.context_window).is_some_and(|(output, window)| output > window) {
        findings.report(&format!("{field}.max_output_tokens"), "is larger than the context window");
    }
    if let Some(dialect) = &raw.dialect {
        findings.filled(&format!("{field}.dialect"), dialect);
    }
    let text = || vec!["text".to_owned()];
    let task = raw.task.as_deref().and_then(|word| findings.word(&format!("{field}.task"), word, TASKS));
    Model {
        task: task.unwrap_or_default(),
        input: findings.words(&format!("{field}.input"), &raw.input.clone().unwrap_or_else(text), MODALITIES),
        output: findings.words(
            &format!("{field}.output"),
            &raw.output.clone().unwrap_or_else(text),
            MODALITIES,
        ),
        capabilities: findings.words(
            &format!("{field}.capabilities"),
            raw.capabilities.as_deref().unwrap_or_default(),
            CAPABILITIES,
        ),
        price: price(&field, &raw, version, findings).map(Arc::new),
        name: raw.name.into(),
        aliases: raw.aliases.into_iter().flatten().map(Into::into).collect(),
        dialect: raw.dialect,
        context_window: raw.context_window,
        max_output_tokens: raw.max_output_tokens,
        quirks,
    }
}

fn price(field: &str, raw: &RawModel, version: Arc<str>, findings: &mut Findings) -> Option<Price> {
    let rules = raw.rules.as_deref().unwrap_or_default();
    if raw.price.is_none() && !rules.is_empty() {
        findings.report(&format!("{field}.rules"), "there are rules, but no price");
    }
    let units = units(field, raw, findings);
    let residencies = residencies(field, raw, findings);
    let base = match &raw.price {
        Some(price) => rates(&format!("{field}.price"), price, findings)?,
        // What charges for other things alone charges nothing for tokens.
        None if !units.is_empty() => Rates::new(|_| Some(PerMillion(0)))?,
        None => return None,
    };
    let numbered = rules.iter().enumerate();
    let rules =
        numbered.filter_map(|(index, raw)| rule(&format!("{field}.rules[{index}]"), raw, findings)).collect();
    Some(Price::new(version, base, rules, units).with_residencies(residencies))
}

fn residencies(field: &str, raw: &RawModel, findings: &mut Findings) -> Vec<(Residency, Times)> {
    let words: Vec<_> = Residency::ALL.iter().map(|place| (place.as_str(), *place)).collect();
    let mut residencies = Vec::new();
    for (place, factor) in raw.residency.iter().flatten() {
        let field = format!("{field}.residency.{place}");
        let times = parse_times(factor);
        if times.is_none() {
            findings.report(&field, format!("`{factor}` is not a factor with at most six decimals"));
        }
        residencies.extend(findings.word(&field, place, &words).zip(times));
    }
    residencies
}

fn rule(field: &str, raw: &RawRule, findings: &mut Findings) -> Option<Rule> {
    if raw.above.is_none() && raw.service_tier.is_none() {
        findings.report(field, "needs `above`, `service_tier` or both");
    }
    let tiers: Vec<_> = ServiceTier::ALL.iter().map(|tier| (tier.as_str(), *tier)).collect();
    let service_tier = match &raw.service_tier {
        Some(word) => Some(findings.word(&format!("{field}.service_tier"), word, &tiers)?),
        None => None,
    };
    let rates = rates(&format!("{field}.price"), &raw.price, findings)?;
    Some(Rule { above: Tokens(raw.above.unwrap_or(0)), service_tier, rates })
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

fn units(field: &str, raw: &RawModel, findings: &mut Findings) -> Vec<(Unit, PerMillion)> {
    let words: Vec<_> = Unit::ALL.iter().map(|unit| (unit.as_str(), *unit)).collect();
    let mut units = Vec::new();
    for (unit, dollars) in raw.units.iter().flatten() {
        let field = format!("{field}.units.{unit}");
        let price = parse_dollars_per_thousand(dollars);
        if price.is_none() {
            findings.report(&field, format!("`{dollars}` is not dollars with at most nine decimals"));
        }
        units.extend(findings.word(&field, unit, &words).zip(price));
    }
    units
}
