//! `WebSocket`s (RFC 6455), without extensions: how one begins, and the two halves that read and write its messages.

mod frame;
mod handshake;

use std::fmt;
use std::io;
use std::pin::Pin;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

pub use self::frame::{Closing, End, Message, Parser, Violation, write};
pub(crate) use self::handshake::Key;
pub use self::handshake::{Handshake, HandshakeError, is_asked, protocols};

type Stream = TokioIo<Upgraded>;

/// A connection that has become a WebSocket.
#[derive(Debug)]
pub struct Socket {
    /// What comes from the other side.
    pub reading: Reading,
    /// What goes to it.
    pub writing: Writing,
}

/// What is said over a WebSocket once it has begun. It runs in the connection's own task.
pub trait Session: Send + 'static {
    /// Holds the session; the connection ends with it.
    fn hold(self: Box<Self>, upgraded: Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Why nothing more can be read.
#[derive(Debug)]
pub enum ReadError {
    /// The connection ended without a goodbye.
    Gone,
    /// The connection broke.
    Network(io::Error),
    /// The other side breaks the protocol.
    Violation(Violation),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the connection ended without a goodbye"),
            Self::Network(_) => f.write_str("the connection broke"),
            Self::Violation(violation) => violation.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Network(cause) => Some(cause),
            Self::Gone | Self::Violation(_) => None,
        }
    }
}

impl Socket {
    /// This end of an upgraded connection. Messages of more than `most` bytes are not taken in.
    pub fn new(upgraded: Upgraded, end: End, most: usize) -> Self {
        let (reading, writing) = tokio::io::split(TokioIo::new(upgraded));
        let reading = Reading { stream: reading, parser: Parser::new(end, most) };
        Self { reading, writing: Writing { stream: writing, end, frame: Vec::new(), broken: false } }
    }
}

/// The half that reads.
#[derive(Debug)]
pub struct Reading {
    stream: ReadHalf<Stream>,
    parser: Parser,
}

impl Reading {
    /// The next message.
    ///
    /// # Errors
    /// See [`ReadError`]; nothing can be read after that.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing: what has come is kept for the next call.
    pub async fn next(&mut self) -> Result<Message, ReadError> {
        loop {
            if let Some(message) = self.parser.next().map_err(ReadError::Violation)? {
                return Ok(message);
            }
            match self.stream.read_buf(self.parser.buffer()).await {
                Ok(0) => return Err(ReadError::Gone),
                Ok(_) => {}
                Err(cause) => return Err(ReadError::Network(cause)),
            }
        }
    }
}

/// The half that writes.
#[derive(Debug)]
pub struct Writing {
    stream: WriteHalf<Stream>,
    end: End,
    frame: Vec<u8>,
    /// Whether half a frame may have been written.
    broken: bool,
}

/// A frame's memory beyond this is not kept for the next.
const KEPT: usize = 64 << 10;

impl Writing {
    /// Sends a message, waiting while the other side takes none.
    ///
    /// # Errors
    /// What the connection met.
    ///
    /// # Cancel safety
    /// Dropping it may leave half a frame written: nothing more is sent then.
    pub async fn send(&mut self, message: &Message) -> io::Result<()> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mask = match self.end {
            End::Client => Some(mask()?),
            End::Server => None,
        };
        self.frame.clear();
        self.frame.shrink_to(KEPT);
        write(message, mask, &mut self.frame);
        self.broken = true;
        self.stream.write_all(&self.frame).await?;
        self.stream.flush().await?;
        self.broken = false;
        Ok(())
    }

    /// Ends the connection.
    ///
    /// # Errors
    /// What the connection met.
    ///
    /// # Cancel safety
    /// Dropping it leaves the connection to be closed when both halves are dropped.
    pub async fn shut(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

/// No one but this end may know it beforehand (RFC 6455, section 10.3).
fn mask() -> io::Result<[u8; 4]> {
    let mut mask = [0; 4];
    getrandom::fill(&mut mask).map_err(io::Error::other)?;
    Ok(mask)
}
