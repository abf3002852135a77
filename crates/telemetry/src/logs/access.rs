//! The access line: everything about one request but what was said in it.

use std::time::Duration;

use types::{TokenClass, UnixTime};

use super::record::{head, push_plain};
use super::stamp::push_time;
use super::{LogFormat, LogLevel};
use crate::events::{RequestFinished, finish_word};
use crate::json::{
    Object, micros, push_address, push_decimal, push_display, push_hex, push_integer, push_millis,
};
use crate::names::field;

/// The constant message of every access line.
const MESSAGE: &str = "request";

/// The most changes that a line names.
const MAX_CHANGES: usize = 32;

/// One request's line.
pub(crate) struct Access<'a>(pub(crate) &'a RequestFinished<'a>);

impl Access<'_> {
    /// Writes the line without its end.
    pub(super) fn write(&self, line: &mut String, format: LogFormat, (level, time): (LogLevel, UnixTime)) {
        match format {
            LogFormat::Json => {
                let mut object = head(line, time, (level, MESSAGE));
                self.identities(&mut object);
                self.outcome(&mut object);
                self.amounts(&mut object);
                object.close();
            }
            LogFormat::Pretty => {
                push_time(line, time, format);
                self.pretty(line);
            }
        }
    }

    fn identities(&self, object: &mut Object<'_>) {
        let request = self.0;
        push_id(object.value(field::REQUEST_ID), request.request_id.as_uuid().as_bytes());
        push_id(object.value(field::TRACE_ID), &request.trace.trace_id.0);
        push_id(object.value(field::SPAN_ID), &request.trace.span_id.0);
        if let Some(key) = request.key {
            object.text(field::KEY, key.as_str());
        }
        if let Some(ip) = request.client_ip {
            push_address(object.value(field::CLIENT_IP), ip);
        }
        object.text(field::OPERATION, request.operation_word());
        if let Some(dialect) = request.client_dialect {
            object.text(field::DIALECT, dialect.as_str());
        }
        if let Some(model) = request.model {
            object.text(field::MODEL, model.as_str());
        }
        if let Some(upstream) = &request.upstream {
            object.text(field::PROVIDER, upstream.provider.as_str());
            object.text(field::TARGET, upstream.target.as_str());
            object.text(field::UPSTREAM_DIALECT, upstream.dialect.as_str());
        }
    }

    fn outcome(&self, object: &mut Object<'_>) {
        let request = self.0;
        object.integer(field::STATUS, u64::from(request.status));
        if let Some(code) = request.error {
            object.text(field::ERROR, code.as_str());
        }
        object.boolean(field::STREAM, request.delivery.is_stream());
        if let Some(reason) = request.finish {
            object.text(field::FINISH, finish_word(reason));
        }
        if !request.changes.is_empty() {
            object.array(field::CHANGES, request.changes.iter().take(MAX_CHANGES), |out, change| {
                push_display(out, change);
            });
        }
        object.integer(field::ATTEMPTS, u64::from(request.attempts));
        push_millis(object.value(field::DURATION_MS), request.duration);
        push_millis(object.value(field::OVERHEAD_MS), request.overhead);
        if let Some(first_token) = request.first_token {
            push_millis(object.value(field::TTFT_MS), first_token);
        }
    }

    fn amounts(&self, object: &mut Object<'_>) {
        let request = self.0;
        if let Some(usage) = request.usage {
            object.integer(field::INPUT_TOKENS, usage.input_total().0);
            object.integer(field::OUTPUT_TOKENS, usage.output_total().0);
            object.object(field::TOKENS, |tokens| {
                for class in TokenClass::ALL {
                    let count = usage.of(*class).0;
                    if count > 0 {
                        tokens.integer(class.as_str(), count);
                    }
                }
            });
            if !usage.units.is_empty() {
                object.object(field::UNITS, |units| {
                    for (unit, count) in usage.units.used() {
                        units.integer(unit.as_str(), count);
                    }
                });
            }
        }
        if let Some(cost) = request.cost {
            push_decimal(object.value(field::COST_USD), cost.as_micros(), 6);
        }
        object.integer(field::BYTES_IN, request.bytes_in);
        object.integer(field::BYTES_OUT, request.bytes_out);
    }

    /// `14:02:11 200 tollgate/mock 3+9 tok  ttft 1 ms  total 2 ms  $0`.
    fn pretty(&self, line: &mut String) {
        let request = self.0;
        line.push(' ');
        push_integer(line, u64::from(request.status));
        line.push(' ');
        push_plain(line, request.model.map_or_else(|| request.operation_word(), |model| model.as_str()));
        if let Some(code) = request.error {
            line.push(' ');
            line.push_str(code.as_str());
        }
        if let Some(usage) = request.usage {
            line.push(' ');
            push_integer(line, usage.input_total().0);
            line.push('+');
            push_integer(line, usage.output_total().0);
            line.push_str(" tok");
        }
        if let Some(first_token) = request.first_token {
            push_span(line, "  ttft ", first_token);
        }
        push_span(line, "  total ", request.duration);
        if let Some(cost) = request.cost {
            line.push_str("  $");
            push_decimal(line, cost.as_micros(), 6);
        }
        if request.attempts > 1 {
            line.push_str("  ");
            push_integer(line, u64::from(request.attempts));
            line.push_str(" attempts");
        }
    }
}

fn push_id(out: &mut String, bytes: &[u8]) {
    out.push('"');
    push_hex(out, bytes);
    out.push('"');
}

/// Whole milliseconds, and tenths below ten.
fn push_span(line: &mut String, name: &str, duration: Duration) {
    line.push_str(name);
    let tenths = (micros(duration) + 50) / 100;
    let shown = if tenths < 100 { tenths } else { (tenths + 5) / 10 * 10 };
    push_decimal(line, shown, 1);
    line.push_str(" ms");
}
