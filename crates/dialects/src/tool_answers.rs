//! Where the answers of tools stand, for languages that take them right behind the calls and nothing in between.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use types::conversation::{Content, Message};

use crate::openai_family::shared::{self, CUSTOM_CALL};

/// What stands in front of what a tool shows, in languages where only a person can show something.
pub(crate) fn attached(call_id: &str) -> String {
    format!("Attached to the result of tool call {call_id}:")
}

/// The message and the block in it.
type At = (usize, usize);

/// The answers of a conversation that something stands in front of.
#[derive(Debug, Default)]
pub(crate) struct ToolAnswers {
    /// Those that belong behind a message, which has the calls.
    behind: BTreeMap<usize, Vec<At>>,
    all: BTreeSet<At>,
}

impl ToolAnswers {
    /// Those of these messages.
    pub(crate) fn of(messages: &[Message]) -> Self {
        let mut found = Self::default();
        let mut called: HashMap<Cow<'_, str>, usize> = HashMap::new();
        // The last message with something else than answers in it.
        let mut said = 0;
        for (index, message) in messages.iter().enumerate() {
            for (at, content) in message.content.iter().enumerate() {
                match content {
                    Content::ToolResult { call_id, .. } => {
                        let call = called.remove(call_id.as_str());
                        if let Some(call) = call.filter(|call| said > *call) {
                            found.behind.entry(call).or_default().push((index, at));
                            found.all.insert((index, at));
                        }
                    }
                    Content::ToolCall { id, .. } => {
                        called.insert(Cow::Borrowed(id), index);
                        said = index;
                    }
                    Content::Opaque { kind, json } if kind == CUSTOM_CALL => {
                        called.extend(shared::call_id(json).map(|id| (id.into(), index)));
                        said = index;
                    }
                    Content::Audio(_)
                    | Content::Document(_)
                    | Content::Image(_)
                    | Content::Opaque { .. }
                    | Content::RedactedThinking { .. }
                    | Content::Refusal(_)
                    | Content::Text { .. }
                    | Content::Thinking { .. } => said = index,
                }
            }
        }
        found
    }

    /// The places of those that belong behind the message with this number.
    pub(crate) fn behind(&self, message: usize) -> Vec<At> {
        self.behind.get(&message).cloned().unwrap_or_default()
    }

    /// Whether the block at this place is one of them.
    pub(crate) fn has(&self, at: At) -> bool {
        self.all.contains(&at)
    }
}
