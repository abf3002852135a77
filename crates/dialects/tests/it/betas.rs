//! What a caller of Messages opts into ahead of time goes on to those models that take it, and is told to be lost elsewhere.

use dialects::{Conversational, Head};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use types::conversation::Target;

fn language(name: &str) -> &'static dyn Conversational {
    dialects::by_name(name).unwrap().conversational().unwrap()
}

/// What `upstream` reads of these betas, and what is told.
fn ask(upstream: &str, quirks: &[&str], betas: &[&'static str]) -> (Value, Vec<String>) {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
    for value in betas {
        headers.append(HeaderName::from_static("anthropic-beta"), HeaderValue::from_static(value));
    }
    let body =
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let read = language("anthropic").decode_request(Head::of(&headers), body.as_bytes()).unwrap();
    let quirks = quirks.iter().map(|quirk| (*quirk).to_owned()).collect::<Vec<_>>();
    let target = Target { model: "m".into(), max_output_tokens: None, quirks: quirks.into(), strict: false };
    let written = language(upstream).encode_request(&read, &target).unwrap();
    let body: Value = serde_json::from_slice(&written.body.concat()).unwrap();
    let found =
        body.pointer("/additionalModelRequestFields/anthropic_beta").unwrap_or(&body["anthropic-beta"]);
    (found.clone(), written.changes.iter().map(ToString::to_string).collect())
}

#[track_caller]
fn check(upstream: &str, quirks: &[&str], betas: &[&'static str], expect: &Value, told: &[&str]) {
    let (found, changes) = ask(upstream, quirks, betas);
    let told: Vec<String> = told.iter().map(|told| (*told).to_owned()).collect();
    assert_eq!((&found, changes), (expect, told), "{upstream} {quirks:?} {betas:?}");
}

#[test]
fn betas_go_to_the_models_that_take_them_and_are_told_where_none_does() {
    let wide = "context-1m-2025-08-07";
    let between = "claude-code-20250219, interleaved-thinking-2025-05-14";
    let lost = ["dropped;anthropic-beta"];
    let budget: &[&str] = &["budget_thinking"];
    let adaptive: &[&str] = &["adaptive_thinking"];
    let both = json!(["context-1m-2025-08-07", "interleaved-thinking-2025-05-14"]);
    check("bedrock", budget, &[wide, between], &both, &[]);
    check("bedrock", budget, &["files-api-2025-04-14,context-1m-2025-08-07"], &json!([wide]), &lost);
    check("bedrock", adaptive, &[between], &Value::Null, &[]);
    check("bedrock", adaptive, &[wide], &Value::Null, &lost);
    check("bedrock", &[], &[between], &Value::Null, &lost);
    check("openai_chat", &[], &[between], &Value::Null, &lost);
    check("openai_chat", &[], &["claude-code-20250219", " , "], &Value::Null, &[]);
    check("anthropic", &[], &[wide], &Value::Null, &[]);
}
