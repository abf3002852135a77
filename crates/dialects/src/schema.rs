//! JSON schemas, completed for providers that are strict about them.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use types::Json;

use crate::object::{Object, Path};
use crate::splice::quoted;

/// The schema of a tool's arguments: with a type, which is `object`.
pub(crate) fn of_arguments(parameters: Option<&Json>) -> Json {
    let fields = parameters.and_then(Json::to::<BTreeMap<String, &RawValue>>);
    match (parameters, fields) {
        (Some(json), Some(fields)) if fields.contains_key("type") => json.clone(),
        (Some(json), Some(fields)) if !fields.is_empty() => {
            let rest = json.as_str().trim_start().trim_start_matches('{');
            Json::parse(format!(r#"{{"type":"object",{rest}"#)).unwrap_or_else(|| json.clone())
        }
        (Some(json), None) => json.clone(),
        (Some(_) | None, _) => empty(),
    }
}

#[expect(clippy::expect_used, reason = "the text is a constant")]
fn empty() -> Json {
    Json::parse(r#"{"type":"object","properties":{}}"#).expect("the constant is JSON")
}

/// The schema of an answer with every object in it closed, which some demand; none if it is so already. An
/// object that says itself what else it may hold is left to the provider.
pub(crate) fn closed(schema: &Json) -> Option<Json> {
    Json::parse(close(schema.as_str())?)
}

fn close(schema: &str) -> Option<String> {
    let object = Object::read(schema, &Path::Root).ok()?;
    let mut is_changed = false;
    let mut written = String::from("{");
    let (mut is_object, mut says_more) = (false, false);
    for (name, value) in object.fields() {
        let value = value.written();
        is_object |= name == "properties" || (name == "type" && value.contains("\"object\""));
        says_more |= name == "additionalProperties";
        let inner = match name.as_ref() {
            "$defs" | "definitions" | "properties" => close_named(value),
            "allOf" | "anyOf" | "oneOf" => close_listed(value),
            "items" => close(value),
            _ => None,
        };
        is_changed |= inner.is_some();
        append(&mut written, name, inner.as_deref().unwrap_or(value));
    }
    if is_object && !says_more {
        append(&mut written, "additionalProperties", "false");
        is_changed = true;
    }
    written.push('}');
    is_changed.then_some(written)
}

/// The same for schemas by name.
fn close_named(schemas: &str) -> Option<String> {
    let object = Object::read(schemas, &Path::Root).ok()?;
    let mut is_changed = false;
    let mut written = String::from("{");
    for (name, schema) in object.fields() {
        let inner = close(schema.written());
        is_changed |= inner.is_some();
        append(&mut written, name, inner.as_deref().unwrap_or(schema.written()));
    }
    written.push('}');
    is_changed.then_some(written)
}

/// The same for a list of schemas.
fn close_listed(schemas: &str) -> Option<String> {
    let list: Vec<&RawValue> = serde_json::from_str(schemas).ok()?;
    let closed: Vec<Option<String>> = list.iter().map(|schema| close(schema.get())).collect();
    let written = list.iter().zip(&closed).map(|(schema, closed)| closed.as_deref().unwrap_or(schema.get()));
    let written = written.collect::<Vec<_>>().join(",");
    closed.iter().any(Option::is_some).then(|| format!("[{written}]"))
}

fn append(written: &mut String, name: &str, value: &str) {
    if written.len() > 1 {
        written.push(',');
    }
    written.push_str(&String::from_utf8_lossy(&quoted(name)));
    written.push(':');
    written.push_str(value);
}
