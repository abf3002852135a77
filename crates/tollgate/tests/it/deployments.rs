//! Paths that name a deployment of a model: of a provider whose address has a date for a version, and of callers whose
//! client library is made for one.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{FakeSessions, FakeUpstream, Gateway, Received, Reply, Response, Said, Talk};

use crate::gateway;
use crate::samples::{CHAT, MESSAGES, answer, ask, call};

const DATED: &str = "variables: {api_version: 2025-04-01-preview}";
/// What stands behind every path of a deployment's.
const VERSION: &str = "?api-version=2025-04-01-preview";

/// A gateway whose provider `az` is there, with these settings beside its address.
async fn az(url: &str, settings: &str) -> Gateway {
    let config = format!("providers: {{az: {{kind: azure, url: \"{url}\", {settings}}}}}\n");
    gateway().config(&config).start().await
}

/// A gateway whose provider `up` speaks OpenAI's language.
async fn plain(url: &str) -> Gateway {
    let config = format!("providers: {{up: {{kind: openai, url: \"{url}/v1\", key: sk-up}}}}\n");
    gateway().config(&config).start().await
}

/// A form with these fields and a file.
fn form(fields: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--boundary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file =
        "--boundary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nabc\r\n";
    format!("{}{file}--boundary--\r\n", fields.iter().map(part).collect::<String>())
}

async fn post_form(gateway: &Gateway, path: &str, body: String) -> Response {
    gateway.post(path, body).header("content-type", "multipart/form-data; boundary=boundary").send().await
}

/// Every operation as OpenAI's callers ask for it, by its path below `/v1`.
fn operations(model: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("/chat/completions", json!({"messages": [{"role": "user", "content": "hi"}]})),
        ("/completions", json!({"prompt": "hi"})),
        ("/embeddings", json!({"input": "hi"})),
        ("/images/generations", json!({"prompt": "hi"})),
        ("/audio/speech", json!({"input": "hi", "voice": "alloy"})),
        ("/responses", json!({"input": "hi"})),
    ]
    .into_iter()
    .map(|(path, mut body)| {
        body["model"] = json!(model);
        (path, body)
    })
    .collect()
}

#[tokio::test]
async fn a_version_that_is_a_date_has_paths_of_deployments_and_any_other_has_not() {
    let upstream = FakeUpstream::start(|_| Reply::json(400, "{}")).await;
    let dated = az(&upstream.url(), &format!("key: sk-a, {DATED}")).await;
    let undated = az(&upstream.url(), "key: sk-a, variables: {api_version: v1}").await;
    for (path, body) in operations("az/gpt 5") {
        dated.post(&format!("/v1{path}"), body.to_string()).send().await;
        // What keeps conversations has no deployments: the model stands in the body.
        let place = if path == "/responses" { "/openai" } else { "/openai/deployments/gpt%205" };
        assert_eq!(upstream.last().path, format!("{place}{path}{VERSION}"));
        assert_eq!(
            (upstream.last().header("api-key"), upstream.last().json()["model"].as_str()),
            ("sk-a", Some("gpt 5"))
        );
        undated.post(&format!("/v1{path}"), body.to_string()).send().await;
        assert_eq!(upstream.last().path, format!("/openai/v1{path}"));
    }
    for path in ["/audio/transcriptions", "/audio/translations", "/images/edits"] {
        post_form(&dated, &format!("/v1{path}"), form(&[("model", "az/gpt"), ("prompt", "hi")])).await;
        assert_eq!(upstream.last().path, format!("/openai/deployments/gpt{path}{VERSION}"));
    }
    call(&dated, MESSAGES, ask("az/gpt")).send().await;
    assert_eq!(upstream.last().path, format!("/openai/deployments/gpt/chat/completions{VERSION}"));
}

#[tokio::test]
async fn an_address_with_a_version_in_it_has_it_once() {
    let upstream = FakeUpstream::start(|_| Reply::json(400, "{}")).await;
    let gateway = az(&format!("{}/openai/v1", upstream.url()), "key: sk-a").await;
    gateway.post(CHAT, ask("az/gpt")).send().await;
    assert_eq!(upstream.last().path, "/openai/v1/chat/completions");
}

#[tokio::test]
async fn what_the_client_library_reads_of_the_environment_is_enough() {
    let upstream = FakeUpstream::start(|_| Reply::json(400, "{}")).await;
    let builder = gateway()
        .env("AZURE_OPENAI_API_KEY", "sk-env")
        .env("AZURE_OPENAI_ENDPOINT", &format!("{}/", upstream.url()))
        .env("OPENAI_API_VERSION", "2024-10-21");
    let gateway = builder.start().await;
    gateway.post(CHAT, ask("azure/gpt")).send().await;
    let seen = upstream.last();
    assert_eq!(seen.path, "/openai/deployments/gpt/chat/completions?api-version=2024-10-21");
    assert_eq!(seen.header("api-key"), "sk-env");
}

/// A session that ends with an answer as soon as anything is said.
async fn session(mut talk: Talk) {
    talk.say(r#"{"type":"session.created"}"#).await;
    while let Said::Text(_) = talk.hear().await {
        let usage = json!({"total_tokens": 30, "input_tokens": 20, "output_tokens": 10});
        let response = json!({"id": "resp_1", "status": "completed", "usage": usage});
        talk.say(&json!({"type": "response.done", "response": response}).to_string()).await;
    }
}

#[tokio::test]
async fn sessions_are_opened_where_the_version_has_them() {
    let upstream = FakeSessions::start(session).await;
    for (settings, path) in [
        ("key: sk-a", "/openai/v1/realtime?model=gpt-realtime&intent=x"),
        (
            &*format!("key: sk-a, {DATED}"),
            "/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-realtime&intent=x",
        ),
    ] {
        let gateway = az(&upstream.url(), settings).await;
        for query in [
            "model=az%2Fgpt-realtime&intent=x",
            "api-version=2000-01-01&deployment=az%2Fgpt-realtime&intent=x",
            "model=az/gpt-realtime&d%65ployment=dear&API-Version=1&intent=x",
        ] {
            let mut talk = gateway.get(&format!("/openai/realtime?{query}")).talk().await.unwrap();
            assert_eq!(talk.text().await, r#"{"type":"session.created"}"#);
            talk.say("go").await;
            assert!(talk.text().await.contains("response.done"));
            let asked = upstream.received().pop().unwrap();
            assert_eq!((asked.path.as_str(), asked.header("api-key")), (path, "sk-a"), "{query}");
            talk.goodbye(1000, "").await;
        }
        let lines = gateway.logged(3, |line| line["operation"] == "realtime").await;
        assert_eq!(lines[0]["input_tokens"], 20, "{}", lines[0]);
    }
}

#[tokio::test]
async fn tokens_of_the_cloud_open_deployments_and_sessions_alike() {
    let tokens = FakeUpstream::start(|_| {
        Reply::json(200, r#"{"access_token":"token-1","expires_in":3600}"#).after(Duration::from_millis(1))
    })
    .await;
    let (upstream, sessions) =
        (FakeUpstream::start(|_| answer("hello")).await, FakeSessions::start(session).await);
    let application = "credential: {tenant: t, client: c, client_secret: s}";
    let entry =
        |name: &str, url: &str| format!("{name}: {{kind: azure, url: \"{url}\", {application}, {DATED}}}");
    let entries = [entry("az", &upstream.url()), entry("talk", &sessions.url())].join(", ");
    let gateway = gateway()
        .config(&format!("providers: {{{entries}}}\n"))
        .env("AZURE_AUTHORITY_HOST", &tokens.url())
        .start()
        .await;
    let response = gateway.post(CHAT, ask("az/gpt")).send().await;
    assert_eq!(response.status, 200, "{}", response.text());
    let seen = upstream.last();
    assert_eq!((seen.header("authorization"), seen.header("api-key")), ("Bearer token-1", ""));
    assert!(gateway.get("/v1/realtime?model=talk/gpt-realtime").talk().await.is_ok());
    let seen = sessions.received().remove(0);
    assert_eq!(seen.header("authorization"), "Bearer token-1");
    assert_eq!(seen.path, "/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-realtime");
}

/// An answer of any operation, which tells the model that was asked.
fn echoed(request: &Received) -> Reply {
    let text = String::from_utf8_lossy(&request.body);
    let model = ["small", "other"].into_iter().find(|name| text.contains(name)).unwrap_or("none");
    let answer = json!({
        "object": "list", "data": [], "results": [], "text": "x", "model": model,
        "choices": [{"index": 0, "text": "x", "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    });
    Reply::json(200, answer.to_string())
}

#[tokio::test]
async fn a_deployment_in_the_caller_s_path_is_the_model_whatever_the_body_names() {
    let upstream = FakeUpstream::start(echoed).await;
    let gateway = plain(&upstream.url()).await;
    for (path, body) in operations("other").into_iter().filter(|(path, _)| *path != "/responses") {
        let mut nameless = body.clone();
        nameless.as_object_mut().unwrap().remove("model");
        for (place, body) in [
            ("/openai/deployments/up%2Fsmall", body.clone()),
            ("/openai/deployments/up/small", nameless),
            ("/v1/openai/deployments/up%2Fsmall", body.clone()),
            ("/deployments/up%2Fsmall", body),
        ] {
            let call = gateway.post(&format!("{place}{path}{VERSION}"), body.to_string()).without_key();
            let response = call.header("api-key", &gateway.key).send().await;
            assert_eq!(response.status, 200, "{place}{path}: {}", response.text());
            let seen = upstream.last();
            assert_eq!(
                (seen.path.as_str(), &seen.json()["model"]),
                (&*format!("/v1{path}"), &json!("small"))
            );
        }
    }
    for fields in [&[("language", "en")][..], &[("model", "other")]] {
        let path = "/openai/deployments/up%2Fsmall/audio/transcriptions";
        let response = post_form(&gateway, path, form(fields)).await;
        assert_eq!(response.status, 200, "{}", response.text());
        let sent = String::from_utf8(upstream.last().body.to_vec()).unwrap();
        assert!(sent.contains("name=\"model\"\r\n\r\nsmall\r\n") && !sent.contains("other"), "{sent}");
    }
}

#[tokio::test]
async fn a_deployment_in_the_caller_s_path_may_be_of_any_provider() {
    let upstream = FakeUpstream::start(|_| {
        Reply::json(
            200,
            r#"{"id":"msg_1","type":"message","role":"assistant","model":"x","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":5}}"#,
        )
    })
    .await;
    let config = format!(
        "providers: {{up: {{kind: anthropic, url: \"{}\", key: sk-up}}}}\nmodels: {{smart: up/claude-x}}\n",
        upstream.url()
    );
    let gateway = gateway().config(&config).start().await;
    let path = format!("/openai/deployments/smart/chat/completions{VERSION}");
    let response = gateway.post(&path, ask("gpt-4o")).send().await.json();
    assert_eq!((&response["model"], &response["usage"]["prompt_tokens"]), (&json!("smart"), &json!(3)));
    assert_eq!(upstream.last().json()["model"], "claude-x");
    let unknown = gateway.post("/openai/deployments/nobody/chat/completions", ask("smart")).send().await;
    assert_eq!((unknown.status, unknown.header("x-tollgate-code")), (404, "TG-1004"));
    let twice = r#"{"model":"smart","model":"smart","messages":[]}"#;
    let twice = gateway.post(&path, twice).send().await;
    assert_eq!((twice.status, twice.header("x-tollgate-code")), (400, "TG-0108"), "{}", twice.text());
}
