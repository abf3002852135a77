//! The JSON Schema (draft 2020-12) of the file, for editors: made from the same declarations that read it.

use serde_json::{Map, Value, json};

use crate::Environment;
use crate::read::Shape;
use crate::settings::{RawSettings, load};
use crate::shown::Shown;

/// The schema of `tollgate.yaml` with descriptions, words, defaults and an example per section.
pub fn schema() -> String {
    let mut schema = RawSettings::schema();
    // A home of `~` makes the folder defaults read as a person would write them.
    if let Ok(settings) = load(None, &Environment::from_pairs([("HOME", "~")]), &|_| None) {
        add_defaults(&mut schema, &settings.shown());
    }
    if let Value::Object(entries) = &mut schema {
        entries.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        entries.insert("title".to_owned(), json!("tollgate.yaml"));
    }
    format!("{schema:#}\n")
}

/// The path of every key in the schema, with `NAME` for the names that the operator chooses.
pub(crate) fn known_keys() -> Vec<String> {
    let mut keys = Vec::new();
    collect_keys(&RawSettings::schema(), "", &mut keys);
    keys
}

/// The schema of a section. Every setting may also be `null`, which leaves it at its default.
pub(crate) fn object(description: &str, example: &Value, fields: Vec<(&str, &str, Value)>) -> Value {
    let mut properties = Map::new();
    for (name, doc, schema) in fields {
        let mut property = any_of(vec![schema, json!({"type": "null"})]);
        if let Value::Object(entries) = &mut property {
            entries.insert("description".to_owned(), json!(doc.trim()));
        }
        properties.insert(name.to_owned(), property);
    }
    json!({
        "type": "object",
        "description": description.trim(),
        "additionalProperties": false,
        "properties": properties,
        "examples": [example],
    })
}

/// The schema of what may have several forms; forms within forms are drawn up to one list.
pub(crate) fn any_of(forms: Vec<Value>) -> Value {
    let flat = forms.into_iter().flat_map(|form| match form.get("anyOf").and_then(Value::as_array) {
        Some(inner) if form.as_object().is_some_and(|entries| entries.len() == 1) => inner.clone(),
        Some(_) | None => vec![form],
    });
    json!({"anyOf": flat.collect::<Vec<_>>()})
}

/// Writes the default of every single-valued setting into the schema.
fn add_defaults(schema: &mut Value, shown: &Shown) {
    match shown {
        Shown::Map(entries) => {
            let Some(section) = section_in(schema) else { return };
            for (key, value) in entries {
                let property = section.get_mut("properties").and_then(|properties| properties.get_mut(key));
                if let Some(property) = property {
                    add_defaults(property, value);
                }
            }
        }
        Shown::Bare(text) | Shown::Text(text) => {
            let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
            if let Value::Object(entries) = schema {
                entries.insert("default".to_owned(), value);
            }
        }
        Shown::Nothing | Shown::List(_) => {}
    }
}

/// The form of a setting that is a section.
fn section_in(schema: &mut Value) -> Option<&mut Value> {
    if schema.get("properties").is_some() {
        return Some(schema);
    }
    schema.get_mut("anyOf")?.as_array_mut()?.iter_mut().find_map(section_in)
}

fn collect_keys(schema: &Value, path: &str, keys: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            keys.push(below(name));
            collect_keys(property, &below(name), keys);
        }
    }
    if let Some(named) = schema.get("additionalProperties").filter(|named| named.is_object()) {
        collect_keys(named, &below("NAME"), keys);
    }
    for form in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
        collect_keys(form, path, keys);
    }
    if let Some(items) = schema.get("items") {
        collect_keys(items, path, keys);
    }
}
