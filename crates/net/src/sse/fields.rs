//! One event's bytes to its name and data.

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr2};
use types::StreamEvent;

use super::Start;

/// Reads the fields of one event, `raw`. `id`, `retry`, comments and unknown fields stay in `raw` only.
pub(super) fn read(raw: Bytes, start: Start) -> StreamEvent {
    let marked = start == Start::OfStream && raw.starts_with(b"\xEF\xBB\xBF");
    let mut fields = Fields::default();
    let mut position = if marked { 3 } else { 0 };
    while let Some(rest) = raw.get(position..).filter(|rest| !rest.is_empty()) {
        let length = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        if length > 0 {
            fields.line(&raw, position, length);
        }
        // A carriage return and line feed counts as two ends here: the empty line between them says nothing.
        position += length + 1;
    }
    fields.into_event(raw)
}

#[derive(Default)]
struct Fields {
    name: Bytes,
    data: Data,
    error: Option<Bytes>,
}

/// The data lines so far: one line stays a slice.
#[derive(Default)]
enum Data {
    #[default]
    None,
    Line(Bytes),
    Lines(BytesMut),
}

impl Fields {
    /// Takes in the line of `length` bytes at `position`.
    fn line(&mut self, raw: &Bytes, position: usize, length: usize) {
        let line = raw.get(position..position + length).unwrap_or_default();
        let colon = memchr(b':', line).unwrap_or(length);
        let value_at = match line.get(colon + 1) {
            Some(b' ') => colon + 2,
            Some(_) => colon + 1,
            None => length,
        };
        let value = || raw.slice(position + value_at..position + length);
        match line.get(..colon) {
            Some(b"data") => self.data.push(value()),
            Some(b"event") => self.name = value(),
            // llama.cpp writes this field where others write an event named `error`.
            Some(b"error") => self.error = Some(value()),
            _ => {}
        }
    }

    fn into_event(self, raw: Bytes) -> StreamEvent {
        let (name, data) = match (self.data, self.error) {
            (Data::None, Some(error)) => (Bytes::from_static(b"error"), error),
            (data, _) => (self.name, data.into_bytes()),
        };
        StreamEvent { raw, name, data }
    }
}

impl Data {
    fn push(&mut self, line: Bytes) {
        *self = match std::mem::take(self) {
            Self::None => Self::Line(line),
            Self::Line(first) => {
                let mut lines = BytesMut::with_capacity(first.len() + line.len() + 64);
                lines.extend_from_slice(&first);
                lines.extend_from_slice(b"\n");
                lines.extend_from_slice(&line);
                Self::Lines(lines)
            }
            Self::Lines(mut lines) => {
                lines.extend_from_slice(b"\n");
                lines.extend_from_slice(&line);
                Self::Lines(lines)
            }
        };
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::None => Bytes::new(),
            Self::Line(line) => line,
            Self::Lines(lines) => lines.freeze(),
        }
    }
}
