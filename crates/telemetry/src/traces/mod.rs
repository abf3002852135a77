//! Traces: a SERVER span per operation, a CLIENT span per attempt, sent to collectors by threads of their own.

mod collector;
mod exporter;
mod otlp;
mod span;
mod zipkin;

use std::sync::Arc;
use std::time::Duration;

use types::TraceContext;

pub use collector::CollectorUrlError;
pub(crate) use exporter::{Destination, Exporter, Language};
pub(crate) use span::{Attributes, Remote, Span, SpanKind};

/// Who sends the spans, as every span's resource says it.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) version: String,
    pub(crate) instance: String,
}

/// The service's name in every collector.
pub(crate) const SERVICE: &str = "tollgate";

/// Where finished spans go, and which traces are recorded.
#[derive(Debug)]
pub(crate) struct Tracer {
    exporters: Vec<Exporter>,
    sample: Sample,
}

impl Tracer {
    pub(crate) fn new(exporters: Vec<Exporter>, ratio: f64) -> Self {
        Self { exporters, sample: Sample::from_ratio(ratio) }
    }

    /// Whether there is anywhere to send a span.
    pub(crate) fn is_enabled(&self) -> bool {
        !self.exporters.is_empty()
    }

    /// Continues the caller's trace with the caller's decision, or begins one and decides by its id.
    pub(crate) fn begin(&self, traceparent: Option<&str>) -> TraceContext {
        let mut context = TraceContext::continue_from(traceparent, false);
        if context.parent.is_none() {
            context.sampled = self.is_enabled() && self.sample.includes(&context.trace_id.0);
        }
        context
    }

    /// Hands a span to every exporter.
    pub(crate) fn record(&self, span: Span) {
        let span = Arc::new(span);
        for exporter in &self.exporters {
            exporter.offer(Arc::clone(&span));
        }
    }

    /// Takes no more spans.
    pub(crate) fn close(&self) {
        self.exporters.iter().for_each(Exporter::close);
    }

    /// Waits for each exporter to send what it has, at most this long.
    pub(crate) fn wait_until_sent(&self, patience: Duration) {
        self.exporters.iter().for_each(|exporter| exporter.wait_until_sent(patience));
    }
}

/// The share of new traces that are recorded, in 2³²nds.
#[derive(Clone, Copy, Debug)]
struct Sample(u64);

impl Sample {
    /// A ratio from 0 to 1; what lies outside is taken as the nearer end.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the product lies between 0 and 2^32, and a cast of NaN is 0"
    )]
    fn from_ratio(ratio: f64) -> Self {
        Self((ratio.clamp(0.0, 1.0) * 4_294_967_296.0) as u64)
    }

    /// Decides by the id's last four bytes, which are random in every kind of id: the same trace gets the same
    /// answer everywhere.
    fn includes(self, trace_id: &[u8; 16]) -> bool {
        trace_id.last_chunk::<4>().is_some_and(|bytes| u64::from(u32::from_be_bytes(*bytes)) < self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ratio: f64, last: u32, included: bool) {
        let mut id = [7; 16];
        id[12..].copy_from_slice(&last.to_be_bytes());
        assert_eq!(Sample::from_ratio(ratio).includes(&id), included);
    }

    #[test]
    fn the_ratio_is_the_share_of_ids_that_are_sampled() {
        check(1.0, u32::MAX, true);
        check(0.0, 0, false);
        check(f64::NAN, 0, false);
        check(0.25, 0x3fff_ffff, true);
        check(0.25, 0x4000_0000, false);
        check(7.0, u32::MAX, true);
    }
}
