//! A value that fits a JSON schema: the same one every time.

use serde_json::{Map, Value, json};

/// Schemas may refer to themselves; a sample ends here.
const MAX_DEPTH: usize = 16;

/// A value that fits `schema`.
pub(crate) fn of_schema(schema: &Value) -> Value {
    sample(schema, schema, 0)
}

fn sample(schema: &Value, root: &Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    let next = |schema: &Value| sample(schema, root, depth + 1);
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        return target.strip_prefix('#').and_then(|pointer| root.pointer(pointer)).map_or(Value::Null, next);
    }
    if let Some(fixed) = schema.get("const").or_else(|| schema.pointer("/enum/0")) {
        return fixed.clone();
    }
    let alternative = ["anyOf", "oneOf", "allOf"].iter().find_map(|word| schema.get(word)?.get(0));
    if let Some(alternative) = alternative {
        return next(alternative);
    }
    let kind = schema.get("type").and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str()));
    match kind {
        Some("string") => json!(string(schema)),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        Some("array") => Value::Array(schema.get("items").map(next).into_iter().collect()),
        Some(_) | None => object(schema, next),
    }
}

fn object(schema: &Value, next: impl Fn(&Value) -> Value) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object);
    let fields = properties.into_iter().flatten().map(|(name, property)| (name.clone(), next(property)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn string(schema: &Value) -> &str {
    match schema.get("format").and_then(Value::as_str) {
        Some("date") => "2026-01-01",
        Some("date-time") => "2026-01-01T00:00:00Z",
        Some("email") => "someone@example.com",
        Some("uri") => "https://example.com/",
        Some(_) | None => "example",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_fits_its_schema() {
        let schema = json!({
            "$defs": {"unit": {"enum": ["celsius", "kelvin"]}},
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 3},
                "unit": {"$ref": "#/$defs/unit"},
                "tags": {"type": "array", "items": {"type": ["string", "null"]}},
                "self": {"$ref": "#/missing"}
            }
        });
        let expected =
            json!({"city": "example", "days": 3, "unit": "celsius", "tags": ["example"], "self": null});
        assert_eq!(of_schema(&schema), expected);
        assert!(of_schema(&json!({"$ref": "#"})).is_null());
    }
}
