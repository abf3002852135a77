//! Where things stand. Writers name what they change by its place in the canonical conversation; callers are told
//! where it stands in what they sent.

use types::conversation::{Change, Content, Conversation};

use crate::{Conversational, EncodeError, by_name, shown};

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
    pub(crate) fn of(path: &'p str) -> Self {
        let Some((index, rest)) = path.strip_prefix("messages").and_then(item) else {
            return Self::Field(path);
        };
        match rest.strip_prefix(".content").and_then(item) {
            Some((content, rest)) => Self::Message { index, content: Some(content), rest },
            None => Self::Message { index, content: None, rest },
        }
    }
}

/// A place in a request whose messages are the conversation's, one for one: `names` are canonical fields and its own
/// names for them, `inside` says where in a message of these blocks the one of this number stands, or what is in it.
pub(crate) fn one_for_one(
    conversation: &Conversation,
    place: Place<'_>,
    names: &[(&str, &str)],
    inside: impl Fn(&[Content], usize, &str) -> String,
) -> String {
    match place {
        Place::Field(field) => {
            let own = names.iter().find(|(name, _)| *name == field);
            own.map_or(field, |(_, own)| own).to_owned()
        }
        Place::Message { index, content: None, rest } => format!("messages[{index}]{rest}"),
        Place::Message { index, content: Some(at), rest } => {
            let blocks = conversation.messages.get(index).map_or(&[][..], |message| &message.content);
            format!("messages[{index}]{}", inside(blocks, at, rest))
        }
    }
}

/// The number in brackets that `text` begins with, and what follows it.
fn item(text: &str) -> Option<(usize, &str)> {
    let (index, rest) = text.strip_prefix('[')?.split_once(']')?;
    Some((index.parse().ok()?, rest))
}

/// As many changes as a caller is ever told by name; of those behind them it learns the number. Finding a place means
/// to look through what stands in front of it.
const MOST_NAMED: usize = 256;

/// Every change in the caller's own words: `changes` has canonical places, `lost` names the caller's own fields.
///
/// # Errors
/// Of what the question shows, something is left out.
pub(crate) fn told(
    conversation: &Conversation,
    mut changes: Vec<Change>,
    mut lost: Vec<Change>,
) -> Result<Vec<Change>, EncodeError> {
    if let Some((place, problem)) = shown::unsaid(conversation, &changes) {
        return Err(EncodeError::Unsayable { field: own(conversation, place), problem });
    }
    if let Some(caller) = caller(conversation) {
        for change in changes.iter_mut().take(MOST_NAMED) {
            change.field = caller.place(conversation, Place::of(&change.field));
        }
    }
    changes.append(&mut lost);
    Ok(changes)
}

/// A canonical place in the caller's own words.
pub(crate) fn own(conversation: &Conversation, place: Place<'_>) -> String {
    match caller(conversation) {
        Some(caller) => caller.place(conversation, place),
        None => one_for_one(conversation, place, &[], |_, at, rest| format!(".content[{at}]{rest}")),
    }
}

/// The language that a conversation has come in.
fn caller(conversation: &Conversation) -> Option<&'static dyn Conversational> {
    by_name(conversation.extras.dialect?.as_str())?.conversational()
}
