//! A whole body in memory: never more than a cap, never slower than a pace.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::num::NonZeroU32;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use tokio::time::{Instant, timeout, timeout_at};
use types::{Blame, Classify, Code, Retry, Verdict};

use super::room::{Room, Share};

/// The most memory that is set aside on the strength of a `Content-Length` alone.
const TRUSTED_LENGTH: usize = 1 << 20;

/// How soon there may be room again: large requests leave when their answers begin.
const NO_ROOM_WAIT: Duration = Duration::from_secs(1);

/// How fast a body has to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The longest wait for more bytes, and the head start before the rate counts.
    pub idle: Duration,
    /// The least average rate after that, in bytes per second.
    pub floor: NonZeroU32,
}

/// Why a body could not be read whole.
#[derive(Debug)]
pub enum BodyError {
    /// The sender broke off, or did not keep to the protocol.
    Broken(Box<dyn Error + Send + Sync>),
    /// The process holds as much of large bodies as it may.
    NoRoom,
    /// The body came slower than the [`Pace`] asks.
    Slow,
    /// The body is, or says it will be, larger than the cap.
    TooLarge {
        /// The most bytes it may have.
        limit: usize,
    },
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(_) => f.write_str("the body broke off"),
            Self::NoRoom => f.write_str("there is no room for another large body now; try again shortly"),
            Self::Slow => f.write_str("the body came too slowly"),
            Self::TooLarge { limit } => write!(f, "the body is larger than {limit} bytes"),
        }
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Broken(cause) => Some(cause.as_ref()),
            Self::NoRoom | Self::Slow | Self::TooLarge { .. } => None,
        }
    }
}

impl Classify for BodyError {
    /// The verdict on a caller's body. Who reads an upstream's body blames the upstream instead.
    fn verdict(&self) -> Verdict {
        let (blame, retry, code) = match self {
            Self::Broken(_) | Self::Slow => (Blame::Caller, Retry::Never, Code::BodyUnreadable),
            Self::NoRoom => (Blame::Gateway, Retry::After(NO_ROOM_WAIT), Code::NoRoom),
            Self::TooLarge { .. } => (Blame::Caller, Retry::Never, Code::BodyTooLarge),
        };
        Verdict { blame, retry, code }
    }
}

/// Reads `body` to its end. A body that came in one piece is not copied; trailers are dropped.
///
/// # Errors
/// See [`BodyError`]. A `Content-Length` above `cap` is refused before anything is read.
///
/// # Cancel safety
/// Dropping it loses what was read and drops the body.
pub async fn collect_capped<B>(body: B, cap: usize, pace: Pace) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    collect(body, cap, pace, None).await
}

/// As [`collect_capped`], where a large body must also find room among all that are in memory. It keeps its room
/// for as long as any of its bytes are kept.
///
/// # Errors
/// See [`BodyError`].
///
/// # Cancel safety
/// Dropping it loses what was read, gives back its room and drops the body.
pub async fn collect_within<B>(body: B, cap: usize, pace: Pace, room: &Arc<Room>) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    collect(body, cap, pace, Some(room)).await
}

async fn collect<B>(body: B, cap: usize, pace: Pace, room: Option<&Arc<Room>>) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let announced = body.size_hint().lower();
    if announced > u64::try_from(cap).unwrap_or(u64::MAX) {
        return Err(BodyError::TooLarge { limit: cap });
    }
    let mut body = pin!(body);
    let mut whole = Whole { first: Bytes::new(), rest: BytesMut::new(), announced, cap, room, share: None };
    let mut pacer = Pacer { pace, began: None };
    while !body.is_end_stream() {
        let frame = poll_fn(|cx| match body.as_mut().poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(Ok(frame)),
            // Only a body that has to be waited for costs a timer.
            Poll::Pending => Poll::Ready(Err(())),
        });
        let frame = if let Ok(frame) = frame.await {
            frame
        } else {
            let frame = poll_fn(|cx| body.as_mut().poll_frame(cx));
            let deadline = pacer.deadline(whole.len());
            timeout_at(deadline, frame).await.map_err(|_| BodyError::Slow)?
        };
        match frame {
            None => break,
            Some(Err(cause)) => return Err(BodyError::Broken(cause.into())),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    whole.add(data)?;
                }
            }
        }
    }
    Ok(whole.into_bytes())
}

/// What is left of a body that was thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing: it has been read to its end.
    Nothing,
    /// Some of it, or its end.
    Something,
}

/// How much of a body that is refused is read and thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discard {
    /// The most bytes.
    pub most: usize,
    /// The longest between two pieces.
    pub idle: Duration,
    /// The longest in all.
    pub limit: Duration,
}

impl Discard {
    /// So that the refusal arrives: over HTTP/2, many clients take an answer that overtakes their body for a broken
    /// stream.
    pub const OVER_HTTP2: Self =
        Self { most: 64 << 20, idle: Duration::from_millis(300), limit: Duration::from_secs(5) };
    /// So that the connection can go on.
    pub const SMALL: Self =
        Self { most: 1 << 20, idle: Duration::from_millis(300), limit: Duration::from_secs(1) };
}

/// Reads on and throws away.
///
/// # Cancel safety
/// Dropping it stops reading.
pub async fn discard<B: Body<Data = Bytes> + Unpin>(mut body: B, discard: Discard) -> Left {
    let Discard { most, idle, limit } = discard;
    let reading = async {
        let mut left = most;
        while !body.is_end_stream() {
            let next = timeout(idle, poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).await;
            let frame = match next {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => return Left::Nothing,
                Ok(Some(Err(_))) | Err(_) => return Left::Something,
            };
            match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(rest) => left = rest,
                None => return Left::Something,
            }
        }
        Left::Nothing
    };
    timeout(limit, reading).await.unwrap_or(Left::Something)
}

/// The bytes so far; the first piece is kept as it came until a second one makes a copy necessary.
struct Whole<'a> {
    first: Bytes,
    rest: BytesMut,
    announced: u64,
    cap: usize,
    room: Option<&'a Arc<Room>>,
    share: Option<Share>,
}

impl Whole<'_> {
    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    fn add(&mut self, data: Bytes) -> Result<(), BodyError> {
        if data.len() > self.cap - self.len() {
            return Err(BodyError::TooLarge { limit: self.cap });
        }
        self.claim(self.len() + data.len())?;
        if self.len() == 0 {
            self.first = data;
        } else {
            if self.rest.is_empty() {
                let announced = usize::try_from(self.announced).unwrap_or(usize::MAX).min(TRUSTED_LENGTH);
                self.rest.reserve(announced.max(self.first.len() + data.len()));
                self.rest.extend_from_slice(&self.first);
                self.first = Bytes::new();
            }
            self.rest.extend_from_slice(&data);
        }
        Ok(())
    }

    /// Takes room as the bytes come: what is only announced takes none from others.
    fn claim(&mut self, length: usize) -> Result<(), BodyError> {
        let Some(room) = self.room.filter(|_| Share::is_needed(length)) else { return Ok(()) };
        let share = self.share.get_or_insert_with(|| Share::of(room));
        if share.grow(length) { Ok(()) } else { Err(BodyError::NoRoom) }
    }

    fn into_bytes(self) -> Bytes {
        let body = if self.rest.is_empty() { self.first } else { self.rest.freeze() };
        match self.share {
            Some(share) => share.keep_with(body),
            None => body,
        }
    }
}

/// Until when the next bytes have to come.
struct Pacer {
    pace: Pace,
    began: Option<Instant>,
}

impl Pacer {
    fn deadline(&mut self, received: usize) -> Instant {
        let now = Instant::now();
        let began = *self.began.get_or_insert(now);
        let earned = u64::try_from(received).unwrap_or(u64::MAX) / u64::from(self.pace.floor.get());
        let by_rate = began + self.pace.idle + Duration::from_secs(earned);
        by_rate.min(now + self.pace.idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Outgoing;

    const PACE: Pace = Pace { idle: Duration::from_secs(10), floor: NonZeroU32::new(1000).unwrap() };

    #[tokio::test]
    async fn a_body_in_one_piece_is_not_copied() {
        let piece = Bytes::from(vec![7; 100]);
        let whole = collect_capped(Outgoing::from(piece.clone()), 100, PACE).await.unwrap();
        assert_eq!(whole.as_ptr(), piece.as_ptr());
    }

    #[tokio::test]
    async fn pieces_are_joined_up_to_the_cap() {
        let body = || Outgoing::from([Bytes::from_static(b"ab"), Bytes::new(), Bytes::from_static(b"cd")]);
        assert_eq!(collect_capped(body(), 4, PACE).await.unwrap(), "abcd");
        let refused = collect_capped(body(), 3, PACE).await;
        assert!(matches!(refused, Err(BodyError::TooLarge { limit: 3 })));
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_is_cut_at_the_cap() {
        let (sender, body) = Outgoing::channel(4);
        sender.send(Bytes::from_static(b"abc")).await.unwrap();
        sender.send(Bytes::from_static(b"d")).await.unwrap();
        let refused = collect_capped(body, 3, PACE).await;
        assert!(matches!(refused, Err(BodyError::TooLarge { limit: 3 })));
        assert!(sender.send(Bytes::new()).await.is_err());
    }

    #[tokio::test]
    async fn large_bodies_share_a_room_and_leave_it_with_their_last_bytes() {
        let room = Arc::new(Room::new(250 << 10));
        let collect = async |length: usize| {
            let halves = [Bytes::from(vec![7; length / 2]), Bytes::from(vec![7; length / 2])];
            collect_within(Outgoing::from(halves), 1 << 20, PACE, &room).await
        };
        let first = collect(100 << 10).await.unwrap();
        let _second = collect(100 << 10).await.unwrap();
        assert!(matches!(collect(100 << 10).await, Err(BodyError::NoRoom)));
        assert_eq!(collect(64 << 10).await.unwrap().len(), 64 << 10);
        let part = first.slice(10..20);
        drop(first);
        assert!(matches!(collect(100 << 10).await, Err(BodyError::NoRoom)));
        drop(part);
        assert_eq!(collect(100 << 10).await.unwrap().len(), 100 << 10);
        room.resize(300 << 10);
        assert_eq!(collect(200 << 10).await.unwrap().len(), 200 << 10);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_broken() {
        let (sender, body) = Outgoing::channel(4);
        sender.send(Bytes::from_static(b"abc")).await.unwrap();
        sender.abort();
        assert!(matches!(collect_capped(body, 100, PACE).await, Err(BodyError::Broken(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_or_trickles_is_slow() {
        let (_stalls, body) = Outgoing::channel(4);
        assert!(matches!(collect_capped(body, 100, PACE).await, Err(BodyError::Slow)));

        let (trickles, body) = Outgoing::channel(4);
        let began = Instant::now();
        let trickle = async {
            while trickles.send(Bytes::from_static(b"x")).await.is_ok() {
                tokio::time::advance(Duration::from_secs(3)).await;
            }
        };
        let (read, ()) = tokio::join!(collect_capped(body, 100, PACE), trickle);
        assert!(matches!(read, Err(BodyError::Slow)));
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}
