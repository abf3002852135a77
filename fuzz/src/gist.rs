//! What an answer comes down to, whatever the language: words and thoughts joined, calls, why it ended, what it used.

use serde_json::{Value, json};
use types::conversation::{Answer, Content, StopReason};
use types::{Tokens, Usage};

/// What an answer comes down to.
#[derive(Clone, Debug, PartialEq)]
pub struct Gist {
    pub words: String,
    pub thoughts: String,
    /// Names and arguments, in an order of their own: where a broken stream begins several calls at once, languages that
    /// tell calls whole do so as each is complete.
    pub calls: Vec<(String, Value)>,
    pub stop: Option<StopReason>,
    pub usage: (Tokens, Tokens),
}

impl Gist {
    /// Of the first answer: not every language has more.
    pub fn of(answer: &Answer) -> Self {
        let first = answer.choices.first();
        let content = first.map_or(&[][..], |choice| &choice.content);
        let usage: Usage = answer.usage.unwrap_or_default();
        let mut gist = Self {
            words: String::new(),
            thoughts: String::new(),
            calls: Vec::new(),
            stop: first.and_then(|choice| choice.stop),
            usage: (usage.input_total(), usage.output_total()),
        };
        content.iter().for_each(|content| gist.add(content));
        gist.calls.sort_by_key(|(name, arguments)| format!("{name} {arguments}"));
        gist
    }

    fn add(&mut self, content: &Content) {
        match content {
            Content::Refusal(text) | Content::Text { text, .. } => self.words.push_str(text),
            Content::Thinking { text, .. } => self.thoughts.push_str(text),
            // A call of nothing is none: some languages have no place for it.
            Content::ToolCall { name, .. } if name.is_empty() => {}
            Content::ToolCall { name, arguments, .. } => self.calls.push((name.clone(), object(arguments))),
            Content::Audio(_)
            | Content::Document(_)
            | Content::Image(_)
            | Content::Opaque { .. }
            | Content::RedactedThinking { .. }
            | Content::ToolResult { .. } => {}
        }
    }
}

/// Arguments as an object: some languages have no place for others, and put them into one.
fn object(arguments: &str) -> Value {
    match serde_json::from_str(arguments) {
        Ok(Value::Object(object)) => Value::Object(object),
        Ok(Value::Null) => json!({}),
        Ok(value) => json!({ "arguments": value }),
        Err(_) => json!({ "arguments": arguments }),
    }
}
