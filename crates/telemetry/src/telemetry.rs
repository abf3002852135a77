//! Metrics, logs and traces of one gateway: started together, shared by all, ended together.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use types::{Clock, TraceContext};

use crate::logs::{LogFormat, LogLevel, Logs};
use crate::metrics::{Gauge, Metrics};
use crate::traces::{CollectorUrlError, Destination, Exporter, Language, Resource, Span, Tracer};

/// What is observed and where it goes.
#[derive(Clone, Debug)]
pub struct TelemetryConfig {
    /// How log lines are written.
    pub log_format: LogFormat,
    /// The least important level that is logged.
    pub log_level: LogLevel,
    /// The collector that takes OTLP over HTTP, e.g. `http://127.0.0.1:4318`.
    pub otlp: Option<String>,
    /// The collector that takes Zipkin's v2 JSON, e.g. `http://127.0.0.1:9411`.
    pub zipkin: Option<String>,
    /// How `https://` collectors are trusted.
    pub tls: Option<Arc<ClientConfig>>,
    /// The share of new traces that is recorded, from 0 to 1. A caller's own decision is kept.
    pub sample: f64,
    /// The gateway's version.
    pub version: String,
    /// What tells this instance from others.
    pub instance: String,
}

impl Default for TelemetryConfig {
    /// JSON at `info`, no traces.
    fn default() -> Self {
        Self {
            log_format: LogFormat::default(),
            log_level: LogLevel::default(),
            otlp: None,
            zipkin: None,
            tls: None,
            sample: 1.0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: String::new(),
        }
    }
}

/// Why telemetry cannot start.
#[derive(Debug)]
pub enum StartError {
    /// A collector's URL cannot be used.
    Collector {
        /// As it was written.
        url: String,
        /// Why not.
        reason: CollectorUrlError,
    },
    /// The operating system gives no thread.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collector { url, .. } => write!(f, "the collector's address {url:?} cannot be used"),
            Self::Thread(_) => f.write_str("a thread for telemetry cannot be started"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Collector { reason, .. } => Some(reason),
            Self::Thread(error) => Some(error),
        }
    }
}

/// What facts are written to, without the tracer: what an exporter's thread may hold.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) metrics: Metrics,
    pub(crate) logs: Logs,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What can be seen of one gateway. Cheap to clone; several may exist in one process.
#[derive(Clone, Debug)]
pub struct Telemetry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    core: Arc<Core>,
    tracer: Tracer,
}

impl Telemetry {
    /// Starts with the log on standard output.
    pub fn start(config: TelemetryConfig, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        Self::start_with_output(config, clock, Box::new(io::stdout()))
    }

    /// Starts with the log on `output`, which a thread of its own writes to.
    pub fn start_with_output(
        config: TelemetryConfig,
        clock: Arc<dyn Clock>,
        output: Box<dyn Write + Send>,
    ) -> Result<Self, StartError> {
        let destinations = destinations(&config)?;
        let metrics = Metrics::new();
        metrics.build_info.with(&[&config.version], |info| info.set(1));
        let dropped = metrics.log_lines_dropped.series(&[]);
        let logs = Logs::start(config.log_format, config.log_level, Arc::clone(&clock), dropped, output)
            .map_err(StartError::Thread)?;
        let core = Arc::new(Core { metrics, logs, clock });
        let resource = Resource { version: config.version, instance: config.instance };
        let exporters = destinations.into_iter().map(|destination| {
            Exporter::start(destination, resource.clone(), Arc::clone(&core)).map_err(StartError::Thread)
        });
        let tracer = Tracer::new(exporters.collect::<Result<_, _>>()?, config.sample);
        Ok(Self(Arc::new(Shared { core, tracer })))
    }

    /// Whether spans go anywhere. Where they do not, no work is done for them.
    pub fn traces_enabled(&self) -> bool {
        self.0.tracer.is_enabled()
    }

    /// Continues the trace that a request's `traceparent` names, or begins one.
    pub fn begin_trace(&self, traceparent: Option<&str>) -> TraceContext {
        self.0.tracer.begin(traceparent)
    }

    /// Counts one request as being served until what is returned is dropped.
    pub fn inflight(&self) -> Inflight {
        self.core().metrics.inflight.with(&[], Gauge::increment);
        Inflight(self.clone())
    }

    /// The metrics as text in the format that the `Accept` header prefers, with its content type.
    pub fn render(&self, accept: Option<&str>) -> (&'static str, String) {
        self.core().metrics.render(accept)
    }

    /// Sends and writes what is left, and takes nothing more. Waits at most `patience` for each of the collectors
    /// and for the log. Blocks: the last thing a program does.
    pub fn shutdown(&self, patience: Duration) {
        self.0.tracer.close();
        self.0.tracer.wait_until_sent(patience);
        self.logs().close();
        self.logs().wait_until_written(patience);
    }

    pub(crate) fn core(&self) -> &Core {
        &self.0.core
    }

    pub(crate) fn logs(&self) -> &Logs {
        &self.0.core.logs
    }

    /// Records the span that `make` gives, if its trace is recorded and spans go anywhere.
    pub(crate) fn span(&self, trace: &TraceContext, make: impl FnOnce() -> Span) {
        if trace.sampled && self.traces_enabled() {
            self.0.tracer.record(make());
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.tracer.close();
        self.core.logs.close();
    }
}

/// One request being served.
#[derive(Debug)]
#[must_use = "the request counts as served when this is dropped"]
pub struct Inflight(Telemetry);

impl Drop for Inflight {
    fn drop(&mut self) {
        self.0.core().metrics.inflight.with(&[], Gauge::decrement);
    }
}

fn destinations(config: &TelemetryConfig) -> Result<Vec<Destination>, StartError> {
    let named = [(Language::Otlp, &config.otlp), (Language::Zipkin, &config.zipkin)];
    let urls = named.into_iter().filter_map(|(language, url)| Some((language, url.as_ref()?)));
    urls.map(|(language, url)| {
        Destination::parse(language, url, config.tls.as_ref())
            .map_err(|reason| StartError::Collector { url: url.clone(), reason })
    })
    .collect()
}
