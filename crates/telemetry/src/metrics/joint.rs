//! Series that one event records in together, so that a request looks them up once.

use std::sync::{Arc, OnceLock};

use types::{FaultKind, TokenClass};

use super::Metrics;
use super::registry::{Counter, Histogram};

/// What every request of one operation, model, provider, status class and error records in.
#[derive(Debug)]
pub(crate) struct RequestSeries {
    pub(crate) requests: Arc<Counter>,
    pub(crate) duration: Arc<Histogram>,
    pub(crate) overhead: Arc<Histogram>,
    /// OpenTelemetry's `gen_ai.server.request.duration` counts operations on models only.
    pub(crate) operation_duration: Option<Arc<Histogram>>,
    tokens: [OnceLock<Arc<Counter>>; TokenClass::ALL.len()],
    cost: OnceLock<Arc<Counter>>,
}

/// By what requests are told apart.
#[derive(Clone, Copy)]
pub(crate) struct RequestLabels<'a> {
    /// `None` for a request that is no operation on a model.
    pub(crate) operation: Option<&'a str>,
    pub(crate) model: &'a str,
    pub(crate) provider: &'a str,
    /// What the provider is in OpenTelemetry's words.
    pub(crate) kind: &'a str,
    pub(crate) status_class: &'a str,
    pub(crate) error: &'a str,
}

/// The word for a request that is no operation on a model.
pub(crate) const OTHER: &str = "other";

impl RequestLabels<'_> {
    /// Records in the series of these labels.
    pub(crate) fn with(self, metrics: &Metrics, record: impl FnOnce(&RequestSeries)) {
        let Self { operation, model, provider, kind, status_class, error } = self;
        let operation = operation.unwrap_or(OTHER);
        let values = [operation, model, provider, kind, status_class, error];
        metrics.of_requests.with(&values, || self.series(metrics), record);
    }

    fn series(self, metrics: &Metrics) -> RequestSeries {
        let Self { operation, model, provider, kind, status_class, error } = self;
        let durations = &metrics.gen_ai_server_request_duration;
        let operation_duration =
            operation.map(|operation| durations.series(&[operation, kind, model, error]));
        let operation = operation.unwrap_or(OTHER);
        RequestSeries {
            requests: metrics.requests.series(&[operation, model, provider, status_class, error]),
            duration: metrics.request_duration.series(&[operation, model, provider]),
            overhead: metrics.overhead.series(&[operation]),
            operation_duration,
            tokens: Default::default(),
            cost: OnceLock::new(),
        }
    }

    /// Counts tokens of the class at this place of [`TokenClass::ALL`].
    pub(crate) fn add_tokens(self, metrics: &Metrics, series: &RequestSeries, place: usize, count: u64) {
        let (Some(class), Some(tokens)) = (TokenClass::ALL.get(place), series.tokens.get(place)) else {
            return;
        };
        let direction = if class.is_input() { INPUT } else { OUTPUT };
        let labels = [direction, class.as_str(), self.model, self.provider];
        tokens.get_or_init(|| metrics.tokens.series(&labels)).add(count);
    }

    /// Counts what was spent, in millionths of a dollar.
    pub(crate) fn add_cost(self, metrics: &Metrics, series: &RequestSeries, micros: u64) {
        series.cost.get_or_init(|| metrics.cost_usd.series(&[self.model, self.provider])).add(micros);
    }
}

/// What every attempt of one operation, model, provider and outcome records in.
#[derive(Debug)]
pub(crate) struct AttemptSeries {
    pub(crate) attempts: Arc<Counter>,
    pub(crate) duration: Arc<Histogram>,
    input: OnceLock<Arc<Histogram>>,
    output: OnceLock<Arc<Histogram>>,
}

/// By what attempts are told apart.
#[derive(Clone, Copy)]
pub(crate) struct AttemptLabels<'a> {
    pub(crate) operation: &'a str,
    pub(crate) model: &'a str,
    pub(crate) provider: &'a str,
    /// What the provider is in OpenTelemetry's words.
    pub(crate) kind: &'a str,
    pub(crate) fault: Option<FaultKind>,
}

/// The outcome of an attempt without a fault.
const OK: &str = "ok";
const INPUT: &str = "input";
const OUTPUT: &str = "output";

impl AttemptLabels<'_> {
    /// Records in the series of these labels.
    pub(crate) fn with(self, metrics: &Metrics, record: impl FnOnce(&AttemptSeries)) {
        let Self { operation, model, provider, kind, fault } = self;
        let values = [operation, model, provider, kind, fault.map_or(OK, FaultKind::as_str)];
        metrics.of_attempts.with(&values, || self.series(metrics), record);
    }

    fn series(self, metrics: &Metrics) -> AttemptSeries {
        let Self { operation, model, provider, kind, fault } = self;
        let (outcome, error) = (fault.map_or(OK, FaultKind::as_str), fault.map_or("", FaultKind::as_str));
        let durations = &metrics.gen_ai_client_operation_duration;
        AttemptSeries {
            attempts: metrics.attempts.series(&[provider, model, outcome]),
            duration: durations.series(&[operation, kind, model, error]),
            input: OnceLock::new(),
            output: OnceLock::new(),
        }
    }

    /// Notes how many tokens went in and came out.
    pub(crate) fn observe_tokens(self, metrics: &Metrics, series: &AttemptSeries, [input, output]: [u64; 2]) {
        for (known, direction, count) in [(&series.input, INPUT, input), (&series.output, OUTPUT, output)] {
            let labels = [self.operation, self.kind, self.model, direction];
            known.get_or_init(|| metrics.gen_ai_client_token_usage.series(&labels)).observe(count);
        }
    }
}
