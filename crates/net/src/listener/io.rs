//! The IO of an accepted connection: reports to the vitals, words refused heads, and closes without losing the answer.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::{Response, StatusCode};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::vitals::Vitals;
use crate::peer::Peer;
use crate::transport::Transport;

/// How much of a head is kept to tell which path a refused request was for.
const SAMPLE: usize = 96;
/// How much of what a client still sends is read and thrown away at the close: many read nothing before they have sent
/// all they have, and would miss the answer.
const MAX_DISCARDED: usize = 64 << 20;
/// A client that sends this much before its time is up gets it again.
const STRIDE: usize = 64 << 10;

/// A request whose head was refused before any handler saw it.
#[derive(Clone, Copy, Debug)]
pub struct MalformedHead<'a> {
    /// 400, 414 or 431.
    pub status: StatusCode,
    /// The beginning of the head: usually the method and the path, cut after 96 bytes.
    pub start: &'a [u8],
    /// Who sent it.
    pub peer: IpAddr,
}

/// Makes the answer to a request whose head was refused.
pub type HeadRefusal = Arc<dyn Fn(MalformedHead<'_>) -> Response<Bytes> + Send + Sync>;

pub(super) struct Watched {
    transport: Transport,
    vitals: Arc<Vitals>,
    refusal: Option<HeadRefusal>,
    peer: Peer,
    sample: [u8; SAMPLE],
    sampled: usize,
    /// Our answer, in place of hyper's bare one.
    substitute: Option<Bytes>,
    close: Close,
}

/// How far the close has come.
#[derive(Clone, Copy)]
enum Close {
    Open,
    Discarding(usize),
}

impl Watched {
    pub(super) fn new(
        transport: Transport,
        vitals: Arc<Vitals>,
        refusal: Option<HeadRefusal>,
        peer: Peer,
    ) -> Self {
        let close = Close::Open;
        Self { transport, vitals, refusal, peer, sample: [0; SAMPLE], sampled: 0, substitute: None, close }
    }

    fn note_read(&mut self, bytes: &[u8]) {
        if !self.vitals.is_reading_head() {
            self.sampled = 0;
        }
        if !self.vitals.bytes_read() || self.refusal.is_none() {
            return;
        }
        let room = self.sample.iter_mut().skip(self.sampled);
        let taken = bytes.iter().zip(room).map(|(byte, slot)| *slot = *byte).count();
        self.sampled += taken;
    }

    /// If `bytes` is hyper's own answer to a head it refused, the same with a body.
    ///
    /// hyper gives no hook for it. Its answer is recognised by when it comes (while a head is being read, with nothing
    /// in flight) and by its shape: the status, no content, no content type. Handlers always send a type.
    fn substitute_for(&self, bytes: &[u8]) -> Option<Bytes> {
        let refusal = self.refusal.as_ref()?;
        if !self.vitals.is_reading_head() || !bytes.ends_with(b"\r\n\r\n") {
            return None;
        }
        let code = bytes.strip_prefix(b"HTTP/1.1 ").or_else(|| bytes.strip_prefix(b"HTTP/1.0 "))?.get(..3)?;
        let status = match code {
            b"400" => StatusCode::BAD_REQUEST,
            b"414" => StatusCode::URI_TOO_LONG,
            b"431" => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            _ => return None,
        };
        let bare = memmem::find(bytes, b"content-length: 0\r\n").is_some()
            && memmem::find(bytes, b"content-type").is_none();
        if !bare {
            return None;
        }
        let start = self.sample.get(..self.sampled)?;
        Some(plain(&refusal(MalformedHead { status, start, peer: self.peer.ip() })))
    }

    /// Writes the substitute, and then reports all of `claimed` as written.
    fn poll_substitute(&mut self, cx: &mut Context<'_>, claimed: usize) -> Option<Poll<io::Result<usize>>> {
        let answer = self.substitute.as_mut()?;
        while !answer.is_empty() {
            match Pin::new(&mut self.transport).poll_write(cx, answer) {
                Poll::Pending => return Some(Poll::Pending),
                Poll::Ready(Err(cause)) => return Some(Poll::Ready(Err(cause))),
                Poll::Ready(Ok(0)) => return Some(Poll::Ready(Err(io::ErrorKind::WriteZero.into()))),
                Poll::Ready(Ok(written)) => answer.advance(written),
            }
        }
        Some(Poll::Ready(Ok(claimed)))
    }

    fn note_write(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.vitals.write_is_blocked(),
            Poll::Ready(_) => self.vitals.write_went_through(),
        }
        written
    }

    /// Reads what the client still sends. Closing with unread bytes would make the kernel reset the connection, and the
    /// client could lose the answer it was sent (a 413 in the middle of an upload).
    fn poll_discard(&mut self, cx: &mut Context<'_>, mut discarded: usize) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4096];
        while discarded < MAX_DISCARDED {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = Pin::new(&mut self.transport).poll_read(cx, &mut buffer);
            let Poll::Ready(outcome) = read else {
                self.close = Close::Discarding(discarded);
                return Poll::Pending;
            };
            // The answer is out; how the connection ends no longer matters.
            if outcome.is_err() || buffer.filled().is_empty() {
                break;
            }
            let more = discarded + buffer.filled().len();
            if more / STRIDE > discarded / STRIDE {
                self.vitals.has_progressed();
            }
            discarded = more;
        }
        Poll::Ready(Ok(()))
    }
}

/// The last answer on a connection, as bytes.
fn plain(answer: &Response<Bytes>) -> Bytes {
    let (status, body) = (answer.status(), answer.body());
    let reason = status.canonical_reason().unwrap_or_default();
    let length = body.len();
    let mut bytes =
        format!("HTTP/1.1 {} {reason}\r\nconnection: close\r\ncontent-length: {length}\r\n", status.as_str())
            .into_bytes();
    for (name, value) in answer.headers() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    Bytes::from(bytes)
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.transport).poll_read(cx, buffer);
        if let Some(bytes) = buffer.filled().get(before..).filter(|bytes| !bytes.is_empty()) {
            this.note_read(bytes);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.substitute.is_none() {
            this.substitute = this.substitute_for(bytes);
        }
        if let Some(written) = this.poll_substitute(cx, bytes.len()) {
            return this.note_write(written);
        }
        let written = Pin::new(&mut this.transport).poll_write(cx, bytes);
        this.note_write(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.substitute.is_none() {
            let first = slices.iter().find(|slice| !slice.is_empty());
            this.substitute = first.and_then(|first| this.substitute_for(first));
        }
        let total = slices.iter().map(|slice| slice.len()).sum();
        if let Some(written) = this.poll_substitute(cx, total) {
            return this.note_write(written);
        }
        let written = Pin::new(&mut this.transport).poll_write_vectored(cx, slices);
        this.note_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().transport).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let discarded = match this.close {
            Close::Discarding(discarded) => discarded,
            Close::Open => {
                ready!(Pin::new(&mut this.transport).poll_shutdown(cx))?;
                if !this.vitals.lingers() {
                    return Poll::Ready(Ok(()));
                }
                this.vitals.is_closing();
                0
            }
        };
        this.poll_discard(cx, discarded)
    }
}
