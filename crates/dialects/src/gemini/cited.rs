//! What an answer cites, both ways: `groundingMetadata` and `citationMetadata`, whose places are counted in bytes of the
//! whole text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::Json;

use super::ID;
use crate::citations::{Citation, Source};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Grounding<'a> {
    #[serde(borrow, default)]
    grounding_chunks: Vec<Chunk<'a>>,
    #[serde(default)]
    grounding_supports: Vec<Support>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    web: Option<Web<'a>>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Web<'a> {
    #[serde(borrow)]
    uri: Cow<'a, str>,
    #[serde(borrow, default)]
    title: Cow<'a, str>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Support {
    segment: Segment,
    #[serde(default)]
    grounding_chunk_indices: Vec<usize>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Segment {
    #[serde(default)]
    start_index: usize,
    #[serde(default)]
    end_index: usize,
}

#[derive(Deserialize)]
struct Sources {
    #[serde(alias = "citationSources", default)]
    citations: Vec<CitedPage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CitedPage {
    #[serde(flatten)]
    segment: Segment,
    uri: Option<String>,
    title: Option<String>,
}

/// The text of an answer, and where its last block begins.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) text: &'a str,
    pub(super) last: usize,
}

impl Said<'_> {
    /// The character of the last block at which this byte of the text stands.
    fn letter(self, byte: usize) -> u64 {
        let until = self.text.char_indices().take_while(|(at, _)| *at < byte);
        until.filter(|(at, _)| *at >= self.last).count() as u64
    }

    /// The byte of the text at which this character of the last block stands.
    fn byte(self, letter: u64) -> usize {
        let last = self.text.get(self.last..).unwrap_or_default();
        let letter = usize::try_from(letter).unwrap_or(usize::MAX);
        self.last + last.char_indices().nth(letter).map_or(last.len(), |(at, _)| at)
    }
}

/// The most sources of an answer that are read. Nobody shows more, and each costs a look through the text.
const MOST: usize = 1000;

/// Reads what a candidate's field says of its sources; nothing of a field that is about something else.
pub(super) fn read(field: &str, json: &Json, said: Said<'_>) -> Vec<Citation> {
    // The field itself is kept once, as a block of its own: the citations are but known for its.
    let Some(known) = Json::of(&()) else { return Vec::new() };
    let cited = |web: Web<'_>, segment: &Segment| Citation {
        title: web.title.into_owned(),
        start: said.letter(segment.start_index),
        end: said.letter(segment.end_index),
        ..Citation::of(Source::Page { url: web.uri.into_owned() }, ID, known.clone())
    };
    match field {
        "citationMetadata" => {
            let sources = json.to::<Sources>().map(|sources| sources.citations).unwrap_or_default();
            let page = |page: CitedPage| {
                let web = Web { uri: page.uri?.into(), title: page.title.unwrap_or_default().into() };
                Some(cited(web, &page.segment))
            };
            sources.into_iter().filter_map(page).take(MOST).collect()
        }
        "groundingMetadata" => {
            let Some(Grounding { grounding_chunks, grounding_supports }) = json.to() else {
                return Vec::new();
            };
            let mut citations = Vec::new();
            for support in grounding_supports {
                let chunks =
                    support.grounding_chunk_indices.iter().filter_map(|index| grounding_chunks.get(*index));
                let pages = chunks.filter_map(|chunk| chunk.web.clone());
                let room = MOST.saturating_sub(citations.len());
                citations.extend(pages.take(room).map(|web| cited(web, &support.segment)));
            }
            citations
        }
        _ => Vec::new(),
    }
}

/// Whether a candidate's field says more of its sources than citations do.
pub(super) fn says_more(json: &Json) -> bool {
    const SAID: &[&str] = &["citationSources", "citations", "groundingChunks", "groundingSupports"];
    let fields: Option<BTreeMap<String, Json>> = json.to();
    fields.is_none_or(|fields| fields.keys().any(|name| !SAID.contains(&name.as_str())))
}

/// What an answer of another language cites, text after text: the wire has one field for all of it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Grounded {
    grounding_chunks: Vec<Chunk<'static>>,
    grounding_supports: Vec<Support>,
}

impl Grounded {
    /// Adds what the last text cites, as far as the wire has a word for it and no field of the language's own says it.
    pub(super) fn add(&mut self, citations: &[Citation], said: Said<'_>) {
        for citation in citations.iter().filter(|citation| citation.own(ID).is_none()) {
            let Source::Page { url } = &citation.source else { continue };
            let (start_index, end_index) = (said.byte(citation.start), said.byte(citation.end));
            let grounding_chunk_indices = vec![self.grounding_chunks.len()];
            let segment = Segment { start_index, end_index };
            self.grounding_supports.push(Support { segment, grounding_chunk_indices });
            let web = Web { uri: url.clone().into(), title: citation.title.clone().into() };
            self.grounding_chunks.push(Chunk { web: Some(web) });
        }
    }

    /// The field; none where there is nothing to say.
    pub(super) fn written(&self) -> Option<Json> {
        if self.grounding_chunks.is_empty() { None } else { Json::of(self) }
    }
}
