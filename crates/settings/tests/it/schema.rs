//! The schema says what the reader does.

use serde_json::Value;
use settings::schema;

use crate::settings;

fn parsed() -> Value {
    serde_json::from_str(&schema()).expect("the schema is JSON")
}

/// Calls `visit` with every part of the schema that is a section.
fn sections(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    if schema.get("properties").is_some() {
        visit(path, schema);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        sections(property, &format!("{path}/{name}"), visit);
    }
    for form in schema["anyOf"].as_array().into_iter().flatten() {
        sections(form, path, visit);
    }
    if schema["additionalProperties"].is_object() {
        sections(&schema["additionalProperties"], &format!("{path}/name"), visit);
    }
    if schema["items"].is_object() {
        sections(&schema["items"], path, visit);
    }
}

#[test]
fn every_section_is_closed_described_and_has_an_example() {
    let mut count = 0;
    sections(&parsed(), "", &mut |path, section| {
        count += 1;
        assert_eq!(section["additionalProperties"], Value::Bool(false), "{path}");
        assert!(!section["description"].as_str().unwrap_or_default().is_empty(), "{path}");
        assert!(section["examples"][0].is_object(), "{path}");
        for (name, property) in section["properties"].as_object().expect("properties") {
            assert!(!property["description"].as_str().unwrap_or_default().is_empty(), "{path}/{name}");
        }
    });
    assert!(count >= 18, "{count} sections");
}

#[test]
fn every_example_is_accepted() {
    let providers = "\"providers\": {\"openai\": {}, \"claude\": {}, \"gpu\": {}}";
    sections(&parsed(), "", &mut |path, section| {
        if path.is_empty() || path.ends_with("targets") {
            return;
        }
        let mut text = section["examples"][0].to_string();
        for name in path.rsplit('/').filter(|name| !name.is_empty()) {
            text = format!("{{\"{name}\": {text}}}");
        }
        if !path.starts_with("/providers") {
            text = text.replacen('{', &format!("{{{providers}, "), 1);
        }
        settings(&text);
    });
}

#[test]
fn words_and_defaults_stand_in_the_schema() {
    let schema = parsed();
    let property = |path: &str| schema.pointer(path).cloned().unwrap_or_default();
    assert_eq!(property("/properties/server/anyOf/0/properties/drain/default"), "10m");
    assert_eq!(property("/properties/server/anyOf/0/properties/data/default"), "~/.local/share/tollgate");
    assert_eq!(property("/properties/monitoring/anyOf/0/properties/tracing/anyOf/0/enum/0"), "jaeger/zipkin");
    assert_eq!(
        property("/properties/routing/anyOf/0/properties/retries/anyOf/0/properties/attempts/default"),
        2
    );
}
