//! Short forms, long forms, defaults, and the long form that is printed.

use std::time::Duration;

use settings::{Acceptance, Durability, LogFormat, Source, TlsVersion, find_file, load};

use crate::{LONG, environment, keys, kinds, settings};

/// `short` means what `long` means.
#[track_caller]
fn check(short: &str, long: &str) {
    assert_eq!(settings(short).show(), settings(long).show(), "{short}");
}

#[test]
fn the_published_short_form_does_what_each_line_says() {
    let settings = settings(include_str!("published.json"));
    let security = &settings.security;
    assert_eq!(security.authentication.anonymous, Acceptance::Refused);
    assert_eq!(security.authentication.api_keys, Acceptance::Accepted);
    assert!(security.authentication.oauth2.is_some());
    let limit = security.rate_limiting.as_ref().expect("a limit");
    assert_eq!(limit.requests_per_minute.map(u32::from), Some(1000));
    let encryption = security.encryption.as_ref().expect("encryption");
    assert_eq!((encryption.min_version, encryption.certificate.clone()), (TlsVersion::Tls13, None));
    assert!(settings.routing.health_checks.is_some());
    assert_eq!(settings.routing.circuit_breaker.threshold.get(), 5);
    assert_eq!(settings.routing.circuit_breaker.timeout, Duration::from_secs(30));
    let monitoring = &settings.monitoring;
    assert!(monitoring.metrics.enabled);
    assert_eq!(monitoring.logging.format, LogFormat::StructuredJson);
    assert_eq!(monitoring.tracing.otlp.as_deref(), Some("http://127.0.0.1:4318"));
    assert_eq!(monitoring.tracing.zipkin.as_deref(), Some("http://127.0.0.1:9411"));
}

#[test]
fn each_short_form_means_its_long_form() {
    check(
        "security: {authentication: api_keys}",
        "security: {authentication: {api_keys: true, oauth2: false}}",
    );
    check(
        "security: {authentication: JWT/OAuth2}",
        "security: {authentication: {api_keys: true, oauth2: true}}",
    );
    check(
        "security: {authentication: {oauth2: true}}",
        "security: {authentication: {oauth2: {token_ttl: 15m}}}",
    );
    check("security: {encryption: TLS 1.3}", "security: {encryption: {min_version: 1.3}}");
    check("security: {encryption: TLS 1.2}", r#"security: {encryption: {min_version: "1.2"}}"#);
    check("routing: {health_checks: true}", "routing: {health_checks: {interval: 10s, timeout: 2s}}");
    check("routing: {health_checks: false}", "routing: {health_checks: }");
    check("monitoring: {metrics: [latency]}", "monitoring: {metrics: {path: /metrics, enabled: true}}");
    check("monitoring: {metrics: []}", "monitoring: {metrics: {enabled: false}}");
    check("monitoring: {logging: pretty}", "monitoring: {logging: {format: pretty, level: info}}");
    check(
        "monitoring: {tracing: jaeger}",
        "monitoring: {tracing: {otlp: http://127.0.0.1:4318, sample: 1.0}}",
    );
    check("monitoring: {tracing: otlp}", "monitoring: {tracing: jaeger}");
    check("monitoring: {tracing: zipkin}", "monitoring: {tracing: {zipkin: http://127.0.0.1:9411}}");
    check("providers: {openai: }", "providers: {openai: {kind: openai, headers: {}, models: []}}");
    let provider = "providers: {a: {}}\nmodels: ";
    let long = format!("{provider}{{m: {{targets: [{{to: a/b, weight: 1}}], fallback: [], strict: false}}}}");
    check(&format!("{provider}{{m: a/b}}"), &long);
    check(&format!("{provider}{{m: {{targets: a/b}}}}"), &long);
    check(&format!("{provider}{{m: {{targets: [a/b]}}}}"), &long);
    check("", "# nothing but a remark\n");
}

#[test]
fn units_are_read_in_every_spelling() {
    check("server: {drain: 1h30m}", "server: {drain: 90m}");
    check("server: {drain: 1.5s}", "server: {drain: 1500ms}");
    check("server: {drain: 0s, drain_notice: 0ms}", "server: {drain: 0m, drain_notice: 0h}");
    check("server: {caps: {body: 64KB, event: 1048576}}", "server: {caps: {body: 64000, event: 1MiB}}");
    check("server: {caps: {connections: 1.5k}}", r#"server: {caps: {connections: "1500"}}"#);
    check("routing: {retries: {budget: 0.07}}", "routing: {retries: {budget: 7%}}");
    check("server: {listen: localhost:80}", "server: {listen: 127.0.0.1:80}");
}

#[test]
fn defaults_are_filled_in_and_printed() {
    let settings = load(None, &environment(&[("HOME", "/home/me")]), &kinds).expect("defaults");
    assert_eq!(settings.show(), include_str!("defaults.yaml"));
}

#[test]
fn data_goes_where_the_desktop_says() {
    #[track_caller]
    fn check(pairs: &[(&str, &str)], data: &str) {
        let settings = load(None, &environment(pairs), &kinds).expect("defaults");
        assert_eq!(settings.server.data.to_str(), Some(data));
    }
    check(&[("XDG_DATA_HOME", "/data"), ("HOME", "/home/me")], "/data/tollgate");
    check(&[("XDG_DATA_HOME", "relative"), ("HOME", "/home/me")], "/home/me/.local/share/tollgate");
    check(&[], "tollgate-data");
    check(&[("HOME", "/home/me"), ("TOLLGATE__SERVER__DATA", "here")], "here");
}

#[test]
fn every_key_of_the_long_form_is_read() {
    let settings = settings(LONG);
    assert_eq!(settings.server.caps.connections.get(), 2000);
    assert_eq!(settings.server.timers.total, Duration::from_hours(2));
    assert_eq!(settings.providers.len(), 5);
    let credential = settings.providers.iter().find_map(|provider| provider.credential.clone()).expect("one");
    assert_eq!(credential.names().len(), 11);
    let smart = settings.models.first().expect("a model");
    assert_eq!(smart.targets.iter().map(|target| target.weight.get()).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(
        smart.fallback.first().map(|target| target.model.to_string()),
        Some("Qwen/Qwen3-4B".to_owned())
    );
    assert_eq!(settings.store.ledger.durability, Durability::Power);
    assert_eq!(settings.store.ledger.retention, Some(Duration::from_hours(90 * 24)));
    let defaults: Vec<&str> =
        include_str!("defaults.yaml").lines().filter(|line| !line.ends_with(':')).collect();
    let printed = settings.show();
    let kept: Vec<&str> = printed.lines().filter(|line| defaults.contains(line)).collect();
    let words_without_alternative =
        ["algorithm: weighted_round_robin", "state: \"embedded:\"", "enabled: true", "api_keys: true"];
    let unread: Vec<_> =
        kept.iter().filter(|line| !words_without_alternative.contains(&line.trim())).collect();
    assert!(unread.is_empty(), "keys without effect: {unread:?}");
}

#[test]
fn the_printed_form_reads_back_as_itself() {
    for text in ["", include_str!("published.json"), LONG, "security: {authentication: none}"] {
        let printed = settings(text).show();
        assert_eq!(settings(&printed).show(), printed);
    }
}

#[test]
fn relative_paths_start_at_the_file() {
    let text =
        "server: {data: data, catalogue: /c}\nsecurity: {encryption: {certificate: a.crt, key: b/a.key}}";
    let settings =
        load(Some(&Source::new(Some("/etc/tollgate/tollgate.yaml".into()), text)), &keys(), &kinds)
            .expect("settings");
    assert_eq!(settings.server.data.to_str(), Some("/etc/tollgate/data"));
    let files = settings.security.encryption.and_then(|encryption| encryption.certificate).expect("files");
    assert_eq!(files.key.to_str(), Some("/etc/tollgate/b/a.key"));
}

#[test]
fn the_usual_file_is_found_where_it_lies() {
    let folder = tempfile::tempdir().expect("a folder");
    let explicit = folder.path().join("other.yaml");
    assert_eq!(find_file(None, folder.path()), None);
    assert_eq!(find_file(Some(&explicit), folder.path()), Some(explicit));
    let usual = folder.path().join("tollgate.yaml");
    std::fs::write(&usual, "server: {}").expect("written");
    assert_eq!(find_file(None, folder.path()), Some(usual.clone()));
    assert_eq!(Source::read(&usual).expect("read").text(), "server: {}");
}
