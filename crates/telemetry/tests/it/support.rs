//! A clock moved by hand, a log that is read back, collectors on 127.0.0.1, and one request's facts.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use serde_json::Value;
use telemetry::events::{AttemptFinished, RequestFinished, Upstream};
use telemetry::{Telemetry, TelemetryConfig};
use types::conversation::{Change, Delivery, StopReason};
use types::{
    Clock, DialectId, KeyId, MicroUsd, ModelName, Monotonic, Operation, ProviderName, RequestId, SpanId,
    TargetId, Tokens, TraceContext, TraceId, UnixTime, Usage,
};

/// How long a test waits for another thread before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A clock that stands still at 2026-11-22T14:02:11.042Z.
#[derive(Debug)]
pub(crate) struct Standing;

impl Clock for Standing {
    fn now(&self) -> Monotonic {
        Monotonic::from_nanos(0)
    }

    fn wall(&self) -> UnixTime {
        UnixTime::from_micros(1_795_356_131_042_000)
    }
}

/// Starts telemetry whose log lines come out of the receiver.
pub(crate) fn start(config: TelemetryConfig) -> (Telemetry, Receiver<String>) {
    let (lines, received) = sync_channel(100_000);
    let output = Box::new(Lines { lines, partial: Vec::new() });
    (Telemetry::start_with_output(config, Arc::new(Standing), output).expect("telemetry starts"), received)
}

/// The next log line.
pub(crate) fn next_line(lines: &Receiver<String>) -> String {
    lines.recv_timeout(PATIENCE).expect("a log line")
}

/// Everything that was logged, after a shutdown.
pub(crate) fn all_lines(telemetry: &Telemetry, lines: &Receiver<String>) -> Vec<String> {
    telemetry.shutdown(PATIENCE);
    lines.try_iter().collect()
}

struct Lines {
    lines: SyncSender<String>,
    partial: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let line = String::from_utf8(line).expect("UTF-8").trim_end_matches('\n').to_owned();
            self.lines.send(line).map_err(io::Error::other)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a collector was sent.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// A collector that takes everything.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    pub(crate) received: Receiver<Received>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    pub(crate) fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("an address");
        let (requests, received) = sync_channel(100);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let request = answer(stream.expect("a connection"));
                if requests.send(request).is_err() {
                    break;
                }
            }
        });
        Self { address, received }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn next(&self) -> Received {
        self.received.recv_timeout(PATIENCE).expect("a batch of spans")
    }
}

/// Reads one request and says 200.
pub(crate) fn answer(mut stream: impl Read + Write) -> Received {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..at].to_vec()).expect("a head in UTF-8");
            let length =
                head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
            let length: usize = length.parse().expect("a number");
            if bytes.len() >= at + 4 + length {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                    .expect("an answer is taken");
                stream.flush().expect("an answer is sent");
                let body = serde_json::from_slice(&bytes[at + 4..at + 4 + length]).expect("a body in JSON");
                return Received { head, body };
            }
        }
        let read = stream.read(&mut buffer).expect("a request");
        assert!(read > 0, "the request ended early");
        bytes.extend_from_slice(&buffer[..read]);
    }
}

/// A port where nobody listens.
pub(crate) fn vacant() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address")
}

/// A collector that takes connections and never answers; it is gone when both are dropped.
pub(crate) fn silent() -> (SocketAddr, Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (streams, held) = sync_channel(10);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if streams.send(stream.expect("a connection")).is_err() {
                break;
            }
        }
    });
    (address, held)
}

/// What a request and its one attempt are told with.
pub(crate) struct Facts {
    pub(crate) trace: TraceContext,
    pub(crate) model: ModelName,
    pub(crate) upstream_model: ModelName,
    pub(crate) provider: ProviderName,
    pub(crate) target: TargetId,
    pub(crate) key: KeyId,
    pub(crate) usage: Usage,
    pub(crate) changes: Vec<Change>,
}

impl Facts {
    pub(crate) fn new() -> Self {
        Self {
            trace: TraceContext {
                trace_id: TraceId([0x4b; 16]),
                parent: Some(SpanId([0x0f; 8])),
                span_id: SpanId([0xa1; 8]),
                sampled: true,
            },
            model: "smart".into(),
            upstream_model: "claude-opus".into(),
            provider: "claude".into(),
            target: "claude/claude-opus".into(),
            key: "k_01".into(),
            usage: Usage { input: Tokens(3), cache_read: Tokens(4), output: Tokens(9), ..Usage::default() },
            changes: vec![Change::dropped("logit_bias")],
        }
    }

    pub(crate) fn upstream(&self) -> Upstream<'_> {
        Upstream {
            provider: &self.provider,
            semconv: "anthropic",
            target: &self.target,
            model: &self.upstream_model,
            dialect: DialectId("anthropic"),
            server: Some(("api.anthropic.com", 443)),
        }
    }

    pub(crate) fn request(&self) -> RequestFinished<'_> {
        RequestFinished {
            request_id: RequestId::from_uuid(uuid::Uuid::from_u128(7)),
            trace: &self.trace,
            operation: Some(Operation::Chat),
            model: Some(&self.model),
            upstream: Some(self.upstream()),
            key: Some(&self.key),
            client_ip: Some([127, 0, 0, 1].into()),
            client_dialect: Some(DialectId("openai_chat")),
            delivery: Delivery::Stream { include_usage: true },
            status: 200,
            error: None,
            finish: Some(StopReason::EndTurn),
            duration: Duration::from_micros(812_400),
            overhead: Duration::from_micros(310),
            first_token: Some(Duration::from_micros(1_040)),
            usage: Some(&self.usage),
            cost: Some(MicroUsd::from_micros(1_234)),
            changes: &self.changes,
            attempts: 1,
            bytes_in: 120,
            bytes_out: 4_096,
        }
    }

    pub(crate) fn attempt(&self) -> AttemptFinished<'_> {
        AttemptFinished {
            request_id: RequestId::from_uuid(uuid::Uuid::from_u128(7)),
            trace: &self.trace,
            span: SpanId([0xc2; 8]),
            number: 1,
            after: None,
            operation: Operation::Chat,
            model: &self.model,
            upstream: self.upstream(),
            delivery: Delivery::Stream { include_usage: true },
            fault: None,
            status: Some(200),
            duration: Duration::from_millis(811),
            first_chunk: Some(Duration::from_micros(900)),
            usage: Some(&self.usage),
            response_id: Some("msg_1"),
            response_model: Some("claude-opus-5"),
            finish: Some(StopReason::EndTurn),
        }
    }
}
