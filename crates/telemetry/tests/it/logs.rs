//! Log lines.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use serde_json::Value;
use telemetry::{LogFormat, LogLevel, Telemetry, TelemetryConfig};
use types::{Code, ModelName, Usage};

use crate::support::{Facts, PATIENCE, Standing, all_lines, next_line, start};

const GOLDEN: &str = concat!(
    r#"{"time":"2026-11-22T14:02:11.042Z","level":"info","message":"request","#,
    r#""request_id":"00000000000000000000000000000007","trace_id":"4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b","#,
    r#""span_id":"a1a1a1a1a1a1a1a1","key":"k_01","client_ip":"127.0.0.1","operation":"chat","dialect":"openai_chat","#,
    r#""model":"smart","provider":"claude","target":"claude/claude-opus","upstream_dialect":"anthropic","#,
    r#""status":200,"stream":true,"finish":"stop","changes":["dropped;logit_bias"],"attempts":1,"#,
    r#""duration_ms":812.4,"overhead_ms":0.31,"ttft_ms":1.04,"#,
    r#""input_tokens":7,"output_tokens":9,"tokens":{"input":3,"cache_read":4,"output":9},"cost_usd":0.001234,"#,
    r#""bytes_in":120,"bytes_out":4096}"#,
);

#[test]
fn a_request_leaves_one_line_with_everything_but_what_was_said() {
    let (telemetry, lines) = start(TelemetryConfig::default());
    Facts::new().request().emit(&telemetry);
    assert_eq!(next_line(&lines), GOLDEN);
}

#[test]
fn a_person_at_a_terminal_gets_a_short_line() {
    let (telemetry, lines) =
        start(TelemetryConfig { log_format: LogFormat::Pretty, ..TelemetryConfig::default() });
    let facts = Facts { model: "tollgate/mock".into(), ..Facts::new() };
    facts.request().emit(&telemetry);
    assert_eq!(next_line(&lines), "14:02:11 200 tollgate/mock 7+9 tok  ttft 1 ms  total 812 ms  $0.001234");
    let unknown = telemetry::events::RequestFinished {
        status: 404,
        error: Some(Code::ModelNotFound),
        model: None,
        first_token: None,
        usage: None,
        cost: None,
        attempts: 0,
        ..facts.request()
    };
    unknown.emit(&telemetry);
    assert_eq!(next_line(&lines), "14:02:11 404 chat TG-1004  total 812 ms");
}

#[test]
fn text_from_outside_cannot_forge_a_line_or_reach_the_terminal() {
    let forged = "a\r\n{\"level\":\"error\"}\0\u{1b}[2J\u{202e}";
    for log_format in [LogFormat::Json, LogFormat::Pretty] {
        let (telemetry, lines) = start(TelemetryConfig { log_format, ..TelemetryConfig::default() });
        let facts = Facts { model: ModelName::from(forged), ..Facts::new() };
        facts.request().emit(&telemetry);
        let lines = all_lines(&telemetry, &lines);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(!lines[0].contains(char::is_control), "{lines:?}");
        if log_format == LogFormat::Json {
            let line: Value = serde_json::from_str(&lines[0]).expect("a line of JSON");
            assert_eq!(line["model"], forged);
        }
    }
}

#[test]
fn what_a_human_must_act_on_is_logged_as_an_error_and_the_level_filters() {
    let (telemetry, lines) =
        start(TelemetryConfig { log_level: LogLevel::Warn, ..TelemetryConfig::default() });
    let facts = Facts::new();
    for (status, error) in [
        (200, None),
        (429, Some(Code::RateLimited)),
        (502, Some(Code::UpstreamFailed)),
        (500, Some(Code::Internal)),
    ] {
        telemetry::events::RequestFinished { status, error, ..facts.request() }.emit(&telemetry);
    }
    let levels: Vec<_> = all_lines(&telemetry, &lines)
        .iter()
        .map(|line| {
            serde_json::from_str::<Value>(line).expect("JSON")["level"].as_str().expect("a level").to_owned()
        })
        .collect();
    assert_eq!(levels, ["warn", "error"]);
}

/// A pipe that nobody reads until it is told to.
struct Blocked {
    entered: std::sync::mpsc::SyncSender<()>,
    release: Receiver<()>,
    open: bool,
    written: std::sync::mpsc::SyncSender<Vec<u8>>,
}

impl Write for Blocked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.open {
            self.entered.send(()).map_err(io::Error::other)?;
            self.release.recv().map_err(io::Error::other)?;
            self.open = true;
        }
        self.written.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_blocked_pipe_blocks_nobody_and_what_is_lost_is_counted_and_told() {
    let (entered, has_entered) = sync_channel(1);
    let (unblock, release) = sync_channel(1);
    let (written, output) = sync_channel(1_000);
    let pipe = Box::new(Blocked { entered, release, open: false, written });
    let telemetry = Telemetry::start_with_output(TelemetryConfig::default(), Arc::new(Standing), pipe)
        .expect("telemetry");
    let facts = Facts::new();
    facts.request().emit(&telemetry);
    has_entered.recv_timeout(PATIENCE).expect("the writer is stuck in its first line");
    // More than 2 MiB in lines of 600 bytes; each call returns although nothing is read.
    for _ in 0..6_000 {
        facts.request().emit(&telemetry);
    }
    let dropped = scraped(&telemetry, "tollgate_log_lines_dropped_total");
    assert!((1..6_000).contains(&dropped), "{dropped}");
    unblock.send(()).expect("the pipe is read again");
    telemetry.shutdown(PATIENCE);
    let text = String::from_utf8(output.try_iter().flatten().collect()).expect("UTF-8");
    let told = format!("\"message\":\"log lines dropped\",\"dropped\":{dropped}}}");
    assert!(text.contains(&told), "{}", text.lines().last().unwrap_or_default());
    let kept = text.lines().filter(|line| line.contains("\"message\":\"request\"")).count() as u64;
    assert_eq!(kept + dropped, 6_001);
}

fn scraped(telemetry: &Telemetry, name: &str) -> u64 {
    let (_, text) = telemetry.render(None);
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the metric is there");
    line.trim().parse().expect("a number")
}

#[test]
fn events_of_tracing_become_lines_without_secrets() {
    let config = TelemetryConfig { log_level: LogLevel::Debug, ..TelemetryConfig::default() };
    let (telemetry, lines) = start(config);
    telemetry::install_tracing(&telemetry).expect("the first subscriber of this process");
    telemetry::install_tracing(&telemetry).expect_err("there is one");
    let usage = Usage::default().total().0;
    tracing::info!(target: "gateway::walk", target = "openai/gpt", tokens = usage, time = 1.5, ok = true, "request begun");
    tracing::debug!(target: "hyper::client", "authorization: Bearer sk-secret");
    tracing::trace!(target: "gateway::walk", "too fine");
    tracing::warn!(target: "hyper::client", url = "https://host/v1?key=AIzaSecret&alt=sse", delta = -3, "connect failed");
    let lines = all_lines(&telemetry, &lines);
    assert_eq!(
        lines,
        [
            concat!(
                r#"{"time":"2026-11-22T14:02:11.042Z","level":"info","message":"request begun","module":"gateway::walk","#,
                r#""target":"openai/gpt","tokens":0,"time_":1.5,"ok":true}"#,
            ),
            concat!(
                r#"{"time":"2026-11-22T14:02:11.042Z","level":"warn","message":"connect failed","module":"hyper::client","#,
                r#""url":"https://host/v1?key=[redacted]&alt=sse","delta":-3}"#,
            ),
        ]
    );
}
