//! Who asks: keys in every form, made and revoked while the gateway runs, and the tokens they are exchanged for.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Gateway, Response};
use tokio::time::{Instant, sleep};

use crate::gateway;
use crate::samples::{CHAT, MESSAGES, ask, call, check_error};

const MODEL: &str = "tollgate/mock";
/// How long a change of the keys may take to be in force.
const SOON: Duration = Duration::from_secs(1);
/// How often a test looks.
const LOOK: Duration = Duration::from_millis(20);

#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}

fn create(gateway: &Gateway, arguments: &[&str]) -> String {
    printed(&gateway.cli(&[&["keys", "create"], arguments].concat()))
}

async fn status_of(gateway: &Gateway, key: &str) -> u16 {
    gateway.post(CHAT, ask(MODEL)).key(key).send().await.status
}

/// Waits until requests with `key` are answered with `status`, for as long as that may take.
async fn until_status(gateway: &Gateway, key: &str, status: u16) {
    let began = Instant::now();
    while status_of(gateway, key).await != status {
        assert!(began.elapsed() < SOON, "not {status} after {SOON:?}");
        sleep(LOOK).await;
    }
}

#[tokio::test]
async fn a_key_is_taken_from_wherever_a_client_puts_it() {
    let gateway = gateway().start().await;
    let bearer = format!("Bearer {}", gateway.key);
    let key = gateway.key.as_str();
    for (header, value) in [
        ("authorization", bearer.as_str()),
        ("authorization", &format!("bearer  {key}")),
        ("x-api-key", key),
        ("api-key", key),
        ("x-goog-api-key", key),
        ("x-litellm-api-key", &bearer),
        ("x-portkey-api-key", key),
        ("x-bf-vk", key),
        ("helicone-auth", &bearer),
    ] {
        let response = gateway.post(CHAT, ask(MODEL)).without_key().header(header, value).send().await;
        assert_eq!(response.status, 200, "{header}: {}", response.text());
    }
    let response = gateway.post(&format!("{CHAT}?key={key}"), ask(MODEL)).without_key().send().await;
    assert_eq!(response.status, 200, "{}", response.text());
    let twice = gateway.post(CHAT, ask(MODEL)).header("x-api-key", key).send().await;
    assert_eq!(twice.status, 200, "the same key in two places is one key: {}", twice.text());
}

#[tokio::test]
async fn two_different_keys_are_refused_and_both_places_are_named() {
    let gateway = gateway().start().await;
    for path in [CHAT, MESSAGES] {
        let response = call(&gateway, path, ask(MODEL)).header("x-api-key", "tg-other").send().await;
        check_error(path, &response, 400, "TG-1002");
        let text = response.text();
        assert!(text.contains("authorization") && text.contains("x-api-key"), "{text}");
        assert!(!text.contains("tg-other") && !text.contains(&gateway.key), "{text}");
    }
}

#[tokio::test]
async fn keys_made_and_revoked_on_the_command_line_are_in_force_at_once() {
    let gateway = gateway().start().await;
    let key = create(&gateway, &["alice"]);
    assert!(key.starts_with("tg-"), "{key}");
    until_status(&gateway, &key, 200).await;
    let list = printed(&gateway.cli(&["keys", "list"]));
    assert!(list.contains("alice") && list.contains("active") && !list.contains(&key), "{list}");
    printed(&gateway.cli(&["keys", "revoke", "alice"]));
    until_status(&gateway, &key, 401).await;
    assert!(printed(&gateway.cli(&["keys", "list"])).contains("revoked"));
    assert_eq!(status_of(&gateway, &gateway.key).await, 200);
    let nobody = gateway.cli(&["keys", "revoke", "nobody"]);
    assert!(!nobody.status.success());
}

#[tokio::test]
async fn a_key_that_could_not_work_is_not_made_or_warned_of() {
    let gateway = gateway().start().await;
    for lifetime in ["0s", "0d", "36526d", "18446744073709551615s"] {
        let refused = gateway.cli(&["keys", "create", "odd", "--expires", lifetime]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains("--expires"), "{lifetime}: {said}");
    }
    assert!(!printed(&gateway.cli(&["keys", "list"])).contains("odd"));
    create(&gateway, &["long", "--expires", "36525d"]);
    let warned = gateway.cli(&["keys", "create", "slip", "--models", "tollgate/mock,tollgate/mok"]);
    assert!(printed(&warned).starts_with("tg-"));
    let said = String::from_utf8_lossy(&warned.stderr).into_owned();
    assert_eq!(said.matches("warning").count(), 1, "{said}");
    assert!(said.contains("no model `tollgate/mok`; did you mean `tollgate/mock`"), "{said}");
}

/// A refusal without what differs from one request to the next.
fn constant(response: &Response) -> (u16, String, BTreeMap<String, String>) {
    let own = ["x-request-id", "request-id", "traceparent", "server-timing", "date"];
    let headers = response.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let body = response.text().replace(response.header("request-id"), "ID");
    (response.status, body, headers.collect())
}

#[tokio::test]
async fn a_missing_wrong_revoked_and_expired_key_get_the_same_answer() {
    let gateway = gateway().start().await;
    let expired = create(&gateway, &["short", "--expires", "1s"]);
    let revoked = create(&gateway, &["gone"]);
    until_status(&gateway, &revoked, 200).await;
    printed(&gateway.cli(&["keys", "revoke", "gone"]));
    until_status(&gateway, &revoked, 401).await;
    let began = Instant::now();
    while status_of(&gateway, &expired).await != 401 {
        assert!(began.elapsed() < SOON * 3);
        sleep(LOOK).await;
    }
    let mut wrong = gateway.key.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    for path in [CHAT, MESSAGES] {
        let missing = call(&gateway, path, ask(MODEL)).without_key().send().await;
        check_error(path, &missing, 401, "TG-1001");
        assert_eq!(missing.header("x-should-retry"), "false");
        for key in [&wrong, &expired, &revoked, "tg-nonsense", "sk-of-somebody-else"] {
            let response = call(&gateway, path, ask(MODEL)).key(key).send().await;
            assert_eq!(constant(&response), constant(&missing), "{key}");
        }
    }
    let of_claude = call(&gateway, MESSAGES, ask(MODEL)).without_key().send().await.json();
    assert_eq!(of_claude["error"]["type"], "authentication_error");
}

#[tokio::test]
async fn a_key_for_some_models_sees_and_uses_only_those() {
    let gateway = gateway().start().await;
    let key = create(&gateway, &["narrow", "--models", MODEL]);
    until_status(&gateway, &key, 200).await;
    for path in [CHAT, MESSAGES] {
        let response = call(&gateway, path, ask("tollgate/echo")).key(&key).send().await;
        check_error(path, &response, 403, "TG-1003");
    }
    let ids = |response: &Response| -> Vec<Value> {
        response.json()["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect()
    };
    let listed = gateway.get("/v1/models").key(&key).send().await;
    assert_eq!(ids(&listed), [json!(MODEL)]);
    assert_eq!(gateway.get("/v1/models/tollgate/echo").key(&key).send().await.status, 404);
    assert!(ids(&gateway.get("/v1/models").send().await).len() > 1);
}

#[tokio::test]
async fn a_page_holds_what_a_key_may_use_and_nothing_else() {
    let gateway = gateway().start().await;
    let key = create(&gateway, &["narrow", "--models", MODEL]);
    until_status(&gateway, &key, 200).await;
    for (path, place, name) in [
        ("/v1/models?limit=1", "/data", "/data/0/id"),
        ("/v1beta/models?pageSize=1", "/models", "/models/0/displayName"),
        ("/v1/models?page_size=1", "/models", "/models/0/name"),
        ("/foundation-models", "/modelSummaries", "/modelSummaries/0/modelId"),
        ("/api/tags", "/models", "/models/0/name"),
    ] {
        let listed = gateway.get(path).key(&key).send().await.json();
        assert_eq!(listed.pointer(place).unwrap().as_array().unwrap().len(), 1, "{listed}");
        assert_eq!(listed.pointer(name).unwrap(), MODEL, "{listed}");
        assert!(listed.get("nextPageToken").or(listed.get("next_page_token")).is_none(), "{listed}");
        assert_ne!(listed["has_more"], json!(true), "{listed}");
    }
    // A name that is not listed is the same model's.
    for (name, status) in [("mock%3Ftokens=5", 200), ("echo%3Ftokens=5", 404)] {
        let looked_up = gateway.get(&format!("/v1/models/tollgate/{name}")).key(&key).send().await;
        assert_eq!(looked_up.status, status, "{}", looked_up.text());
    }
    // What a key may not use is no place to begin a page at either.
    let behind = gateway.get("/v1/models?after_id=tollgate%2Fecho").key(&key).send().await;
    assert_eq!((behind.status, behind.header("x-tollgate-code")), (400, "TG-0108"));
}

#[tokio::test]
async fn a_listener_that_others_can_reach_does_not_start_without_keys() {
    let reachable = || gateway().env("TOLLGATE__SERVER__LISTEN", "0.0.0.0:0");
    let output = reachable().refused().await;
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("tollgate keys create"), "{said}");
    let anonymous = reachable().config("security: {authentication: none}").refused().await;
    assert!(!anonymous.status.success(), "{}", String::from_utf8_lossy(&anonymous.stderr));
    let (gateway, key) = reached_by_others("providers: {tollgate: {}}").await;
    assert!(gateway.key.is_empty());
    let port = gateway.address.port();
    assert!(port != 0);
    assert_eq!(status_of(&gateway, &key).await, 200);
    let line = try_line(&gateway).await;
    assert!(line.contains("'Authorization: Bearer KEY'"), "{line}");
    assert!(gateway.stderr().contains("tollgate keys create NAME"), "{}", gateway.stderr());
}

/// A gateway on all addresses, and a key that was made before its start.
async fn reached_by_others(config: &str) -> (Gateway, String) {
    let builder = gateway().env("TOLLGATE__SERVER__LISTEN", "0.0.0.0:0").config(config);
    let key = printed(&builder.cli(&["keys", "create", "first"]));
    (builder.start().await, key)
}

#[tokio::test]
async fn where_strangers_can_reach_them_metrics_want_a_key() {
    let (gateway, key) = reached_by_others("providers: {tollgate: {}}").await;
    let refused = gateway.get("/metrics").send().await;
    check_error(CHAT, &refused, 401, "TG-1001");
    let shown = gateway.get("/metrics").key(&key).send().await;
    assert_eq!((shown.status, shown.text().contains("tollgate_requests_total")), (200, true));
    assert_eq!(gateway.get("/readyz").send().await.status, 200);
}

#[tokio::test]
async fn the_first_key_is_kept_for_its_owner_alone_and_survives_a_restart() {
    let mut gateway = gateway().start().await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&gateway.data.join("dev.key")), 0o600);
    assert_eq!(mode(&gateway.data), 0o700);
    let first = gateway.key.clone();
    gateway.restart().await;
    assert_eq!(gateway.key, first);
    assert_eq!(status_of(&gateway, &first).await, 200);
}

#[tokio::test]
async fn the_printed_line_works_when_it_is_pasted_into_a_shell() {
    let gateway = gateway().config("providers: {tollgate: {}}").start().await;
    gateway.logged(1, |line| line["generation"] == 1).await;
    let line = try_line(&gateway).await;
    let run = tokio::task::spawn_blocking(move || Command::new("sh").args(["-c", &line]).output());
    let answer: Value = serde_json::from_str(&printed(&run.await.unwrap().unwrap())).unwrap();
    assert_eq!(answer["object"], "chat.completion", "{answer}");
}

/// The line that is printed for pasting.
async fn try_line(gateway: &Gateway) -> String {
    loop {
        let said = gateway.stderr();
        if let Some((_, line)) = said.split_once("try ") {
            return line.trim().to_owned();
        }
        sleep(LOOK).await;
    }
}

#[tokio::test]
async fn a_key_that_is_revoked_while_the_gateway_drains_ends_at_once() {
    let mut gateway = gateway().config("server: {drain_notice: 30s}").start().await;
    let key = create(&gateway, &["alice"]);
    until_status(&gateway, &key, 200).await;
    gateway.terminate();
    gateway.logged(1, |line| line["message"] == "draining").await;
    printed(&gateway.cli(&["keys", "revoke", "alice"]));
    until_status(&gateway, &key, 401).await;
    let made = create(&gateway, &["bob"]);
    until_status(&gateway, &made, 200).await;
    gateway.logged(1, |line| line["message"] == "key ring refreshed" && line["keys"] == 3).await;
    gateway.terminate();
    gateway.wait().await;
}

const OAUTH2: &str = r#"{"security": {"authentication": "JWT/OAuth2"}}"#;

async fn exchange(gateway: &Gateway, form: &str) -> Response {
    let call = gateway.post("/oauth/token", form.to_owned()).without_key();
    call.header("content-type", "application/x-www-form-urlencoded").send().await
}

/// One of a token's first two parts.
fn part(token: &str, index: usize) -> Value {
    let text = token.split('.').nth(index).unwrap();
    let bits = text.bytes().flat_map(|byte| {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let six = alphabet.iter().position(|known| *known == byte).unwrap();
        (0..6).rev().map(move |bit| six >> bit & 1 == 1)
    });
    let bits: Vec<_> = bits.collect();
    let bytes: Vec<u8> = bits
        .chunks_exact(8)
        .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit)))
        .collect();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_key_is_exchanged_for_a_token_that_works_until_the_key_is_revoked() {
    let gateway = gateway().config(OAUTH2).start().await;
    let key = create(&gateway, &["app", "--models", MODEL]);
    until_status(&gateway, &key, 200).await;
    let granted = exchange(&gateway, &format!("grant_type=client_credentials&client_secret={key}")).await;
    assert_eq!((granted.status, granted.header("cache-control")), (200, "no-store"), "{}", granted.text());
    let granted = granted.json();
    assert_eq!(granted["token_type"], "Bearer");
    assert_eq!(granted["expires_in"], 900);
    let token = granted["access_token"].as_str().unwrap().to_owned();
    assert_eq!(status_of(&gateway, &token).await, 200);
    let narrow = gateway.post(CHAT, ask("tollgate/echo")).key(&token).send().await;
    check_error(CHAT, &narrow, 403, "TG-1003");

    let metadata = gateway.get("/.well-known/oauth-authorization-server").without_key().send().await.json();
    let keys = gateway.get("/.well-known/jwks.json").without_key().send().await.json();
    let (header, claims) = (part(&token, 0), part(&token, 1));
    assert_eq!(claims["iss"], metadata["issuer"]);
    assert!(metadata["token_endpoint"].as_str().unwrap().ends_with("/oauth/token"), "{metadata}");
    assert!(metadata["jwks_uri"].as_str().unwrap().ends_with("/.well-known/jwks.json"), "{metadata}");
    let known = keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == header["kid"]);
    assert!(known && header["alg"] != "none", "{header} {keys}");
    assert!(keys.to_string().find("\"d\"").is_none(), "a private key is shown: {keys}");

    let (body, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{body}.{}", signature.chars().rev().collect::<String>());
    assert_eq!(status_of(&gateway, &forged).await, 401);
    assert_eq!(status_of(&gateway, &format!("{body}.")).await, 401);

    printed(&gateway.cli(&["keys", "revoke", "app"]));
    until_status(&gateway, &token, 401).await;
    let refused = exchange(&gateway, &format!("grant_type=client_credentials&client_secret={key}")).await;
    assert_eq!((refused.status, &refused.json()["error"]), (401, &json!("invalid_client")));
    assert_eq!(refused.header("x-tollgate-code"), "TG-1001");
    let odd = exchange(&gateway, "grant_type=password").await;
    assert_eq!((odd.status, odd.header("x-tollgate-code")), (400, "TG-1007"));
}

#[tokio::test]
async fn the_issuer_of_tokens_can_be_named() {
    let config = r#"security: {authentication: {oauth2: {issuer: "https://llm.example"}}}"#;
    let gateway = gateway().config(config).start().await;
    let metadata = gateway.get("/.well-known/oauth-authorization-server").send().await.json();
    assert_eq!(metadata["token_endpoint"], "https://llm.example/oauth/token");
}

#[tokio::test]
async fn a_gateway_is_the_issuer_that_its_callers_call() {
    const METADATA: &str = "/.well-known/oauth-authorization-server";
    let local = gateway().config(OAUTH2).start().await;
    let metadata = local.get(METADATA).header("host", "elsewhere").send().await.json();
    assert_eq!(metadata["issuer"], local.url());

    let (gateway, key) = reached_by_others(OAUTH2).await;
    for (host, issuer) in [
        ("llm.internal:8443", "http://llm.internal:8443"),
        ("me@llm.internal", gateway.url().as_str()),
        (gateway.address.to_string().as_str(), gateway.url().as_str()),
    ] {
        let metadata = gateway.get(METADATA).header("host", host).send().await.json();
        assert_eq!(metadata["issuer"], issuer);
        assert_eq!(metadata["token_endpoint"], format!("{issuer}/oauth/token"));
        let form = format!("grant_type=client_credentials&client_secret={key}");
        let granted = gateway.post("/oauth/token", form).header("host", host).send().await.json();
        let token = granted["access_token"].as_str().unwrap();
        assert_eq!(part(token, 1)["iss"], issuer);
        assert_eq!(status_of(&gateway, token).await, 200);
    }
}
