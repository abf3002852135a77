//! The router through its port: names, order, and what is left out.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use router::{
    BreakerConfig, Candidate, ChooseError, Chosen, Claim, Local, Outcome, Plan, ProviderModels, Route,
    Strictness, Weighted,
};
use types::{FaultKind, ModelName, Monotonic};

fn candidate(full: &str) -> Candidate {
    let (provider, model) = full.split_once('/').unwrap();
    Candidate::new(provider.into(), model.into())
}

fn router() -> Local {
    let weighted = |full, weight| Weighted { candidate: candidate(full), weight };
    let smart = Route {
        targets: vec![weighted("claude/opus", 3), weighted("openai/gpt", 1)],
        fallback: vec![candidate("gpu/qwen")],
        strict: Strictness::Report,
    };
    let provider = |name: &str, models: &[&str], open| ProviderModels {
        provider: name.into(),
        models: models.iter().map(|model| ModelName::from(*model)).collect(),
        open,
    };
    Local::new(
        vec![("smart".into(), smart)],
        vec![
            provider("claude", &["opus", "haiku"], true),
            provider("openai", &["gpt", "shared"], true),
            provider("gpu", &["qwen", "shared"], false),
        ],
        BreakerConfig::default(),
    )
}

fn at(seconds: u64) -> Monotonic {
    Monotonic::from_nanos(seconds * 1_000_000_000)
}

fn choose(router: &Local, model: &str, now: Monotonic) -> Result<Chosen, ChooseError> {
    router.choose(&router.resolve(model)?, now)
}

#[track_caller]
fn check(model: &str, first: Result<&str, &str>) {
    let chosen = choose(&router(), model, at(0));
    let first_target = chosen.as_ref().map(|chosen| chosen.candidates[0].target.to_string());
    let message = chosen.as_ref().map_err(ToString::to_string);
    match first {
        Ok(target) => assert_eq!(first_target.unwrap(), target),
        Err(text) => assert!(message.unwrap_err().contains(text), "{chosen:?}"),
    }
}

#[test]
fn names_are_resolved_in_order_and_never_guessed() {
    check("smart", Ok("claude/opus"));
    check("openai/gpt", Ok("openai/gpt"));
    check("haiku", Ok("claude/haiku"));
    check("openai/brand-new-model", Ok("openai/brand-new-model"));
    check("@openai/gpt", Ok("openai/gpt"));
    check("openai:gpt", Ok("openai/gpt"));
    check("gpu/qwen?seed=1", Ok("gpu/qwen?seed=1"));
    check("shared", Err("say `openai/shared` or `gpu/shared`"));
    check("gpu/not-listed", Err("no model `gpu/not-listed`"));
    check("smrt", Err("did you mean `smart`"));
    check("Qwen/Qwen3-4B", Err("no model `Qwen/Qwen3-4B`"));
}

#[test]
fn traffic_follows_the_weights_and_every_other_target_stands_by() {
    let router = router();
    let mut counts = BTreeMap::<String, u32>::new();
    for _ in 0..400 {
        let chosen = choose(&router, "smart", at(0)).unwrap();
        *counts.entry(chosen.candidates[0].target.to_string()).or_default() += 1;
        assert_eq!(chosen.candidates.len(), 3);
        assert_eq!(chosen.candidates[2].target.as_str(), "gpu/qwen");
    }
    assert_eq!(counts, BTreeMap::from([("claude/opus".to_owned(), 300), ("openai/gpt".to_owned(), 100)]));
}

#[test]
fn an_open_circuit_is_left_out_and_comes_back_after_its_probe() {
    let router = router();
    let opus = candidate("claude/opus").target;
    for _ in 0..5 {
        router.report(&opus, Claim::Granted, Outcome::Failed(FaultKind::Server, None), at(0));
    }
    let others = choose(&router, "smart", at(1)).unwrap().candidates;
    assert!(others.iter().all(|candidate| candidate.target != opus));
    assert_eq!(router.claim(&opus, at(1)), Claim::Refused);
    assert_eq!(router.claim(&opus, at(30)), Claim::Probe);
    router.release(&opus, at(30));
    assert_eq!(router.claim(&opus, at(30)), Claim::Probe);
    router.report(&opus, Claim::Probe, Outcome::Served, at(31));
    assert!((0..4).any(|_| choose(&router, "smart", at(31)).unwrap().candidates[0].target == opus));
}

#[test]
fn when_every_circuit_is_open_the_refusal_says_until_when() {
    let router = router();
    let haiku = candidate("claude/haiku").target;
    for _ in 0..5 {
        router.report(&haiku, Claim::Granted, Outcome::Failed(FaultKind::Timeout, None), at(0));
    }
    let refused = choose(&router, "claude/haiku", at(10)).unwrap_err();
    let expected =
        ChooseError::Unavailable { model: "claude/haiku".to_owned(), retry_after: Duration::from_secs(20) };
    assert_eq!(refused, expected);
}

#[test]
fn an_unreachable_provider_takes_all_of_its_targets_out() {
    let router = router();
    router.observe(&"claude".into(), false);
    assert_eq!(choose(&router, "smart", at(0)).unwrap().candidates[0].target.as_str(), "openai/gpt");
    assert!(choose(&router, "claude/haiku", at(0)).is_err());
    router.observe(&"claude".into(), true);
    assert!(choose(&router, "claude/haiku", at(0)).is_ok());
}

#[test]
fn a_programmed_model_is_counted_as_the_model_and_fails_by_itself() {
    let router = router();
    let program = router.resolve("gpu/qwen?fail=500").unwrap();
    assert_eq!(program.label().as_str(), "gpu/qwen");
    let target = router.choose(&program, at(0)).unwrap().candidates[0].target.clone();
    for _ in 0..5 {
        router.report(&target, Claim::Granted, Outcome::Failed(FaultKind::Server, None), at(0));
    }
    assert!(router.choose(&program, at(1)).is_err());
    assert!(choose(&router, "gpu/qwen", at(1)).is_ok());
}

#[test]
fn a_model_that_a_caller_invents_is_counted_under_its_provider() {
    assert_eq!(router().resolve("openai/invented-7").unwrap().label().as_str(), "openai/*");
}
