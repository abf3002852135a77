//! One server-sent event and one upstream frame, as data. The incremental parser is in `net::sse`.

use bytes::Bytes;

/// One server-sent event (WHATWG HTML, section 9.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// The bytes as they came, the blank line that ends the event included.
    pub raw: Bytes,
    /// The `event:` field, empty if there was none.
    pub name: Bytes,
    /// The `data:` lines joined by a line feed, empty if there were none (a comment).
    pub data: Bytes,
}

impl SseEvent {
    /// Where the data begins in the raw event; `None` where it was joined of several lines.
    pub fn data_at(&self) -> Option<usize> {
        let at = self.data.as_ptr().addr().checked_sub(self.raw.as_ptr().addr())?;
        (at + self.data.len() <= self.raw.len()).then_some(at)
    }
}

/// What an upstream's answer is made of: a whole body is a stream of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// One event of a stream.
    Event(SseEvent),
    /// A whole body.
    Whole(Bytes),
}
