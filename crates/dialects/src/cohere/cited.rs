//! What a text cites, both ways: places in a text with the sources of each.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use types::Json;

use super::ID;
use crate::citations::{Citation, Source, between};

#[derive(Deserialize)]
struct Read {
    #[serde(default)]
    start: u64,
    #[serde(default)]
    end: u64,
    #[serde(default)]
    sources: Vec<ReadSource>,
    /// What the place is in: the text, unless it says otherwise.
    r#type: Option<String>,
}

/// Which part of the message a place is in.
#[derive(Deserialize)]
struct Part {
    content_index: Option<u64>,
}

/// The number of the part of the message that a place is in, where that is said.
pub(super) fn part(said: &Json) -> Option<u64> {
    said.to::<Part>()?.content_index
}

#[derive(Deserialize)]
struct ReadSource {
    id: Option<String>,
    document: Option<ReadDocument>,
}

/// What is understood of a document's own fields.
#[derive(Default, Deserialize)]
struct ReadDocument {
    url: Option<String>,
    title: Option<String>,
    snippet: Option<String>,
}

/// What a place in a text is called.
const TEXT: &str = "TEXT_CONTENT";

/// The most sources of one place that are read: each has the place as it was said.
const MOST: usize = 64;

/// Reads a place in the text that is told in front of it: a citation for each of its sources. Of a place in anything
/// else only its own language knows what it is.
pub(super) fn read(said: &Json, is_in_text: bool) -> Vec<Citation> {
    let Some(read) = said.to::<Read>() else { return vec![Citation::of(Source::Own, ID, said.clone())] };
    if !is_in_text || read.r#type.is_some_and(|kind| kind != TEXT) {
        return vec![Citation::of(Source::Own, ID, said.clone())];
    }
    let one = |source: ReadSource| {
        let document = source.document.unwrap_or_default();
        let named = document.url.map(|url| Source::Page { url });
        let source = named.or(source.id.map(|id| Source::File { id })).unwrap_or(Source::Own);
        Citation {
            title: document.title.unwrap_or_default(),
            quoted: document.snippet.unwrap_or_default(),
            start: read.start,
            end: read.end,
            ..Citation::of(source, ID, said.clone())
        }
    };
    read.sources.into_iter().take(MOST).map(one).collect()
}

/// As far as texts are gone through to say again what is cited, in characters. Elsewhere any number of citations may be
/// about all of a text.
const MOST_REPEATED: u64 = 1 << 24;

#[derive(Serialize)]
struct Written<'a> {
    start: u64,
    end: u64,
    /// What stands there, as long as that is not more than anybody writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    sources: [WrittenSource<'a>; 1],
    content_index: u32,
    r#type: &'static str,
}

#[derive(Serialize)]
struct WrittenSource<'a> {
    r#type: &'static str,
    id: &'a str,
    document: WrittenDocument<'a>,
}

#[derive(Serialize)]
struct WrittenDocument<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    url: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    snippet: &'a str,
}

/// What stands there in a text, if there is enough `left` to look it up.
fn repeated(text: &str, start: u64, end: u64, left: &mut u64) -> Option<String> {
    *left = left.checked_sub(end.min(text.len() as u64))?;
    Some(between(text, start, end))
}

/// The citations of the part with this number and text as they are written; what the wire has no word for is left out.
pub(super) fn written(citations: &[Citation], part: u32, text: &str) -> Vec<Json> {
    let (mut written, mut seen, mut left) = (Vec::new(), HashSet::new(), MOST_REPEATED);
    for citation in citations {
        if let Some(own) = citation.own(ID) {
            if seen.insert(own.as_str()) {
                written.push(own.clone());
            }
            continue;
        }
        let (id, url) = match &citation.source {
            Source::File { id } => (id.as_str(), ""),
            Source::Page { url } => (url.as_str(), url.as_str()),
            Source::Document { .. } | Source::Own => continue,
        };
        let document = WrittenDocument { url, title: &citation.title, snippet: &citation.quoted };
        let (start, end) = (citation.start, citation.end);
        written.extend(Json::of(&Written {
            start,
            end,
            text: repeated(text, start, end, &mut left),
            sources: [WrittenSource { r#type: "document", id, document }],
            content_index: part,
            r#type: TEXT,
        }));
    }
    written
}
