//! In which language a provider is asked: the caller's where its model speaks it, otherwise the one that the model has.

use std::collections::BTreeMap;

use testkit::{FakeUpstream, Gateway, Reply};

use crate::gateway;
use crate::samples::{CHAT, MESSAGES, ask};

const RESPONSES: &str = "/v1/responses";

/// A gateway whose providers of these kinds are all at `upstream`, and ask as `settings` says.
async fn of_kinds(upstream: &FakeUpstream, kinds: &[&str], settings: &str) -> Gateway {
    let entry = |kind: &&str| format!("{kind}: {{url: \"{}/{kind}\", {settings}}}", upstream.url());
    let entries: Vec<String> = kinds.iter().map(entry).collect();
    gateway().config(&format!("providers: {{{}}}\n", entries.join(", "))).start().await
}

#[tokio::test]
async fn a_model_of_one_language_is_asked_in_it_whatever_its_caller_speaks() {
    let upstream = FakeUpstream::start(|_| Reply::json(400, "{}")).await;
    let kinds = ["azure", "azure-foundry", "bedrock-mantle", "databricks", "openai", "xai"];
    let gateway = of_kinds(&upstream, &kinds, "key: sk-a").await;
    let cases = [
        ("openai/gpt-5-codex", "/responses"),
        ("openai/o3-pro-2025-06-10", "/responses"),
        ("openai/o4-mini-deep-research", "/responses"),
        ("openai/computer-use-preview", "/responses"),
        ("azure/gpt-5.1-codex-max", "/openai/v1/responses"),
        ("azure-foundry/codex-mini", "/openai/v1/responses"),
        ("azure-foundry/claude-opus-5", "/anthropic/v1/messages"),
        ("azure-foundry/claude-of-our-own", "/anthropic/v1/messages"),
        ("bedrock-mantle/anthropic.claude-opus-5-5", "/anthropic/v1/messages"),
        ("bedrock-mantle/openai.gpt-5.4", "/openai/v1/responses"),
        ("bedrock-mantle/google.gemma-4-31b", "/openai/v1/responses"),
        ("databricks/databricks-gpt-5-3-codex", "/responses"),
        ("xai/grok-4.20-multi-agent", "/responses"),
    ];
    for (model, path) in cases {
        for caller in [CHAT, MESSAGES, RESPONSES] {
            let response = gateway.post(caller, body(caller, model)).send().await;
            let kind = model.split('/').next().unwrap();
            assert_eq!(
                upstream.last().path,
                format!("/{kind}{path}"),
                "{caller} {model} {}",
                response.text()
            );
        }
    }
}

#[tokio::test]
async fn a_model_of_several_languages_is_asked_in_its_caller_s_own() {
    let upstream = FakeUpstream::start(|_| Reply::json(400, "{}")).await;
    let kinds = ["azure", "azure-foundry", "bedrock-mantle", "openai"];
    let gateway = of_kinds(&upstream, &kinds, "key: sk-a").await;
    let cases = [
        ("openai/gpt-5.4", CHAT, "/chat/completions"),
        ("openai/gpt-5.4", MESSAGES, "/chat/completions"),
        ("openai/gpt-5.4", RESPONSES, "/responses"),
        ("azure/gpt-5.4", RESPONSES, "/openai/v1/responses"),
        ("azure-foundry/gpt-5.4", RESPONSES, "/openai/v1/responses"),
        ("azure-foundry/deepseek-v4-pro", RESPONSES, "/openai/v1/chat/completions"),
        ("azure-foundry/deepseek-v4-pro", MESSAGES, "/openai/v1/chat/completions"),
        ("bedrock-mantle/qwen.qwen3-32b", RESPONSES, "/v1/chat/completions"),
        ("bedrock-mantle/openai.gpt-oss-20b", MESSAGES, "/v1/chat/completions"),
    ];
    for (model, caller, path) in cases {
        gateway.post(caller, body(caller, model)).send().await;
        let kind = model.split('/').next().unwrap();
        assert_eq!(upstream.last().path, format!("/{kind}{path}"), "{caller} {model}");
    }
}

#[tokio::test]
async fn the_limit_of_an_answer_has_the_name_that_the_model_of_its_maker_knows() {
    let upstream = FakeUpstream::start(|_| Reply::json(400, "{}")).await;
    let gateway = of_kinds(&upstream, &["azure-foundry", "digitalocean"], "key: sk-a").await;
    let cases = [
        ("azure-foundry/gpt-5.4", "max_completion_tokens"),
        ("azure-foundry/gpt-6.1-sol", "max_completion_tokens"),
        ("azure-foundry/a-deployment-of-ours", "max_completion_tokens"),
        ("azure-foundry/grok-4", "max_tokens"),
        ("azure-foundry/deepseek-v4-pro", "max_tokens"),
        ("digitalocean/openai-o3", "max_completion_tokens"),
        ("digitalocean/llama3.3-70b-instruct", "max_tokens"),
    ];
    for (model, name) in cases {
        let limited = format!(
            r#"{{"model":"{model}","max_completion_tokens":9,"temperature":0.5,"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        gateway.post(CHAT, limited).send().await;
        let sent = upstream.last().json();
        let named: Vec<&str> =
            ["max_completion_tokens", "max_tokens"].into_iter().filter(|name| sent[name] == 9).collect();
        assert_eq!(named, [name], "{model}");
        assert_eq!(sent["temperature"].is_null(), model.contains("/gpt-"), "{model}");
    }
}

#[tokio::test]
async fn a_key_goes_where_the_language_of_its_model_has_it() {
    let upstream = FakeUpstream::start(|_| Reply::json(400, "{}")).await;
    let gateway = of_kinds(&upstream, &["azure-foundry", "bedrock-mantle"], "key: sk-a").await;
    let shown = async |model: &str| {
        gateway.post(CHAT, ask(model)).send().await;
        let sent = upstream.last();
        let names = ["api-key", "authorization", "x-api-key", "anthropic-version"];
        let value = |name: &str| Some((name.to_owned(), sent.headers.get(name)?.to_str().ok()?.to_owned()));
        names.into_iter().filter_map(value).collect::<BTreeMap<_, _>>()
    };
    let check = async |model: &str, expect: &[(&str, &str)]| {
        let expect = expect.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(shown(model).await, expect, "{model}");
    };
    let version = ("anthropic-version", "2023-06-01");
    check("azure-foundry/grok-4", &[("api-key", "sk-a")]).await;
    check("azure-foundry/claude-sonnet-4-6", &[("x-api-key", "sk-a"), version]).await;
    check("bedrock-mantle/zai.glm-5", &[("authorization", "Bearer sk-a")]).await;
    check("bedrock-mantle/anthropic.claude-haiku-4-5", &[("authorization", "Bearer sk-a"), version]).await;
}

#[tokio::test]
async fn what_aws_signs_is_signed_for_the_service_that_is_asked() {
    let upstream = FakeUpstream::start(|_| Reply::json(400, "{}")).await;
    let keys =
        "credential: {access_key_id: AKIAEXAMPLE, secret_access_key: s}, variables: {region: eu-west-1}";
    let gateway = of_kinds(&upstream, &["bedrock-mantle"], keys).await;
    gateway.post(CHAT, ask("bedrock-mantle/anthropic.claude-opus-5-5")).send().await;
    let signed = upstream.last().header("authorization").to_owned();
    assert!(signed.contains("/eu-west-1/bedrock-mantle/aws4_request, "), "{signed}");
}

/// A short question in the language of `path`.
fn body(path: &str, model: &str) -> String {
    match path {
        RESPONSES => format!(r#"{{"model":"{model}","input":"hi"}}"#),
        _ => ask(model),
    }
}
