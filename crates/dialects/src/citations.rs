//! Where an answer took something from. The canonical conversation has it as a block of its own behind the text it is
//! about, in a form that the languages share.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use types::conversation::{Content, Event, Opening};
use types::{DialectId, Json};

/// [`Content::Opaque`]'s kind for the citations of the text in front of it: a list of [`Citation`]s.
pub(crate) const KIND: &str = "citations";

/// Something that a text refers to.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Citation {
    pub(crate) source: Source,
    pub(crate) title: String,
    /// What the source says.
    pub(crate) quoted: String,
    /// Where in the text, in characters.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// The language it was said in, and how.
    pub(crate) own: Option<(String, Json)>,
}

/// What is referred to.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// A part of a document of the request, by its number there.
    Document { index: u64, unit: Unit, start: u64, end: u64 },
    /// A file or a tool's answer, by its id.
    File { id: String },
    /// What only its own language can name.
    Own,
    /// A page on the web.
    Page { url: String },
}

/// By what parts of a document are counted.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Block,
    Letter,
    Page,
}

/// How much of a citation a language can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cites {
    /// All of it.
    All,
    /// Nothing.
    Nothing,
    /// What it refers to, but not all that is said of it.
    Part,
}

impl Citation {
    /// A citation of this source, as it was said.
    pub(crate) fn of(source: Source, language: DialectId, said: Json) -> Self {
        let own = Some((language.as_str().to_owned(), said));
        Self { source, title: String::new(), quoted: String::new(), start: 0, end: 0, own }
    }

    /// The same without how it was said.
    pub(crate) fn shared(self) -> Self {
        Self { own: None, ..self }
    }

    /// The citation as this language has said it itself.
    pub(crate) fn own(&self, language: DialectId) -> Option<&Json> {
        self.own.as_ref().filter(|(said, _)| said == language.as_str()).map(|(_, json)| json)
    }

    /// What a language can say of a page, and of nothing else.
    pub(crate) fn as_page(&self) -> Cites {
        match self.source {
            Source::Page { .. } if self.quoted.is_empty() => Cites::All,
            Source::Page { .. } => Cites::Part,
            Source::Document { .. } | Source::File { .. } | Source::Own => Cites::Nothing,
        }
    }

    /// What a language can say that cites whole texts, of which this is `text` characters long.
    pub(crate) fn of_whole_text(&self, text: u64) -> Cites {
        match self.source {
            Source::Document { .. } | Source::Page { .. } if (self.start, self.end) == (0, text) => {
                Cites::All
            }
            Source::Document { .. } | Source::Page { .. } => Cites::Part,
            Source::File { .. } | Source::Own => Cites::Nothing,
        }
    }
}

/// What a text cites in a language that lists it as `citations` on the block, which is `json`. `read` reads one of them,
/// for a text of that many characters.
pub(crate) fn of_text(content: &Content, json: &str, read: fn(&RawValue, u64) -> Citation) -> Vec<Citation> {
    #[derive(Deserialize)]
    struct Cited<'a> {
        #[serde(borrow)]
        citations: Option<Vec<&'a RawValue>>,
    }
    let Content::Text { text, .. } = content else { return Vec::new() };
    let said = serde_json::from_str::<Cited<'_>>(json).ok().and_then(|cited| cited.citations);
    let length = length(text);
    said.into_iter().flatten().map(|raw| read(raw, length)).collect()
}

/// The block of these citations; none of no citations.
pub(crate) fn block(citations: &[Citation]) -> Option<Content> {
    let (kind, json) = written(citations)?;
    Some(Content::Opaque { kind, json })
}

/// The same as the events of a block.
pub(crate) fn events(citations: &[Citation], choice: u32, block: u32) -> Option<[Event; 2]> {
    let (kind, json) = written(citations)?;
    let opening = Opening::Opaque { kind, json };
    Some([Event::Open { choice, block, opening }, Event::Close { choice, block }])
}

fn written(citations: &[Citation]) -> Option<(String, Json)> {
    let json = if citations.is_empty() { None } else { Json::of(&citations) }?;
    Some((KIND.to_owned(), json))
}

/// The citations that a block of this kind and content holds, if it is one of citations.
pub(crate) fn of(kind: &str, json: &Json) -> Option<Vec<Citation>> {
    if kind == KIND { json.to() } else { None }
}

/// Puts what a text cites behind it again where something else has come between: most languages have no place for it
/// anywhere else.
pub(crate) fn settle(content: &mut [Content]) {
    let mut behind_text = None;
    for index in 0..content.len() {
        match content.get(index) {
            Some(Content::Text { .. }) => behind_text = Some(index + 1),
            Some(Content::Opaque { kind, .. }) if kind == KIND => {
                if let Some(place) = &mut behind_text
                    && let Some(moved) = content.get_mut(*place..=index)
                {
                    moved.rotate_right(1);
                    *place += 1;
                }
            }
            Some(_) | None => {}
        }
    }
}

/// The number of characters of a text.
pub(crate) fn length(text: &str) -> u64 {
    text.chars().count() as u64
}

/// The part of a text between these characters.
pub(crate) fn between(text: &str, start: u64, end: u64) -> String {
    let (start, end) =
        (usize::try_from(start).unwrap_or(usize::MAX), usize::try_from(end).unwrap_or(usize::MAX));
    text.chars().take(end).skip(start).collect()
}
