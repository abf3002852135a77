//! Spans as OTLP in its JSON encoding (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>): ids in
//! hexadecimal, 64-bit integers as strings, enumerations as numbers. Every collector that speaks OTLP over HTTP
//! takes it, and it needs neither protobuf nor generated code.

use std::sync::Arc;

use super::span::{Span, SpanKind, Value};
use super::{Resource, SERVICE};
use crate::json::{Object, push_array, push_decimal, push_hex, push_text};
use crate::names::attribute;

/// The conventions the attributes follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/gen-ai/1.42.0";

/// `STATUS_CODE_ERROR`.
const ERROR: u64 = 2;

/// One export request with these spans.
pub(super) fn encode(spans: &[Arc<Span>], resource: &Resource, out: &mut String) {
    Object::write(out, |request| {
        request.array("resourceSpans", [()], |out, ()| {
            Object::write(out, |group| {
                group.object("resource", |object| write_resource(object, resource));
                group.array("scopeSpans", [()], |out, ()| write_scope(out, spans, resource));
            });
        });
    });
}

fn write_resource(object: &mut Object<'_>, resource: &Resource) {
    let named = [
        (attribute::SERVICE_NAME, SERVICE),
        (attribute::SERVICE_VERSION, &resource.version),
        (attribute::SERVICE_INSTANCE_ID, &resource.instance),
    ];
    object.array("attributes", named, |out, (name, value)| {
        write_attribute(out, name, |value_object| value_object.text("stringValue", value));
    });
}

fn write_scope(out: &mut String, spans: &[Arc<Span>], resource: &Resource) {
    Object::write(out, |scope| {
        scope.object("scope", |object| {
            object.text("name", SERVICE);
            object.text("version", &resource.version);
        });
        scope.array("spans", spans, |out, span| write_span(out, span));
        scope.text("schemaUrl", SCHEMA);
    });
}

fn write_span(out: &mut String, span: &Span) {
    Object::write(out, |object| {
        write_id(object.value("traceId"), &span.trace_id.0);
        write_id(object.value("spanId"), &span.id.0);
        if let Some(parent) = span.parent {
            write_id(object.value("parentSpanId"), &parent.0);
        }
        object.text("name", &span.name);
        object.integer("kind", kind(span.kind));
        object.display("startTimeUnixNano", &(u128::from(span.start_micros()) * 1000));
        object.display("endTimeUnixNano", &(u128::from(span.end.as_micros()) * 1000));
        object.array("attributes", span.attributes.iter(), |out, (name, value)| {
            write_attribute(out, name, |any| write_value(any, value));
        });
        if let Some(error) = span.error {
            object.object("status", |status| {
                status.integer("code", ERROR);
                status.text("message", error);
            });
        }
    });
}

/// `SPAN_KIND_SERVER` and `SPAN_KIND_CLIENT`.
const fn kind(kind: SpanKind) -> u64 {
    match kind {
        SpanKind::Client => 3,
        SpanKind::Server => 2,
    }
}

fn write_id(out: &mut String, id: &[u8]) {
    out.push('"');
    push_hex(out, id);
    out.push('"');
}

fn write_attribute(out: &mut String, name: &str, value: impl FnOnce(&mut Object<'_>)) {
    Object::write(out, |object| {
        object.text("key", name);
        object.object("value", value);
    });
}

fn write_value(any: &mut Object<'_>, value: &Value) {
    match value {
        Value::Decimal(value, places) => push_decimal(any.value("doubleValue"), *value, *places),
        Value::Flag(value) => any.boolean("boolValue", *value),
        Value::Integer(value) => any.display("intValue", value),
        Value::Text(value) => any.text("stringValue", value),
        Value::Words(word) => any.object("arrayValue", |array| {
            push_array(array.value("values"), [word], |out, word| {
                Object::write(out, |item| push_text(item.value("stringValue"), word));
            });
        }),
    }
}
