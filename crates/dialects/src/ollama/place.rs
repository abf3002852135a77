//! Where in a request of this language the things stand that the canonical conversation has as blocks.

use types::conversation::{Content, Conversation};

use crate::Place;
use crate::place::one_for_one;

/// Canonical fields and this language's own names for them.
const NAMES: &[(&str, &str)] = &[
    ("frequency_penalty", "options.frequency_penalty"),
    ("max_completion_tokens", "options.num_predict"),
    ("presence_penalty", "options.presence_penalty"),
    ("reasoning", "think"),
    ("reasoning_effort", "think"),
    ("response_format", "format"),
    ("response_format.json_schema.schema", "format"),
    ("seed", "options.seed"),
    ("stop", "options.stop"),
    ("temperature", "options.temperature"),
    ("thinking", "think"),
    ("top_k", "options.top_k"),
    ("top_p", "options.top_p"),
];

/// The place in the request that was read as `conversation`.
pub(super) fn place(conversation: &Conversation, place: Place<'_>) -> String {
    one_for_one(conversation, place, NAMES, inside)
}

/// Where in its message a block stands.
fn inside(blocks: &[Content], at: usize, rest: &str) -> String {
    let Some(block) = blocks.get(at) else { return format!(".content{rest}") };
    let before =
        |is_alike: fn(&Content) -> bool| blocks.iter().take(at).filter(|block| is_alike(block)).count();
    match block {
        Content::Image(_) => format!(".images[{}]{rest}", before(|block| matches!(block, Content::Image(_)))),
        Content::ToolCall { .. } => {
            format!(".tool_calls[{}]{rest}", before(|block| matches!(block, Content::ToolCall { .. })))
        }
        Content::Thinking { .. } | Content::RedactedThinking { .. } => ".thinking".to_owned(),
        // A tool's answer is a message of its own, and has its words and pictures in it.
        Content::ToolResult { content, .. } => match inner(rest) {
            Some((at, rest)) => inside(content, at, rest),
            None => rest.to_owned(),
        },
        Content::Audio(_)
        | Content::Document(_)
        | Content::Opaque { .. }
        | Content::Refusal(_)
        | Content::Text { .. } => format!(".content{rest}"),
    }
}

/// The number of the block inside that `rest` begins with, and what follows it.
fn inner(rest: &str) -> Option<(usize, &str)> {
    let (number, rest) = rest.strip_prefix(".content[")?.split_once(']')?;
    Some((number.parse().ok()?, rest))
}
