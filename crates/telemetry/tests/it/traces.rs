//! Spans as collectors receive them.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use telemetry::events::AttemptFinished;
use telemetry::{StartError, Telemetry, TelemetryConfig};
use types::{FaultKind, TraceContext};

use crate::support::{Collector, Facts, PATIENCE, answer, next_line, silent, start, vacant};

fn otlp(address: SocketAddr) -> TelemetryConfig {
    let otlp = Some(format!("http://{address}"));
    TelemetryConfig {
        otlp,
        version: "0.1.0".to_owned(),
        instance: "a".to_owned(),
        ..TelemetryConfig::default()
    }
}

/// Emits an attempt that failed, one that succeeded, and their request.
fn emit(telemetry: &Telemetry) {
    let facts = Facts::new();
    let failed = AttemptFinished {
        fault: Some(FaultKind::Timeout),
        status: None,
        usage: None,
        span: types::SpanId([0xb1; 8]),
        ..facts.attempt()
    };
    failed.emit(telemetry);
    AttemptFinished { number: 2, after: Some(FaultKind::Timeout), ..facts.attempt() }.emit(telemetry);
    facts.request().emit(telemetry);
}

/// All spans that arrive until there are three, by a pointer into each body.
fn three(collector: &Collector, spans: impl Fn(&Value) -> &Value) -> Vec<Value> {
    let mut all = Vec::new();
    while all.len() < 3 {
        let received = collector.next();
        all.extend(spans(&received.body).as_array().expect("a list of spans").iter().cloned());
    }
    all
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a Value {
    let attributes = span["attributes"].as_array().expect("attributes");
    attributes
        .iter()
        .find(|attribute| attribute["key"] == key)
        .map_or(&Value::Null, |attribute| &attribute["value"])
}

#[test]
fn an_otlp_collector_receives_the_operation_and_its_attempts() {
    let collector = Collector::start();
    let (telemetry, _lines) = start(otlp(collector.address));
    assert!(telemetry.traces_enabled());
    emit(&telemetry);
    telemetry.shutdown(PATIENCE);
    let spans = three(&collector, |body| &body["resourceSpans"][0]["scopeSpans"][0]["spans"]);
    let [failed, served, request] = &spans[..] else { panic!("{spans:#?}") };
    for span in &spans {
        assert_eq!(span["traceId"], "4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b");
        assert_eq!(span["endTimeUnixNano"], "1795356131042000000");
    }
    assert_eq!(request["parentSpanId"], "0f0f0f0f0f0f0f0f");
    assert_eq!(request["kind"], 2);
    assert_eq!(request["name"], "chat smart");
    assert_eq!(request["startTimeUnixNano"], "1795356130229600000");
    assert_eq!(request.get("status"), None);
    assert_eq!(attribute(request, "tollgate.cost.usd"), &json!({"doubleValue": 0.001_234}));
    assert_eq!(attribute(request, "gen_ai.usage.input_tokens"), &json!({"intValue": "7"}));
    for attempt in [failed, served] {
        assert_eq!(attempt["parentSpanId"], request["spanId"]);
        assert_eq!(attempt["kind"], 3);
        assert_eq!(attempt["name"], "chat claude-opus");
    }
    assert_ne!(failed["spanId"], served["spanId"]);
    assert_eq!(failed["status"], json!({"code": 2, "message": "timeout"}));
    assert_eq!(attribute(failed, "error.type"), &json!({"stringValue": "timeout"}));
    assert_eq!(attribute(served, "gen_ai.provider.name"), &json!({"stringValue": "anthropic"}));
    assert_eq!(attribute(served, "gen_ai.request.stream"), &json!({"boolValue": true}));
    let reasons = json!({"arrayValue": {"values": [{"stringValue": "stop"}]}});
    assert_eq!(attribute(served, "gen_ai.response.finish_reasons"), &reasons);
    assert_eq!(attribute(served, "gen_ai.response.time_to_first_chunk"), &json!({"doubleValue": 0.0009}));
    assert_eq!(attribute(served, "tollgate.attempt.reason"), &json!({"stringValue": "timeout"}));
    assert_eq!(attribute(served, "server.port"), &json!({"intValue": "443"}));
}

#[test]
fn an_otlp_request_names_its_resource_and_media_type() {
    let collector = Collector::start();
    let (telemetry, _lines) = start(otlp(collector.address));
    emit(&telemetry);
    let received = collector.next();
    assert!(received.head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{}", received.head);
    assert!(received.head.contains("Content-Type: application/json"), "{}", received.head);
    let resource = &received.body["resourceSpans"][0]["resource"];
    assert_eq!(attribute(resource, "service.name"), &json!({"stringValue": "tollgate"}));
    assert_eq!(attribute(resource, "service.version"), &json!({"stringValue": "0.1.0"}));
    assert_eq!(attribute(resource, "service.instance.id"), &json!({"stringValue": "a"}));
}

#[test]
fn a_zipkin_receives_the_operation_and_its_attempts() {
    let collector = Collector::start();
    let (telemetry, _lines) =
        start(TelemetryConfig { zipkin: Some(collector.url()), ..TelemetryConfig::default() });
    emit(&telemetry);
    telemetry.shutdown(PATIENCE);
    let spans = three(&collector, |body| body);
    let [failed, served, request] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(request["traceId"], "4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b");
    assert_eq!(request["id"], "a1a1a1a1a1a1a1a1");
    assert_eq!(request["parentId"], "0f0f0f0f0f0f0f0f");
    assert_eq!(request["kind"], "SERVER");
    assert_eq!(request["timestamp"], 1_795_356_130_229_600_u64);
    assert_eq!(request["duration"], 812_400);
    assert_eq!(request["localEndpoint"]["serviceName"], "tollgate");
    assert_eq!(served["parentId"], request["id"]);
    assert_eq!(served["kind"], "CLIENT");
    assert_eq!(served["remoteEndpoint"], json!({"serviceName": "claude", "port": 443}));
    assert_eq!(failed["tags"]["error"], "timeout");
    let tags = request["tags"].as_object().expect("tags");
    assert!(tags.values().all(Value::is_string), "{tags:#?}");
    assert_eq!(tags["gen_ai.usage.output_tokens"], "9");
}

#[test]
fn without_a_collector_or_a_decision_to_record_nothing_is_sent() {
    let (telemetry, _lines) = start(TelemetryConfig::default());
    assert!(!telemetry.traces_enabled());
    assert!(!telemetry.begin_trace(None).sampled);
    let collector = Collector::start();
    let (telemetry, _lines) = start(TelemetryConfig { sample: 0.0, ..otlp(collector.address) });
    assert!(!telemetry.begin_trace(None).sampled);
    let facts = Facts::new();
    let trace = TraceContext { sampled: false, ..facts.trace };
    Facts { trace, ..facts }.request().emit(&telemetry);
    telemetry.shutdown(PATIENCE);
    collector.received.try_recv().expect_err("nothing was sent");
}

#[test]
fn a_callers_decision_is_kept_and_a_new_trace_is_sampled_by_its_id() {
    let collector = Collector::start();
    let (telemetry, _lines) = start(otlp(collector.address));
    let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
    assert!(!telemetry.begin_trace(Some(&format!("{header}-00"))).sampled);
    assert!(telemetry.begin_trace(Some(&format!("{header}-01"))).sampled);
    assert!(telemetry.begin_trace(Some("not a traceparent")).sampled);
    assert!(telemetry.begin_trace(None).sampled);
}

#[test]
fn an_unreachable_collector_is_reported_once_and_once_when_it_is_back() {
    let address = vacant();
    let (telemetry, lines) = start(otlp(address));
    let facts = Facts::new();
    let trace = facts.attempt();
    trace.emit(&telemetry);
    let down = next_line(&lines);
    assert!(
        down.contains("\"level\":\"warn\",\"message\":\"trace collector unreachable\",\"exporter\":\"otlp\""),
        "{down}"
    );
    // Enough for a second batch, which fails too, before the interval has passed.
    for _ in 0..600 {
        trace.emit(&telemetry);
    }
    while dropped(&telemetry) < 513 {
        std::thread::yield_now();
    }
    let collector = Collector::on(TcpListener::bind(address).expect("the same port"));
    for _ in 0..600 {
        trace.emit(&telemetry);
    }
    collector.next();
    telemetry.shutdown(PATIENCE);
    let after: Vec<_> = lines.try_iter().collect();
    let [back] = &after[..] else { panic!("{after:#?}") };
    assert!(back.contains("\"level\":\"info\",\"message\":\"trace collector reachable\""), "{back}");
    assert!(telemetry.render(None).1.contains("tollgate_collector_up{exporter=\"otlp\"} 1\n"));
}

fn dropped(telemetry: &Telemetry) -> u64 {
    let (_, text) = telemetry.render(None);
    let line =
        text.lines().find_map(|line| line.strip_prefix("tollgate_spans_dropped_total ")).expect("the metric");
    line.parse().expect("a number")
}

#[test]
fn a_silent_collector_costs_spans_and_never_a_wait() {
    let (address, held) = silent();
    let (telemetry, _lines) = start(otlp(address));
    let facts = Facts::new();
    facts.attempt().emit(&telemetry);
    let stuck = held.recv_timeout(PATIENCE).expect("the exporter waits for an answer");
    for _ in 0..5_000 {
        facts.attempt().emit(&telemetry);
    }
    // The first is under way, 4096 wait, the rest found no room.
    assert!(dropped(&telemetry) >= 5_000 - 4_096);
    drop((stuck, held));
    telemetry.shutdown(PATIENCE);
    assert_eq!(dropped(&telemetry), 5_001);
}

#[test]
fn a_collector_may_be_spoken_to_over_tls() {
    let material = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = material.cert.der().clone();
    let key = PrivateKeyDer::try_from(material.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a server");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let collecting = std::thread::spawn(move || {
        let (tcp, _) = listener.accept().expect("a connection");
        let session = rustls::ServerConnection::new(Arc::new(server)).expect("a session");
        answer(rustls::StreamOwned::new(session, tcp))
    });
    let otlp = Some(format!("https://localhost:{port}"));
    let config = TelemetryConfig { otlp, tls: Some(Arc::new(client)), ..TelemetryConfig::default() };
    let (telemetry, _lines) = start(config);
    Facts::new().request().emit(&telemetry);
    let received = collecting.join().expect("the collector was spoken to");
    assert!(received.body["resourceSpans"].is_array());
}

#[test]
fn an_address_that_cannot_be_used_is_refused_at_the_start() {
    let config = TelemetryConfig { zipkin: Some("collector:9411".to_owned()), ..TelemetryConfig::default() };
    let error = Telemetry::start(config, Arc::new(crate::support::Standing)).expect_err("no scheme");
    assert!(matches!(error, StartError::Collector { .. }));
    assert_eq!(error.to_string(), "the collector's address \"collector:9411\" cannot be used");
}
