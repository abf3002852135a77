//! Prompt-cache marks where the caller set none, for targets that take them: on the last tool, the prompt in front and
//! what the user or a tool said last.

use crate::openai_family::edit::Edit;
use crate::prefix::{Marker, Marks, Message, last_turns};
use crate::quirks;

const MARKS: Marks = Marks { name: "cache_control", needs: Some(quirks::CACHE_CONTROL), set };

/// The parts that take a mark.
const PARTS: &[&str] = &["text"];

impl Edit<'_> {
    /// Sets the marks that the target wants where the caller has set none.
    pub(super) fn prefix(&mut self) {
        let change = MARKS.set(self.body, self.fields, self.target, &mut self.splice);
        self.changes.extend(change);
    }
}

fn set(marker: &mut Marker<'_>) {
    marker.tools();
    let messages = marker.messages();
    let is_prompt = |role: &str| matches!(role, "developer" | "system");
    let prompt = messages.iter().take_while(|message| is_prompt(&message.role)).last();
    // What tools answer is a turn like the user's.
    let last = last_turns(&messages, |role| role != "assistant" && !is_prompt(role));
    for content in prompt.into_iter().chain(last).filter_map(Message::content) {
        marker.content(content, PARTS);
    }
}
