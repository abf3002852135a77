//! What the model refuses as every provider would: it keeps nothing, and answers no result that nothing was called for.

use std::collections::HashSet;

use dialects::Conversational;
use types::conversation::{Content, Conversation};
use types::{Code, Refusal};

/// Refuses a conversation that no model could answer from what it says.
pub(crate) fn check(language: &dyn Conversational, conversation: &Conversation) -> Result<(), Refusal> {
    for (field, _) in language.indispensable() {
        let said = conversation.extras.fields.iter().find(|(name, _)| name == field);
        if said.is_some_and(|(_, json)| !matches!(json.as_str(), "null" | "false")) {
            return Err(not_kept(field));
        }
    }
    let mut called = HashSet::new();
    for content in conversation.messages.iter().flat_map(|message| &message.content) {
        match content {
            Content::ToolCall { id, .. } => {
                called.insert(id.as_str());
            }
            Content::ToolResult { call_id, .. } if !called.contains(call_id.as_str()) => {
                let message = format!("no tool call `{call_id}` stands before its result");
                return Err(Refusal::new(Code::InvalidField, message));
            }
            Content::Audio(_)
            | Content::Document(_)
            | Content::Image(_)
            | Content::Opaque { .. }
            | Content::RedactedThinking { .. }
            | Content::Refusal(_)
            | Content::Text { .. }
            | Content::Thinking { .. }
            | Content::ToolResult { .. } => {}
        }
    }
    Ok(())
}

/// The refusal of a field that refers to what a provider keeps.
pub(crate) fn not_kept(field: &str) -> Refusal {
    let message =
        format!("`{field}` needs something kept, and the mock keeps nothing: send all there is to answer");
    Refusal::new(Code::InvalidField, message).with_param(field)
}
