//! The one body type that is sent, to clients and to upstreams alike.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::websocket::Session;

/// How many pieces a body holds without an allocation of its own.
const INLINE_PIECES: usize = 4;

/// A body to be sent: nothing, pieces already in memory, a bounded queue, or a source that is polled in place.
pub struct Outgoing {
    kind: Kind,
}

enum Kind {
    Pieces(Pieces),
    Queue(Queue),
    Session(Option<Box<dyn Session>>),
    Source(Option<Box<dyn Source>>),
}

#[derive(Clone)]
enum Pieces {
    Few { pieces: [Bytes; INLINE_PIECES], next: usize, left: u64 },
    Many { pieces: std::vec::IntoIter<Bytes>, left: u64 },
}

struct Queue {
    chunks: mpsc::Receiver<Bytes>,
    finished: Arc<AtomicBool>,
    /// Whether the end, good or bad, has been handed out.
    over: bool,
}

/// The body was deliberately broken off: the connection is cut, so that no receiver takes it for whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aborted;

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body was broken off by its sender")
    }
}

impl std::error::Error for Aborted {}

/// The receiver of a body has gone away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the receiver of the body has gone away")
    }
}

impl std::error::Error for Gone {}

/// Makes the chunks of a body when the connection has room for them, in the connection's own task.
///
/// Between a producer that is itself polled (an upstream's body) and a socket this saves the queue, the second task
/// and both wake-ups per chunk. When the receiver goes away the source is dropped.
pub trait Source: Send + 'static {
    /// The next chunk; `None` ends the body, `Err` cuts the connection. Not called again after either.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>>;

    /// Called after [`Self::poll_chunk`] has panicked, as the last thing: the body is cut, and neither the connection
    /// nor its other streams suffer. What is half done stays so; this is for saying that it happened.
    fn panicked(&mut self);
}

impl Outgoing {
    /// A body without bytes.
    pub const fn empty() -> Self {
        let pieces = [Bytes::new(), Bytes::new(), Bytes::new(), Bytes::new()];
        Self { kind: Kind::Pieces(Pieces::Few { pieces, next: INLINE_PIECES, left: 0 }) }
    }

    /// A body fed by the returned sender through a queue of `capacity` chunks (at least one).
    pub fn channel(capacity: usize) -> (Sender, Self) {
        let (tx, chunks) = mpsc::channel(capacity.max(1));
        let finished = Arc::new(AtomicBool::new(false));
        let sender = Sender { chunks: tx, finished: Arc::clone(&finished) };
        (sender, Self { kind: Kind::Queue(Queue { chunks, finished, over: false }) })
    }

    /// A body whose chunks are made in place.
    pub fn from_source(source: impl Source) -> Self {
        Self { kind: Kind::Source(Some(Box::new(source))) }
    }

    /// No body: the answer begins a `WebSocket`, and this is what is said over it.
    pub fn session(session: impl Session) -> Self {
        Self { kind: Kind::Session(Some(Box::new(session))) }
    }

    /// What is to be said over the connection once the answer is out, if it begins a `WebSocket`.
    pub(crate) fn take_session(&mut self) -> Option<Box<dyn Session>> {
        match &mut self.kind {
            Kind::Session(session) => session.take(),
            Kind::Pieces(_) | Kind::Queue(_) | Kind::Source(_) => None,
        }
    }

    /// The same body again, if it lies in memory: the pieces are shared, not copied.
    pub(crate) fn replica(&self) -> Option<Self> {
        match &self.kind {
            Kind::Pieces(pieces) => Some(Self { kind: Kind::Pieces(pieces.clone()) }),
            Kind::Queue(_) | Kind::Session(_) | Kind::Source(_) => None,
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Pieces(_) => "pieces",
            Kind::Queue(_) => "queue",
            Kind::Session(_) => "session",
            Kind::Source(_) => "source",
        };
        f.debug_struct("Outgoing").field("kind", &kind).finish_non_exhaustive()
    }
}

impl Default for Outgoing {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Outgoing {
    fn from(piece: Bytes) -> Self {
        Self::from([piece])
    }
}

impl From<String> for Outgoing {
    fn from(text: String) -> Self {
        Self::from(Bytes::from(text))
    }
}

impl From<&'static str> for Outgoing {
    fn from(text: &'static str) -> Self {
        Self::from(Bytes::from_static(text.as_bytes()))
    }
}

impl<const N: usize> From<[Bytes; N]> for Outgoing {
    /// Up to four pieces are held without an allocation.
    fn from(given: [Bytes; N]) -> Self {
        if N > INLINE_PIECES {
            return Self::from(Vec::from(given));
        }
        let left = total(&given);
        let mut pieces = [const { Bytes::new() }; INLINE_PIECES];
        for (slot, piece) in pieces.iter_mut().zip(given) {
            *slot = piece;
        }
        Self { kind: Kind::Pieces(Pieces::Few { pieces, next: 0, left }) }
    }
}

impl From<Vec<Bytes>> for Outgoing {
    fn from(pieces: Vec<Bytes>) -> Self {
        let left = total(&pieces);
        Self { kind: Kind::Pieces(Pieces::Many { pieces: pieces.into_iter(), left }) }
    }
}

fn total(pieces: &[Bytes]) -> u64 {
    pieces.iter().map(|piece| u64::try_from(piece.len()).unwrap_or(u64::MAX)).sum()
}

impl Pieces {
    fn left(&self) -> u64 {
        match self {
            Self::Few { left, .. } | Self::Many { left, .. } => *left,
        }
    }

    /// The next piece that is not empty.
    fn next(&mut self) -> Option<Bytes> {
        if self.left() == 0 {
            return None;
        }
        loop {
            let (piece, left) = match self {
                Self::Few { pieces, next, left } => {
                    let piece = std::mem::take(pieces.get_mut(*next)?);
                    *next += 1;
                    (piece, left)
                }
                Self::Many { pieces, left } => (pieces.next()?, left),
            };
            if !piece.is_empty() {
                *left = left.saturating_sub(u64::try_from(piece.len()).unwrap_or(u64::MAX));
                return Some(piece);
            }
        }
    }
}

impl Queue {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>> {
        if self.over {
            return Poll::Ready(None);
        }
        self.chunks.poll_recv(cx).map(|chunk| {
            self.over = chunk.is_none();
            if self.over && self.finished.load(Ordering::Acquire) { None } else { Some(chunk.ok_or(Aborted)) }
        })
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let chunk = match &mut self.get_mut().kind {
            Kind::Pieces(pieces) => Poll::Ready(pieces.next().map(Ok)),
            Kind::Queue(queue) => queue.poll_chunk(cx),
            Kind::Session(_) => Poll::Ready(None),
            Kind::Source(slot) => match slot {
                None => Poll::Ready(None),
                Some(source) => {
                    let chunk =
                        catch_unwind(AssertUnwindSafe(|| source.poll_chunk(cx))).unwrap_or_else(|_| {
                            source.panicked();
                            Poll::Ready(Some(Err(Aborted)))
                        });
                    if matches!(chunk, Poll::Ready(None | Some(Err(_)))) {
                        *slot = None;
                    }
                    chunk
                }
            },
        };
        chunk.map(|chunk| chunk.map(|result| result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Pieces(pieces) => pieces.left() == 0,
            Kind::Queue(queue) => queue.over,
            Kind::Session(_) => true,
            Kind::Source(source) => source.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Pieces(pieces) => SizeHint::with_exact(pieces.left()),
            Kind::Session(_) => SizeHint::with_exact(0),
            Kind::Queue(_) | Kind::Source(_) => SizeHint::default(),
        }
    }
}

/// Feeds a body. Only [`Self::finish`] ends it well: a sender that is merely dropped (a panic, a cancelled task) breaks
/// the body off, so that half an answer is never taken for a whole one.
#[derive(Debug)]
#[must_use = "dropping the sender breaks the body off"]
pub struct Sender {
    chunks: mpsc::Sender<Bytes>,
    finished: Arc<AtomicBool>,
}

impl Sender {
    /// Queues one chunk, waiting while the queue is full: this is the backpressure.
    ///
    /// # Errors
    /// [`Gone`] when nobody will read the chunk.
    ///
    /// # Cancel safety
    /// Dropping it before it is done loses the chunk and nothing else.
    pub async fn send(&self, chunk: Bytes) -> Result<(), Gone> {
        self.chunks.send(chunk).await.map_err(|_| Gone)
    }

    /// Waits until the receiver has gone away. Dropping it forgets the wait.
    pub async fn closed(&self) {
        self.chunks.closed().await;
    }

    /// Whether the receiver has gone away.
    pub fn is_closed(&self) -> bool {
        self.chunks.is_closed()
    }

    /// Ends the body well, once what is queued has been sent.
    pub fn finish(self) {
        self.finished.store(true, Ordering::Release);
    }

    /// Breaks the body off, once what is queued has been sent: the connection (or the HTTP/2 stream) is cut.
    pub fn abort(self) {
        drop(self);
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn read(mut body: Outgoing) -> (Vec<Bytes>, Option<Aborted>) {
        let mut chunks = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => chunks.push(frame.into_data().unwrap()),
                Err(aborted) => return (chunks, Some(aborted)),
            }
        }
        assert!(body.is_end_stream());
        (chunks, None)
    }

    #[tokio::test]
    async fn pieces_go_out_as_they_are_with_an_exact_length() {
        let pieces = [Bytes::from(vec![1; 10]), Bytes::new(), Bytes::from(vec![2; 5])];
        for body in [Outgoing::from(pieces.clone()), Outgoing::from(pieces.to_vec())] {
            assert_eq!(body.size_hint().exact(), Some(15));
            let again = body.replica().unwrap();
            let (sent, end) = read(body).await;
            assert_eq!(
                sent.iter().map(|chunk| chunk.as_ptr()).collect::<Vec<_>>(),
                [pieces[0].as_ptr(), pieces[2].as_ptr()]
            );
            assert_eq!((sent, end), read(again).await);
        }
        assert!(Outgoing::empty().is_end_stream());
        assert!(Outgoing::from([const { Bytes::new() }; 6]).is_end_stream());
    }

    #[tokio::test]
    async fn only_a_finished_queue_ends_well() {
        for (finishes, expect) in [(true, None), (false, Some(Aborted))] {
            let (sender, body) = Outgoing::channel(2);
            sender.send(Bytes::from_static(b"a")).await.unwrap();
            if finishes {
                sender.finish();
            } else {
                sender.abort();
            }
            assert_eq!(read(body).await, (vec![Bytes::from_static(b"a")], expect));
        }
    }

    #[tokio::test]
    async fn the_sender_waits_for_room_and_learns_that_the_receiver_is_gone() {
        let (sender, body) = Outgoing::channel(1);
        sender.send(Bytes::from_static(b"a")).await.unwrap();
        let mut second = std::pin::pin!(sender.send(Bytes::from_static(b"b")));
        let waits = std::future::poll_fn(|cx| Poll::Ready(second.as_mut().poll(cx).is_pending())).await;
        assert!(waits);
        drop(body);
        assert_eq!(second.await, Err(Gone));
        sender.closed().await;
        assert!(sender.is_closed());
    }

    #[tokio::test]
    async fn a_source_is_polled_in_place_and_dropped_at_its_end() {
        struct Count(u8, mpsc::Sender<()>);
        impl Source for Count {
            fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>> {
                self.0 += 1;
                assert!(!self.1.is_closed());
                Poll::Ready((self.0 <= 2).then(|| Ok(Bytes::from(vec![self.0]))))
            }
            fn panicked(&mut self) {}
        }
        let (alive, mut dropped) = mpsc::channel(1);
        let body = Outgoing::from_source(Count(0, alive));
        let (chunks, end) = read(body).await;
        assert_eq!((chunks.concat(), end), (vec![1, 2], None));
        assert_eq!(dropped.recv().await, None);
    }
}
