//! Changes spans of a body and leaves every other byte where it is, without copying the body.

use bytes::Bytes;
use types::StreamEvent;
use types::conversation::Target;

use crate::{Fields, Span};

/// Replacements in one body, applied together.
#[derive(Debug, Default)]
pub struct Splice {
    edits: Vec<(Span, Bytes)>,
}

impl Splice {
    /// Replaces `span` by `with`; an empty span inserts. Spans must not overlap.
    pub fn replace(&mut self, span: Span, with: impl Into<Bytes>) {
        self.edits.push((span, with.into()));
    }

    /// Cuts these fields out of the object that `body` is, with the right number of commas.
    pub(crate) fn cut(&mut self, body: &[u8], fields: &Fields, names: &[&str]) {
        if !names.is_empty() {
            let places = fields.places(body);
            self.cut_items(places.map(|(name, span)| (names.contains(&name.as_ref()), span)));
        }
    }

    /// Cuts those items of an object or a list that are marked, with the right number of commas.
    pub(crate) fn cut_items(&mut self, items: impl IntoIterator<Item = (bool, Span)>) {
        let mut kept_end = None;
        // Where the cut at hand began, while no kept field has followed it.
        let mut open: Option<usize> = None;
        let mut last_end = 0;
        for (is_cut, span) in items {
            if is_cut {
                open.get_or_insert(span.start);
                last_end = span.end;
            } else {
                if let Some(start) = open.take() {
                    self.replace(start..span.start, Bytes::new());
                }
                kept_end = Some(span.end);
            }
        }
        if let Some(start) = open {
            self.replace(kept_end.unwrap_or(start)..last_end, Bytes::new());
        }
    }

    /// Whether nothing is changed.
    pub const fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The changed body, in pieces: slices of `body` and the replacements between them.
    pub fn apply(mut self, body: &Bytes) -> Vec<Bytes> {
        self.edits.sort_by_key(|(span, _)| span.start);
        let mut pieces = Vec::with_capacity(self.edits.len() * 2 + 1);
        let mut at = 0;
        for (span, with) in self.edits {
            let start = span.start.clamp(at, body.len());
            push(&mut pieces, body.slice(at..start));
            push(&mut pieces, with);
            at = span.end.clamp(start, body.len());
        }
        push(&mut pieces, body.slice(at..));
        pieces
    }
}

/// A request with the target's model; every other byte stays.
pub(crate) fn renamed(body: &Bytes, fields: &Fields, target: &Target) -> Vec<Bytes> {
    let mut splice = Splice::default();
    if let Ok(Some(span)) = fields.find(body, "model") {
        let model = quoted(target.model.as_str());
        if body.get(span.clone()) != Some(&model) {
            splice.replace(span, model);
        }
    }
    splice.apply(body)
}

/// Events up to this many bytes are copied when they are changed: one piece costs less on its way out than three.
const SMALL: usize = 4096;

/// Writes an event with `with` in place of `span` of its data.
pub(crate) fn patch(event: &StreamEvent, span: Span, with: &Bytes, out: &mut Vec<Bytes>) {
    let mut splice = Splice::default();
    let Some(at) = event.data_at() else {
        splice.replace(span, with.clone());
        return out.push(rewritten(&event.raw, &splice.apply(&event.data).concat()));
    };
    splice.replace(at + span.start..at + span.end, with.clone());
    let pieces = splice.apply(&event.raw);
    if event.raw.len() <= SMALL {
        out.push(pieces.concat().into());
    } else {
        out.extend(pieces);
    }
}

/// The event with other data, which had come on several lines: every other line stays.
fn rewritten(raw: &[u8], data: &[u8]) -> Bytes {
    let mut event = Vec::with_capacity(raw.len() + data.len());
    let is_other = |line: &&[u8]| {
        let field = line.split(|byte| *byte == b':').next().unwrap_or_default();
        !line.is_empty() && field != b"data"
    };
    let raw = raw.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(raw);
    for line in raw.split(|byte| matches!(byte, b'\n' | b'\r')).filter(is_other) {
        event.extend_from_slice(line);
        event.push(b'\n');
    }
    for line in data.split(|byte| *byte == b'\n') {
        for part in [b"data: ", line, b"\n"] {
            event.extend_from_slice(part);
        }
    }
    event.push(b'\n');
    event.into()
}

fn push(pieces: &mut Vec<Bytes>, piece: Bytes) {
    if !piece.is_empty() {
        pieces.push(piece);
    }
}

/// `text` as a JSON string, quotes included.
pub fn quoted(text: &str) -> Bytes {
    serde_json::to_vec(text).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_outside_the_edits_stays() {
        let body = Bytes::from_static(b"0123456789");
        let mut splice = Splice::default();
        splice.replace(7..9, "xyz");
        splice.replace(2..2, "-");
        assert_eq!(splice.apply(&body).concat(), b"01-23456xyz9");
        assert_eq!(Splice::default().apply(&body), [body]);
    }
}
