//! What a scripted upstream answers, and how badly it behaves while doing so.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::Random;

/// One scripted answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) manner: Manner,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) split: Split,
    pub(crate) after: Duration,
    pub(crate) pause: Duration,
    pub(crate) gap: Duration,
    pub(crate) ending: Ending,
}

/// Whether there is an answer at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Answer,
    Hang,
    Reset,
}

/// How the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Complete,
    /// The connection closes after so many bytes.
    Cut(usize),
    /// Nothing more comes after so many bytes, and the connection stays open.
    Silent(usize),
}

/// Where a body is cut into pieces; each piece is its own HTTP chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Split {
    /// At these offsets, in ascending order.
    At(Vec<usize>),
    /// Everywhere.
    EveryByte,
    /// Behind every blank line: one server-sent event a piece.
    Events,
    /// Nowhere: one piece, with a `content-length`.
    Nowhere,
    /// At random places that this seed determines, from single bytes to kilobytes.
    Random(u64),
}

impl Reply {
    /// A body of this content type with status 200.
    pub fn bytes(content_type: &str, body: impl Into<Bytes>) -> Self {
        let content_type = HeaderValue::from_str(content_type).expect("a content type");
        Self {
            manner: Manner::Answer,
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]),
            body: body.into(),
            split: Split::Nowhere,
            after: Duration::ZERO,
            pause: Duration::ZERO,
            gap: Duration::ZERO,
            ending: Ending::Complete,
        }
    }

    /// A JSON body with this status.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::bytes("application/json", body).status(status)
    }

    /// A stream of server-sent events, one piece an event unless it is split otherwise.
    pub fn sse(body: impl Into<Bytes>) -> Self {
        Self::bytes("text/event-stream", body).split(Split::Events)
    }

    /// No answer ever; the connection stays open.
    pub fn hang() -> Self {
        Self { manner: Manner::Hang, ..Self::json(200, "") }
    }

    /// No answer; the connection is closed.
    pub fn reset() -> Self {
        Self { manner: Manner::Reset, ..Self::json(200, "") }
    }

    /// With this status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).expect("a status");
        self
    }

    /// With this header, in place of one of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a header's name");
        self.headers.insert(name, HeaderValue::from_str(value).expect("a header's value"));
        self
    }

    /// With the body in pieces.
    #[must_use]
    pub fn split(mut self, split: Split) -> Self {
        self.split = split;
        self
    }

    /// With its head this long after the request.
    #[must_use]
    pub const fn after(mut self, wait: Duration) -> Self {
        self.after = wait;
        self
    }

    /// With the body's first piece this long after the head.
    #[must_use]
    pub const fn pause_before_body(mut self, wait: Duration) -> Self {
        self.pause = wait;
        self
    }

    /// With this long between two pieces.
    #[must_use]
    pub const fn gap(mut self, wait: Duration) -> Self {
        self.gap = wait;
        self
    }

    /// Broken off after so many bytes of the body: the connection closes.
    #[must_use]
    pub const fn cut_after(mut self, bytes: usize) -> Self {
        self.ending = Ending::Cut(bytes);
        self
    }

    /// Stalled after so many bytes of the body: the connection stays open and nothing more comes.
    #[must_use]
    pub const fn silent_after(mut self, bytes: usize) -> Self {
        self.ending = Ending::Silent(bytes);
        self
    }

    /// The body as far as it is sent, in pieces.
    pub(crate) fn pieces(&self) -> Vec<Bytes> {
        let length = match self.ending {
            Ending::Complete => self.body.len(),
            Ending::Cut(bytes) | Ending::Silent(bytes) => bytes.min(self.body.len()),
        };
        self.split.pieces(&self.body.slice(..length))
    }
}

impl Split {
    /// The pieces of `body`, none of them empty.
    pub fn pieces(&self, body: &Bytes) -> Vec<Bytes> {
        let mut rest = body.clone();
        let mut pieces = Vec::new();
        let mut taken = 0;
        for end in self.ends(body) {
            let piece = rest.split_to(end.saturating_sub(taken).min(rest.len()));
            taken += piece.len();
            pieces.push(piece);
        }
        pieces.push(rest);
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    /// Offsets at which pieces end.
    fn ends(&self, body: &Bytes) -> Vec<usize> {
        match self {
            Self::At(offsets) => offsets.clone(),
            Self::EveryByte => (1..body.len()).collect(),
            Self::Events => {
                let text = body.windows(2).enumerate();
                text.filter(|(_, pair)| *pair == b"\n\n").map(|(at, _)| at + 2).collect()
            }
            Self::Nowhere => Vec::new(),
            Self::Random(seed) => random_ends(*seed, body.len()),
        }
    }
}

fn random_ends(seed: u64, length: usize) -> Vec<usize> {
    let mut random = Random::new(seed);
    let mut ends = Vec::new();
    let mut at = 0;
    while at < length {
        // Sizes of every order, from single bytes to kilobytes.
        let most = 1 << random.below(12);
        at += 1 + random.below(most);
        ends.push(at.min(length));
    }
    ends
}
