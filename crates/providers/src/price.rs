//! What an answer costs: exact integers, by token class and by unit, with rules for long requests and for service tiers.

use std::sync::Arc;

use types::{MicroUsd, PerMillion, Residency, ServiceTier, TokenClass, Tokens, Unit, Units, Usage};

/// A model's price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Which list this is, e.g. `2026-11-20`: every ledger entry names it.
    pub version: Arc<str>,
    base: Rates,
    /// The first that fits is in force; the base where none does.
    rules: Vec<Rule>,
    units: Vec<(Unit, PerMillion)>,
    /// How many times as much the tokens of an answer cost that is kept to a place.
    residencies: Vec<(Residency, Times)>,
}

/// A factor in millionths: 1.1 is `1_100_000`.
pub(crate) type Times = u64;
/// As much as anywhere.
const ONCE: Times = 1_000_000;

/// Rates that are in force instead of the base's where all conditions hold, for every token of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// All input, cached or not, is more than this.
    pub(crate) above: Tokens,
    /// The answer was served at this tier.
    pub(crate) service_tier: Option<ServiceTier>,
    pub(crate) rates: Rates,
}

impl Rule {
    fn fits(&self, input: Tokens, tier: Option<ServiceTier>) -> bool {
        self.reaches(input) && (self.service_tier.is_none() || self.service_tier == tier)
    }

    /// Whether so much input is enough, whatever the tier.
    fn reaches(&self, input: Tokens) -> bool {
        self.above == Tokens(0) || input > self.above
    }
}

impl Price {
    /// A price list with these base rates, rules and units.
    pub(crate) const fn new(
        version: Arc<str>,
        base: Rates,
        rules: Vec<Rule>,
        units: Vec<(Unit, PerMillion)>,
    ) -> Self {
        Self { version, base, rules, units, residencies: Vec::new() }
    }

    /// The same list with so many times its prices for tokens in these places.
    pub(crate) fn with_residencies(self, residencies: Vec<(Residency, Times)>) -> Self {
        Self { residencies, ..self }
    }

    /// What a million tokens of `class` cost in a request to which no rule applies.
    pub fn rate(&self, class: TokenClass) -> PerMillion {
        self.base.of(class)
    }

    /// What a million of `unit` cost, where the model charges for them.
    pub fn unit(&self, unit: Unit) -> Option<PerMillion> {
        let listed = |unit| self.units.iter().find(|(known, _)| *known == unit).map(|(_, rate)| *rate);
        listed(unit).or_else(|| listed(unit.usual()))
    }

    /// Whether it charges for units alone: tokens cost nothing, so that nobody has to guess them.
    pub fn is_by_unit(&self) -> bool {
        let of_tokens = [Direction::Input, Direction::Output].map(|direction| self.base.dearest(direction));
        !self.units.is_empty() && self.rules.is_empty() && of_tokens == [PerMillion(0); 2]
    }

    /// What `usage` costs: one set of rates holds for every token of the request. What is counted in tokens that have
    /// a price is not charged by the unit again.
    pub fn cost(&self, usage: &Usage) -> MicroUsd {
        let input = usage.input_total();
        let rule = self.rules.iter().find(|rule| rule.fits(input, usage.service_tier));
        let rates = rule.map_or(&self.base, |rule| &rule.rates);
        let tokens = TokenClass::ALL.iter().map(|class| rates.of(*class).exact(usage.of(*class)));
        let charged = |unit: Unit| {
            let is_told = |class| usage.of(class) > Tokens(0) && rates.of(class) > PerMillion(0);
            !unit.as_tokens().is_some_and(is_told)
        };
        let units = usage.units.used().filter(|(unit, _)| charged(*unit));
        let units = units.filter_map(|(unit, count)| Some(self.unit(unit)?.exact_units(count)));
        let place = self.residencies.iter().find(|(place, _)| Some(*place) == usage.residency);
        let tokens = times(tokens.sum(), place.map_or(ONCE, |(_, times)| *times));
        MicroUsd::from_exact(tokens + units.sum::<u128>())
    }

    /// The most that `input` and `output` tokens can cost, whatever classes they turn out to be in, whichever tier
    /// and place the provider serves them at and whichever rule up to their number applies, with these units: what a reservation
    /// holds.
    pub fn ceiling(&self, input: Tokens, output: Tokens, units: &Units) -> MicroUsd {
        let reached = self.rules.iter().filter(|rule| rule.reaches(input)).map(|rule| &rule.rates);
        let worst = |rates: &Rates| {
            rates.dearest(Direction::Input).exact(input) + rates.dearest(Direction::Output).exact(output)
        };
        let tokens = reached.map(worst).fold(worst(&self.base), u128::max);
        let dearest = self.residencies.iter().map(|(_, times)| *times).fold(ONCE, Times::max);
        let units = units.used().filter_map(|(unit, count)| Some(self.unit(unit)?.exact_units(count)));
        MicroUsd::from_exact(times(tokens, dearest) + units.sum::<u128>())
    }

    /// A list that is nowhere cheaper than any of these; `None` where there are none. It has no rules: each class
    /// costs what the dearest of them asks for it under any rule. Its version says that it is a ceiling.
    pub(crate) fn dearest<'p>(prices: impl IntoIterator<Item = &'p Self>) -> Option<Self> {
        let prices: Vec<_> = prices.into_iter().collect();
        let mut dearest: Option<Self> = None;
        for price in &prices {
            let top = dearest.get_or_insert_with(|| {
                let version = format!("{}-ceiling", price.version).into();
                Self::new(version, price.base, Vec::new(), Vec::new())
            });
            let rates = price.rules.iter().map(|rule| &rule.rates).chain([&price.base]);
            top.base = rates.fold(top.base, |top, rates| top.or_dearer(rates));
            for (place, times) in &price.residencies {
                match top.residencies.iter_mut().find(|(known, _)| known == place) {
                    Some((_, known)) => *known = (*known).max(*times),
                    None => top.residencies.push((*place, *times)),
                }
            }
        }
        let mut dearest = dearest?;
        // What one list names, another may price by what it falls back to.
        let most = |unit: Unit| prices.iter().filter_map(|price| price.unit(unit)).max();
        dearest.units = Unit::ALL.iter().filter_map(|unit| Some((*unit, most(*unit)?))).collect();
        Some(dearest)
    }
}

/// A price for every class, where classes that the list does not name cost what they fall back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rates {
    input: PerMillion,
    input_audio: PerMillion,
    input_image: PerMillion,
    cache_read: PerMillion,
    cache_read_audio: PerMillion,
    cache_write_5m: PerMillion,
    cache_write_1h: PerMillion,
    output: PerMillion,
    output_audio: PerMillion,
    output_image: PerMillion,
    reasoning: PerMillion,
}

#[derive(Clone, Copy)]
enum Direction {
    Input,
    Output,
}

impl Rates {
    /// The rates that `named` gives, with fallbacks; `None` without an input or output price.
    pub(crate) fn new(named: impl Fn(TokenClass) -> Option<PerMillion>) -> Option<Self> {
        let input = named(TokenClass::Input)?;
        let output = named(TokenClass::Output)?;
        let cache_write_5m = named(TokenClass::CacheWrite5m).unwrap_or(input);
        let cache_read = named(TokenClass::CacheRead).unwrap_or(input);
        Some(Self {
            input,
            input_audio: named(TokenClass::InputAudio).unwrap_or(input),
            input_image: named(TokenClass::InputImage).unwrap_or(input),
            cache_read,
            cache_read_audio: named(TokenClass::CacheReadAudio).unwrap_or(cache_read),
            cache_write_5m,
            // A longer life never costs less, so an unnamed one is at least the shorter one's price.
            cache_write_1h: named(TokenClass::CacheWrite1h).unwrap_or(cache_write_5m),
            output,
            output_audio: named(TokenClass::OutputAudio).unwrap_or(output),
            output_image: named(TokenClass::OutputImage).unwrap_or(output),
            reasoning: named(TokenClass::Reasoning).unwrap_or(output),
        })
    }

    fn of(&self, class: TokenClass) -> PerMillion {
        match class {
            TokenClass::Input => self.input,
            TokenClass::InputAudio => self.input_audio,
            TokenClass::InputImage => self.input_image,
            TokenClass::CacheRead => self.cache_read,
            TokenClass::CacheReadAudio => self.cache_read_audio,
            TokenClass::CacheWrite5m => self.cache_write_5m,
            TokenClass::CacheWrite1h => self.cache_write_1h,
            TokenClass::Output => self.output,
            TokenClass::OutputAudio => self.output_audio,
            TokenClass::OutputImage => self.output_image,
            TokenClass::Reasoning => self.reasoning,
        }
    }

    fn dearest(&self, direction: Direction) -> PerMillion {
        let input = matches!(direction, Direction::Input);
        let classes = TokenClass::ALL.iter().filter(|class| class.is_input() == input);
        classes.map(|class| self.of(*class)).max().unwrap_or_default()
    }

    /// Class by class the dearer of the two.
    fn or_dearer(&self, other: &Self) -> Self {
        Self::new(|class| Some(self.of(class).max(other.of(class)))).unwrap_or(*self)
    }
}

/// So many times an exact amount.
fn times(amount: u128, times: Times) -> u128 {
    amount * u128::from(times) / u128::from(ONCE)
}

/// Reads a factor: a decimal with at most six places. Exact, or `None`.
pub(crate) fn parse_times(text: &str) -> Option<Times> {
    parse_decimal(text, 6).map(|PerMillion(times)| times)
}

/// The dearest price that is believed. It also keeps the sum over all classes of any count within 128 bits.
const LIMIT_DOLLARS: u64 = 1_000_000;

/// Reads dollars per million: digits, and at most six more after a point. Exact, or `None`.
pub(crate) fn parse_dollars(text: &str) -> Option<PerMillion> {
    parse_decimal(text, 6)
}

/// Reads dollars per thousand: digits, and at most nine more after a point. Exact, or `None`.
pub(crate) fn parse_dollars_per_thousand(text: &str) -> Option<PerMillion> {
    parse_decimal(text, 9)
}

/// A decimal as a whole number of its smallest steps.
fn parse_decimal(text: &str, places: usize) -> Option<PerMillion> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > places {
        return None;
    }
    let dollars: u64 = whole.parse().ok().filter(|dollars| *dollars < LIMIT_DOLLARS)?;
    let steps: u64 = format!("{fraction:0<places$}").parse().ok()?;
    Some(PerMillion(dollars * 10_u64.pow(u32::try_from(places).ok()?) + steps))
}

#[cfg(test)]
mod tests;
