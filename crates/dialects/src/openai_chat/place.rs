//! Where in a request of this language the things stand that the canonical conversation has as blocks.

use types::conversation::{Content, Conversation};

use super::message_decode::{MESSAGE_FIELD, is_call};
use crate::Place;
use crate::place::one_for_one;

/// What a block was in its message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin<'c> {
    Call,
    Field(&'c str),
    Part,
    Refusal,
    Result,
    Thought,
}

/// The place in the request that was read as `conversation`.
pub(super) fn place(conversation: &Conversation, place: Place<'_>) -> String {
    one_for_one(conversation, place, &[], |blocks, at, rest| format!("{}{rest}", inside(blocks, at)))
}

/// Where in its message a block stands.
fn inside(blocks: &[Content], at: usize) -> String {
    let Some(origin) = blocks.get(at).map(origin) else { return format!(".content[{at}]") };
    let before = blocks.iter().take(at).filter(|block| self::origin(block) == origin).count();
    match origin {
        Origin::Call => format!(".tool_calls[{before}]"),
        Origin::Field(name) => format!(".{name}"),
        Origin::Part => format!(".content[{before}]"),
        Origin::Refusal => ".refusal".to_owned(),
        Origin::Result => String::new(),
        Origin::Thought if blocks.iter().any(is_proven) => format!(".thinking_blocks[{before}]"),
        Origin::Thought => ".reasoning_content".to_owned(),
    }
}

fn origin(block: &Content) -> Origin<'_> {
    match block {
        Content::ToolCall { .. } => Origin::Call,
        Content::Opaque { kind, .. } if is_call(kind) => Origin::Call,
        Content::Opaque { kind, .. } => kind.strip_prefix(MESSAGE_FIELD).map_or(Origin::Part, Origin::Field),
        Content::Audio(_) | Content::Document(_) | Content::Image(_) | Content::Text { .. } => Origin::Part,
        Content::Refusal(_) => Origin::Refusal,
        Content::ToolResult { .. } => Origin::Result,
        Content::RedactedThinking { .. } | Content::Thinking { .. } => Origin::Thought,
    }
}

/// Whether a block of reasoning is more than its text, so that it came as a block.
const fn is_proven(block: &Content) -> bool {
    matches!(block, Content::RedactedThinking { .. } | Content::Thinking { signature: Some(_), .. })
}
