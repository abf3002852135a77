//! Spans as Zipkin's v2 JSON (<https://zipkin.io/zipkin-api/#/default/post_spans>).

use std::sync::Arc;

use super::span::{Span, SpanKind, Value};
use super::{Resource, SERVICE};
use crate::json::{Object, micros, push_array, push_decimal, push_hex, push_integer};
use crate::names::attribute;

/// A list of these spans.
pub(super) fn encode(spans: &[Arc<Span>], resource: &Resource, out: &mut String) {
    push_array(out, spans, |out, span| write_span(out, span, resource));
}

fn write_span(out: &mut String, span: &Span, resource: &Resource) {
    Object::write(out, |object| {
        write_id(object.value("traceId"), &span.trace_id.0);
        write_id(object.value("id"), &span.id.0);
        if let Some(parent) = span.parent {
            write_id(object.value("parentId"), &parent.0);
        }
        object.text("name", &span.name);
        object.text("kind", kind(span.kind));
        object.integer("timestamp", span.start_micros());
        // Zipkin reads a duration of zero as one that is not known.
        object.integer("duration", micros(span.duration).max(1));
        object.object("localEndpoint", |endpoint| endpoint.text("serviceName", SERVICE));
        if let Some(remote) = &span.remote {
            object.object("remoteEndpoint", |endpoint| {
                endpoint.text("serviceName", &remote.name);
                if let Some(port) = remote.port {
                    endpoint.integer("port", u64::from(port));
                }
            });
        }
        object.object("tags", |tags| write_tags(tags, span, resource));
    });
}

fn write_tags(tags: &mut Object<'_>, span: &Span, resource: &Resource) {
    tags.text(attribute::SERVICE_VERSION, &resource.version);
    tags.text(attribute::SERVICE_INSTANCE_ID, &resource.instance);
    if let Some(error) = span.error {
        tags.text("error", error);
    }
    for (name, value) in span.attributes.iter() {
        match value {
            Value::Decimal(value, places) => quoted(tags, name, |out| push_decimal(out, *value, *places)),
            Value::Flag(value) => tags.display(name, value),
            Value::Integer(value) => quoted(tags, name, |out| push_integer(out, *value)),
            Value::Text(value) => tags.text(name, value),
            Value::Words(word) => tags.text(name, word),
        }
    }
}

/// Zipkin's tags are text, numbers too.
fn quoted(tags: &mut Object<'_>, name: &str, write: impl FnOnce(&mut String)) {
    let out = tags.value(name);
    out.push('"');
    write(out);
    out.push('"');
}

const fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Client => "CLIENT",
        SpanKind::Server => "SERVER",
    }
}

fn write_id(out: &mut String, id: &[u8]) {
    out.push('"');
    push_hex(out, id);
    out.push('"');
}
