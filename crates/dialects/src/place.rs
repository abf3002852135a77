//! Where things stand. Writers name what they change by its place in the canonical conversation; callers are told
//! where it stands in what they sent.

use types::conversation::{Change, Conversation};

use crate::by_name;

/// A place in the canonical conversation, whose fields have Chat Completions' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'p> {
    /// A field of the request, e.g. `stop` or `tools[0].function.name`.
    Field(&'p str),
    /// A message or a part of one, e.g. `messages[2].content[0].cache_control`.
    Message {
        /// Which message.
        index: usize,
        /// Which block of it, if it is about one.
        content: Option<usize>,
        /// What of it, e.g. `.cache_control`.
        rest: &'p str,
    },
}

impl<'p> Place<'p> {
    /// The place that `path` names.
    fn of(path: &'p str) -> Self {
        let Some((index, rest)) = path.strip_prefix("messages").and_then(item) else {
            return Self::Field(path);
        };
        match rest.strip_prefix(".content").and_then(item) {
            Some((content, rest)) => Self::Message { index, content: Some(content), rest },
            None => Self::Message { index, content: None, rest },
        }
    }
}

/// The number in brackets that `text` begins with, and what follows it.
fn item(text: &str) -> Option<(usize, &str)> {
    let (index, rest) = text.strip_prefix('[')?.split_once(']')?;
    Some((index.parse().ok()?, rest))
}

/// Every change in the caller's own words: `changes` has canonical places, `lost` names the caller's own fields.
pub(crate) fn told(
    conversation: &Conversation,
    mut changes: Vec<Change>,
    mut lost: Vec<Change>,
) -> Vec<Change> {
    let caller = conversation.extras.dialect.and_then(|id| by_name(id.as_str())?.conversational());
    if let Some(caller) = caller {
        for change in &mut changes {
            change.field = caller.place(conversation, Place::of(&change.field));
        }
    }
    changes.append(&mut lost);
    changes
}
