//! What a text cites, both ways: the wire cites for whole texts.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use types::Json;

use super::ID;
use crate::citations::{Citation, Source, Unit};

/// The members of every kind of citation.
#[derive(Default, Deserialize)]
struct Read {
    #[serde(default)]
    r#type: String,
    cited_text: Option<String>,
    title: Option<String>,
    document_title: Option<String>,
    url: Option<String>,
    source: Option<String>,
    #[serde(default)]
    document_index: u64,
    #[serde(alias = "start_char_index", alias = "start_page_number", alias = "start_block_index", default)]
    start: u64,
    #[serde(alias = "end_char_index", alias = "end_page_number", alias = "end_block_index", default)]
    end: u64,
}

/// Reads a citation for a text of so many characters. One that is not understood is known to its own language.
pub(super) fn read(raw: &RawValue, text: u64) -> Citation {
    let read: Read = serde_json::from_str(raw.get()).unwrap_or_default();
    let (index, start, end) = (read.document_index, read.start, read.end);
    let document = |unit| Source::Document { index, unit, start, end };
    let page = |url: Option<String>| {
        let url = url.filter(|url| url.starts_with("http://") || url.starts_with("https://"));
        url.map_or(Source::Own, |url| Source::Page { url })
    };
    let source = match read.r#type.as_str() {
        "char_location" => document(Unit::Letter),
        "content_block_location" => document(Unit::Block),
        "page_location" => document(Unit::Page),
        "search_result_location" => page(read.source),
        "web_search_result_location" => page(read.url),
        _ => Source::Own,
    };
    let citation = Citation::of(source, ID, Json::from(raw.to_owned()));
    let title = read.title.or(read.document_title).unwrap_or_default();
    Citation { title, quoted: read.cited_text.unwrap_or_default(), start: 0, end: text, ..citation }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "the wire's own names")]
enum Written<'a> {
    CharLocation {
        cited_text: &'a str,
        document_index: u64,
        document_title: Option<&'a str>,
        start_char_index: u64,
        end_char_index: u64,
    },
    ContentBlockLocation {
        cited_text: &'a str,
        document_index: u64,
        document_title: Option<&'a str>,
        start_block_index: u64,
        end_block_index: u64,
    },
    PageLocation {
        cited_text: &'a str,
        document_index: u64,
        document_title: Option<&'a str>,
        start_page_number: u64,
        end_page_number: u64,
    },
    WebSearchResultLocation {
        cited_text: &'a str,
        encrypted_index: &'static str,
        title: Option<&'a str>,
        url: &'a str,
    },
}

/// The citation as it is written; none of what the wire has no word for.
pub(super) fn written(citation: &Citation) -> Option<Json> {
    if let Some(own) = citation.own(ID) {
        return Some(own.clone());
    }
    let cited_text = citation.quoted.as_str();
    let title = Some(citation.title.as_str()).filter(|title| !title.is_empty());
    let written = match &citation.source {
        Source::Document { index, unit, start, end } => {
            let (document_index, document_title) = (*index, title);
            match unit {
                Unit::Block => Written::ContentBlockLocation {
                    cited_text,
                    document_index,
                    document_title,
                    start_block_index: *start,
                    end_block_index: *end,
                },
                Unit::Letter => Written::CharLocation {
                    cited_text,
                    document_index,
                    document_title,
                    start_char_index: *start,
                    end_char_index: *end,
                },
                Unit::Page => Written::PageLocation {
                    cited_text,
                    document_index,
                    document_title,
                    start_page_number: *start,
                    end_page_number: *end,
                },
            }
        }
        Source::Page { url } => {
            Written::WebSearchResultLocation { cited_text, encrypted_index: "", title, url }
        }
        Source::File { .. } | Source::Own => return None,
    };
    Json::of(&written)
}
