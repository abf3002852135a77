//! What an answer repeats of the request it answers: the language's answers say how they were asked for.

use bytes::Bytes;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use types::Json;

use crate::Fields;
use crate::openai_family::MAX_DEPTH;

/// What is repeated, and what is said where the request says nothing: the language's own defaults.
const REPEATED: &[(&str, &str)] = &[
    ("frequency_penalty", "0"),
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("presence_penalty", "0"),
    ("prompt_cache_key", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", "null"),
    ("temperature", "1"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "1"),
    ("truncation", r#""disabled""#),
];

/// What an answer has in an object where the request may leave it out.
const IN_FORMAT: &[(&str, &str)] = &[("description", "null"), ("strict", "false")];
const IN_REASONING: &[(&str, &str)] = &[("effort", "null"), ("summary", "null")];
const IN_TEXT: &[(&str, &str)] = &[("format", r#"{"type":"text"}"#)];
const IN_TOOL: &[(&str, &str)] = &[("description", "null"), ("parameters", "null"), ("strict", "false")];

/// Of a request, what its answer repeats.
pub(super) fn of_request(body: &Bytes, fields: &Fields) -> Bytes {
    let said = REPEATED.iter().filter_map(|(name, _)| Some((*name, fields.value(body, name)?)));
    let mut out = b"{".to_vec();
    for (name, value) in said {
        if out.len() > 1 {
            out.push(b',');
        }
        for piece in [b"\"", name.as_bytes(), b"\":", value] {
            out.extend_from_slice(piece);
        }
    }
    out.push(b'}');
    out.into()
}

/// What an answer repeats, complete.
#[derive(Debug)]
pub(super) struct Echo(Vec<(&'static str, Json)>);

impl Echo {
    /// What `said` holds, with defaults for what it does not.
    pub(super) fn new(said: &[u8]) -> Self {
        let fields = Fields::scan(said, MAX_DEPTH).unwrap_or_default();
        let repeated = REPEATED.iter().filter_map(|(name, default)| {
            let value = fields.value(said, name).and_then(|value| std::str::from_utf8(value).ok());
            let value = value.filter(|value| *value != "null").unwrap_or(default);
            Some((*name, Json::parse(whole(name, value))?))
        });
        Self(repeated.collect())
    }
}

impl Serialize for Echo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

/// A field's value with everything in it that an answer has.
fn whole(name: &str, value: &str) -> String {
    match name {
        "reasoning" => completed(value, IN_REASONING),
        "text" => completed_format(&completed(value, IN_TEXT)),
        "tools" => {
            let tools: Vec<&RawValue> = serde_json::from_str(value).unwrap_or_default();
            let tools: Vec<String> = tools.into_iter().map(|tool| completed_tool(tool.get())).collect();
            format!("[{}]", tools.join(","))
        }
        _ => value.to_owned(),
    }
}

fn completed_tool(tool: &str) -> String {
    if is_of_type(tool, "function") { completed(tool, IN_TOOL) } else { tool.to_owned() }
}

fn completed_format(text: &str) -> String {
    let bytes = text.as_bytes();
    let span = Fields::scan(bytes, MAX_DEPTH).ok().and_then(|fields| fields.find(bytes, "format").ok()?);
    let format =
        span.clone().and_then(|span| text.get(span)).filter(|format| is_of_type(format, "json_schema"));
    match (span, format) {
        (Some(span), Some(format)) => {
            let (before, after) = (text.get(..span.start), text.get(span.end..));
            [before.unwrap_or_default(), &completed(format, IN_FORMAT), after.unwrap_or_default()].concat()
        }
        (Some(_) | None, _) => text.to_owned(),
    }
}

fn is_of_type(object: &str, kind: &str) -> bool {
    let bytes = object.as_bytes();
    let fields = Fields::scan(bytes, MAX_DEPTH).unwrap_or_default();
    let said = fields.value(bytes, "type").and_then(|value| serde_json::from_slice::<String>(value).ok());
    said.as_deref() == Some(kind)
}

/// The object with the members that it lacks; what is no object stays.
fn completed(object: &str, members: &[(&str, &str)]) -> String {
    let bytes = object.as_bytes();
    let (Ok(fields), Some(inside)) = (Fields::scan(bytes, MAX_DEPTH), object.trim_end().strip_suffix('}'))
    else {
        return object.to_owned();
    };
    let mut completed = inside.to_owned();
    let mut is_empty = fields.is_empty();
    for (name, value) in members.iter().filter(|(name, _)| fields.value(bytes, name).is_none()) {
        let comma = if std::mem::replace(&mut is_empty, false) { "" } else { "," };
        for piece in [comma, "\"", name, "\":", value] {
            completed.push_str(piece);
        }
    }
    completed.push('}');
    completed
}
