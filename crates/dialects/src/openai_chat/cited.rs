//! What an answer cites, both ways: `annotations`, each with its place in the whole of the text.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use types::Json;

use super::ID;
use crate::citations::{Citation, Source};

#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    url_citation: Option<Page<'a>>,
}

/// A page on the web.
#[derive(Deserialize, Serialize)]
struct Page<'a> {
    #[serde(default)]
    end_index: u64,
    #[serde(default)]
    start_index: u64,
    #[serde(borrow, default)]
    title: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
}

/// The one kind of annotation.
const URL_CITATION: &str = "url_citation";

/// Reads an annotation.
pub(super) fn read(said: &Json) -> Citation {
    let page = said.to::<Read<'_>>().and_then(|read| read.url_citation);
    let Some(page) = page else { return Citation::of(Source::Own, ID, said.clone()) };
    let citation = Citation::of(Source::Page { url: page.url.into_owned() }, ID, said.clone());
    Citation { title: page.title.into_owned(), start: page.start_index, end: page.end_index, ..citation }
}

/// Something that a provider has found on the web.
#[derive(Deserialize)]
struct Found<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow, default)]
    title: Cow<'a, str>,
}

/// The most sources of an answer that are read. Nobody shows more.
const MOST: usize = 1000;

/// The sources that some providers name beside an answer, without places in its text: `search_results`, or else
/// `citations`, which has the addresses alone.
pub(super) fn sources(found: Option<&str>, addresses: Option<&str>) -> Vec<Citation> {
    let found: Vec<Found<'_>> = found.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    if !found.is_empty() {
        return found.into_iter().take(MOST).filter_map(|found| of_page(found.url, found.title)).collect();
    }
    let addresses: Vec<String> =
        addresses.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    addresses.into_iter().take(MOST).filter_map(|url| of_page(url.into(), Cow::default())).collect()
}

/// A page as an annotation without a place would have it.
fn of_page(url: Cow<'_, str>, title: Cow<'_, str>) -> Option<Citation> {
    let url_citation = Page { end_index: 0, start_index: 0, title, url };
    Some(read(&Json::of(&Written { r#type: URL_CITATION, url_citation })?))
}

#[derive(Serialize)]
struct Written<'a> {
    r#type: &'static str,
    url_citation: Page<'a>,
}

/// The annotation as it is written behind so many characters of other texts; none of what the wire has no word for.
pub(super) fn written(citation: &Citation, before: u64) -> Option<Json> {
    if let Some(own) = citation.own(ID).filter(|_| before == 0) {
        return Some(own.clone());
    }
    let Source::Page { url } = &citation.source else { return None };
    let (start_index, end_index) =
        (before.saturating_add(citation.start), before.saturating_add(citation.end));
    let url_citation =
        Page { end_index, start_index, title: citation.title.as_str().into(), url: url.into() };
    Json::of(&Written { r#type: URL_CITATION, url_citation })
}
