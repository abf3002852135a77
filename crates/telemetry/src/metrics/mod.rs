//! Metrics: what is measured, kept in atomics, and scraped as text.

mod exposition;
mod families;
mod joint;
mod registry;

pub use exposition::{OPENMETRICS_TEXT, PROMETHEUS_TEXT};
pub(crate) use families::Metrics;
pub(crate) use joint::{AttemptLabels, OTHER, RequestLabels};
pub(crate) use registry::{Counter, Gauge};
