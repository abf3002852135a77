//! Scraped metrics.

use std::collections::HashSet;
use std::time::Duration;

use telemetry::events::{
    CircuitChanged, ConfigRejected, ConfigReloaded, CredentialRefreshFailed, CredentialRefreshed,
    KeyRingRefreshFailed, KeyRingRefreshed, LimitRefused, PanicContained, Recovered, RequestFinished,
};
use telemetry::{OPENMETRICS_TEXT, PROMETHEUS_TEXT, Telemetry, TelemetryConfig, names};
use types::{CircuitState, Code, FaultKind, RequestId};

use crate::support::{Collector, Facts, PATIENCE, start};

/// Everything that can happen, once.
fn exercise(telemetry: &Telemetry) {
    let mut facts = Facts::new();
    facts.usage.units.web_search = 2;
    facts.request().emit(telemetry);
    facts.attempt().emit(telemetry);
    let request_id = RequestId::from_uuid(uuid::Uuid::from_u128(7));
    let state = CircuitState::Open;
    CircuitChanged { target: &facts.target, state, fault: Some(FaultKind::Timeout) }.emit(telemetry);
    let retry_after = Some(Duration::from_millis(1_500));
    LimitRefused { limit: "requests_per_minute", key: Some(&facts.key), request_id, retry_after }
        .emit(telemetry);
    ConfigReloaded { generation: 3 }.emit(telemetry);
    ConfigRejected { generation: 3, problems: 2, first: &"unknown key" }.emit(telemetry);
    CredentialRefreshed { provider: &"cloud".into() }.emit(telemetry);
    CredentialRefreshFailed { provider: &"cloud".into(), error: &"timed out" }.emit(telemetry);
    KeyRingRefreshed { issuer: "https://idp.example", keys: 2 }.emit(telemetry);
    KeyRingRefreshFailed { issuer: "https://idp.example", error: &"timed out" }.emit(telemetry);
    Recovered { records: 5, torn_bytes: 12, duration: Duration::from_millis(3) }.emit(telemetry);
    PanicContained { request_id, location: "crates/gateway/src/walk.rs:1:1" }.emit(telemetry);
}

/// The sample lines, and a panic for a line that the format does not allow.
fn samples(text: &str) -> Vec<(String, f64)> {
    let mut samples = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let name = series.split('{').next().unwrap_or_default();
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{line}");
        assert!(series == name || series.ends_with("\"}"), "{line}");
        samples.push((series.to_owned(), value.parse().unwrap_or_else(|_| panic!("no number: {line}"))));
    }
    samples
}

#[track_caller]
fn check(text: &str, series: &str, expect: f64) {
    let found = samples(text).into_iter().find(|(name, _)| name == series);
    let Some((_, value)) = found else { panic!("{series} is not in\n{text}") };
    assert!((value - expect).abs() < 1e-9, "{series} is {value}");
}

#[test]
fn every_declared_name_is_scraped_in_both_formats() {
    let collector = Collector::start();
    let (telemetry, _lines) =
        start(TelemetryConfig { otlp: Some(collector.url()), ..TelemetryConfig::default() });
    exercise(&telemetry);
    collector.next();
    telemetry.shutdown(PATIENCE);
    for (accept, content_type) in
        [(None, PROMETHEUS_TEXT), (Some("application/openmetrics-text"), OPENMETRICS_TEXT)]
    {
        let (sent, text) = telemetry.render(accept);
        assert_eq!(sent, content_type);
        assert_eq!(text.ends_with("# EOF\n"), accept.is_some());
        let scraped: HashSet<String> = samples(&text)
            .into_iter()
            .map(|(series, _)| {
                let name = series.split('{').next().unwrap_or_default().to_owned();
                ["_bucket", "_count", "_sum"]
                    .iter()
                    .find_map(|end| name.strip_suffix(end))
                    .map_or(name.clone(), str::to_owned)
            })
            .collect();
        let declared: HashSet<String> = names::METRICS.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(scraped, declared);
    }
}

#[test]
fn each_fact_moves_its_series() {
    let (telemetry, _lines) =
        start(TelemetryConfig { version: "0.1.0".to_owned(), ..TelemetryConfig::default() });
    let serving = telemetry.inflight();
    exercise(&telemetry);
    let (_, text) = telemetry.render(None);
    check(&text, "tollgate_inflight", 1.0);
    check(&text, "tollgate_build_info{version=\"0.1.0\"}", 1.0);
    let request = "operation=\"chat\",model=\"smart\",provider=\"claude\"";
    check(&text, &format!("tollgate_requests_total{{{request},status_class=\"2xx\"}}"), 1.0);
    check(&text, &format!("tollgate_request_duration_seconds_bucket{{{request},le=\"0.64\"}}"), 0.0);
    check(&text, &format!("tollgate_request_duration_seconds_bucket{{{request},le=\"1.28\"}}"), 1.0);
    check(&text, &format!("tollgate_request_duration_seconds_bucket{{{request},le=\"+Inf\"}}"), 1.0);
    check(&text, &format!("tollgate_request_duration_seconds_sum{{{request}}}"), 0.8124);
    check(&text, "tollgate_overhead_seconds_sum{operation=\"chat\"}", 0.000_31);
    check(
        &text,
        "tollgate_tokens_total{direction=\"input\",kind=\"cache_read\",model=\"smart\",provider=\"claude\"}",
        4.0,
    );
    check(&text, "tollgate_cost_usd_total{model=\"smart\",provider=\"claude\"}", 0.001_234);
    check(&text, "tollgate_attempts_total{provider=\"claude\",model=\"smart\",outcome=\"ok\"}", 1.0);
    check(&text, "tollgate_circuit_state{target=\"claude/claude-opus\"}", 2.0);
    check(&text, "tollgate_limit_rejections_total{limit=\"requests_per_minute\"}", 1.0);
    check(&text, "tollgate_translation_changes_total{kind=\"dropped\"}", 1.0);
    check(&text, "tollgate_config_generation", 3.0);
    check(&text, "tollgate_config_last_reload_successful", 0.0);
    check(&text, "tollgate_key_ring_refreshes_total{result=\"failed\"}", 1.0);
    for result in ["ok", "failed"] {
        let series = format!("tollgate_credential_refreshes_total{{provider=\"cloud\",result=\"{result}\"}}");
        check(&text, &series, 1.0);
    }
    check(&text, "tollgate_ledger_recovered_records_total", 5.0);
    let gen_ai =
        "gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"anthropic\",gen_ai_request_model=\"smart\"";
    check(
        &text,
        &format!("gen_ai_client_token_usage_bucket{{{gen_ai},gen_ai_token_type=\"input\",le=\"4\"}}"),
        0.0,
    );
    check(&text, &format!("gen_ai_client_token_usage_sum{{{gen_ai},gen_ai_token_type=\"input\"}}"), 7.0);
    check(&text, &format!("gen_ai_server_time_to_first_token_seconds_bucket{{{gen_ai},le=\"0.005\"}}"), 1.0);
    drop(serving);
    check(&telemetry.render(None).1, "tollgate_inflight", 0.0);
}

#[test]
fn an_invented_model_is_not_a_label() {
    let (telemetry, _lines) = start(TelemetryConfig::default());
    let facts = Facts::new();
    let invented = RequestFinished {
        model: None,
        upstream: None,
        status: 404,
        error: Some(Code::ModelNotFound),
        usage: None,
        cost: None,
        ..facts.request()
    };
    invented.emit(&telemetry);
    let series = "tollgate_requests_total{operation=\"chat\",model=\"unknown\",status_class=\"4xx\",error_type=\"TG-1004\"}";
    check(&telemetry.render(None).1, series, 1.0);
}
