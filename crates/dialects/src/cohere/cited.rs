//! What a text cites, both ways: places in a text with the sources of each.

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

/// The most sources of one place that are read: each has the place as it was said.
const MOST: usize = 64;

/// Reads a place in a text: a citation for each of its sources.
pub(super) fn read(said: &Json) -> Vec<Citation> {
    let Some(read) = said.to::<Read>() else { return Vec::new() };
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

#[derive(Serialize)]
struct Written<'a> {
    start: u64,
    end: u64,
    text: String,
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

/// The citations of the part with this number and text as they are written; what the wire has no word for is left out.
pub(super) fn written(citations: &[Citation], part: u32, text: &str) -> Vec<Json> {
    let mut written: Vec<Json> = Vec::new();
    for citation in citations {
        if let Some(own) = citation.own(ID) {
            if !written.contains(own) {
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
            text: between(text, start, end),
            sources: [WrittenSource { r#type: "document", id, document }],
            content_index: part,
            r#type: "TEXT_CONTENT",
        }));
    }
    written
}
