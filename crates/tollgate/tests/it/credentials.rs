//! Credentials that are more than a fixed header, towards fake clouds.

mod signature;

use std::time::Duration;

use serde_json::json;
use testkit::{Builder, FakeUpstream, Gateway, Received, Reply};

use crate::gateway;
use crate::samples::{CHAT, answer, ask, check_error, error, provider};

/// A kind of provider that speaks OpenAI's language and has this credential.
fn kind(credential: &str) -> String {
    let (host, variables) = match credential {
        SIGNED => {
            ("{region}.cloud.example", "[variables.region]\nmeaning = \"the region\"\nenv = [\"AWS_REGION\"]")
        }
        _ => ("cloud.example", ""),
    };
    format!(
        "title = \"Cloud\"\ndocs = \"https://cloud.example\"\nkind = \"hosted\"\nsemconv = \"cloud\"\n\
         base_url = \"https://{host}\"\n{variables}\n[dialects.openai_chat]\nchat = \"/model/{{model}}/chat\"\n\
         [credential]\nrequired = true\n{credential}\n"
    )
}

const SIGNED: &str = "scheme = \"aws\"\nservice = \"models\"";
const GOOGLE: &str = "scheme = \"google\"\nscope = \"https://scope.example\"";
const ENTRA: &str = "scheme = \"azure\"\nscope = \"https://scope.example/.default\"";
const OAUTH: &str = "scheme = \"oauth\"\nscope = \"all\"\ntoken_url = \"https://cloud.example/token\"\n\
    client_env = [\"CLOUD_CLIENT\"]\nsecret_env = [\"CLOUD_SECRET\"]";
const QUERY: &str = "query = \"key\"\nenv = [\"CLOUD_KEY\"]";

/// A gateway whose provider `cloud` is of this kind and has these settings beside its address; model `m` is there and,
/// where it fails, at `b`.
fn cloud(credential: &str, upstream: &FakeUpstream, settings: &str, more: &str) -> Builder {
    let config = format!(
        "server: {{catalogue: kinds}}\nproviders: {{cloud: {{url: \"{}\", {settings}}}{more}}}\n\
         models: {{m: cloud/a.b-v1:0}}\n",
        upstream.url()
    );
    gateway().file("kinds/cloud/provider.toml", &kind(credential)).config(&config)
}

/// A token endpoint of OAuth 2.0's that numbers what it gives out.
async fn token_endpoint(seconds: u64) -> FakeUpstream {
    let count = std::sync::atomic::AtomicUsize::new(0);
    FakeUpstream::start(move |_| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let token = format!("token-secret-{number}");
        Reply::json(200, json!({"access_token": token, "expires_in": seconds}).to_string())
            .after(Duration::from_millis(50))
    })
    .await
}

/// A file of Application Default Credentials that has its tokens from there.
fn refresh_token(endpoint: &FakeUpstream) -> String {
    let uri = format!("{}/token", endpoint.url());
    json!({"type": "authorized_user", "client_id": "id", "client_secret": "client-secret-1",
        "refresh_token": "refresh-secret-1", "token_uri": uri})
    .to_string()
}

/// A gateway with Google's tokens from this endpoint.
async fn with_tokens(endpoint: &FakeUpstream, upstream: &FakeUpstream, more: &str) -> Gateway {
    let file = refresh_token(endpoint);
    cloud(GOOGLE, upstream, "credential: {file: adc.json}", more).file("adc.json", &file).start().await
}

fn authorizations(upstream: &FakeUpstream) -> Vec<String> {
    upstream.received().iter().map(|request| request.header("authorization").to_owned()).collect()
}

/// Nothing that the gateway has printed holds a secret.
#[track_caller]
fn check_silent(gateway: &Gateway) {
    let printed = format!("{:?}{}", gateway.log(), gateway.stderr());
    assert!(!printed.contains("secret-"), "{printed}");
}

#[tokio::test]
async fn one_token_serves_all_requests_and_a_reload() {
    let (endpoint, upstream) = (token_endpoint(3600).await, FakeUpstream::start(|_| answer("hello")).await);
    let gateway = with_tokens(&endpoint, &upstream, "").await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        calls.spawn(gateway.post(CHAT, ask("m")).send());
    }
    while let Some(response) = calls.join_next().await {
        assert_eq!(response.unwrap().status, 200);
    }
    let config = std::fs::read_to_string(gateway.folder().join("tollgate.yaml")).unwrap();
    gateway.write_config(&format!("{config}routing: {{retries: {{attempts: 0}}}}\n"));
    gateway.logged(1, |line| line["generation"] == 2).await;
    assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
    assert_eq!(authorizations(&upstream), vec!["Bearer token-secret-1"; 21]);
    assert_eq!(endpoint.received().len(), 1);
    let form = String::from_utf8(endpoint.last().body.to_vec()).unwrap();
    assert!(form.contains("grant_type=refresh_token") && form.contains("client-secret-1"), "{form}");
    let metrics = gateway.metrics().await;
    let series = "tollgate_credential_refreshes_total{provider=\"cloud\",result=\"ok\"} 1";
    assert!(metrics.contains(series), "{metrics}");
    check_silent(&gateway);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_no_request_waits_for_it() {
    let (endpoint, upstream) = (token_endpoint(2).await, FakeUpstream::start(|_| answer("hello")).await);
    let gateway = with_tokens(&endpoint, &upstream, "").await;
    loop {
        assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
        if authorizations(&upstream).contains(&"Bearer token-secret-3".to_owned()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut seen = authorizations(&upstream);
    seen.dedup();
    assert_eq!(seen, ["Bearer token-secret-1", "Bearer token-secret-2", "Bearer token-secret-3"]);
    assert_eq!(endpoint.received().len(), 3);
}

#[tokio::test]
async fn a_token_that_is_not_given_out_is_never_the_callers_fault() {
    let refused = r#"{"error":"invalid_grant","error_description":"refresh-secret-1 was revoked"}"#;
    let endpoint = FakeUpstream::start(move |_| Reply::json(401, refused)).await;
    let (upstream, b) =
        (FakeUpstream::start(|_| answer("a")).await, FakeUpstream::start(|_| answer("b")).await);
    let more = format!(", {}", provider("b", &b.url()));
    let gateway = with_tokens(&endpoint, &upstream, &more).await;
    let response = gateway.post(CHAT, ask("m")).send().await;
    check_error(CHAT, &response, 502, "TG-1304");
    assert!(!response.text().contains("invalid_grant"), "{}", response.text());
    assert_eq!((endpoint.received().len(), upstream.received().len()), (1, 0));
    let lines = gateway.logged(1, |line| line["message"] == "credential not refreshed").await;
    let error = lines[0]["error"].as_str().unwrap();
    assert_eq!(error, format!("{} gives no token: 401 invalid_grant", endpoint.url()));
    check_silent(&gateway);
    let config = std::fs::read_to_string(gateway.folder().join("tollgate.yaml")).unwrap();
    gateway.write_config(&config.replace("{m: cloud/a.b-v1:0}", "{m: {targets: cloud/x, fallback: b/y}}"));
    gateway.logged(1, |line| line["generation"] == 2).await;
    assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
    assert_eq!(b.received().len(), 1);
}

#[tokio::test]
async fn a_token_endpoint_that_is_not_there_makes_its_provider_unreachable() {
    let endpoint = FakeUpstream::start(|_| Reply::reset()).await;
    let upstream = FakeUpstream::start(|_| answer("a")).await;
    let gateway = with_tokens(&endpoint, &upstream, "").await;
    let response = gateway.post(CHAT, ask("m")).send().await;
    check_error(CHAT, &response, 502, "TG-1301");
    assert!(response.text().contains("gives no token"), "{}", response.text());
    check_silent(&gateway);
}

#[tokio::test]
async fn a_token_that_the_provider_quotes_is_not_passed_on() {
    let upstream = FakeUpstream::start(|request| {
        let sent = request.header("authorization");
        Reply::json(400, json!({"error": {"message": format!("bad request with {sent}")}}).to_string())
    })
    .await;
    let endpoint = token_endpoint(3600).await;
    let gateway = with_tokens(&endpoint, &upstream, "").await;
    let response = gateway.post(CHAT, ask("m")).send().await;
    check_error(CHAT, &response, 400, "TG-1303");
    assert!(response.text().contains("bad request with Bearer <redacted>"), "{}", response.text());
    check_silent(&gateway);
}

#[tokio::test]
async fn a_refused_token_is_never_the_callers_401() {
    let upstream = FakeUpstream::start(|_| error(401)).await;
    let endpoint = token_endpoint(3600).await;
    let gateway = with_tokens(&endpoint, &upstream, "").await;
    check_error(CHAT, &gateway.post(CHAT, ask("m")).send().await, 502, "TG-1304");
    assert_eq!(authorizations(&upstream), ["Bearer token-secret-1"]);
}

#[tokio::test]
async fn a_key_in_the_query_is_sent_there_and_told_nowhere() {
    let upstream = FakeUpstream::start(|request| {
        Reply::json(400, json!({"error": {"message": format!("no such page {}", request.path)}}).to_string())
    })
    .await;
    let gateway =
        cloud(QUERY, &upstream, "key: \"${CLOUD_KEY}\"", "").env("CLOUD_KEY", "query-secret-1").start().await;
    let response = gateway.post(CHAT, ask("m")).send().await;
    check_error(CHAT, &response, 400, "TG-1303");
    assert_eq!(upstream.last().path, "/model/a.b-v1%3A0/chat?key=query-secret-1");
    assert!(response.text().contains("chat?key=<redacted>"), "{}", response.text());
    assert!(upstream.last().header("authorization").is_empty());
    check_silent(&gateway);
}

#[tokio::test]
async fn keys_of_the_instance_sign_requests() {
    let metadata = FakeUpstream::start(|request: &Received| match request.path.as_str() {
        "/latest/api/token" => Reply::bytes("text/plain", "session-1"),
        "/latest/meta-data/iam/security-credentials/" => Reply::bytes("text/plain", "role"),
        _ => Reply::json(
            200,
            r#"{"AccessKeyId":"ASIAINSTANCE","SecretAccessKey":"s","Token":"session-secret-1","Expiration":"2099-01-01T00:00:00Z"}"#,
        ),
    })
    .await;
    let upstream = FakeUpstream::start(|_| answer("hello")).await;
    let gateway = cloud(SIGNED, &upstream, "credential: {}", "")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.url())
        .env("AWS_REGION", "eu-west-1")
        .start()
        .await;
    for _ in 0..3 {
        assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
    }
    assert_eq!(metadata.received().len(), 3);
    let sent = upstream.last();
    let signed = sent.header("authorization").to_owned();
    assert!(signed.starts_with("AWS4-HMAC-SHA256 Credential=ASIAINSTANCE/"), "{signed}");
    assert!(signed.contains("/eu-west-1/models/aws4_request"), "{signed}");
    assert_eq!(sent.header("x-amz-security-token"), "session-secret-1");
    check_silent(&gateway);
}

#[tokio::test]
async fn a_web_identity_s_token_is_exchanged_at_sts() {
    let sts = FakeUpstream::start(|_| {
        let keys = "<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>session-secret-1</SessionToken>";
        Reply::bytes("text/xml", format!("<R>{keys}<Expiration>2099-01-01T00:00:00Z</Expiration></R>"))
    })
    .await;
    let upstream = FakeUpstream::start(|_| answer("hello")).await;
    let builder = cloud(SIGNED, &upstream, "variables: {region: eu-west-1}, credential: {}", "")
        .file("identity", "their-secret-1");
    let identity = builder.folder().join("identity").display().to_string();
    let gateway = builder
        .env("AWS_ENDPOINT_URL_STS", &sts.url())
        .env("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", &identity)
        .start()
        .await;
    assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
    let form = String::from_utf8(sts.last().body.to_vec()).unwrap();
    assert!(form.starts_with("Action=AssumeRoleWithWebIdentity&"), "{form}");
    assert!(form.ends_with("&WebIdentityToken=their-secret-1"), "{form}");
    assert!(upstream.last().header("authorization").contains("Credential=ASIAROLE/"));
    check_silent(&gateway);
}

#[tokio::test]
async fn an_application_of_entra_s_obtains_a_token_with_its_secret() {
    let (entra, upstream) = (token_endpoint(3600).await, FakeUpstream::start(|_| answer("hello")).await);
    let settings = "credential: {tenant: t, client: c, client_secret: \"${CLIENT_SECRET}\"}";
    let gateway = cloud(ENTRA, &upstream, settings, "")
        .env("AZURE_AUTHORITY_HOST", &entra.url())
        .env("CLIENT_SECRET", "client-secret-1")
        .start()
        .await;
    assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
    assert_eq!(entra.last().path, "/t/oauth2/v2.0/token");
    assert_eq!(authorizations(&upstream), ["Bearer token-secret-1"]);
    let shown = gateway.cli(&["config", "show"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("client_secret: \"${CLIENT_SECRET}\""), "{shown}");
    assert!(!shown.contains("client-secret-1"), "{shown}");
    check_silent(&gateway);
}

/// A kind of provider whose tokens are given out for something.
const GRANTED: &str = r#"
title = "Cloud"
docs = "https://cloud.example"
kind = "local"
semconv = "cloud"
base_url = "http://127.0.0.1:{port}/v1"

[variables.port]
meaning = "the port"

[dialects.openai_chat]
chat = "/chat/completions"

[credential]
required = true
scheme = "oauth"
"#;

#[tokio::test]
async fn tokens_are_given_for_a_client_s_secret_and_for_a_key() {
    let kind = |token_url: &str, more: &str| format!("{GRANTED}\ntoken_url = \"{token_url}\"\n{more}\n");
    let tokens = token_endpoint(3600).await;
    let upstream = FakeUpstream::start(|_| answer("hello")).await;
    let port = |fake: &FakeUpstream| fake.url().rsplit(':').next().unwrap().to_owned();
    let of_client = "scope = \"all\"\nclient_env = [\"CLOUD_CLIENT\"]\nsecret_env = [\"CLOUD_SECRET\"]";
    let of_key = "grant = \"urn:g\"\nparameter = \"apikey\"\nsecret_env = [\"CLOUD_KEY\"]";
    let said = format!(
        "kind: client, url: \"{}/v1\", credential: {{client: app, client_secret: \"${{CLOUD_SECRET}}\"}}",
        upstream.url()
    );
    let config = format!(
        "server: {{catalogue: kinds}}\nproviders:\n  said: {{{said}, variables: {{port: \"{}\"}}}}\n  \
         found: {{kind: key, variables: {{port: \"{}\"}}}}\n",
        port(&tokens),
        port(&upstream),
    );
    let gateway = gateway()
        .file("kinds/client/provider.toml", &kind("http://127.0.0.1:{port}/oidc/v1/token", of_client))
        .file("kinds/key/provider.toml", &kind(&format!("{}/identity/token", tokens.url()), of_key))
        .env("CLOUD_SECRET", "client-secret-1")
        .env("CLOUD_KEY", "key-secret-1")
        .config(&config)
        .start()
        .await;
    assert_eq!(gateway.post(CHAT, ask("said/m")).send().await.status, 200);
    let asked = tokens.last();
    assert_eq!(asked.path, "/oidc/v1/token");
    // `app:client-secret-1`
    assert_eq!(asked.header("authorization"), "Basic YXBwOmNsaWVudC1zZWNyZXQtMQ==");
    assert_eq!(gateway.post(CHAT, ask("found/m")).send().await.status, 200);
    let asked = tokens.last();
    let form = String::from_utf8(asked.body.to_vec()).unwrap();
    assert_eq!(
        (asked.path.as_str(), form.as_str()),
        ("/identity/token", "grant_type=urn%3Ag&apikey=key-secret-1")
    );
    assert_eq!(authorizations(&upstream), ["Bearer token-secret-1", "Bearer token-secret-2"]);
    check_silent(&gateway);
}

#[tokio::test]
async fn what_the_environment_alone_knows_goes_to_no_address_but_the_catalogues() {
    let upstream = FakeUpstream::start(|_| answer("hello")).await;
    let gateway = cloud(SIGNED, &upstream, "models: [\"a.b-v1:0\"]", "")
        .env("AWS_ACCESS_KEY_ID", "AKIAENV")
        .env("AWS_SECRET_ACCESS_KEY", "key-secret-1")
        .env("AWS_REGION", "eu-west-1")
        .start()
        .await;
    assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
    assert_eq!(authorizations(&upstream), [""]);
}

#[tokio::test]
async fn the_catalogues_clouds_are_asked_as_their_own_tools_ask_them() {
    let upstream = FakeUpstream::start(|_| answer("hello")).await;
    let (google, entra) = (token_endpoint(3600).await, token_endpoint(3600).await);
    let keys =
        "credential: {access_key_id: AKIAEXAMPLE, secret_access_key: s}, variables: {region: eu-west-1}";
    let application = "credential: {tenant: t, client: c, client_secret: s}";
    let clouds = [("bedrock", keys), ("vertex", "credential: {file: adc.json}"), ("azure", application)];
    let providers =
        clouds.map(|(name, settings)| format!("{name}: {{url: \"{}\", {settings}}}", upstream.url()));
    let gateway = gateway()
        .config(&format!("providers: {{{}}}\n", providers.join(", ")))
        .file("adc.json", &refresh_token(&google))
        .env("AZURE_AUTHORITY_HOST", &entra.url())
        .start()
        .await;
    for (name, _) in clouds {
        // A cloud with models of several publishers speaks the language of each.
        let model = match name {
            "bedrock" => "openai.x",
            "vertex" => "google/x",
            _ => "x",
        };
        let response = gateway.post(CHAT, ask(&format!("{name}/{model}"))).send().await;
        assert_eq!(response.status, 200, "{name}: {}", response.text());
    }
    let [bedrock, vertex, azure] = <[String; 3]>::try_from(authorizations(&upstream)).unwrap();
    assert!(bedrock.contains("/eu-west-1/bedrock/aws4_request, SignedHeaders="), "{bedrock}");
    assert_eq!([vertex, azure], ["Bearer token-secret-1", "Bearer token-secret-1"]);
    let form = String::from_utf8(entra.last().body.to_vec()).unwrap();
    assert!(form.contains("scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"), "{form}");
}

#[test]
fn a_cloud_is_found_by_what_its_tools_leave_in_the_environment() {
    let found = |credential: &str, pairs: &[(&str, &str)]| {
        let builder = gateway().file("kinds/cloud/provider.toml", &kind(credential));
        let builder = builder.env("TOLLGATE__SERVER__CATALOGUE", "kinds");
        let builder = pairs.iter().fold(builder, |builder, (name, value)| builder.env(name, value));
        let shown = builder.cli(&["config", "show"]);
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        String::from_utf8(shown.stdout).unwrap().contains("kind: cloud\n")
    };
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_REGION", "r")];
    assert!(found(SIGNED, &keys));
    // Without a region nothing could be signed.
    assert!(!found(SIGNED, &keys[..2]));
    assert!(!found(SIGNED, &keys[2..]));
    assert!(found(GOOGLE, &[("GOOGLE_APPLICATION_CREDENTIALS", "/file.json")]));
    assert!(!found(GOOGLE, &[("HOME", "/nowhere")]));
    assert!(found(
        ENTRA,
        &[("AZURE_CLIENT_SECRET", "s"), ("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c")]
    ));
    assert!(!found(ENTRA, &[("AZURE_TENANT_ID", "t")]));
}

#[tokio::test]
async fn a_credential_that_cannot_be_is_refused_before_the_start() {
    let upstream = FakeUpstream::start(|_| answer("hello")).await;
    for (credential, settings, expect) in [
        (SIGNED, "credential: {}", "no region is named"),
        (
            SIGNED,
            "variables: {region: r}, credential: {file: f}",
            "`file` means nothing for this kind of provider",
        ),
        (SIGNED, "variables: {region: r}, credential: {access_key_id: a}", "belong together"),
        (SIGNED, "variables: {region: r}, credential: {profile: p, role: r, token_file: f}", "leave two out"),
        (SIGNED, "variables: {region: r}, credential: {token_file: f}", "needs the `role`"),
        (SIGNED, "key: k", "takes no key"),
        (ENTRA, "credential: {client_secret: s}", "no application is named"),
        (ENTRA, "credential: {client_secret: s, token_file: f}", "leave one out"),
        (QUERY, "credential: {profile: p}", "takes a `key` and nothing else"),
        (OAUTH, "credential: {}", "nothing is named that tokens are given for"),
        (OAUTH, "credential: {client_secret: s}", "no client is named: set `client` or CLOUD_CLIENT"),
        (OAUTH, "credential: {api_key: k}", "`api_key` means nothing for this kind of provider"),
    ] {
        let output = cloud(credential, &upstream, settings, "").cli(&["check", "tollgate.yaml"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("providers.cloud.") && said.contains(expect), "{settings}: {said}");
    }
}
