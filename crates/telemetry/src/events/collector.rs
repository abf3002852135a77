//! A trace collector went away or came back. Emitted by the exporters themselves, once per change.

use std::fmt;

use crate::logs::LogLevel;
use crate::names::field;
use crate::telemetry::Core;
use crate::traces::Language;

/// The collector cannot be reached or refuses what it is sent; its spans are dropped until it is back.
pub(crate) struct CollectorDown<'a> {
    pub(crate) exporter: Language,
    pub(crate) url: &'a dyn fmt::Display,
    pub(crate) error: &'a dyn fmt::Display,
}

impl CollectorDown<'_> {
    pub(crate) fn emit(&self, core: &Core) {
        core.metrics.collector_up.with(&[self.exporter.as_str()], |gauge| gauge.set(0));
        core.logs.record(LogLevel::Warn, "trace collector unreachable", |record| {
            record.text(field::EXPORTER, self.exporter.as_str());
            record.display(field::URL, self.url);
            record.display(field::ERROR, self.error);
        });
    }
}

/// The collector takes spans, for the first time or again.
pub(crate) struct CollectorUp<'a> {
    pub(crate) exporter: Language,
    pub(crate) url: &'a dyn fmt::Display,
}

impl CollectorUp<'_> {
    pub(crate) fn emit(&self, core: &Core) {
        core.metrics.collector_up.with(&[self.exporter.as_str()], |gauge| gauge.set(1));
        core.logs.record(LogLevel::Info, "trace collector reachable", |record| {
            record.text(field::EXPORTER, self.exporter.as_str());
            record.display(field::URL, self.url);
        });
    }
}
