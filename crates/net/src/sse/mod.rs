//! Server-sent events (WHATWG HTML, section 9.2), parsed as they arrive and without copying where possible.

mod fields;
#[cfg(test)]
mod tests;

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr2, memchr2_iter};
use types::{Blame, Classify, Code, Retry, StreamEvent, Verdict};

/// Why a stream of events cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SseError {
    /// One event is larger than the parser accepts. The parser stays in this state.
    TooLarge {
        /// The most bytes one event may have.
        limit: usize,
    },
}

impl fmt::Display for SseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "an event is larger than {limit} bytes"),
        }
    }
}

impl std::error::Error for SseError {}

impl Classify for SseError {
    fn verdict(&self) -> Verdict {
        match self {
            Self::TooLarge { .. } => {
                Verdict { blame: Blame::Upstream, retry: Retry::Elsewhere, code: Code::UpstreamTooLarge }
            }
        }
    }
}

/// What was left when the stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// A whole event whose blank line ended in a bare carriage return, which only the end could decide.
    Complete(StreamEvent),
    /// An event without its blank line. The specification discards it; the caller decides.
    Cut(StreamEvent),
}

/// Splits chunks of bytes into events.
///
/// An event that lies within one chunk is handed out as slices of that chunk; only an event that is split over
/// chunks is copied, once. The `raw` parts of all events and of the tail, joined, are the input. A block that holds
/// only comments (or nothing) is an event with an empty name and empty data. A field `error`, which some servers
/// write in place of `data`, makes an event named `error` whose data is the field's value.
#[derive(Debug)]
pub struct SseParser {
    max_event: usize,
    /// The beginning of an event whose end has not come yet.
    carry: BytesMut,
    /// What follows the carry.
    chunk: Bytes,
    /// How far `chunk` has been scanned.
    scanned: usize,
    at: At,
    start: Start,
    state: State,
}

/// Where the scanner stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    LineStart,
    InLine,
    /// After a carriage return that ended a line with content: a line feed may belong to it.
    AfterReturn,
    /// The same after an empty line: the event is complete, but a line feed may belong to it.
    AfterBlankReturn,
}

/// Whether a byte-order mark may still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    OfStream,
    OfEvent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    Overflown,
}

impl SseParser {
    /// A parser that refuses an event of more than `max_event` bytes.
    pub fn new(max_event: usize) -> Self {
        Self {
            max_event,
            carry: BytesMut::new(),
            chunk: Bytes::new(),
            scanned: 0,
            at: At::LineStart,
            start: Start::OfStream,
            state: State::Reading,
        }
    }

    /// Adds what arrived. Call [`Self::next`] until it says `None` before the next chunk, else chunks are copied.
    pub fn push(&mut self, chunk: Bytes) {
        if self.state == State::Overflown {
            return;
        }
        if self.chunk.is_empty() {
            self.chunk = chunk;
            self.scanned = 0;
        } else {
            let mut joined = BytesMut::with_capacity(self.chunk.len() + chunk.len());
            joined.extend_from_slice(&self.chunk);
            joined.extend_from_slice(&chunk);
            self.chunk = joined.freeze();
        }
    }

    /// The next whole event, or `None` until more has arrived.
    ///
    /// # Errors
    /// [`SseError::TooLarge`] once an event has grown past the limit, and from then on.
    #[expect(clippy::should_implement_trait, reason = "a push parser is not an iterator: None means not yet")]
    pub fn next(&mut self) -> Result<Option<StreamEvent>, SseError> {
        let limit = self.max_event;
        if self.state == State::Overflown {
            return Err(SseError::TooLarge { limit });
        }
        let end = self.scan();
        let length = self.carry.len() + end.unwrap_or(self.chunk.len());
        if length > limit {
            self.state = State::Overflown;
            self.carry = BytesMut::new();
            self.chunk = Bytes::new();
            return Err(SseError::TooLarge { limit });
        }
        let Some(end) = end else {
            self.carry.extend_from_slice(&self.chunk);
            self.chunk = Bytes::new();
            self.scanned = 0;
            return Ok(None);
        };
        let raw = if self.carry.is_empty() {
            self.chunk.split_to(end)
        } else {
            self.carry.extend_from_slice(self.chunk.get(..end).unwrap_or_default());
            self.chunk.advance(end);
            self.carry.split().freeze()
        };
        self.scanned = 0;
        self.at = At::LineStart;
        Ok(Some(self.event(raw)))
    }

    /// What is left at the end of the stream. Call it after [`Self::next`] said `None`.
    pub fn finish(&mut self) -> Option<Tail> {
        self.carry.extend_from_slice(&self.chunk);
        self.chunk = Bytes::new();
        let raw = self.carry.split().freeze();
        if raw.is_empty() {
            return None;
        }
        let at = std::mem::replace(&mut self.at, At::LineStart);
        let event = self.event(raw);
        Some(if at == At::AfterBlankReturn { Tail::Complete(event) } else { Tail::Cut(event) })
    }

    fn event(&mut self, raw: Bytes) -> StreamEvent {
        let start = std::mem::replace(&mut self.start, Start::OfEvent);
        fields::read(raw, start)
    }

    /// Scans the chunk on for the end of the event; its position in the chunk if it is there.
    fn scan(&mut self) -> Option<usize> {
        let bytes: &[u8] = &self.chunk;
        let mut position = self.scanned;
        while let Some(rest) = bytes.get(position..).filter(|rest| !rest.is_empty()) {
            let first = rest.first().copied();
            match self.at {
                At::LineStart if first == Some(b'\n') => return Some(position + 1),
                At::LineStart if first == Some(b'\r') => {
                    self.at = At::AfterBlankReturn;
                    position += 1;
                }
                At::LineStart | At::InLine => {
                    let Some(length) = memchr2(b'\n', b'\r', rest) else {
                        self.at = At::InLine;
                        break;
                    };
                    let is_feed = rest.get(length) == Some(&b'\n');
                    self.at = if is_feed { At::LineStart } else { At::AfterReturn };
                    position += length + 1;
                }
                At::AfterReturn => {
                    self.at = At::LineStart;
                    position += usize::from(first == Some(b'\n'));
                }
                At::AfterBlankReturn => return Some(position + usize::from(first == Some(b'\n'))),
            }
        }
        self.scanned = bytes.len();
        None
    }
}

/// Appends one event to `out`. Data of several lines becomes several `data:` lines.
pub fn write_event(out: &mut Vec<u8>, name: Option<&str>, data: &[u8]) {
    out.reserve(data.len() + name.map_or(0, str::len) + 24);
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        // A line break in a name would begin a field of the caller's choosing.
        out.extend(name.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')));
        out.push(b'\n');
    }
    let mut rest = data;
    let mut skipped_to = 0;
    for position in memchr2_iter(b'\n', b'\r', data) {
        if position < skipped_to {
            continue;
        }
        let line_length = position - (data.len() - rest.len());
        write_data_line(out, rest.get(..line_length).unwrap_or_default());
        let is_pair = data.get(position..position + 2) == Some(b"\r\n".as_slice());
        skipped_to = position + 1 + usize::from(is_pair);
        rest = data.get(skipped_to..).unwrap_or_default();
    }
    write_data_line(out, rest);
    out.push(b'\n');
}

fn write_data_line(out: &mut Vec<u8>, line: &[u8]) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(line);
    out.push(b'\n');
}
