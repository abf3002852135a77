//! What the tables say of a model's price, as rates, rules and units.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::model::{grouped, number};
use super::tables::Facts;

/// All prices of a model.
#[derive(Default)]
pub(super) struct Prices {
    base: Option<Rates>,
    rules: Vec<Rule>,
    units: Vec<(&'static str, String)>,
    /// How many times as much tokens cost in the United States alone.
    in_us: Option<String>,
}

struct Rule {
    above: Option<u64>,
    tier: Option<&'static str>,
    rates: Rates,
}

/// Dollars per million by class, in the order of [`CLASSES`], without what a class falls back to anyway.
type Rates = Vec<(&'static str, String)>;

/// A class: our word, what `LiteLLM`'s keys for it begin with, and the class it falls back to.
struct Class {
    word: &'static str,
    keys: &'static [&'static str],
    fallback: Option<&'static str>,
}

const fn class(word: &'static str, keys: &'static [&'static str], fallback: Option<&'static str>) -> Class {
    Class { word, keys, fallback }
}

const CLASSES: &[Class] = &[
    class("input", &["input_cost_per_token"], None),
    class("input_audio", &["input_cost_per_audio_token"], Some("input")),
    class("input_image", &["input_cost_per_image_token"], Some("input")),
    class("cache_read", &["cache_read_input_token_cost", "input_cost_per_token_cache_hit"], Some("input")),
    class("cache_read_audio", &["cache_read_input_audio_token_cost"], Some("cache_read")),
    class("cache_write_5m", &["cache_creation_input_token_cost"], Some("input")),
    class("cache_write_1h", &["cache_creation_input_token_cost_above_1hr"], Some("cache_write_5m")),
    class("output", &["output_cost_per_token"], None),
    class("output_audio", &["output_cost_per_audio_token"], Some("output")),
    class("output_image", &["output_cost_per_image_token"], Some("output")),
    class("reasoning", &["output_cost_per_reasoning_token"], Some("output")),
];

/// Our words for service tiers, and how `LiteLLM`'s keys for them end.
const TIERS: &[(&str, &str)] = &[
    ("balanced", "_balanced"),
    ("batch", "_batches"),
    ("flex", "_flex"),
    ("priority", "_priority"),
    ("ultrafast", "_ultrafast"),
];

/// Our words for units, `LiteLLM`'s keys, and the tasks of which they are true; of all where there are none.
const UNITS: &[(&str, &str, &[&str])] = &[
    ("input_character", "input_cost_per_character", &[]),
    ("input_image", "input_cost_per_image", &["chat", "embedding"]),
    ("input_second", "input_cost_per_second", &["transcription", "realtime", "embedding"]),
    ("input_second", "input_cost_per_audio_per_second", &["transcription"]),
    ("output_image", "output_cost_per_image", &[]),
    ("output_image", "input_cost_per_image", &["image"]),
    ("output_second", "output_cost_per_second", &["speech", "video"]),
    ("output_second", "output_cost_per_video_per_second", &["video"]),
    ("page", "ocr_cost_per_page", &[]),
    ("query", "input_cost_per_query", &[]),
    ("request", "input_cost_per_request", &[]),
];

impl Prices {
    pub(super) fn read(facts: &Facts, task: &str, zero_is_free: bool) -> Self {
        let mut prices = Self::ranges(facts).unwrap_or_else(|| Self::keys(facts));
        prices.units = units(facts, task);
        prices.in_us = multiple(facts, "us").filter(|_| prices.base.is_some()).map(|times| decimal(times, 6));
        // The table estimates by the second what is charged for by the token.
        if task == "transcription" && prices.base.is_some() {
            prices.units.retain(|(unit, _)| *unit != "input_second");
        }
        let is_zero = |rates: &Rates| rates.iter().all(|(_, dollars)| dollars == "0");
        // A table that knows no price may say that it is nothing.
        if prices.base.as_ref().is_some_and(is_zero) && !zero_is_free {
            prices.base = None;
        }
        if prices.base.is_none() {
            prices.rules.clear();
        }
        prices
    }

    /// Prices by keys that end in what they are for: `input_cost_per_token_above_200k_tokens_flex`.
    fn keys(facts: &Facts) -> Self {
        let standard = Point { facts, above: None, tier: "" };
        let mut rules = Vec::new();
        for above in thresholds(facts) {
            rules.extend(TIERS.iter().filter_map(|(tier, suffix)| {
                Some(Rule {
                    above,
                    tier: Some(tier),
                    rates: Point { facts, above, tier: suffix }.rates(&standard)?,
                })
            }));
            if above.is_some() {
                let rates = Point { facts, above, tier: "" }.rates(&standard);
                rules.extend(rates.map(|rates| Rule { above, tier: None, rates }));
            }
        }
        rules.extend(fast(facts, &standard));
        Self { base: standard.base(), rules, ..Self::default() }
    }

    /// Prices by a list of ranges of input.
    fn ranges(facts: &Facts) -> Option<Self> {
        let ranges = facts.get("tiered_pricing").and_then(Value::as_array)?;
        let read = |range: &Value| {
            let above = number(range.get("range")?.get(0)?)?;
            Some((above, Point { facts: range.as_object()?, above: None, tier: "" }.base()?))
        };
        let mut ranges: Vec<_> = ranges.iter().filter_map(read).collect();
        ranges.sort_by_key(|(above, _)| *above);
        let first = (!ranges.is_empty()).then(|| ranges.remove(0))?;
        let rules =
            ranges.into_iter().rev().map(|(above, rates)| Rule { above: Some(above), tier: None, rates });
        Some(Self { base: Some(first.1), rules: rules.collect(), ..Self::default() })
    }

    /// Whether both are the same but for their rules.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        self.base == other.base && self.units == other.units
    }

    pub(super) fn write(&self, text: &mut String) {
        // Writing to a String cannot fail.
        if let Some(base) = &self.base {
            let _ = writeln!(text, "price = {}", inline(base));
        }
        if !self.rules.is_empty() {
            text.push_str("rules = [\n");
            for rule in &self.rules {
                text.push_str("  { ");
                if let Some(above) = rule.above {
                    let _ = write!(text, "above = {}, ", grouped(above));
                }
                if let Some(tier) = rule.tier {
                    let _ = write!(text, "service_tier = \"{tier}\", ");
                }
                let _ = writeln!(text, "price = {} }},", inline(&rule.rates));
            }
            text.push_str("]\n");
        }
        if !self.units.is_empty() {
            let _ = writeln!(text, "units = {}", inline(&self.units));
        }
        if let Some(times) = &self.in_us {
            let _ = writeln!(text, "residency = {{ us = \"{times}\" }}");
        }
    }
}

/// The numbers of input tokens above which prices differ, the largest first; none comes last.
fn thresholds(facts: &Facts) -> Vec<Option<u64>> {
    let threshold = |key: &String| {
        let (_, rest) = key.split_once("_cost_per_token_above_")?;
        rest.split_once("k_tokens")?.0.parse::<u64>().ok()
    };
    let found: BTreeSet<u64> = facts.keys().filter_map(threshold).collect();
    found.into_iter().rev().map(|thousands| Some(thousands * 1_000)).chain([None]).collect()
}

/// Anthropic's fast mode: a multiple of everything.
fn fast(facts: &Facts, standard: &Point<'_>) -> Option<Rule> {
    let multiple = multiple(facts, "fast")?;
    let rates = Point::fill(|class| Some(standard.own(class)? * multiple))?;
    Some(Rule { above: None, tier: Some("fast"), rates })
}

/// What everything is multiplied with in a case of the provider's own.
fn multiple(facts: &Facts, case: &str) -> Option<f64> {
    facts.get("provider_specific_entry")?.get(case)?.as_f64()
}

/// Where in a table's many keys a price stands.
struct Point<'f> {
    facts: &'f Facts,
    above: Option<u64>,
    tier: &'f str,
}

impl Point<'_> {
    /// Dollars per token that the table names for exactly this.
    fn own(&self, class: &Class) -> Option<f64> {
        let above = self.above.map(|count| format!("_above_{}k_tokens", count / 1_000)).unwrap_or_default();
        let found = |key: &&str| self.facts.get(&format!("{key}{above}{}", self.tier))?.as_f64();
        class.keys.iter().find_map(found)
    }

    fn base(&self) -> Option<Rates> {
        Self::fill(|class| self.own(class))
    }

    /// The rates here. What the table leaves out differs from the standard as input and output do.
    fn rates(&self, standard: &Self) -> Option<Rates> {
        let ratio = |word: &str| {
            let class = CLASSES.iter().find(|class| class.word == word)?;
            let usual = standard.own(class).filter(|usual| *usual > 0.0)?;
            Some(self.own(class)? / usual)
        };
        let (input, output) = (ratio("input"), ratio("output"));
        // A key for the cache alone is no price.
        if input.is_none() && output.is_none() {
            return None;
        }
        let scale = |class: &Class| {
            let is_output = class.word.starts_with("output") || class.word == "reasoning";
            if is_output { output } else { input }.unwrap_or(1.0)
        };
        Self::fill(|class| self.own(class).or_else(|| Some(standard.own(class)? * scale(class))))
    }

    /// Every class by `dollars`, per million, without those that cost what they fall back to.
    fn fill(dollars: impl Fn(&Class) -> Option<f64>) -> Option<Rates> {
        let input = CLASSES.first()?;
        let mut all: Vec<(&'static str, String)> = Vec::new();
        let mut rates = Rates::new();
        for class in CLASSES {
            let fallback = class.fallback.and_then(|word| all.iter().find(|(known, _)| *known == word));
            let price = dollars(class);
            // What is written to a cache is read by the model too: where a table says less, it means the storage.
            let least = dollars(input).filter(|_| class.word.starts_with("cache_write"));
            let price = price.filter(|price| least.is_none_or(|least| *price >= least));
            let price = price.map(|price| decimal(price * 1e6, 6));
            let own = match (price, fallback) {
                (Some(price), Some((_, fallback))) if price == *fallback => None,
                (Some(price), _) => Some(price),
                // Vectors and rankings are no tokens.
                (None, None) if class.word == "output" && !rates.is_empty() => Some("0".to_owned()),
                (None, None) => return None,
                (None, Some(_)) => None,
            };
            let known = own.clone().or_else(|| fallback.map(|(_, price)| price.clone()));
            all.extend(known.map(|price| (class.word, price)));
            rates.extend(own.map(|price| (class.word, price)));
        }
        Some(rates)
    }
}

fn units(facts: &Facts, task: &str) -> Vec<(&'static str, String)> {
    let mut units: Vec<(&'static str, String)> = Vec::new();
    let searches = facts.get("search_context_cost_per_query");
    let search = |size| searches?.get(format!("search_context_size_{size}"))?.as_f64();
    let usual = search("medium");
    let sizes = [("web_search_low", search("low")), ("web_search_high", search("high"))];
    let sizes = sizes.into_iter().filter(|(_, dollars)| usual.is_some() && *dollars != usual);
    let searches = [("web_search", usual)].into_iter().chain(sizes);
    let searches = searches.filter_map(|(unit, dollars)| Some((unit, dollars?)));
    let listed = UNITS.iter().filter(|(_, _, tasks)| tasks.is_empty() || tasks.contains(&task));
    let listed = listed.filter_map(|(unit, key, _)| Some((*unit, facts.get(*key)?.as_f64()?)));
    for (unit, dollars) in listed.chain(searches) {
        if dollars > 0.0 && units.iter().all(|(known, _)| *known != unit) {
            units.push((unit, decimal(dollars * 1e3, 9)));
        }
    }
    units
}

/// A price as a decimal with at most so many places, without zeros at its end.
fn decimal(dollars: f64, places: usize) -> String {
    let text = format!("{dollars:.places$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() { "0".to_owned() } else { text.to_owned() }
}

fn inline(pairs: &[(&'static str, String)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(word, dollars)| format!("{word} = \"{dollars}\"")).collect();
    format!("{{ {} }}", pairs.join(", "))
}
