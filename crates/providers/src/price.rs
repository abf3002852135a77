//! What tokens cost: exact integers, by class, with the tiers that reprice a long request as a whole.

use std::sync::Arc;

use types::{MicroUsd, PerMillion, TokenClass, Tokens, Usage};

/// A model's price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Which list this is, e.g. `2026-11-20`: every ledger entry names it.
    pub version: Arc<str>,
    base: Rates,
    /// Rates that apply once the input, cached or not, is larger than the count; smallest count first.
    tiers: Vec<(Tokens, Rates)>,
}

impl Price {
    /// A price list with these base rates and tiers.
    pub(crate) fn new(version: Arc<str>, base: Rates, mut tiers: Vec<(Tokens, Rates)>) -> Self {
        tiers.sort_by_key(|(above, _)| *above);
        Self { version, base, tiers }
    }

    /// What a million tokens of `class` cost in a request that no tier reprices.
    pub fn rate(&self, class: TokenClass) -> PerMillion {
        self.base.of(class)
    }

    /// What `usage` costs. The tier follows from all input and holds for every token of the request.
    pub fn cost(&self, usage: &Usage) -> MicroUsd {
        let rates = self.rates_at(usage.input_total());
        MicroUsd::from_exact(
            TokenClass::ALL.iter().map(|class| rates.of(*class).exact(usage.of(*class))).sum(),
        )
    }

    /// The most that `input` and `output` tokens can cost, whatever classes they turn out to be in and whichever
    /// tier up to theirs applies: what a reservation holds.
    pub fn ceiling(&self, input: Tokens, output: Tokens) -> MicroUsd {
        let reached = self.tiers.iter().filter(|(above, _)| input > *above).map(|(_, rates)| rates);
        let worst = |rates: &Rates| {
            rates.dearest(Direction::Input).exact(input) + rates.dearest(Direction::Output).exact(output)
        };
        MicroUsd::from_exact(reached.map(worst).fold(worst(&self.base), u128::max))
    }

    fn rates_at(&self, input: Tokens) -> &Rates {
        self.tiers.iter().rev().find(|(above, _)| input > *above).map_or(&self.base, |(_, rates)| rates)
    }
}

/// A price for every class, where classes that the list does not name cost what they fall back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rates {
    input: PerMillion,
    input_audio: PerMillion,
    cache_read: PerMillion,
    cache_write_5m: PerMillion,
    cache_write_1h: PerMillion,
    output: PerMillion,
    output_audio: PerMillion,
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
        Some(Self {
            input,
            input_audio: named(TokenClass::InputAudio).unwrap_or(input),
            cache_read: named(TokenClass::CacheRead).unwrap_or(input),
            cache_write_5m,
            // A longer life never costs less, so an unnamed one is at least the shorter one's price.
            cache_write_1h: named(TokenClass::CacheWrite1h).unwrap_or(cache_write_5m),
            output,
            output_audio: named(TokenClass::OutputAudio).unwrap_or(output),
            reasoning: named(TokenClass::Reasoning).unwrap_or(output),
        })
    }

    fn of(&self, class: TokenClass) -> PerMillion {
        match class {
            TokenClass::Input => self.input,
            TokenClass::InputAudio => self.input_audio,
            TokenClass::CacheRead => self.cache_read,
            TokenClass::CacheWrite5m => self.cache_write_5m,
            TokenClass::CacheWrite1h => self.cache_write_1h,
            TokenClass::Output => self.output,
            TokenClass::OutputAudio => self.output_audio,
            TokenClass::Reasoning => self.reasoning,
        }
    }

    fn dearest(&self, direction: Direction) -> PerMillion {
        let input = matches!(direction, Direction::Input);
        let classes = TokenClass::ALL.iter().filter(|class| class.is_input() == input);
        classes.map(|class| self.of(*class)).max().unwrap_or_default()
    }
}

/// The dearest price that is believed. It also keeps the sum over all classes of any count within 128 bits.
const LIMIT_DOLLARS: u64 = 1_000_000;

/// Reads dollars per million tokens: digits, and at most six more after a point. Exact, or `None`.
pub(crate) fn parse_dollars(text: &str) -> Option<PerMillion> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let dollars: u64 = whole.parse().ok().filter(|dollars| *dollars < LIMIT_DOLLARS)?;
    let micros: u64 = format!("{fraction:0<6}").parse().ok()?;
    Some(PerMillion(dollars * 1_000_000 + micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(prices: &[(TokenClass, u64)]) -> Rates {
        let named =
            |class| prices.iter().find(|(known, _)| *known == class).map(|(_, micros)| PerMillion(*micros));
        Rates::new(named).unwrap()
    }

    fn list() -> Price {
        use TokenClass::{CacheRead, CacheWrite1h, CacheWrite5m, Input, Output};
        let base = rates(&[
            (Input, 3_000_000),
            (Output, 15_000_000),
            (CacheRead, 300_000),
            (CacheWrite5m, 3_750_000),
            (CacheWrite1h, 6_000_000),
        ]);
        let long = rates(&[(Input, 6_000_000), (Output, 22_500_000), (CacheRead, 600_000)]);
        Price::new("2026-01-01".into(), base, vec![(Tokens(200_000), long)])
    }

    #[track_caller]
    fn check_dollars(text: &str, expect: Option<u64>) {
        assert_eq!(parse_dollars(text), expect.map(PerMillion), "{text}");
    }

    #[test]
    fn dollars_are_read_exactly_or_not_at_all() {
        check_dollars("0.15", Some(150_000));
        check_dollars("0", Some(0));
        check_dollars("12", Some(12_000_000));
        check_dollars("0.003625", Some(3_625));
        for wrong in ["", ".5", "1.", "-1", "+1", "1e3", "0.1234567", "1,5", "1.2.3", " 1", "1000000", "٣"] {
            check_dollars(wrong, None);
        }
    }

    #[test]
    fn each_class_is_charged_at_its_own_rate_and_rounded_once() {
        let usage = Usage {
            input: Tokens(1),
            cache_read: Tokens(1),
            cache_write_5m: Tokens(1),
            cache_write_1h: Tokens(1),
            output: Tokens(1),
            reasoning: Tokens(1),
            ..Usage::default()
        };
        // 3 + 0.3 + 3.75 + 6 + 15 + 15 = 43.05 micro-dollars.
        assert_eq!(list().cost(&usage), MicroUsd::from_micros(43));
    }

    #[test]
    fn classes_without_a_price_fall_back() {
        let rates = rates(&[(TokenClass::Input, 2), (TokenClass::Output, 8)]);
        for class in TokenClass::ALL {
            assert_eq!(
                rates.of(*class),
                PerMillion(if class.is_input() { 2 } else { 8 }),
                "{}",
                class.as_str()
            );
        }
    }

    #[test]
    fn a_long_input_reprices_the_whole_request() {
        let usage = |input, cache_read| Usage {
            input: Tokens(input),
            cache_read: Tokens(cache_read),
            output: Tokens(1_000),
            ..Usage::default()
        };
        assert_eq!(list().cost(&usage(100_000, 100_000)), MicroUsd::from_micros(300_000 + 30_000 + 15_000));
        assert_eq!(list().cost(&usage(100_000, 100_001)), MicroUsd::from_micros(600_000 + 60_001 + 22_500));
    }

    #[test]
    fn no_usage_within_the_estimate_costs_more_than_the_ceiling() {
        let (input, output) = (Tokens(200_001), Tokens(5_000));
        let ceiling = list().ceiling(input, output);
        for counted in [0, 200_000, 200_001] {
            for input_class in TokenClass::ALL.iter().filter(|class| class.is_input()) {
                let mut usage = Usage { reasoning: output, ..Usage::default() };
                match input_class {
                    TokenClass::CacheRead => usage.cache_read = Tokens(counted),
                    TokenClass::CacheWrite1h => usage.cache_write_1h = Tokens(counted),
                    TokenClass::CacheWrite5m => usage.cache_write_5m = Tokens(counted),
                    TokenClass::InputAudio => usage.input_audio = Tokens(counted),
                    TokenClass::Input
                    | TokenClass::Output
                    | TokenClass::OutputAudio
                    | TokenClass::Reasoning => usage.input = Tokens(counted),
                }
                assert!(list().cost(&usage) <= ceiling, "{counted} {}", input_class.as_str());
            }
        }
    }

    #[test]
    fn absurd_counts_saturate() {
        let usage = Usage { input: Tokens(u64::MAX), output: Tokens(u64::MAX), ..Usage::default() };
        assert_eq!(list().cost(&usage), MicroUsd::from_micros(u64::MAX));
    }
}
