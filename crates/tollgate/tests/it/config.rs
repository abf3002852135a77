//! Configuration: the published short form, problems, the long form, reloads, the environment.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use serde_json::Value;
use testkit::{FakeUpstream, Gateway, Reply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::gateway;
use crate::samples::{
    CHAT, MESSAGES, answer, ask, ask_stream, call, check_error, ending, opening, provider, single, word,
};

/// The basic configuration of such a gateway as it was published.
const SHORT_FORM: &str = r#"{
    "security": {
        "authentication": "JWT/OAuth2",
        "rate_limiting": {
            "strategy": "token_bucket",
            "requests_per_minute": 1000
        },
        "encryption": "TLS 1.3"
    },
    "routing": {
        "algorithm": "weighted_round_robin",
        "health_checks": true,
        "circuit_breaker": {
            "threshold": 5,
            "timeout": "30s"
        }
    },
    "monitoring": {
        "metrics": ["latency", "throughput", "error_rate"],
        "logging": "structured_json",
        "tracing": "jaeger/zipkin"
    }
}"#;

/// A connection to the gateway with this version of TLS, trusting its local authority.
async fn connect(
    gateway: &Gateway,
    version: &'static SupportedProtocolVersion,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(gateway.data.join("ca.pem")).unwrap()).unwrap();
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(crypto).with_protocol_versions(&[version]).unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Sends a request over TLS 1.3 and returns the whole answer as text.
async fn over_tls(gateway: &Gateway, line: &str, headers: &str, body: &str) -> String {
    let mut stream = connect(gateway, &rustls::version::TLS13).await.unwrap();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn the_published_short_form_starts_as_printed_and_does_what_it_says() {
    let gateway = gateway().config(SHORT_FORM).start().await;
    assert!(connect(&gateway, &rustls::version::TLS12).await.is_err(), "TLS 1.2 is older than TLS 1.3");
    let chat = format!("POST {CHAT}");
    let refused = over_tls(&gateway, &chat, "", &ask("tollgate/mock")).await;
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");

    let key = format!("authorization: Bearer {}\r\n", gateway.key);
    let served = over_tls(&gateway, &chat, &key, &ask("tollgate/mock")).await;
    assert!(served.starts_with("HTTP/1.1 200 "), "{served}");
    assert!(served.contains("\r\nx-ratelimit-limit-requests: 1000\r\n"), "{served}");
    assert!(served.contains("\r\nx-ratelimit-remaining-requests: 999\r\n"), "{served}");

    let form = format!("grant_type=client_credentials&client_secret={}", gateway.key);
    let granted = over_tls(&gateway, "POST /oauth/token", "", &form).await;
    let granted: Value = serde_json::from_str(granted.split_once("\r\n\r\n").unwrap().1).unwrap();
    let token = format!("authorization: Bearer {}\r\n", granted["access_token"].as_str().unwrap());
    let served = over_tls(&gateway, &chat, &token, &ask("tollgate/mock")).await;
    assert!(
        served.contains("\r\nx-ratelimit-remaining-requests: 998\r\n"),
        "one caller, one bucket: {served}"
    );

    let metrics = over_tls(&gateway, "GET /metrics", "", "").await;
    for series in ["tollgate_request_duration_seconds_count", "tollgate_requests_total", "error_type="] {
        assert!(metrics.contains(series), "{series}: {metrics}");
    }
    let lines = gateway.logged(2, |line| line["status"] == 200).await;
    assert!(lines.iter().all(|line| line["model"] == "tollgate/mock"), "{lines:?}");

    let shown = text(&gateway.cli(&["config", "show"]));
    for line in
        ["token_bucket", "requests_per_minute: 1000", "min_version: \"1.3\"", "threshold: 5", "timeout: 30s"]
    {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert!(shown.contains("http://127.0.0.1:4318") && shown.contains("http://127.0.0.1:9411"), "{shown}");
}

#[tokio::test]
async fn the_token_bucket_refuses_what_is_too_much_and_says_until_when() {
    let config = "security: {rate_limiting: {strategy: token_bucket, requests_per_minute: 3}}";
    let gateway = gateway().config(config).start().await;
    for remaining in ["2", "1", "0"] {
        let response = call(&gateway, CHAT, ask("tollgate/mock")).send().await;
        assert_eq!((response.status, response.header("x-ratelimit-remaining-requests")), (200, remaining));
    }
    for path in [CHAT, MESSAGES] {
        let response = call(&gateway, path, ask("tollgate/mock")).send().await;
        check_error(path, &response, 429, "TG-1101");
        let wait: u64 = response.header("retry-after").parse().unwrap();
        assert!((1..=20).contains(&wait), "{wait}");
        let limit =
            if path == CHAT { "x-ratelimit-limit-requests" } else { "anthropic-ratelimit-requests-limit" };
        assert_eq!(response.header(limit), "3", "{:?}", response.headers);
    }
    let other = text(&gateway.cli(&["keys", "create", "other"]));
    let served =
        async { while call(&gateway, CHAT, ask("tollgate/mock")).key(&other).send().await.status != 200 {} };
    tokio::time::timeout(testkit::PATIENCE, served).await.unwrap();
}

#[tokio::test]
async fn turns_are_taken_by_weight() {
    let (a, b) = (FakeUpstream::start(|_| answer("a")).await, FakeUpstream::start(|_| answer("b")).await);
    let config = format!(
        "providers: {{{}, {}}}\nmodels: {{m: {{targets: [{{to: a/x, weight: 3}}, {{to: b/y, weight: 1}}]}}}}",
        provider("a", &a.url()),
        provider("b", &b.url())
    );
    let gateway = gateway().config(&config).start().await;
    for _ in 0..8 {
        assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
    }
    assert_eq!((a.received().len(), b.received().len()), (6, 2));
}

#[tokio::test]
async fn a_provider_that_a_health_check_cannot_reach_is_left_out_before_anybody_asks_it() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let b = FakeUpstream::start(|_| answer("b")).await;
    let config = format!(
        "providers: {{{}, {}}}\nmodels: {{m: {{targets: a/x, fallback: b/y}}}}\nrouting: {{health_checks: {{interval: 100ms}}}}",
        provider("a", &format!("http://{nobody}")),
        provider("b", &b.url())
    );
    let gateway = gateway().config(&config).start().await;
    gateway.logged(1, |line| line["message"] == "provider unreachable" && line["provider"] == "a").await;
    let response = gateway.post(CHAT, ask("m")).send().await;
    assert_eq!((response.status, response.header("x-tollgate-attempts")), (200, "1"));
}

#[tokio::test]
async fn traces_arrive_at_both_kinds_of_collector() {
    let (otlp, zipkin) = (collector().await, collector().await);
    let config =
        format!("monitoring: {{tracing: {{otlp: \"{}\", zipkin: \"{}\"}}}}", otlp.url(), zipkin.url());
    let gateway = gateway().config(&config).start().await;
    assert_eq!(gateway.post(CHAT, ask("tollgate/mock")).send().await.status, 200);
    otlp.until_received(1).await;
    zipkin.until_received(1).await;
    assert_eq!((otlp.last().path.as_str(), zipkin.last().path.as_str()), ("/v1/traces", "/api/v2/spans"));
    assert!(otlp.last().json()["resourceSpans"].is_array() && zipkin.last().json().is_array());
}

async fn collector() -> FakeUpstream {
    FakeUpstream::start(|_| Reply::json(200, "{}")).await
}

#[track_caller]
fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned()
}

/// Everything that is wrong with it, each with its line and the nearest name there is.
const WRONG: &str = r#"server: {lisen: "127.0.0.1:1", drain: soon}
routing: {algorithm: weighted_round_robbin}
providers:
  a: {kind: opanai}
  b: {kind: openai, url: "ftp://x", key: "sk-canary"}
models: {m: nope/x}
monitoring:
  logging: structured_jsn
"#;

#[test]
fn every_problem_is_reported_at_once_with_its_line_and_the_nearest_name() {
    let builder = gateway().config(WRONG).file("other.yaml", WRONG);
    for arguments in [&["check"][..], &["check", "other.yaml"]] {
        let output = builder.cli(arguments);
        assert_eq!(output.status.code(), Some(7));
        let said = String::from_utf8(output.stderr).unwrap();
        for (line, nearest) in [
            (":1:10", "`listen`"),
            (":1:39", "such as 30s"),
            (":2:22", "`weighted_round_robin`"),
            (":4:13", "`openai`"),
            (":5:26", "http://"),
            (":6:13", "`nope`"),
            (":8:12", "`structured_json`"),
        ] {
            assert!(said.contains(line) && said.contains(nearest), "{line} {nearest}: {said}");
        }
        assert!(said.contains("7 problems") && said.matches("TG-02").count() == 7, "{said}");
        assert!(!said.contains("sk-canary"), "{said}");
    }
    assert!(!builder.cli(&["check", "none.yaml"]).status.success());
}

#[tokio::test]
async fn a_start_with_problems_is_refused_with_all_of_them() {
    let output = gateway().config(WRONG).refused().await;
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("7 problems"), "{said}");
}

#[test]
fn a_misspelt_twin_in_the_environment_is_a_problem_like_any_other() {
    let output = gateway().env("TOLLGATE__SERVER__LISEN", "127.0.0.1:1").cli(&["check"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("TOLLGATE__SERVER__LISEN") && said.contains("did you mean"), "{said}");
}

#[test]
fn the_schema_is_json_and_knows_every_section() {
    let schema: Value = serde_json::from_str(&text(&gateway().cli(&["schema"]))).unwrap();
    for section in ["server", "security", "routing", "monitoring", "providers", "models", "store"] {
        assert!(schema["properties"][section].is_object(), "{section}");
    }
}

#[test]
fn what_config_show_prints_is_the_same_configuration() {
    let config = r#"providers: {a: {kind: openai, url: "http://127.0.0.1:1/v1", key: "${A_KEY}"}}
models: {m: {targets: [{to: a/x, weight: 2}], fallback: [a/y]}}
security: {authentication: JWT/OAuth2, encryption: TLS 1.3, rate_limiting: {requests_per_minute: 5}}
monitoring: {tracing: jaeger/zipkin, metrics: [latency]}
routing: {health_checks: true}"#;
    let first = gateway().env("A_KEY", "sk-canary").config(config);
    let shown = text(&first.cli(&["config", "show"]));
    assert!(shown.contains("${A_KEY}") && !shown.contains("sk-canary"), "{shown}");
    let second = gateway().env("A_KEY", "sk-canary").config(&shown);
    text(&second.cli(&["check"]));
    // The data directories of the two differ: the file's is overridden by the environment's.
    let without_data =
        |text: &str| text.lines().filter(|line| !line.contains("data:")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_data(&text(&second.cli(&["config", "show"]))), without_data(&shown));
}

async fn generation(gateway: &Gateway, number: u64) {
    gateway.logged(1, |line| line["generation"] == number).await;
}

#[tokio::test]
async fn a_changed_file_is_in_force_at_once_and_streams_under_way_keep_what_they_began_with() {
    let slow = opening() + &word("old").repeat(20) + &ending();
    let a = FakeUpstream::start(move |_| Reply::sse(slow.clone()).gap(std::time::Duration::from_millis(100)))
        .await;
    let b = FakeUpstream::start(|_| answer("new")).await;
    let gateway = gateway().config(&single(&a)).start().await;
    let mut streaming = gateway.stream(CHAT, ask_stream("m")).await;
    streaming.until("old").await;
    gateway.write_config(&single(&b));
    generation(&gateway, 2).await;
    let response = gateway.post(CHAT, ask("m")).send().await;
    assert!(response.text().contains("new"), "{}", response.text());
    let rest = String::from_utf8(streaming.rest().await.into()).unwrap();
    assert!(rest.ends_with("data: [DONE]\n\n"), "{rest}");
    let metrics = gateway.metrics().await;
    assert!(metrics.contains("\ntollgate_config_generation 2\n"), "{metrics}");
}

#[tokio::test]
async fn a_broken_file_leaves_the_last_good_one_in_force_and_shows_in_the_metrics() {
    let upstream = FakeUpstream::start(|_| answer("good")).await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    let reload = "tollgate_config_last_reload_successful";
    assert!(gateway.metrics().await.contains(&format!("\n{reload} 1\n")));
    for (broken, count) in [("models: {m: nope/x}", 1), ("{", 2)] {
        gateway.write_config(broken);
        gateway.logged(count, |line| line["level"] == "error" || line["level"] == "warn").await;
        assert!(gateway.metrics().await.contains(&format!("\n{reload} 0\n")));
        assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
    }
    gateway.write_config(&single(&upstream).replace("sk-a", "sk-new"));
    generation(&gateway, 2).await;
    assert!(gateway.metrics().await.contains(&format!("\n{reload} 1\n")));
    assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
    assert_eq!(upstream.last().header("authorization"), "Bearer sk-new");
}

#[tokio::test]
async fn a_rejected_file_is_told_once_however_it_is_noticed() {
    let gateway = gateway().config("providers: {tollgate: {}}").start().await;
    let rejected = |line: &Value| line["message"] == "configuration rejected";
    gateway.write_config("models: {m: nope/x}");
    gateway.signal("HUP");
    gateway.logged(1, rejected).await;
    gateway.signal("HUP");
    gateway.write_config("models: {m: other/x}");
    gateway.logged(2, rejected).await;
    // The file's watch has looked at both by the time that a third one is in force.
    gateway.write_config("providers: {tollgate: {}}\n# whole again");
    generation(&gateway, 2).await;
    assert_eq!(gateway.log().iter().filter(|line| rejected(line)).count(), 2);
}

#[tokio::test]
async fn a_setting_that_only_a_start_changes_keeps_its_value_and_is_named() {
    let gateway = gateway().config("providers: {tollgate: {}}").start().await;
    gateway.write_config(
        "providers: {tollgate: {}}\nserver: {workers: 3, caps: {body: 100B}}\nmonitoring: {logging: {level: debug}}",
    );
    generation(&gateway, 2).await;
    let named = gateway.logged(2, |line| line["setting"].is_string()).await;
    let named: Vec<_> = named.iter().map(|line| line["setting"].as_str().unwrap()).collect();
    assert_eq!(named, ["server.workers", "monitoring.logging.level"]);
    let large = gateway.post(CHAT, ask("tollgate/mock") + &" ".repeat(100)).send().await;
    check_error(CHAT, &large, 413, "TG-0102");
}

#[tokio::test]
async fn the_admin_listener_shows_what_is_in_force_now() {
    let config = |model: &str| {
        format!(
            "server: {{admin: \"127.0.0.1:0\"}}\nproviders: {{tollgate: {{}}}}\nmodels: {{{model}: tollgate/mock}}"
        )
    };
    let mut gateway = gateway().config(&config("before")).start().await;
    assert_eq!(gateway.get("/metrics").send().await.status, 404);
    let told = gateway.logged(1, |line| line["message"] == "admin listens").await;
    gateway.address = told[0]["address"].as_str().unwrap().parse().unwrap();
    assert!(gateway.get("/v1/models").send().await.text().contains("\"before\""));
    gateway.write_config(&config("after"));
    generation(&gateway, 2).await;
    let listing = gateway.get("/v1/models").send().await;
    assert!(
        listing.text().contains("\"after\"") && !listing.text().contains("\"before\""),
        "{}",
        listing.text()
    );
    assert_eq!(gateway.get("/metrics").without_key().send().await.status, 200);
    let elsewhere = gateway.post(CHAT, ask("after")).send().await;
    check_error(CHAT, &elsewhere, 404, "TG-0106");
    let id = elsewhere.header("request-id");
    gateway.logged(1, |line| line["request_id"] == id && line["error"] == "TG-0106").await;
}

#[tokio::test]
async fn a_drain_that_runs_out_of_time_tells_every_caller() {
    let upstream = FakeUpstream::start(|request| {
        let text = opening() + &word("hi");
        let is_streamed = request.json()["stream"] == true;
        Reply::sse(text.clone()).silent_after(if is_streamed { text.len() } else { 0 })
    })
    .await;
    let config = format!("server: {{drain: 0s}}\n{}", single(&upstream));
    let mut gateway = gateway().config(&config).start().await;
    let mut streaming = gateway.stream(CHAT, ask_stream("m")).await;
    streaming.until("hi").await;
    let waiting = gateway.post(CHAT, ask("m")).send();
    let stop = async {
        upstream.until_received(2).await;
        gateway.terminate();
    };
    let (refused, ()) = tokio::join!(waiting, stop);
    check_error(CHAT, &refused, 503, "TG-1403");
    let text = String::from_utf8(streaming.rest().await.into()).unwrap();
    assert!(text.contains("TG-1403") && !text.contains("[DONE]"), "{text}");
    gateway.wait().await;
    gateway.logged(2, |line| line["message"] == "request" && line["error"] == "TG-1403").await;
    assert_eq!(gateway.usage()["total"]["open"], 0);
}

#[tokio::test]
async fn two_gateways_never_share_an_address() {
    let config = "server: {workers: 2}\nproviders: {tollgate: {}}";
    let first = gateway().config(config).start().await;
    let address = first.address.to_string();
    let output = gateway().config(config).env("TOLLGATE__SERVER__LISTEN", &address).refused().await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("{address} cannot be listened on")), "{said}");
}

#[tokio::test]
async fn a_hang_up_signal_reads_files_that_the_configuration_only_points_to() {
    let upstream = FakeUpstream::start(|_| answer("hi")).await;
    let config = single(&upstream).replace("sk-a", "${file:key.txt}");
    let builder = gateway().config(&config).file("key.txt", "sk-first\n");
    let secret = builder.folder().join("key.txt");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let gateway = builder.start().await;
    assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
    assert_eq!(upstream.last().header("authorization"), "Bearer sk-first");
    std::fs::write(&secret, "sk-second\n").unwrap();
    gateway.signal("HUP");
    generation(&gateway, 2).await;
    assert_eq!(gateway.post(CHAT, ask("m")).send().await.status, 200);
    assert_eq!(upstream.last().header("authorization"), "Bearer sk-second");
}

#[tokio::test]
async fn the_environment_alone_is_enough_for_a_provider() {
    let upstream = FakeUpstream::start(|_| answer("hi")).await;
    let gateway = gateway()
        .env("OPENAI_API_KEY", "sk-env")
        .env("OPENAI_BASE_URL", &format!("{}/v1", upstream.url()))
        .start()
        .await;
    let response = gateway.post(CHAT, ask("openai/anything")).send().await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(upstream.last().header("authorization"), "Bearer sk-env");
}

#[tokio::test]
async fn an_environment_meant_for_clients_of_the_gateway_is_not_taken_for_an_upstream() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let gateway = gateway()
            .env("TOLLGATE__SERVER__LISTEN", &free.to_string())
            .env("OPENAI_API_KEY", "tg-of-this-gateway")
            .env("OPENAI_BASE_URL", &format!("http://{host}:{}/v1", free.port()))
            .start()
            .await;
        let listing = gateway.get("/v1/models").send().await;
        assert!(!listing.text().contains("openai/"), "{}", listing.text());
        assert_eq!(gateway.post(CHAT, ask("tollgate/mock")).send().await.status, 200);
    }
}

#[tokio::test]
async fn what_a_provider_s_address_leaves_open_comes_from_the_file_or_the_environment() {
    let missing = gateway().config("providers: {azure: {key: k}}\n").refused().await;
    let text = String::from_utf8(missing.stderr).unwrap();
    assert!(text.contains("TG-0205") && text.contains("AZURE_OPENAI_RESOURCE"), "{text}");
    let config = "providers: {azure: {key: k, variables: {resource: acme}}}\n";
    gateway().config(config).start().await;
    let gateway = gateway().config("providers: {azure: {key: k}}\n").env("AZURE_OPENAI_RESOURCE", "acme");
    let gateway = gateway.start().await;
    let shown = gateway.cli(&["config", "show"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("variables"), "{shown}");
}
