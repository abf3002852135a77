//! A request has been answered, well or badly.

use std::net::IpAddr;
use std::time::Duration;

use types::conversation::{Change, ChangeKind, Delivery, StopReason};
use types::{
    Code, DialectId, KeyId, MicroUsd, ModelName, Operation, RequestId, TokenClass, TraceContext, Usage,
};

use super::{UNKNOWN, Upstream, add_usage, finish_word, span_name};
use crate::logs::{Access, LogLevel};
use crate::metrics::{Metrics, OTHER, RequestLabels};
use crate::names::attribute;
use crate::telemetry::Telemetry;
use crate::traces::{Attributes, Span, SpanKind};

/// One request of a caller, when its answer has ended.
#[derive(Clone, Debug)]
pub struct RequestFinished<'a> {
    /// The request's id.
    pub request_id: RequestId,
    /// Its trace and the gateway's span in it.
    pub trace: &'a TraceContext,
    /// What was asked for; `None` for a request that is no operation on a model.
    pub operation: Option<Operation>,
    /// The model's public name as the configuration has it; `None` where the caller named none that is known.
    pub model: Option<&'a ModelName>,
    /// Who answered, or failed last.
    pub upstream: Option<Upstream<'a>>,
    /// Who asked.
    pub key: Option<&'a KeyId>,
    /// From where.
    pub client_ip: Option<IpAddr>,
    /// In which language.
    pub client_dialect: Option<DialectId>,
    /// Whole or streamed.
    pub delivery: Delivery,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The error's code, if it was one, also inside a stream.
    pub error: Option<Code>,
    /// Why the answer ended.
    pub finish: Option<StopReason>,
    /// From the request's first byte to the answer's last.
    pub duration: Duration,
    /// The part of it that was the gateway's own.
    pub overhead: Duration,
    /// To the first token, for a stream.
    pub first_token: Option<Duration>,
    /// What all attempts used together.
    pub usage: Option<&'a Usage>,
    /// What all attempts cost together, where there are prices.
    pub cost: Option<MicroUsd>,
    /// What translations changed in it.
    pub changes: &'a [Change],
    /// How many upstream requests it took.
    pub attempts: u32,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
}

impl RequestFinished<'_> {
    /// Writes the access line, the metrics and the SERVER span.
    pub fn emit(&self, telemetry: &Telemetry) {
        self.measure(&telemetry.core().metrics);
        telemetry.logs().access(self.level(), &Access(self));
        telemetry.span(self.trace, || self.span(telemetry));
    }

    /// The operation's name in lines and labels.
    pub(crate) fn operation_word(&self) -> &'static str {
        self.operation.map_or(OTHER, Operation::as_str)
    }

    fn level(&self) -> LogLevel {
        match self.error {
            Some(Code::Internal | Code::LedgerUnavailable) => LogLevel::Error,
            Some(_) if self.status >= 500 => LogLevel::Warn,
            Some(_) | None => LogLevel::Info,
        }
    }

    fn model_label(&self) -> &str {
        self.model.map_or(UNKNOWN, ModelName::as_str)
    }

    fn measure(&self, metrics: &Metrics) {
        let labels = RequestLabels {
            operation: self.operation.map(Operation::as_str),
            model: self.model_label(),
            provider: self.upstream.as_ref().map_or("", |upstream| upstream.provider.as_str()),
            kind: self.upstream.as_ref().map_or("", |upstream| upstream.semconv),
            status_class: status_class(self.status),
            error: self.error.map_or("", Code::as_str),
        };
        labels.with(metrics, |series| {
            series.requests.add(1);
            series.duration.observe_duration(self.duration);
            series.overhead.observe_duration(self.overhead);
            if let Some(durations) = &series.operation_duration {
                durations.observe_duration(self.duration);
            }
            for (place, class) in TokenClass::ALL.iter().enumerate() {
                let count = self.usage.map_or(0, |usage| usage.of(*class).0);
                if count > 0 {
                    labels.add_tokens(metrics, series, place, count);
                }
            }
            if let Some(cost) = self.cost {
                labels.add_cost(metrics, series, cost.as_micros());
            }
        });
        self.measure_rest(metrics, labels);
    }

    /// What not every request has.
    fn measure_rest(&self, metrics: &Metrics, labels: RequestLabels<'_>) {
        let RequestLabels { model, provider, kind, .. } = labels;
        if let Some(first_token) = self.first_token {
            let first_tokens = &metrics.time_to_first_token;
            let operation = self.operation_word();
            first_tokens.with(&[operation, model, provider], |all| all.observe_duration(first_token));
            if self.operation.is_some() {
                let first_tokens = &metrics.gen_ai_server_time_to_first_token;
                first_tokens.with(&[operation, kind, model], |all| all.observe_duration(first_token));
            }
        }
        for change in self.changes {
            metrics.translation_changes.with(&[change_word(change.kind)], |changes| changes.add(1));
        }
        for (unit, count) in self.usage.iter().flat_map(|usage| usage.units.used()) {
            metrics.units.with(&[unit.as_str(), model, provider], |units| units.add(count));
        }
    }

    fn span(&self, telemetry: &Telemetry) -> Span {
        Span {
            trace_id: self.trace.trace_id,
            id: self.trace.span_id,
            parent: self.trace.parent,
            kind: SpanKind::Server,
            name: span_name(self.operation_word(), self.model_label()),
            end: telemetry.core().clock.wall(),
            duration: self.duration,
            error: self.error.map(Code::as_str),
            remote: None,
            attributes: self.attributes(),
        }
    }

    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::default();
        attributes.text(attribute::GEN_AI_OPERATION_NAME, self.operation_word());
        if let Some(upstream) = &self.upstream {
            attributes.text(attribute::GEN_AI_PROVIDER_NAME, upstream.semconv);
            attributes.text(attribute::TOLLGATE_PROVIDER, upstream.provider.as_str());
            attributes.text(attribute::TOLLGATE_TARGET, upstream.target.as_str());
        }
        if let Some(model) = self.model {
            attributes.text(attribute::GEN_AI_REQUEST_MODEL, model.as_str());
        }
        attributes.flag(attribute::GEN_AI_REQUEST_STREAM, self.delivery.is_stream());
        attributes.integer(attribute::HTTP_RESPONSE_STATUS_CODE, self.status);
        if let Some(code) = self.error {
            attributes.text(attribute::ERROR_TYPE, code.as_str());
        }
        if let Some(reason) = self.finish {
            attributes.word(attribute::GEN_AI_RESPONSE_FINISH_REASONS, finish_word(reason));
        }
        if let Some(usage) = self.usage {
            add_usage(&mut attributes, usage);
        }
        self.add_own(&mut attributes);
        attributes
    }

    /// What OpenTelemetry has no words for.
    fn add_own(&self, attributes: &mut Attributes) {
        attributes.text(attribute::TOLLGATE_REQUEST_ID, self.request_id.to_string());
        attributes.integer(attribute::TOLLGATE_ATTEMPTS, self.attempts);
        if let Some(key) = self.key {
            attributes.text(attribute::TOLLGATE_KEY_ID, key.as_str());
        }
        if let Some(ip) = self.client_ip {
            attributes.text(attribute::CLIENT_ADDRESS, ip.to_string());
        }
        if let Some(dialect) = self.client_dialect {
            attributes.text(attribute::TOLLGATE_DIALECT, dialect.as_str());
        }
        if let Some(cost) = self.cost {
            attributes.dollars(attribute::TOLLGATE_COST_USD, cost);
        }
    }
}

/// `2xx` and the like.
const fn status_class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => OTHER,
    }
}

const fn change_word(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Dropped => "dropped",
        ChangeKind::Emulated => "emulated",
        ChangeKind::Rewritten => "rewritten",
    }
}
