//! Where in a request of this language the things stand that the canonical conversation names otherwise: it has
//! messages with blocks, the request has items of which some have parts.

use types::conversation::{Content, Conversation, Message};

use super::message_decode::is_item;
use crate::Place;

/// Canonical fields and this language's own names for them.
const NAMES: &[(&str, &str)] = &[
    ("logprobs", "include"),
    ("max_completion_tokens", "max_output_tokens"),
    ("reasoning_effort", "reasoning.effort"),
    ("response_format", "text.format"),
    ("response_format.json_schema.description", "text.format.description"),
    ("response_format.json_schema.schema", "text.format.schema"),
    ("thinking", "reasoning"),
    ("user", "safety_identifier"),
];

/// The place in the request that was read as `conversation`: its prompt is no item there.
pub(super) fn place(conversation: &Conversation, place: Place<'_>) -> String {
    match place {
        Place::Field("messages") => "input".to_owned(),
        Place::Field(field) => match NAMES.iter().find(|(name, _)| *name == field) {
            Some((_, own)) => (*own).to_owned(),
            None => field.replace(".function.", "."),
        },
        Place::Message { index, .. } if conversation.prompt_is_apart && index == 0 => {
            "instructions".to_owned()
        }
        Place::Message { index, content, rest } => {
            let skipped = usize::from(conversation.prompt_is_apart);
            let before = conversation.messages.iter().skip(skipped).take(index.saturating_sub(skipped));
            let before: usize = before.map(|message| Items::of(message).count).sum();
            let message = conversation.messages.get(index);
            let within = content.zip(message).map(|(at, message)| Items::before(message, at));
            match within {
                None => format!("input[{before}]{rest}"),
                Some(Items { count, part: None }) => {
                    // A tool's answer is the item's `output`.
                    let rest = rest.replacen(".content", ".output", 1);
                    format!("input[{}]{rest}", before + count)
                }
                Some(Items { count, part: Some(part) }) => {
                    format!("input[{}].content[{part}]{rest}", before + count)
                }
            }
        }
    }
}

/// How many items came of some blocks, or where among them one stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Items {
    count: usize,
    /// Which part of its item the block is, if it is a part of a message.
    part: Option<usize>,
}

impl Items {
    /// The items that a message was.
    fn of(message: &Message) -> Self {
        let counted = Self::walk(&message.content);
        // A message that says nothing was one all the same.
        Self { count: counted.count.max(1), part: None }
    }

    /// Where in its message the block at `at` stands: the number of items in front of its own, and its part of that.
    fn before(message: &Message, at: usize) -> Self {
        let upto = message.content.get(..=at).unwrap_or(&message.content);
        let Self { count, part } = Self::walk(upto);
        Self { count: count.saturating_sub(1), part }
    }

    fn walk(blocks: &[Content]) -> Self {
        blocks.iter().fold(Self::default(), |Self { count, part }, block| match (is_part(block), part) {
            (false, _) => Self { count: count + 1, part: None },
            (true, None) => Self { count: count + 1, part: Some(0) },
            (true, Some(part)) => Self { count, part: Some(part + 1) },
        })
    }
}

/// Whether a block is a part of a message rather than an item of its own.
fn is_part(block: &Content) -> bool {
    match block {
        Content::Audio(_)
        | Content::Document(_)
        | Content::Image(_)
        | Content::Refusal(_)
        | Content::Text { .. } => true,
        Content::Opaque { kind, .. } => !is_item(kind),
        Content::RedactedThinking { .. }
        | Content::Thinking { .. }
        | Content::ToolCall { .. }
        | Content::ToolResult { .. } => false,
    }
}
