//! JSON schemas: those of `OpenAPI` 3.0 that the language had first (<https://ai.google.dev/api/caching#Schema>), and
//! JSON Schema's own.

use std::collections::HashMap;

use serde_json::value::RawValue;
use types::Json;

use super::tree::{Tree, put};
use crate::object::keep;
use crate::outline::Part;

/// The deepest nesting that is followed, references included: a schema may name itself.
const MAX_DEPTH: usize = 64;

/// Keywords that hold schemas by name, and lists of them.
const NAMED: &[&str] = &["$defs", "definitions", "defs", "properties"];
const LISTED: &[&str] = &["allOf", "anyOf", "any_of", "oneOf", "prefixItems"];
/// Counts, which the wire has as text because they may have 64 bits.
const COUNTS: &[&str] = &["maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"];
/// What `OpenAPI`'s subset takes as it is.
const KNOWN: &[&str] =
    &["default", "description", "example", "maximum", "minimum", "pattern", "required", "title"];
/// The formats it knows.
const FORMATS: &[&str] = &["date-time", "double", "float", "int32", "int64"];

/// The fields of a schema.
type Fields = Vec<(String, Tree)>;

/// The JSON Schema that an `OpenAPI` schema means.
pub(super) fn from_openapi(raw: &RawValue) -> Json {
    Json::of(&plain(Tree::read(Part::unread(raw.get()), MAX_DEPTH))).unwrap_or_else(|| keep(raw))
}

fn plain(schema: Tree) -> Tree {
    let Tree::Object(fields) = schema else { return schema };
    let order =
        fields.iter().find(|(name, _)| matches!(name.as_str(), "propertyOrdering" | "property_ordering"));
    let order: Vec<String> = order.iter().flat_map(|(_, list)| list.items()).filter_map(Tree::text).collect();
    let is_nullable = fields.iter().any(|(name, value)| {
        name == "nullable" && matches!(value, Tree::Leaf(json) if json.as_str() == "true")
    });
    let mut plain = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let value = match name.as_str() {
            "nullable" | "propertyOrdering" | "property_ordering" => continue,
            "format" if value.text().as_deref() == Some("enum") => continue,
            "type" => kind(value, is_nullable),
            "items" | "additionalProperties" => self::plain(value),
            keyword if NAMED.contains(&keyword) || LISTED.contains(&keyword) => each(value, &order),
            keyword if COUNTS.contains(&keyword) => count(value),
            _ => value,
        };
        let name = match name.as_str() {
            "any_of" => "anyOf".to_owned(),
            "ref" => "$ref".to_owned(),
            "defs" => "$defs".to_owned(),
            _ => name,
        };
        plain.push((name, value));
    }
    Tree::Object(plain)
}

fn kind(value: Tree, is_nullable: bool) -> Tree {
    match value.text().map(|kind| kind.to_ascii_lowercase()) {
        Some(kind) if is_nullable => Tree::List(vec![Tree::leaf(&kind), Tree::leaf(&"null")]),
        Some(kind) => Tree::leaf(&kind),
        None => value,
    }
}

fn count(value: Tree) -> Tree {
    match value.text().and_then(|text| text.parse::<u64>().ok()) {
        Some(count) => Tree::leaf(&count),
        None => value,
    }
}

/// The same for schemas by name, in this order as far as it says, or in a list.
fn each(schemas: Tree, order: &[String]) -> Tree {
    match schemas {
        Tree::Object(mut named) => {
            let places = order.iter().enumerate().rev();
            let places: HashMap<&str, usize> = places.map(|(place, name)| (name.as_str(), place)).collect();
            named.sort_by_key(|(name, _)| places.get(name.as_str()).copied().unwrap_or(order.len()));
            Tree::Object(named.into_iter().map(|(name, schema)| (name, plain(schema))).collect())
        }
        Tree::List(listed) => Tree::List(listed.into_iter().map(plain).collect()),
        Tree::Leaf(_) => schemas,
    }
}

/// The `OpenAPI` schema that comes closest to a JSON Schema: references are put in, and what has no word is left out.
pub(super) fn to_openapi(schema: &Json) -> Json {
    let Some(raw) = schema.to::<&RawValue>() else { return schema.clone() };
    let root = Tree::read(Part::unread(raw.get()), MAX_DEPTH);
    Json::of(&Subset { root: &root, left: MOST.into() }.schema(&root, 0)).unwrap_or_else(|| schema.clone())
}

/// The most schemas that references may be put in for: they may name each other many times over.
const MOST: u32 = 4096;
/// How deeply references are followed.
const MAX_REFERENCES: usize = 8;

struct Subset<'r> {
    /// Where references point into.
    root: &'r Tree,
    /// How many more schemas may be written.
    left: std::cell::Cell<u32>,
}

impl Subset<'_> {
    /// The schema; `followed` is how many references led here.
    fn schema(&self, schema: &Tree, followed: usize) -> Tree {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        if followed > MAX_REFERENCES || left == 0 {
            return any_object();
        }
        if let Some(target) = schema.field("$ref").and_then(Tree::text) {
            return self.root.at(&target).map_or_else(any_object, |found| self.schema(found, followed + 1));
        }
        let mut written = Vec::new();
        for part in schema.field("allOf").map_or(&[][..], Tree::items) {
            merge(&mut written, self.schema(part, followed));
        }
        let mut own = Vec::new();
        for (name, value) in schema.fields() {
            self.keyword(name, value, followed, &mut own);
        }
        merge(&mut written, Tree::Object(own));
        Tree::Object(written)
    }

    fn keyword(&self, name: &str, value: &Tree, followed: usize, written: &mut Fields) {
        match name {
            "type" => kinds(value, written),
            "const" => put(written, "enum", Tree::List(vec![as_text(value)])),
            "enum" => {
                let values = value.items().iter().filter(|value| !is_null(value));
                put(written, name, Tree::List(values.map(as_text).collect()));
            }
            "properties" => self.properties(value, followed, written),
            "items" => put(written, name, self.schema(value, followed)),
            "anyOf" | "oneOf" => self.alternatives(value.items(), followed, written),
            "exclusiveMinimum" => put(written, "minimum", value.clone()),
            "exclusiveMaximum" => put(written, "maximum", value.clone()),
            "format" if value.text().is_some_and(|format| FORMATS.contains(&format.as_str())) => {
                put(written, name, value.clone());
            }
            _ if KNOWN.contains(&name) || COUNTS.contains(&name) => put(written, name, value.clone()),
            _ => {}
        }
    }

    /// The properties, and their order, which the wire wants said.
    fn properties(&self, value: &Tree, followed: usize, written: &mut Fields) {
        let named = value.fields();
        let schemas = named.iter().map(|(name, schema)| (name.clone(), self.schema(schema, followed)));
        put(written, "properties", Tree::Object(schemas.collect()));
        if named.len() > 1 {
            put(
                written,
                "propertyOrdering",
                Tree::List(named.iter().map(|(name, _)| Tree::leaf(name)).collect()),
            );
        }
    }

    /// Alternatives, of which null is a word of its own.
    fn alternatives(&self, list: &[Tree], followed: usize, written: &mut Fields) {
        let is_null = |schema: &Tree| schema.field("type").and_then(Tree::text).as_deref() == Some("null");
        let others: Vec<Tree> = list
            .iter()
            .filter(|schema| !is_null(schema))
            .map(|schema| self.schema(schema, followed))
            .collect();
        if others.len() < list.len() {
            put(written, "nullable", Tree::leaf(&true));
        }
        match <[Tree; 1]>::try_from(others) {
            Ok([one]) => merge(written, one),
            Err(others) => put(written, "anyOf", Tree::List(others)),
        }
    }
}

fn any_object() -> Tree {
    Tree::Object(vec![("type".to_owned(), Tree::leaf(&"OBJECT"))])
}

fn is_null(value: &Tree) -> bool {
    matches!(value, Tree::Leaf(json) if json.as_str() == "null")
}

/// The type in capitals; of several, each as an alternative, and null as a word of its own.
fn kinds(value: &Tree, written: &mut Fields) {
    let capitals = |kind: &Tree| kind.text().map(|kind| kind.to_ascii_uppercase());
    if let Some(kind) = capitals(value) {
        return put(written, "type", Tree::leaf(&kind));
    }
    let kinds: Vec<String> = value.items().iter().filter_map(capitals).collect();
    let others: Vec<&String> = kinds.iter().filter(|kind| *kind != "NULL").collect();
    if others.len() < kinds.len() {
        put(written, "nullable", Tree::leaf(&true));
    }
    let typed = |kind: &&String| ("type".to_owned(), Tree::leaf(kind));
    match others[..] {
        [] => {}
        [kind] => put(written, "type", Tree::leaf(kind)),
        _ => {
            let each = others.iter().map(|kind| Tree::Object(vec![typed(kind)]));
            put(written, "anyOf", Tree::List(each.collect()));
        }
    }
}

/// The wire's enumerations are of texts.
fn as_text(value: &Tree) -> Tree {
    if value.text().is_some() {
        return value.clone();
    }
    let json = Json::of(value);
    Tree::leaf(&json.as_ref().map_or("", Json::as_str))
}

/// Adds fields; properties and required names are joined.
fn merge(into: &mut Fields, more: Tree) {
    let Tree::Object(more) = more else { return };
    for (name, value) in more {
        let old = into.iter_mut().find(|(known, _)| *known == name).map(|(_, old)| old);
        match (old, value) {
            (Some(Tree::Object(fields)), Tree::Object(value)) => fields.extend(value),
            (Some(Tree::List(list)), Tree::List(value)) if name.starts_with("required") => list.extend(value),
            (_, value) => put(into, &name, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(schema: &Value, expect: &Value) {
        let written = to_openapi(&Json::of(schema).unwrap());
        assert_eq!(&written.to::<Value>().unwrap(), expect);
    }

    #[test]
    fn a_json_schema_becomes_the_openapi_schema_that_comes_closest() {
        check(
            &json!({
                "$schema": "x", "type": "object", "additionalProperties": false,
                "properties": {
                    "a": {"$ref": "#/$defs/A"}, "b": {"type": ["string", "null"]}, "c": {"const": 1},
                    "d": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                },
                "required": ["a"],
                "$defs": {"A": {"allOf": [{"type": "object", "required": ["x"]}, {"required": ["y"]}]}},
            }),
            &json!({
                "type": "OBJECT",
                "properties": {
                    "a": {"type": "OBJECT", "required": ["x", "y"]},
                    "b": {"type": "STRING", "nullable": true},
                    "c": {"enum": ["1"]},
                    "d": {"nullable": true, "type": "INTEGER"},
                },
                "propertyOrdering": ["a", "b", "c", "d"],
                "required": ["a"],
            }),
        );
    }

    #[test]
    fn a_schema_that_names_itself_ends_somewhere() {
        let schema =
            json!({"$ref": "#/$defs/T", "$defs": {"T": {"properties": {"t": {"$ref": "#/$defs/T"}}}}});
        assert!(to_openapi(&Json::of(&schema).unwrap()).as_str().len() < 2000);
        let many = json!({"$ref": "#/$defs/T", "$defs": {"T": {
            "properties": {"a": {"$ref": "#/$defs/T"}, "b": {"$ref": "#/$defs/T"}, "c": {"$ref": "#/$defs/T"}},
        }}});
        assert!(to_openapi(&Json::of(&many).unwrap()).as_str().len() < 400_000);
        let loops = json!({"$ref": "#"});
        check(&loops, &json!({"type": "OBJECT"}));
    }

    #[test]
    fn an_openapi_schema_is_read_as_the_json_schema_it_means() {
        let raw = r#"{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true,"maxLength":"5"},"type":{"type":"ARRAY","items":{"type":"NUMBER"}}},"propertyOrdering":["a"]}"#;
        let read = from_openapi(&RawValue::from_string(raw.to_owned()).unwrap());
        let expect = json!({
            "type": "object",
            "properties": {
                "a": {"type": ["string", "null"], "maxLength": 5},
                "type": {"type": "array", "items": {"type": "number"}},
            },
        });
        assert_eq!(read.to::<Value>().unwrap(), expect);
    }
}
