//! What can be seen: metrics, logs, traces. A fact is a struct in [`events`]; emitting it writes its log line,
//! its metric and its span together. Nothing here ever blocks the caller: what does not fit is dropped and counted.

pub mod events;
mod json;
mod logs;
mod metrics;
pub mod names;
mod outbox;
pub mod redact;
mod server_timing;
mod telemetry;
mod traces;

pub use logs::{LogFormat, LogLevel, TracingInstalled, install_tracing};
pub use metrics::{OPENMETRICS_TEXT, PROMETHEUS_TEXT};
pub use server_timing::server_timing;
pub use telemetry::{Inflight, StartError, Telemetry, TelemetryConfig};
pub use traces::CollectorUrlError;
