//! A finished span.

use std::time::Duration;

use types::{MicroUsd, SpanId, TraceId, UnixTime};

/// Which end of a call a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanKind {
    /// The gateway calls an upstream.
    Client,
    /// A caller called the gateway.
    Server,
}

/// A span that has ended.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) trace_id: TraceId,
    pub(crate) id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) kind: SpanKind,
    pub(crate) name: String,
    pub(crate) end: UnixTime,
    pub(crate) duration: Duration,
    /// The error's type, if it ended in one.
    pub(crate) error: Option<&'static str>,
    pub(crate) remote: Option<Remote>,
    pub(crate) attributes: Attributes,
}

impl Span {
    /// When it began, in microseconds since 1970.
    pub(crate) fn start_micros(&self) -> u64 {
        self.end.as_micros().saturating_sub(crate::json::micros(self.duration))
    }
}

/// The other end of a call.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) name: String,
    pub(crate) port: Option<u16>,
}

/// A value of an attribute.
#[derive(Debug)]
pub(crate) enum Value {
    /// A number with this many decimal places, times ten to their power.
    Decimal(u64, u32),
    Flag(bool),
    Integer(u64),
    Text(String),
    /// A list of one word, which is all the lists there are.
    Words(&'static str),
}

/// A span's attributes in the order they were added.
#[derive(Debug, Default)]
pub(crate) struct Attributes(Vec<(&'static str, Value)>);

impl Attributes {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(&'static str, Value)> {
        self.0.iter()
    }

    pub(crate) fn text(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.push((name, Value::Text(value.into())));
    }

    pub(crate) fn integer(&mut self, name: &'static str, value: impl Into<u64>) {
        self.0.push((name, Value::Integer(value.into())));
    }

    pub(crate) fn flag(&mut self, name: &'static str, value: bool) {
        self.0.push((name, Value::Flag(value)));
    }

    pub(crate) fn word(&mut self, name: &'static str, value: &'static str) {
        self.0.push((name, Value::Words(value)));
    }

    pub(crate) fn seconds(&mut self, name: &'static str, value: Duration) {
        self.0.push((name, Value::Decimal(crate::json::micros(value), 6)));
    }

    pub(crate) fn dollars(&mut self, name: &'static str, value: MicroUsd) {
        self.0.push((name, Value::Decimal(value.as_micros(), 6)));
    }
}
