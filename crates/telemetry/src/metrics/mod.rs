//! Metrics: what is measured, kept in atomics, and scraped as text.

mod exposition;
mod families;
mod registry;
mod together;

pub use exposition::{OPENMETRICS_TEXT, PROMETHEUS_TEXT};
pub(crate) use families::Metrics;
pub(crate) use registry::{Counter, Gauge};
pub(crate) use together::{AttemptLabels, OTHER, RequestLabels};
