//! `monitoring`: metrics, logs and traces.

use serde_json::json;

use crate::declare::{section, words};
use crate::providers::HttpUrl;
use crate::quantities::Ratio;
use crate::read::{At, Refused, Scalar, Shape};
use crate::reading::Reading;
use crate::schema::any_of;
use crate::shown::Shown;

/// Where an OpenTelemetry collector listens by default.
const OTLP: &str = "http://127.0.0.1:4318";
/// Where a Zipkin listens by default.
const ZIPKIN: &str = "http://127.0.0.1:9411";

section! {
    /// What can be seen of Tollgate's work: metrics, logs and traces.
    pub struct Monitoring, example {"metrics": ["latency", "throughput", "error_rate"], "logging": "structured_json", "tracing": "jaeger/zipkin"} {
        /// Metrics in Prometheus' format.
        metrics: Metrics as EitherMetrics = Metrics::default(),
        /// Log lines on standard output.
        logging: Logging as EitherLogging = Logging::default(),
        /// Where traces are sent. Unless set: nowhere.
        tracing: Tracing as EitherTracing = Tracing::default(),
    }
}

section! {
    /// Metrics in Prometheus' format.
    pub struct Metrics, example {"path": "/metrics", "enabled": true} {
        /// Where they are read: with a key where other machines can reach the main listener, without one on loopback and on `server.admin`.
        path: String as UrlPath = "/metrics".to_owned(),
        /// Whether they can be read.
        enabled: bool = true,
    }
}

words! {
    /// A family of metrics. All are measured; naming them states what is relied on.
    enum MetricFamily, expected "a family of metrics" {
        /// How long answers take.
        Latency = "latency",
        /// How many requests and tokens there are.
        Throughput = "throughput",
        /// How many answers fail.
        ErrorRate = "error_rate",
    }
}

/// Metrics as a section, or as a list of what is to be seen.
pub(crate) struct EitherMetrics(Metrics);

impl From<EitherMetrics> for Metrics {
    fn from(metrics: EitherMetrics) -> Self {
        metrics.0
    }
}

impl Shape for EitherMetrics {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        if let Some(items) = at.list() {
            let families: Vec<_> =
                items.iter().filter_map(|item| MetricFamily::read(item, reading)).collect();
            return Some(Self(Metrics { enabled: !families.is_empty(), ..Metrics::default() }));
        }
        Metrics::read(at, reading).map(Self)
    }

    fn schema() -> serde_json::Value {
        let families = json!({"type": "array", "items": <MetricFamily as Scalar>::schema()});
        any_of(vec![families, Metrics::schema()])
    }
}

section! {
    /// Log lines on standard output.
    pub struct Logging, example {"format": "structured_json", "level": "info"} {
        /// How a line is written.
        format: LogFormat = LogFormat::StructuredJson,
        /// The least important lines that are written.
        level: LogLevel = LogLevel::Info,
    }
}

words! {
    /// How a log line is written.
    pub enum LogFormat, expected "a log format" {
        /// One JSON object a line.
        StructuredJson = "structured_json",
        /// For a person at a terminal.
        Pretty = "pretty",
    }
}

words! {
    /// How important a log line is.
    pub enum LogLevel, expected "a log level" {
        /// A person must act.
        Error = "error",
        /// Degraded, but served.
        Warn = "warn",
        /// Lifecycle.
        Info = "info",
        /// Every request.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

/// Logging as a section, or as its format alone.
pub(crate) struct EitherLogging(Logging);

impl From<EitherLogging> for Logging {
    fn from(logging: EitherLogging) -> Self {
        logging.0
    }
}

impl Shape for EitherLogging {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        if at.is_scalar() {
            return LogFormat::read(at, reading).map(|format| Self(Logging { format, ..Logging::default() }));
        }
        Logging::read(at, reading).map(Self)
    }

    fn schema() -> serde_json::Value {
        any_of(vec![<LogFormat as Scalar>::schema(), Logging::schema()])
    }
}

section! {
    /// Where traces are sent, and how many of them.
    pub struct Tracing, example {"otlp": "http://127.0.0.1:4318", "zipkin": "http://127.0.0.1:9411", "sample": 1.0} {
        /// An OpenTelemetry collector, by OTLP over HTTP. A Jaeger is one.
        otlp: Option<String> as HttpUrl = None,
        /// A Zipkin, in its own format.
        zipkin: Option<String> as HttpUrl = None,
        /// The share of traces that is sent, of those that the caller has not decided about.
        sample: Ratio = Ratio::ALL,
    }
}

words! {
    /// Where traces are sent, each at its default address on this host.
    enum TracingWord, expected "a tracing backend" {
        /// A Jaeger by OTLP, and a Zipkin.
        JaegerZipkin = "jaeger/zipkin",
        /// A Jaeger, by OTLP.
        Jaeger = "jaeger",
        /// A Zipkin, in its own format.
        Zipkin = "zipkin",
        /// Any OpenTelemetry collector.
        Otlp = "otlp",
    }
}

/// Tracing as a section, or as the names of backends.
pub(crate) struct EitherTracing(Tracing);

impl From<EitherTracing> for Tracing {
    fn from(tracing: EitherTracing) -> Self {
        tracing.0
    }
}

impl Shape for EitherTracing {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        if at.is_scalar() {
            return TracingWord::read(at, reading).map(|word| Self(Tracing::of_word(word)));
        }
        Tracing::read(at, reading).map(Self)
    }

    fn schema() -> serde_json::Value {
        any_of(vec![<TracingWord as Scalar>::schema(), Tracing::schema()])
    }
}

impl Tracing {
    fn of_word(word: TracingWord) -> Self {
        let (otlp, zipkin) = match word {
            TracingWord::JaegerZipkin => (Some(OTLP), Some(ZIPKIN)),
            TracingWord::Jaeger | TracingWord::Otlp => (Some(OTLP), None),
            TracingWord::Zipkin => (None, Some(ZIPKIN)),
        };
        Self { otlp: otlp.map(str::to_owned), zipkin: zipkin.map(str::to_owned), sample: Ratio::ALL }
    }
}

/// A path of this server, e.g. `/metrics`.
struct UrlPath(String);

impl From<UrlPath> for String {
    fn from(path: UrlPath) -> Self {
        path.0
    }
}

impl Scalar for UrlPath {
    const EXPECTED: &'static str = "a path such as /metrics";

    fn parse(text: &str) -> Result<Self, Refused> {
        let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#');
        if text.len() > 1 && text.starts_with('/') && text.chars().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        Err(Refused::Value(Some("begin with a slash, without a query".to_owned())))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": r"^(/.+|.*\$\{.+)$"})
    }

    fn shown(&self) -> Shown {
        Shown::Text(self.0.clone())
    }
}
