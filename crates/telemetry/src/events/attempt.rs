//! One upstream request has ended.

use std::time::Duration;

use types::conversation::{Delivery, StopReason};
use types::{FaultKind, ModelName, Operation, RequestId, SpanId, TraceContext, Usage};

use super::{Upstream, add_usage, finish_word, span_name};
use crate::logs::LogLevel;
use crate::metrics::{AttemptLabels, Metrics};
use crate::names::{attribute, field};
use crate::telemetry::Telemetry;
use crate::traces::{Attributes, Remote, Span, SpanKind};

/// One request to one upstream, when it has ended.
#[derive(Clone, Debug)]
pub struct AttemptFinished<'a> {
    /// The caller's request that it is for.
    pub request_id: RequestId,
    /// The request's trace; its span is this attempt's parent.
    pub trace: &'a TraceContext,
    /// This attempt's own span, the parent in the `traceparent` that the upstream got.
    pub span: SpanId,
    /// Which attempt it is, from one.
    pub number: u32,
    /// The fault of the attempt before it; `None` for the first.
    pub after: Option<FaultKind>,
    /// What was asked for.
    pub operation: Operation,
    /// The model's public name as the configuration has it.
    pub model: &'a ModelName,
    /// Who was asked.
    pub upstream: Upstream<'a>,
    /// Whole or streamed.
    pub delivery: Delivery,
    /// What went wrong, if anything did.
    pub fault: Option<FaultKind>,
    /// The upstream's HTTP status, if it got that far.
    pub status: Option<u16>,
    /// From the first byte sent to the last one read.
    pub duration: Duration,
    /// To the first streamed chunk.
    pub first_chunk: Option<Duration>,
    /// What it used, if the upstream said so.
    pub usage: Option<&'a Usage>,
    /// The upstream's id for its answer.
    pub response_id: Option<&'a str>,
    /// The model that the upstream says answered.
    pub response_model: Option<&'a str>,
    /// Why the answer ended.
    pub finish: Option<StopReason>,
}

impl AttemptFinished<'_> {
    /// Writes the log line, the metrics and the CLIENT span.
    pub fn emit(&self, telemetry: &Telemetry) {
        self.measure(&telemetry.core().metrics);
        telemetry.logs().record(self.level(), "attempt", |record| {
            record.display(field::REQUEST_ID, &self.request_id);
            record.integer(field::ATTEMPT, u64::from(self.number));
            record.text(field::TARGET, self.upstream.target.as_str());
            if let Some(fault) = self.fault {
                record.text(field::FAULT, fault.as_str());
            }
            if let Some(status) = self.status {
                record.integer(field::UPSTREAM_STATUS, u64::from(status));
            }
            record.millis(field::DURATION_MS, self.duration);
        });
        telemetry.span(self.trace, || self.span(telemetry));
    }

    /// A target's own fault degrades what others serve; anything else is the request's business.
    fn level(&self) -> LogLevel {
        match self.fault {
            Some(fault) if fault.counts_against_target() => LogLevel::Warn,
            Some(FaultKind::Credential | FaultKind::Quota) => LogLevel::Error,
            Some(_) | None => LogLevel::Debug,
        }
    }

    fn measure(&self, metrics: &Metrics) {
        let labels = AttemptLabels {
            operation: self.operation.as_str(),
            model: self.model.as_str(),
            provider: self.upstream.provider.as_str(),
            kind: self.upstream.semconv,
            fault: self.fault,
        };
        labels.with(metrics, |series| {
            series.attempts.add(1);
            series.duration.observe_duration(self.duration);
            if let Some(usage) = self.usage {
                labels.observe_tokens(metrics, series, [usage.input_total().0, usage.output_total().0]);
            }
        });
        if let Some(first_chunk) = self.first_chunk {
            let AttemptLabels { operation, kind, model, .. } = labels;
            let first_chunks = &metrics.gen_ai_client_time_to_first_chunk;
            first_chunks.with(&[operation, kind, model], |all| all.observe_duration(first_chunk));
        }
    }

    fn span(&self, telemetry: &Telemetry) -> Span {
        let port = self.upstream.server.map(|(_, port)| port);
        let remote = Remote { name: self.upstream.provider.as_str().to_owned(), port };
        Span {
            trace_id: self.trace.trace_id,
            id: self.span,
            parent: Some(self.trace.span_id),
            kind: SpanKind::Client,
            name: span_name(self.operation.as_str(), self.upstream.model.as_str()),
            end: telemetry.core().clock.wall(),
            duration: self.duration,
            error: self.fault.map(FaultKind::as_str),
            remote: Some(remote),
            attributes: self.attributes(),
        }
    }

    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::default();
        attributes.text(attribute::GEN_AI_OPERATION_NAME, self.operation.as_str());
        attributes.text(attribute::GEN_AI_PROVIDER_NAME, self.upstream.semconv);
        attributes.text(attribute::GEN_AI_REQUEST_MODEL, self.upstream.model.as_str());
        attributes.flag(attribute::GEN_AI_REQUEST_STREAM, self.delivery.is_stream());
        if let Some((address, port)) = self.upstream.server {
            attributes.text(attribute::SERVER_ADDRESS, address);
            attributes.integer(attribute::SERVER_PORT, port);
        }
        if let Some(fault) = self.fault {
            attributes.text(attribute::ERROR_TYPE, fault.as_str());
        }
        if let Some(status) = self.status {
            attributes.integer(attribute::HTTP_RESPONSE_STATUS_CODE, status);
        }
        self.add_response(&mut attributes);
        attributes.text(attribute::TOLLGATE_ROUTE, self.model.as_str());
        attributes.text(attribute::TOLLGATE_PROVIDER, self.upstream.provider.as_str());
        attributes.text(attribute::TOLLGATE_TARGET, self.upstream.target.as_str());
        attributes.text(attribute::TOLLGATE_DIALECT, self.upstream.dialect.as_str());
        attributes.integer(attribute::TOLLGATE_ATTEMPT_NUMBER, self.number);
        attributes.text(attribute::TOLLGATE_ATTEMPT_REASON, self.after.map_or("first", FaultKind::as_str));
        attributes
    }

    fn add_response(&self, attributes: &mut Attributes) {
        if let Some(id) = self.response_id {
            attributes.text(attribute::GEN_AI_RESPONSE_ID, id);
        }
        if let Some(model) = self.response_model {
            attributes.text(attribute::GEN_AI_RESPONSE_MODEL, model);
        }
        if let Some(reason) = self.finish {
            attributes.word(attribute::GEN_AI_RESPONSE_FINISH_REASONS, finish_word(reason));
        }
        if let Some(first_chunk) = self.first_chunk {
            attributes.seconds(attribute::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, first_chunk);
        }
        if let Some(usage) = self.usage {
            add_usage(attributes, usage);
        }
    }
}
