//! The listing of models to whoever asks for it by hand: pages, and what is wrong, in the language of the path.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use testkit::{Gateway, Response};

use crate::gateway;

/// Where an error of each language says what is wrong.
#[track_caller]
fn message(language: &str, response: &Response) -> String {
    let told = response.json();
    let (place, mark) = match language {
        "anthropic" => ("/error/message", ("/type", json!("error"))),
        "bedrock" | "cohere" => ("/message", ("/error", Value::Null)),
        "gemini" => ("/error/message", ("/error/code", json!(response.status))),
        "ollama" => ("/error", ("/message", Value::Null)),
        _ => ("/error/message", ("/error/status", Value::Null)),
    };
    assert_eq!(told.pointer(mark.0).unwrap_or(&Value::Null), &mark.1, "{language}: {told}");
    told.pointer(place).and_then(Value::as_str).unwrap_or_else(|| panic!("{language}: {told}")).to_owned()
}

async fn check(
    gateway: &Gateway,
    (path, header): (&str, (&'static str, &str)),
    language: &str,
    (status, code): (u16, &str),
    says: &str,
) {
    let response = gateway.get(path).header(header.0, header.1).send().await;
    assert_eq!((response.status, response.header("x-tollgate-code")), (status, code), "{path}");
    let told = message(language, &response);
    assert!(told.contains(says), "{path}: {told}");
}

const NOBODY: (&str, &str) = ("accept", "*/*");
const CLAUDE: (&str, &str) = ("anthropic-version", "2023-06-01");

#[tokio::test]
async fn what_is_wrong_with_a_listing_is_told_in_the_language_of_its_path() {
    let gateway = gateway().start().await;
    let (field, missing, stranger) = ((400, "TG-0108"), (404, "TG-1004"), (401, "TG-1001"));
    check(&gateway, ("/v1/models/no", NOBODY), "openai", missing, "`no`").await;
    check(&gateway, ("/v1/models?limit=0", NOBODY), "openai", field, "from 1 to 1000").await;
    check(&gateway, ("/v1/models?limit=two", CLAUDE), "anthropic", field, "`limit`").await;
    check(&gateway, ("/v1/models?after_id=no", CLAUDE), "anthropic", field, "`no`").await;
    check(&gateway, ("/v1/models?after_id=a&before_id=b", CLAUDE), "anthropic", field, "together").await;
    check(&gateway, ("/v1/models/no", CLAUDE), "anthropic", missing, "`no`").await;
    check(&gateway, ("/v1/models?page_size=0", NOBODY), "cohere", field, "`page_size`").await;
    check(&gateway, ("/v1/models?default_only=x", NOBODY), "cohere", field, "`default_only`").await;
    check(&gateway, ("/v1beta/models?pageSize=-1", NOBODY), "gemini", field, "`pageSize`").await;
    check(&gateway, ("/v1beta/models?pageToken=no", NOBODY), "gemini", field, "`pageToken`").await;
    check(&gateway, ("/v1beta/models/no", NOBODY), "gemini", missing, "`no`").await;
    check(&gateway, ("/v1beta1/publishers/google/models/no", NOBODY), "gemini", missing, "`no`").await;
    check(&gateway, ("/foundation-models/no", NOBODY), "bedrock", missing, "`no`").await;
    check(&gateway, ("/foundation-models?byInferenceType=X", NOBODY), "bedrock", field, "ON_DEMAND").await;
    for (path, header, language) in [
        ("/v1/models", NOBODY, "openai"),
        ("/v1/models", CLAUDE, "anthropic"),
        ("/v1/models?endpoint=chat", NOBODY, "cohere"),
        ("/v1beta/models", NOBODY, "gemini"),
        ("/v1beta1/projects/p/locations/l/publishers/google/models", NOBODY, "gemini"),
        ("/foundation-models", NOBODY, "bedrock"),
        ("/api/tags", NOBODY, "ollama"),
        ("/api/ps", NOBODY, "ollama"),
    ] {
        let response = gateway.get(path).header(header.0, header.1).key("tg-wrong").send().await;
        assert_eq!((response.status, response.header("x-tollgate-code")), stranger, "{path}");
        message(language, &response);
    }
}

#[tokio::test]
async fn whatever_can_be_called_can_be_looked_up_by_the_same_name() {
    let config = "providers: {a: {kind: openai, url: \"http://127.0.0.1:9\", key: sk-a}, tollgate: {}}\nmodels: {smart: a/gpt-4o}\n";
    let gateway = gateway().config(config).start().await;
    for (name, owner, window) in [
        ("smart", "a", json!(128_000)),
        ("gpt-4o", "a", json!(128_000)),
        ("a/gpt-4o/", "a", json!(128_000)),
        ("a/gpt-4o-2024-08-06", "a", json!(128_000)),
        ("a/of-tomorrow", "a", Value::Null),
        ("tollgate/mock%3Ftokens=5", "tollgate", Value::Null),
    ] {
        let found = gateway.get(&format!("/v1/models/{name}")).send().await.json();
        let asked = name.trim_end_matches('/').replace("%3F", "?");
        assert_eq!((&found["id"], &found["owned_by"]), (&json!(asked), &json!(owner)), "{found}");
        assert_eq!(found["context_length"], window, "{found}");
    }
    let listed = gateway.get("/v1/models").header("x-request-id", "mine").send().await;
    assert_eq!((listed.header("x-request-id"), listed.header("request-id").len()), ("mine", 32));
    for path in ["//v1/models?limit=1", "//v1/models/smart", "/openai//v1/models"] {
        assert_eq!(gateway.get(path).send().await.status, 200, "{path}");
    }
    let hi = r#"{"model":"tollgate/mock","messages":[{"role":"user","content":"hi"}]}"#;
    let asked = gateway.post("//v1/chat/completions", hi).send().await;
    assert_eq!(asked.status, 200, "{}", asked.text());
    assert!(asked.header("x-tollgate-hint").contains("base URL"));
    let nearest = gateway.get("/v1/models/smrt").send().await;
    assert!(nearest.status == 404 && nearest.text().contains("did you mean `smart`"), "{}", nearest.text());
    let shown = gateway.post("/api/show", r#"{"model": "gpt-4o"}"#).send().await;
    assert_eq!(shown.status, 200, "{}", shown.text());
}
