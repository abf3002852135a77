//! Exact costs, rules, fallbacks and ceilings.

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
    let flex = rates(&[(Input, 1_500_000), (Output, 7_500_000), (CacheRead, 150_000)]);
    let long_flex = rates(&[(Input, 2_000_000), (Output, 8_000_000)]);
    let above = Tokens(200_000);
    let rules = vec![
        Rule { above, service_tier: Some(ServiceTier::Flex), rates: long_flex },
        Rule { above, service_tier: None, rates: long },
        Rule { above: Tokens(0), service_tier: Some(ServiceTier::Flex), rates: flex },
    ];
    Price::new("2026-01-01".into(), base, rules, vec![(Unit::WebSearch, PerMillion(10_000_000_000))])
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
    assert_eq!(parse_dollars_per_thousand("0.015"), Some(PerMillion(15_000_000)));
    assert_eq!(parse_dollars_per_thousand("40"), Some(PerMillion(40_000_000_000)));
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
fn units_are_charged_beside_tokens_and_never_twice() {
    let units = Units { web_search: 3, page: 5, ..Units::default() };
    let searched = Usage { input: Tokens(1), units, ..Usage::default() };
    // 3 + 3 times a hundredth of a dollar; pages have no price.
    assert_eq!(list().cost(&searched), MicroUsd::from_micros(30_003));
    let pictures = vec![(Unit::OutputImage, PerMillion(40_000_000_000))];
    let by_picture = |output_image| {
        let base = rates(&[
            (TokenClass::Input, 0),
            (TokenClass::Output, 0),
            (TokenClass::OutputImage, output_image),
        ]);
        Price::new("2026-01-01".into(), base, Vec::new(), pictures.clone())
    };
    let units = Units { output_image: 2, ..Units::default() };
    let told = Usage { output_image: Tokens(1_000), units, ..Usage::default() };
    let untold = Usage { units, ..Usage::default() };
    assert_eq!(by_picture(0).cost(&told), MicroUsd::from_micros(80_000));
    assert_eq!(by_picture(30_000_000).cost(&told), MicroUsd::from_micros(30_000));
    assert_eq!(by_picture(30_000_000).cost(&untold), MicroUsd::from_micros(80_000));
    assert_eq!(by_picture(0).ceiling(Tokens(9), Tokens(9), &units), MicroUsd::from_micros(80_000));
    assert_eq!(
        (by_picture(0).is_by_unit(), by_picture(1).is_by_unit(), list().is_by_unit()),
        (true, false, false)
    );
}

#[test]
fn the_dearest_list_charges_the_dearest_unit() {
    let [cheap, dear] = [1, 2].map(|rate| {
        let units = vec![(Unit::Query, PerMillion(rate * 1_000_000_000))];
        Price::new(
            "2026-01-01".into(),
            rates(&[(TokenClass::Input, 0), (TokenClass::Output, 0)]),
            Vec::new(),
            units,
        )
    });
    let dearest = Price::dearest([&cheap, &dear, &list()]).unwrap();
    assert_eq!(dearest.unit(Unit::Query), Some(PerMillion(2_000_000_000)));
    assert_eq!(dearest.unit(Unit::WebSearch), Some(PerMillion(10_000_000_000)));
}

#[test]
fn classes_without_a_price_fall_back() {
    let rates = rates(&[(TokenClass::Input, 2), (TokenClass::Output, 8)]);
    for class in TokenClass::ALL {
        assert_eq!(rates.of(*class), PerMillion(if class.is_input() { 2 } else { 8 }), "{}", class.as_str());
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
fn the_tier_of_the_answer_has_its_own_price_and_an_unlisted_one_the_usual() {
    let cost = |input, service_tier| {
        let usage = Usage { input: Tokens(input), output: Tokens(1_000), service_tier, ..Usage::default() };
        list().cost(&usage)
    };
    let flex = Some(ServiceTier::Flex);
    assert_eq!(cost(200_000, flex), MicroUsd::from_micros(300_000 + 7_500));
    assert_eq!(cost(200_001, flex), MicroUsd::from_micros(400_002 + 8_000));
    assert_eq!(cost(200_001, Some(ServiceTier::Priority)), cost(200_001, None));
    assert_eq!(cost(1_000, Some(ServiceTier::Batch)), cost(1_000, None));
}

#[test]
fn units_have_prices_of_their_own() {
    assert_eq!(list().unit(Unit::WebSearch), Some(PerMillion(10_000_000_000)));
    assert_eq!(list().unit(Unit::Page), None);
}

#[test]
fn the_dearest_of_several_lists_is_nowhere_cheaper_than_any() {
    use TokenClass::{Input, InputAudio, Output};
    let other = rates(&[(Input, 1), (InputAudio, 90_000_000), (Output, 1)]);
    let other = Price::new("2026-01-02".into(), other, Vec::new(), Vec::new());
    let dearest = Price::dearest([&list(), &other]).unwrap();
    assert_eq!(dearest.version.as_ref(), "2026-01-01-ceiling");
    assert_eq!(dearest.rate(Input), PerMillion(6_000_000));
    assert_eq!(dearest.rate(InputAudio), PerMillion(90_000_000));
    assert_eq!(dearest.rate(Output), PerMillion(22_500_000));
    assert_eq!(Price::dearest([]), None);
}

#[test]
fn no_usage_within_the_estimate_costs_more_than_the_ceiling() {
    let (input, output) = (Tokens(200_001), Tokens(5_000));
    let ceiling = list().ceiling(input, output, &Units::default());
    for counted in [0, 200_000, 200_001] {
        for input_class in TokenClass::ALL.iter().filter(|class| class.is_input()) {
            let mut usage = Usage { reasoning: output, ..Usage::default() };
            match input_class {
                TokenClass::CacheRead => usage.cache_read = Tokens(counted),
                TokenClass::CacheWrite1h => usage.cache_write_1h = Tokens(counted),
                TokenClass::CacheWrite5m => usage.cache_write_5m = Tokens(counted),
                TokenClass::CacheReadAudio => usage.cache_read_audio = Tokens(counted),
                TokenClass::InputAudio => usage.input_audio = Tokens(counted),
                TokenClass::InputImage => usage.input_image = Tokens(counted),
                TokenClass::Input
                | TokenClass::Output
                | TokenClass::OutputAudio
                | TokenClass::OutputImage
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
