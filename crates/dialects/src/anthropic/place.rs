//! Where in a request of this language the things stand that the canonical conversation names otherwise.

use types::conversation::Conversation;

use crate::Place;

/// Canonical fields and this language's own names for them.
const NAMES: &[(&str, &str)] = &[
    ("max_completion_tokens", "max_tokens"),
    ("parallel_tool_calls", "tool_choice.disable_parallel_tool_use"),
    ("reasoning", "thinking"),
    ("reasoning_effort", "output_config.effort"),
    ("response_format", "output_config.format"),
    ("stop", "stop_sequences"),
    ("user", "metadata.user_id"),
];

/// The place in the request that was read as `conversation`: its prompt is no message there.
pub(super) fn place(conversation: &Conversation, place: Place<'_>) -> String {
    match place {
        Place::Field(field) => match NAMES.iter().find(|(name, _)| *name == field) {
            Some((_, own)) => (*own).to_owned(),
            None => field.replace(".function.", "."),
        },
        Place::Message { index, content, rest } => {
            match (index.checked_sub(usize::from(conversation.prompt_is_apart)), content) {
                (None, None) => "system".to_owned(),
                (None, Some(at)) => format!("system[{at}]{rest}"),
                (Some(index), None) => format!("messages[{index}]{rest}"),
                (Some(index), Some(at)) => format!("messages[{index}].content[{at}]{rest}"),
            }
        }
    }
}
