//! What a text cites, both ways: the wire cites for whole texts.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use types::Json;

use super::ID;
use crate::citations::{Citation, Source, Unit};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read<'a> {
    title: Option<String>,
    source: Option<String>,
    source_content: Option<Vec<Quoted<String>>>,
    #[serde(borrow, default)]
    location: Option<&'a RawValue>,
}

#[derive(Deserialize, Serialize)]
struct Quoted<T> {
    text: T,
}

/// Where the source is: a union.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::enum_variant_names, reason = "the wire's own names")]
enum Location<T> {
    DocumentChar(Span),
    DocumentChunk(Span),
    DocumentPage(Span),
    SearchResultLocation(Found),
    Web { url: T },
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Span {
    #[serde(default)]
    document_index: u64,
    #[serde(default)]
    start: u64,
    #[serde(default)]
    end: u64,
}

/// A result of a search, which the citation itself names.
#[derive(Deserialize, Serialize)]
struct Found {}

/// Reads a citation for a text of so many characters. One whose place is not understood is known to its own language.
pub(super) fn read(raw: &RawValue, text: u64) -> Citation {
    let read: Read<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let document = |unit, span: Span| Source::Document {
        index: span.document_index,
        unit,
        start: span.start,
        end: span.end,
    };
    let is_page = |url: &String| url.starts_with("http://") || url.starts_with("https://");
    let location = read.location.and_then(|location| serde_json::from_str(location.get()).ok());
    let source = match location {
        Some(Location::DocumentChar(span)) => document(Unit::Letter, span),
        Some(Location::DocumentChunk(span)) => document(Unit::Block, span),
        Some(Location::DocumentPage(span)) => document(Unit::Page, span),
        Some(Location::Web { url }) => Source::Page { url },
        Some(Location::SearchResultLocation(_)) | None => {
            read.source.filter(is_page).map_or(Source::Own, |url| Source::Page { url })
        }
    };
    let quoted = read.source_content.unwrap_or_default().into_iter().map(|quoted| quoted.text).collect();
    let citation = Citation::of(source, ID, Json::from(raw.to_owned()));
    Citation { title: read.title.unwrap_or_default(), quoted, start: 0, end: text, ..citation }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    source_content: Vec<Quoted<&'a str>>,
    location: Location<&'a str>,
}

/// The citation as it is written; none of what the wire has no word for.
pub(super) fn written(citation: &Citation) -> Option<Json> {
    if let Some(own) = citation.own(ID) {
        return Some(own.clone());
    }
    let location = match &citation.source {
        Source::Document { index, unit, start, end } => {
            let span = Span { document_index: *index, start: *start, end: *end };
            match unit {
                Unit::Block => Location::DocumentChunk(span),
                Unit::Letter => Location::DocumentChar(span),
                Unit::Page => Location::DocumentPage(span),
            }
        }
        Source::Page { url } => Location::Web { url: url.as_str() },
        Source::File { .. } | Source::Own => return None,
    };
    let some = |text: &'_ String| (!text.is_empty()).then_some(());
    Json::of(&Written {
        title: some(&citation.title).map(|()| citation.title.as_str()),
        source_content: some(&citation.quoted)
            .map(|()| Quoted { text: citation.quoted.as_str() })
            .into_iter()
            .collect(),
        location,
    })
}
