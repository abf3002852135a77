//! What Chat Completions and Responses both have, under other names or in another shape: fields of a request, which
//! tools may be called, and tools that take a text of any form, with the calls of them.
//!
//! One nests what a thing is in a field of that name, `{"type": "custom", "custom": {"name": …}}`; the other has it flat,
//! `{"type": "custom", "name": …}`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use types::Json;
use types::conversation::Extras;

use crate::extras::{Carried, says_nothing};
use crate::{openai_chat, openai_responses};

/// [`types::conversation::Tool::Opaque`]'s kind for a tool that takes a text of any form.
pub(crate) const CUSTOM: &str = "custom";
/// [`types::conversation::Content::Opaque`]'s kind for a call of one.
pub(crate) const CUSTOM_CALL: &str = "custom_call";

/// The type of a call in the language that has things flat.
const FLAT_CALL: &str = "custom_tool_call";

/// Fields of a request that both have under one name. What is called so in another language is something else.
const FIELDS: &[&str] = &[
    "metadata",
    "moderation",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "store",
];

/// Carries over those of a caller's fields that the other of the two has too: by one name in both, or by `renamed`,
/// which has each name and the one to write.
pub(crate) fn carry<'a>(extras: &'a Extras, renamed: &[(&str, &'static str)], carried: &mut Carried<'a>) {
    if !is_of_the_two(extras) {
        return;
    }
    for (name, json) in extras.fields.iter().filter(|(_, json)| !says_nothing(json.as_str())) {
        let same = FIELDS.iter().find(|known| *known == name);
        let other = renamed.iter().find(|(known, _)| known == name).map(|(_, other)| other);
        if let Some(written) = same.or(other) {
            carried.fields.0.push((written, json));
            carried.found(name);
        }
    }
}

/// Whether the caller speaks one of the two.
fn is_of_the_two(extras: &Extras) -> bool {
    extras.dialect.is_some_and(|id| [openai_chat::ID, openai_responses::ID].contains(&id))
}

/// A caller's word on which tools may be called that has no canonical one, if both languages have it.
pub(crate) fn choice(extras: &Extras) -> Option<Value> {
    let (_, json) = extras.fields.iter().find(|(name, _)| name == "tool_choice")?;
    let choice: Value = json.to()?;
    matches!(choice.get("type")?.as_str()?, "allowed_tools" | CUSTOM).then_some(choice)
}

/// The thing with what it is flat.
pub(crate) fn flat(said: Value) -> Value {
    let Value::Object(mut fields) = said else { return said };
    let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(Value::Object(inside)) = fields.remove(&kind) {
        fields.extend(inside);
    }
    within(fields, flat)
}

/// The thing with what it is nested.
pub(crate) fn nested(said: Value) -> Value {
    let Value::Object(mut fields) = said else { return said };
    let kind = fields.remove("type").and_then(|kind| Some(kind.as_str()?.to_owned())).unwrap_or_default();
    let inside = match fields.remove(&kind) {
        Some(inside) => inside,
        None if fields.is_empty() => Value::Null,
        None => Value::Object(std::mem::take(&mut fields)),
    };
    let inside = if let Value::Object(inside) = inside { within(inside, nested) } else { inside };
    fields.insert("type".to_owned(), kind.as_str().into());
    if !inside.is_null() {
        fields.insert(kind, inside);
    }
    Value::Object(fields)
}

/// The same of the things inside.
fn within(mut fields: Map<String, Value>, change: fn(Value) -> Value) -> Value {
    if let Some(format) = fields.get_mut("format") {
        *format = change(format.take());
    }
    for tool in fields.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
        *tool = change(tool.take());
    }
    Value::Object(fields)
}

/// A call flat.
#[derive(Deserialize, Serialize)]
struct Flat {
    r#type: String,
    call_id: String,
    name: String,
    #[serde(default)]
    input: String,
}

/// A call nested.
#[derive(Deserialize, Serialize)]
struct Nested {
    #[serde(default)]
    id: String,
    #[serde(default)]
    r#type: String,
    custom: Called,
}

#[derive(Deserialize, Serialize)]
struct Called {
    name: String,
    #[serde(default)]
    input: String,
}

/// A call flat, as an item; none of what is no call.
pub(crate) fn flat_call(call: &Json) -> Option<Json> {
    let Some(Nested { id, custom: Called { name, input }, .. }) = call.to() else {
        return call.to::<Flat>().map(|_| call.clone());
    };
    Json::of(&Flat { r#type: FLAT_CALL.to_owned(), call_id: id, name, input })
}

/// A call nested, as one among those of a message; none of what is no call.
pub(crate) fn nested_call(call: &Json) -> Option<Json> {
    let Some(Flat { call_id, name, input, .. }) = call.to() else {
        return call.to::<Nested>().map(|_| call.clone());
    };
    Json::of(&Nested { id: call_id, r#type: CUSTOM.to_owned(), custom: Called { name, input } })
}

/// The id of a call.
pub(crate) fn call_id(call: &Json) -> Option<String> {
    call.to().map(|Flat { call_id, .. }| call_id).or_else(|| call.to().map(|Nested { id, .. }| id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(one: &Value, other: &Value) {
        assert_eq!(flat(one.clone()), *other);
        assert_eq!(nested(other.clone()), *one);
        assert_eq!((flat(other.clone()), nested(one.clone())), (other.clone(), one.clone()));
    }

    #[test]
    fn what_is_nested_in_one_language_is_flat_in_the_other() {
        check(
            &json!({"type": "custom", "custom": {"name": "f", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}}}),
            &json!({"type": "custom", "name": "f", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}}),
        );
        check(
            &json!({"type": "custom", "custom": {"name": "f", "format": {"type": "text"}}}),
            &json!({"type": "custom", "name": "f", "format": {"type": "text"}}),
        );
        check(
            &json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}}),
            &json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}),
        );
    }

    #[test]
    fn a_call_keeps_its_id_and_its_input() {
        let nested = json!({"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}});
        let flat = json!({"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"});
        let (nested, flat) = (Json::of(&nested).unwrap(), Json::of(&flat).unwrap());
        assert_eq!(flat_call(&nested).unwrap().to::<Value>(), flat.to());
        assert_eq!(nested_call(&flat).unwrap().to::<Value>(), nested.to());
        assert_eq!((call_id(&nested), call_id(&flat)), (Some("c".to_owned()), Some("c".to_owned())));
    }
}
