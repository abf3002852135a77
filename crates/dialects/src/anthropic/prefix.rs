//! Prompt-cache marks where the caller set none: on the last tool, the prompt and what the user said last.

use crate::prefix::{Marker, Marks, Message, last_turns};

/// The marks of this language.
pub(super) const MARKS: Marks = Marks { name: "cache_control", needs: None, set };

/// The blocks that take a mark.
const BLOCKS: &[&str] = &["document", "image", "search_result", "text", "tool_result"];

fn set(marker: &mut Marker<'_>) {
    marker.tools();
    if let Some(system) = marker.field("system") {
        marker.content(system, BLOCKS);
    }
    let messages = marker.messages();
    let last = last_turns(&messages, |role| role == "user");
    for content in last.into_iter().filter_map(Message::content) {
        marker.content(content, BLOCKS);
    }
}
