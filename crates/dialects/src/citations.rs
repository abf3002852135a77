//! Where an answer took something from. The canonical conversation has it as a block of its own behind the text it is
//! about, in a form that the languages share.

use serde::{Deserialize, Serialize};
use types::Json;
use types::conversation::Content;

/// [`Content::Opaque`]'s kind for the citations of the text in front of it: a list of [`Citation`]s.
const KIND: &str = "citations";

/// A page on the web that a text refers to.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Citation {
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) title: String,
    /// Where in the text, in characters.
    #[serde(default)]
    pub(crate) start_index: u64,
    #[serde(default)]
    pub(crate) end_index: u64,
}

/// The block of these citations; none of no citations.
pub(crate) fn block(citations: &[Citation]) -> Option<Content> {
    let json = if citations.is_empty() { None } else { Json::of(&citations) }?;
    Some(Content::Opaque { kind: KIND.to_owned(), json })
}

/// The citations that a block of this kind and content holds, if it is one of citations.
pub(crate) fn of(kind: &str, json: &Json) -> Option<Vec<Citation>> {
    if kind == KIND { json.to() } else { None }
}
