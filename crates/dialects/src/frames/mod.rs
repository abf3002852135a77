//! Binary frames, as AWS streams its answers (`application/vnd.amazon.eventstream`): read as they arrive and without
//! copying where possible, and written.
//!
//! ```text
//! total length u32 | headers length u32 | CRC-32 of the two | headers | payload | CRC-32 of all before
//! ```
//!
//! Source: the Amazon event stream specification of Smithy. Reading and writing stand here together, where the
//! checksums and names are: `net` carries bytes and knows no language, and a language writes them.

mod headers;
#[cfg(test)]
mod tests;

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use types::{Blame, Classify, Code, Retry, StreamEvent, Verdict};

use headers::Headers;

/// Two lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum at the end.
const CHECKSUM: usize = 4;

/// Why frames cannot be read on. The parser stays in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// A checksum is not that of its bytes.
    Checksum {
        /// Of which part: `prelude` or `frame`.
        of: &'static str,
    },
    /// A length or a header is not what the specification says.
    Malformed {
        /// What was expected.
        expected: &'static str,
    },
    /// One frame is larger than the parser accepts.
    TooLarge {
        /// The most bytes one frame may have.
        limit: usize,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checksum { of } => write!(f, "the checksum of a {of} is wrong"),
            Self::Malformed { expected } => write!(f, "a frame is not valid: expected {expected}"),
            Self::TooLarge { limit } => write!(f, "a frame is larger than {limit} bytes"),
        }
    }
}

impl std::error::Error for FrameError {}

impl Classify for FrameError {
    fn verdict(&self) -> Verdict {
        let code = match self {
            Self::Checksum { .. } | Self::Malformed { .. } => Code::UpstreamUnreadable,
            Self::TooLarge { .. } => Code::UpstreamTooLarge,
        };
        Verdict { blame: Blame::Upstream, retry: Retry::Elsewhere, code }
    }
}

/// Splits chunks of bytes into frames.
///
/// A frame that lies within one chunk is a slice of it; only one that is split over chunks is copied, once. An event's
/// name is the frame's `:event-type`, its `:exception-type` or its `:error-code`, by its `:message-type`.
#[derive(Debug)]
pub struct FrameParser {
    max_frame: usize,
    /// The beginning of a frame whose end has not come yet.
    carry: BytesMut,
    /// What follows the carry.
    chunk: Bytes,
    broken: Option<FrameError>,
}

impl FrameParser {
    /// A parser that refuses a frame of more than `max_frame` bytes.
    pub fn new(max_frame: usize) -> Self {
        Self { max_frame, carry: BytesMut::new(), chunk: Bytes::new(), broken: None }
    }

    /// Adds what arrived. Call [`Self::next`] until it says `None` before the next chunk, else chunks are copied.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            self.chunk = [std::mem::take(&mut self.chunk), chunk].concat().into();
        }
    }

    /// The next whole frame, or `None` until more has arrived. What is left at the end of a stream is half a frame,
    /// which says nothing.
    ///
    /// # Errors
    /// The first thing that is wrong, and from then on the same.
    #[expect(clippy::should_implement_trait, reason = "a push parser is not an iterator: None means not yet")]
    pub fn next(&mut self) -> Result<Option<StreamEvent>, FrameError> {
        let outcome = match self.broken {
            Some(error) => Err(error),
            None => self.frame(),
        };
        if let Err(error) = outcome {
            (self.broken, self.carry, self.chunk) = (Some(error), BytesMut::new(), Bytes::new());
        }
        outcome
    }

    fn frame(&mut self) -> Result<Option<StreamEvent>, FrameError> {
        if !self.carry.is_empty() {
            return self.carried();
        }
        let Some(lengths) = Lengths::read(&self.chunk, self.max_frame)? else {
            self.carry.extend_from_slice(&std::mem::take(&mut self.chunk));
            return Ok(None);
        };
        if self.chunk.len() < lengths.total {
            self.carry.extend_from_slice(&std::mem::take(&mut self.chunk));
            return Ok(None);
        }
        event(self.chunk.split_to(lengths.total), lengths).map(Some)
    }

    /// The frame whose beginning is in the carry.
    fn carried(&mut self) -> Result<Option<StreamEvent>, FrameError> {
        self.fill(PRELUDE);
        let Some(lengths) = Lengths::read(&self.carry, self.max_frame)? else { return Ok(None) };
        self.fill(lengths.total);
        if self.carry.len() < lengths.total {
            return Ok(None);
        }
        event(self.carry.split().freeze(), lengths).map(Some)
    }

    /// Takes from the chunk what the carry lacks to this length.
    fn fill(&mut self, length: usize) {
        let lacking = length.saturating_sub(self.carry.len()).min(self.chunk.len());
        self.carry.extend_from_slice(self.chunk.get(..lacking).unwrap_or_default());
        self.chunk.advance(lacking);
    }
}

/// What a prelude says.
#[derive(Clone, Copy)]
struct Lengths {
    total: usize,
    headers: usize,
}

impl Lengths {
    /// The lengths of the frame that begins here; none where its prelude is not all there.
    fn read(frame: &[u8], max_frame: usize) -> Result<Option<Self>, FrameError> {
        let Some((lengths, _)) = frame.split_at_checked(PRELUDE - CHECKSUM) else { return Ok(None) };
        let (Some(total), Some(headers), Some(checksum)) =
            (number(frame, 0), number(frame, 4), number(frame, 8))
        else {
            return Ok(None);
        };
        if checksum != crc32fast::hash(lengths) {
            return Err(FrameError::Checksum { of: "prelude" });
        }
        let (total, headers) = (total as usize, headers as usize);
        if total > max_frame {
            return Err(FrameError::TooLarge { limit: max_frame });
        }
        if total.checked_sub(PRELUDE + CHECKSUM).is_none_or(|rest| headers > rest) {
            return Err(FrameError::Malformed { expected: "lengths that fit into each other" });
        }
        Ok(Some(Self { total, headers }))
    }
}

/// The event that a whole frame is.
fn event(raw: Bytes, lengths: Lengths) -> Result<StreamEvent, FrameError> {
    let end = lengths.total - CHECKSUM;
    let checked = raw.get(..end).map(crc32fast::hash);
    if checked != number(&raw, end) {
        return Err(FrameError::Checksum { of: "frame" });
    }
    let headers_end = PRELUDE + lengths.headers;
    let said = Headers::read(&raw.slice(PRELUDE..headers_end))?;
    let payload = raw.slice(headers_end..end);
    let (name, data) = match said.message_type.as_ref() {
        b"exception" => (said.exception_type, payload),
        b"error" if payload.is_empty() => (said.error_code, said.error_message),
        b"error" => (said.error_code, payload),
        _ => (said.event_type, payload),
    };
    Ok(StreamEvent { raw, name, data })
}

/// Whether a whole frame says that it is an error or an exception, whatever its name is.
pub(crate) fn is_failure(raw: &Bytes) -> bool {
    let length = number(raw, 4).map_or(0, |length| length as usize);
    let headers = PRELUDE..PRELUDE.saturating_add(length).min(raw.len()).max(PRELUDE);
    let read = raw.get(headers.clone()).and_then(|_| Headers::read(&raw.slice(headers)).ok());
    read.is_some_and(|said| matches!(said.message_type.as_ref(), b"error" | b"exception"))
}

/// The number of four bytes at this place.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let (number, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u32::from_be_bytes(*number))
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A piece of the answer.
    Event,
    /// A failure, which ends the stream.
    Exception,
}

/// Appends a frame with this name; `payload` appends its JSON.
pub fn write(out: &mut Vec<u8>, kind: FrameKind, name: &str, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; PRELUDE]);
    let (message_type, name_header) = match kind {
        FrameKind::Event => ("event", headers::EVENT_TYPE),
        FrameKind::Exception => ("exception", headers::EXCEPTION_TYPE),
    };
    headers::write(out, name_header, name);
    headers::write(out, headers::CONTENT_TYPE, "application/json");
    headers::write(out, headers::MESSAGE_TYPE, message_type);
    let headers_length = out.len() - start - PRELUDE;
    payload(out);
    let total = out.len() - start + CHECKSUM;
    let lengths = [total, headers_length].map(|length| u32::try_from(length).unwrap_or(u32::MAX));
    if let Some(prelude) = out.get_mut(start..).and_then(|frame| frame.first_chunk_mut::<PRELUDE>()) {
        *prelude = self::prelude(lengths);
    }
    let checksum = crc32fast::hash(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_be_bytes());
}

/// The lengths and their checksum.
fn prelude([total, headers]: [u32; 2]) -> [u8; PRELUDE] {
    let lengths = (u64::from(total) << 32) | u64::from(headers);
    let checksum = crc32fast::hash(&lengths.to_be_bytes());
    let [_, _, _, _, prelude @ ..] = ((u128::from(lengths) << 32) | u128::from(checksum)).to_be_bytes();
    prelude
}
