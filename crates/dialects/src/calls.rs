//! What every language has to say of calls of tools, however it writes them.

use std::collections::BTreeMap;

use types::Json;
use types::conversation::Content;

/// Whether a call comes without arguments: some providers say so by an empty text or by null.
pub(crate) fn is_without(arguments: &str) -> bool {
    matches!(arguments.trim(), "" | "null")
}

/// A call's arguments as an object, where a language wants one: none for what is no JSON object.
pub(crate) fn input(arguments: &str) -> Option<Json> {
    let text = if is_without(arguments) { "{}" } else { arguments };
    Json::parse(text).filter(|json| json.as_str().trim_start().starts_with('{'))
}

/// A model's broken arguments as the one thing an object can hold them in.
pub(crate) fn broken_input(arguments: &str) -> Option<Json> {
    Json::of(&BTreeMap::from([("arguments", arguments)]))
}

/// The names of the tools called in the history, each once. A result whose call is gone counts as one.
pub(crate) fn names_in_history<'a>(contents: impl Iterator<Item = &'a Content>) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut has_results = false;
    for content in contents {
        match content {
            Content::ToolCall { name, .. } if !names.contains(&name.as_str()) => names.push(name.as_str()),
            Content::ToolResult { .. } => has_results = true,
            Content::Audio(_)
            | Content::Document(_)
            | Content::Image(_)
            | Content::Opaque { .. }
            | Content::RedactedThinking { .. }
            | Content::Refusal(_)
            | Content::Text { .. }
            | Content::Thinking { .. }
            | Content::ToolCall { .. } => {}
        }
    }
    if names.is_empty() && has_results {
        names.push("tool");
    }
    names
}
