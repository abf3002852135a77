//! Where in a request of this language the things stand that the canonical conversation has as blocks.

use types::conversation::{Content, Conversation};

use crate::Place;
use crate::place::one_for_one;

/// Canonical fields and this language's own names for them.
const NAMES: &[(&str, &str)] = &[
    ("max_completion_tokens", "max_tokens"),
    ("reasoning", "thinking"),
    ("reasoning_effort", "thinking"),
    ("response_format.json_schema.schema", "response_format.json_schema"),
    ("stop", "stop_sequences"),
    ("thinking.budget_tokens", "thinking.token_budget"),
    ("top_k", "k"),
    ("top_p", "p"),
];

/// The place in the request that was read as `conversation`.
pub(super) fn place(conversation: &Conversation, place: Place<'_>) -> String {
    one_for_one(conversation, place, NAMES, inside)
}

/// Where in its message a block stands. Reasoning in front of calls is the plan they were made by.
fn inside(blocks: &[Content], at: usize, rest: &str) -> String {
    let is_call = |block: &Content| matches!(block, Content::ToolCall { .. });
    let is_planned = matches!(blocks.first(), Some(Content::Thinking { .. })) && blocks.iter().any(is_call);
    let calls = blocks.iter().take(at).filter(|block| is_call(block)).count();
    match blocks.get(at) {
        // A tool's answer is a message of its own.
        Some(Content::ToolResult { .. }) => rest.to_owned(),
        Some(block) if is_call(block) => format!(".tool_calls[{calls}]{rest}"),
        Some(_) if is_planned && at == 0 => format!(".tool_plan{rest}"),
        Some(_) | None => format!(".content[{}]{rest}", at.saturating_sub(calls + usize::from(is_planned))),
    }
}
