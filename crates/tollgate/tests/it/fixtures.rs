//! Every built-in provider as itself: its own kind, credential, paths, quirks, words and prices, with the exchanges
//! of its fixtures. And a provider that is nothing but a folder.

mod case;
mod expected;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use providers::Catalogue;
use serde_json::json;
use testkit::{FakeUpstream, Gateway, Reply};

use self::case::Case;
use self::expected::expected;
use crate::exchange::{self, CATALOGUE, Exchange};
use crate::gateway;

const KEY: &str = "sk-fixture";

/// How many cases share a gateway: each is a provider of its own there.
const AT_ONCE: usize = 50;

#[tokio::test]
async fn every_provider_s_fixtures_mean_what_they_are_expected_to_in_every_language() {
    let cases = cases();
    let mut problems = Vec::new();
    for cases in cases.chunks(AT_ONCE) {
        judge(cases, &mut problems).await;
    }
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), cases.len(), problems.join("\n"));
}

/// Asks for these cases, and says what is wrong with what came of them.
async fn judge(cases: &[Case], problems: &mut Vec<String>) {
    let (mut gateway, upstream) = start(cases).await;
    for case in cases {
        let answer = case.ask(&gateway).await;
        let problem = case.sent(&upstream.last(), &answer).and_then(|()| case.judge(&answer));
        problems.extend(problem.err().map(|problem| format!("{}: {problem}", case.name)));
    }
    gateway.terminate();
    assert!(gateway.wait().await.success());
    let usage = gateway.usage();
    for case in cases {
        problems.extend(case.recorded(&usage).err().map(|problem| format!("{}: {problem}", case.name)));
    }
}

#[tokio::test]
async fn tokens_are_counted_by_the_provider_that_can_and_estimated_for_the_others() {
    let folder = format!("{CATALOGUE}/anthropic/fixtures");
    let read = |file: &str| std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
    let counted = read("count_tokens.response.json");
    let upstream = FakeUpstream::start(move |_| Reply::json(200, counted.clone())).await;
    let url = upstream.url();
    let config = format!(
        "providers:\n  anthropic: {{url: \"{url}\", key: {KEY}}}\n  groq: {{url: \"{url}/v1\", key: {KEY}}}\n  vertex: {{url: \"{url}/v1\", key: {KEY}}}\n"
    );
    let gateway = gateway().config(&config).start().await;
    let ask = async |model: &str| {
        let body = exchange::renamed(&read("count_tokens.request.json"), "/model", model).unwrap();
        let call = gateway.post("/v1/messages/count_tokens", body).header("anthropic-version", "2023-06-01");
        call.send().await
    };
    let exact = ask("anthropic/claude-sonnet-4-6").await;
    let expected = expected(Path::new(&folder)).count_tokens.unwrap().input_tokens;
    assert_eq!((exact.status, &exact.json()), (200, &json!({ "input_tokens": expected })));
    assert_eq!(upstream.last().path, "/v1/messages/count_tokens");
    let at_google = ask("vertex/claude-sonnet-4-6").await;
    assert_eq!((at_google.status, &at_google.json()), (200, &exact.json()));
    let sent = upstream.last();
    assert_eq!(sent.path, "/v1/publishers/anthropic/models/count-tokens:rawPredict");
    assert_eq!(sent.json()["model"], "claude-sonnet-4-6");
    assert_eq!(sent.json()["anthropic_version"], "vertex-2023-10-16");
    let estimate = ask("groq/openai/gpt-oss-20b").await;
    assert_eq!((estimate.status, estimate.header("x-tollgate-estimate")), (200, "true"));
    assert!(estimate.json()["input_tokens"].as_u64() > Some(0));
    assert_eq!(upstream.received().len(), 2);
}

const ACME: &str = r#"
title = "Acme"
docs = "https://acme.test/docs"
kind = "local"
base_url = "BASE"
semconv = "acme"
quirks = ["max_tokens_only"]

[credential]
header = "x-acme-key"
prefix = "Acme "
env = ["ACME_API_KEY"]
required = true

[dialects.openai_chat]
chat = "/talk"

[headers]
x-acme-client = "tollgate"

[errors]
"coffee break" = "overloaded"
"#;

const ACME_MODELS: &str = r#"
price_version = "2026-11-22"

[[models]]
name = "anvil"
context_window = 8_192
max_output_tokens = 1_024
input = ["text"]
output = ["text"]
capabilities = ["streaming"]
price = { input = "1", output = "2" }
"#;

#[tokio::test]
async fn a_provider_is_added_by_a_folder_and_no_program() {
    let upstream = FakeUpstream::start(|request| match request.json()["max_tokens"].as_u64() {
        Some(7) => Reply::json(400, r#"{"error":{"message":"Coffee break until noon","type":"x"}}"#),
        _ => Reply::json(
            200,
            r#"{"id":"a","object":"chat.completion","created":1,"model":"anvil","choices":[{"index":0,"message":{"role":"assistant","content":"clang"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500}}"#,
        ),
    })
    .await;
    let provider = ACME.replace("BASE", &format!("{}/llm/v3", upstream.url()));
    let builder =
        gateway().file("more/acme/provider.toml", &provider).file("more/acme/models.toml", ACME_MODELS);
    let folder = builder.folder().join("more").display().to_string();
    let config = format!("server: {{catalogue: \"{folder}\"}}\nproviders: {{acme: {{}}}}\n");
    let gateway = builder.config(&config).env("ACME_API_KEY", "ak-1").start().await;
    let listing = gateway.get("/v1/models").send().await;
    assert!(listing.text().contains("acme/anvil"), "{}", listing.text());

    let body = |limit: u32| {
        format!(
            r#"{{"model":"acme/anvil","max_completion_tokens":{limit},"messages":[{{"role":"user","content":"hi"}}]}}"#
        )
    };
    let answer = gateway.post("/v1/chat/completions", body(9)).send().await;
    assert_eq!((answer.status, answer.json()["model"].as_str()), (200, Some("acme/anvil")));
    assert_eq!(answer.header("x-tollgate-cost-usd"), "0.002000");
    assert_eq!(answer.header("x-tollgate-changed"), "emulated;max_completion_tokens");
    let sent = upstream.last();
    assert_eq!(sent.path, "/llm/v3/talk");
    assert_eq!((sent.header("x-acme-key"), sent.header("x-acme-client")), ("Acme ak-1", "tollgate"));
    assert_eq!(sent.json()["max_tokens"], 9);

    let refused = gateway.post("/v1/chat/completions", body(7)).send().await;
    assert_eq!((refused.status, refused.header("x-tollgate-code")), (429, "TG-1306"));
}

#[tokio::test]
async fn what_is_wrong_in_a_folder_of_providers_is_said_of_the_folder() {
    let builder = gateway().file("more/acme/provider.toml", ACME);
    let folder = builder.folder().join("more").display().to_string();
    let config = format!("server: {{catalogue: \"{folder}\"}}\nproviders: {{acme: {{}}}}\n");
    let refused = builder.config(&config).refused().await;
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && text.contains("acme/provider.toml: base_url: `BASE` is not"),
        "{text}"
    );
    assert!(!text.contains("no kind of provider"), "{text}");
}

#[tokio::test]
async fn a_key_of_the_environment_goes_to_the_catalogue_s_own_address_alone() {
    let upstream = FakeUpstream::start(|_| Reply::json(500, "{}")).await;
    let config = format!("providers: {{up: {{kind: openai, url: \"{}/v1\"}}}}", upstream.url());
    let gateway = gateway().config(&config).env("OPENAI_API_KEY", "sk-real").start().await;
    let body = r#"{"model":"up/m","messages":[{"role":"user","content":"hi"}]}"#;
    gateway.post("/v1/chat/completions", body).send().await;
    assert_eq!(upstream.last().headers.get("authorization"), None);
}

/// Every fixture of every provider that a caller of each language would get in this form.
fn cases() -> Vec<Case> {
    let catalogue = Catalogue::embedded().unwrap();
    let mut cases = Vec::new();
    for exchange in exchange::of_fixtures().into_iter().map(Arc::new) {
        let name = exchange.id.split('/').next().unwrap();
        let provider = catalogue.provider(name).unwrap();
        // The built-in model is asked without a network.
        if provider.kind == providers::Kind::Builtin {
            continue;
        }
        for caller in dialects::conversational() {
            let name = format!("{}.{}", exchange.id.replace('/', "."), caller.id().as_str());
            let case = Case { name, exchange: Arc::clone(&exchange), provider: Arc::clone(provider), caller };
            if case.is_asked_so() {
                cases.push(case);
            }
        }
    }
    cases
}

/// A gateway with every case as a provider of its own, so that no failure opens another's circuit.
async fn start(cases: &[Case]) -> (Gateway, FakeUpstream) {
    let exchanges: BTreeMap<String, Arc<Exchange>> =
        cases.iter().map(|case| (case.name.clone(), Arc::clone(&case.exchange))).collect();
    let upstream = FakeUpstream::start(move |request| {
        let exchange = &exchanges[request.path.split('/').nth(1).unwrap()];
        let content_type = exchange.headers.get("content-type").map_or("", |value| value.to_str().unwrap());
        Reply::bytes(content_type, exchange.body.clone()).status(exchange.status)
    })
    .await;
    let entries: Vec<String> = cases.iter().map(|case| case.configured(&upstream.url())).collect();
    (gateway().config(&format!("providers:\n  {}\n", entries.join("\n  "))).start().await, upstream)
}
