//! What an upstream's answer is made of, as data. The incremental parsers are in `net` and
//! beside the languages.

use bytes::Bytes;

/// One event of a stream: a server-sent event (WHATWG HTML, section 9.2), or what takes its place in another form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamEvent {
    /// The bytes as they came, what ends the event included.
    pub raw: Bytes,
    /// Its name (the `event:` field), empty if it has none.
    pub name: Bytes,
    /// What it says (the `data:` lines joined by a line feed), empty if it says nothing (a comment).
    pub data: Bytes,
}

impl StreamEvent {
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
    Event(StreamEvent),
    /// A whole body.
    Whole(Bytes),
}

/// How a stream is cut into events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StreamForm {
    /// One JSON array whose items come one after the other. Callers read it; no upstream is asked for it.
    Array,
    /// Not at all: each piece as it comes, of the media type that the upstream says.
    Bytes,
    /// Server-sent events (WHATWG HTML, section 9.2).
    #[default]
    Events,
    /// Binary frames with checksums (Amazon event stream).
    Frames,
    /// Lines of JSON.
    Lines,
}

impl StreamForm {
    /// Those that a media type tells.
    const TOLD: [Self; 3] = [Self::Events, Self::Frames, Self::Lines];

    /// The media type of such a stream, where nobody says another.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Array => "application/json",
            Self::Bytes => "application/octet-stream",
            Self::Events => "text/event-stream",
            Self::Frames => "application/vnd.amazon.eventstream",
            Self::Lines => "application/x-ndjson",
        }
    }

    /// The form of an answer with this `content-type`; `None` of one that is no stream of events.
    pub fn of_content_type(content_type: &[u8]) -> Option<Self> {
        Self::TOLD.into_iter().find(|form| content_type.starts_with(form.content_type().as_bytes()))
    }
}
