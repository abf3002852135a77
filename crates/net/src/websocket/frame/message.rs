//! What is said over a WebSocket (RFC 6455): messages, and the codes that end it.

use std::fmt;

use bytes::Bytes;

/// One message, whole, or a control frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Bytes.
    Binary(Bytes),
    /// The other side says no more, and perhaps why.
    Close(Option<Closing>),
    /// Asks whether the other side is there.
    Ping(Bytes),
    /// Says so.
    Pong(Bytes),
    /// Text: UTF-8.
    Text(Bytes),
}

/// Why a WebSocket is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The code (RFC 6455, section 7.4).
    pub code: u16,
    /// A few words, at most 123 bytes of them.
    pub reason: Bytes,
}

impl Closing {
    /// Nothing is wrong, and this end goes away.
    pub const GOING_AWAY: u16 = 1001;
    /// Something inside has failed.
    pub const INTERNAL: u16 = 1011;
    /// Nothing is wrong, and nothing is left to say.
    pub const NORMAL: u16 = 1000;
    /// A rule of this end's has been broken.
    pub const POLICY: u16 = 1008;
    /// Come again later.
    pub const TRY_AGAIN: u16 = 1013;

    /// With these words, as far as they fit.
    pub fn new(code: u16, reason: &str) -> Self {
        let end = reason.floor_char_boundary(MAX_REASON);
        Self { code, reason: Bytes::copy_from_slice(reason.as_bytes().get(..end).unwrap_or_default()) }
    }
}

/// The most bytes of a control frame, and of the words in one that closes.
pub(super) const MAX_CONTROL: usize = 125;
const MAX_REASON: usize = MAX_CONTROL - 2;

/// How the other side breaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// What closes a WebSocket says so in no way that is allowed.
    BadClose,
    /// A control frame is too long or in pieces.
    BadControl,
    /// A frame says something that nobody has agreed on, or pieces are out of order.
    BadFrame,
    /// Frames of a client have to be masked, those of a server must not be.
    BadMask,
    /// Text is not UTF-8.
    NotUtf8,
    /// A message is larger than this end takes in.
    TooLarge,
}

impl Violation {
    /// The code to close with.
    pub const fn code(self) -> u16 {
        match self {
            Self::BadClose | Self::BadControl | Self::BadFrame | Self::BadMask => 1002,
            Self::NotUtf8 => 1007,
            Self::TooLarge => 1009,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadClose => "the closing frame is not valid",
            Self::BadControl => "a control frame is too long or in pieces",
            Self::BadFrame => "a frame is not valid",
            Self::BadMask => "a frame is masked where it must not be, or not where it has to be",
            Self::NotUtf8 => "a text is not UTF-8",
            Self::TooLarge => "a message is larger than is taken in",
        })
    }
}

impl std::error::Error for Violation {}

/// Whether a code may stand in a frame that closes (RFC 6455, section 7.4, and the registry of its codes).
pub(super) const fn may_close(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
