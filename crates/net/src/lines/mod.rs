//! Lines of JSON (NDJSON), cut out of a body as it arrives and without copying where possible.

#[cfg(test)]
mod tests;

use std::fmt;

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use types::{Blame, Classify, Code, Retry, StreamEvent, Verdict};

/// Why lines cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineError {
    /// One line is larger than the parser accepts. The parser stays in this state.
    TooLarge {
        /// The most bytes one line may have.
        limit: usize,
    },
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(f, "a line is larger than {limit} bytes"),
        }
    }
}

impl std::error::Error for LineError {}

impl Classify for LineError {
    fn verdict(&self) -> Verdict {
        match self {
            Self::TooLarge { .. } => {
                Verdict { blame: Blame::Upstream, retry: Retry::Elsewhere, code: Code::UpstreamTooLarge }
            }
        }
    }
}

/// Splits chunks of bytes into lines. A line that lies within one chunk is a slice of it. Events have no names; their
/// data is the line without white space around it, and their `raw` parts and the tail, joined, are the input.
#[derive(Debug)]
pub struct LineParser {
    max_line: usize,
    /// The beginning of a line whose end has not come yet.
    carry: BytesMut,
    /// What follows the carry.
    chunk: Bytes,
    is_overflown: bool,
}

impl LineParser {
    /// A parser that refuses a line of more than `max_line` bytes.
    pub fn new(max_line: usize) -> Self {
        Self { max_line, carry: BytesMut::new(), chunk: Bytes::new(), is_overflown: false }
    }

    /// Adds what arrived. Call [`Self::next`] until it says `None` before the next chunk, else chunks are copied.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            self.chunk = [std::mem::take(&mut self.chunk), chunk].concat().into();
        }
    }

    /// The next whole line, or `None` until more has arrived.
    ///
    /// # Errors
    /// [`LineError::TooLarge`] once a line has grown past the limit, and from then on.
    #[expect(clippy::should_implement_trait, reason = "a push parser is not an iterator: None means not yet")]
    pub fn next(&mut self) -> Result<Option<StreamEvent>, LineError> {
        let end = memchr(b'\n', &self.chunk).map(|at| at + 1);
        let length = self.carry.len() + end.unwrap_or(self.chunk.len());
        if self.is_overflown || length > self.max_line {
            (self.is_overflown, self.carry, self.chunk) = (true, BytesMut::new(), Bytes::new());
            return Err(LineError::TooLarge { limit: self.max_line });
        }
        let Some(end) = end else {
            self.carry.extend_from_slice(&std::mem::take(&mut self.chunk));
            return Ok(None);
        };
        let line = self.chunk.split_to(end);
        if self.carry.is_empty() {
            return Ok(Some(event(line)));
        }
        self.carry.extend_from_slice(&line);
        Ok(Some(event(self.carry.split().freeze())))
    }

    /// What is left at the end of the body: a last line without its end. Call it after [`Self::next`] said `None`.
    pub fn finish(&mut self) -> Option<StreamEvent> {
        let rest = self.carry.split().freeze();
        (!rest.is_empty()).then(|| event(rest))
    }
}

fn event(raw: Bytes) -> StreamEvent {
    StreamEvent { name: Bytes::new(), data: raw.slice_ref(raw.trim_ascii()), raw }
}
