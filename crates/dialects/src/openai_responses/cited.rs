//! What a part of a message cites, both ways: `annotations`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use types::Json;

use super::ID;
use crate::citations::{Citation, Source};

/// The members of every kind of annotation.
#[derive(Default, Deserialize)]
struct Read {
    /// Some servers leave it out.
    r#type: Option<String>,
    url: Option<String>,
    title: Option<String>,
    file_id: Option<String>,
    filename: Option<String>,
    index: Option<u64>,
    #[serde(default)]
    start_index: u64,
    #[serde(default)]
    end_index: u64,
}

/// Reads an annotation. One that is not understood is known to its own language.
pub(super) fn read(raw: &RawValue) -> Citation {
    let read: Read = serde_json::from_str(raw.get()).unwrap_or_default();
    let source = match (read.r#type.as_deref(), read.url, read.file_id) {
        (Some("url_citation") | None, Some(url), _) => Source::Page { url },
        (Some("file_citation" | "container_file_citation") | None, _, Some(id)) => Source::File { id },
        (_, _, _) => Source::Own,
    };
    let (start, end) = read.index.map_or((read.start_index, read.end_index), |index| (index, index));
    let title = read.title.or(read.filename).unwrap_or_default();
    Citation { title, start, end, ..Citation::of(source, ID, Json::from(raw.to_owned())) }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Written<'a> {
    FileCitation { file_id: &'a str, filename: &'a str, index: u64 },
    UrlCitation { url: &'a str, title: &'a str, start_index: u64, end_index: u64 },
}

/// The annotation as it is written; none of what the wire has no word for.
pub(super) fn written(citation: &Citation) -> Option<Json> {
    if let Some(own) = citation.own(ID) {
        return Some(own.clone());
    }
    let title = citation.title.as_str();
    let (start_index, end_index) = (citation.start, citation.end);
    let written = match &citation.source {
        Source::File { id } => Written::FileCitation { file_id: id, filename: title, index: end_index },
        Source::Page { url } => Written::UrlCitation { url, title, start_index, end_index },
        Source::Document { .. } | Source::Own => return None,
    };
    Json::of(&written)
}
