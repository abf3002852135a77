//! Changes a request of this language as little as the target allows.

use std::ops::Range;

use bytes::Bytes;
use types::conversation::{Change, Target};

use super::peek::SAMPLING;
use super::quirks;
use super::request_encode::version_header;
use crate::splice::quoted;
use crate::{EncodeError, Encoded, Fields, Splice};

/// The request with the target's model and without what its version refuses; every other byte stays.
pub(super) fn adapt(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let mut splice = Splice::default();
    let mut encoded = Encoded::default();
    if let Ok(Some(span)) = fields.find(body, "model") {
        let model = quoted(target.model.as_str());
        if body.get(span.clone()) != Some(&model) {
            splice.replace(span, model);
        }
    }
    let is_newer = target.has_quirk(quirks::VERSION_2026_10_21);
    if is_newer || target.has_quirk(quirks::NO_SAMPLING) {
        let named: Vec<&str> =
            SAMPLING.into_iter().filter(|name| fields.value(body, name).is_some()).collect();
        for span in removals(body, fields, &named) {
            splice.replace(span, Bytes::new());
        }
        encoded.changes = named.into_iter().map(Change::dropped).collect();
    }
    if is_newer {
        encoded.headers.push(version_header(target));
    }
    encoded.body = splice.apply(body);
    encoded.checked(target)
}

/// The spans to cut so that these fields are gone, each with one of the commas beside it.
fn removals(body: &[u8], fields: &Fields, names: &[&str]) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = names
        .iter()
        .filter_map(|name| {
            let key = fields.key_span(body, name)?;
            let value = fields.find(body, name).ok()??;
            Some(key.start.checked_sub(1)?..with_comma(body, value.end))
        })
        .collect();
    spans.sort_by_key(|span| span.start);
    // Neighbours become one cut: the last of them may have to reach back for a comma.
    let mut cuts: Vec<Range<usize>> = Vec::new();
    for span in spans {
        match cuts.last_mut() {
            Some(last) if last.end == span.start => last.end = span.end,
            Some(_) | None => cuts.push(span),
        }
    }
    for cut in &mut cuts {
        let took_comma = body.get(..cut.end).is_some_and(|cut| cut.trim_ascii_end().ends_with(b","));
        let before = body.get(..cut.start).map(<[u8]>::trim_ascii_end).unwrap_or_default();
        if !took_comma && before.ends_with(b",") {
            cut.start = before.len() - 1;
        }
    }
    cuts
}

/// Behind the comma and the white space that follow `end`, if a comma does.
fn with_comma(body: &[u8], end: usize) -> usize {
    let rest = body.get(end..).unwrap_or_default();
    let space = rest.len() - rest.trim_ascii_start().len();
    let Some(behind) = rest.trim_ascii_start().strip_prefix(b",") else { return end };
    end + space + 1 + (behind.len() - behind.trim_ascii_start().len())
}
