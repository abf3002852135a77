//! A reply's body as it is sent: pieces, waits between them, and an end that may never come.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;

use crate::reply::{Ending, Reply, Split};
use crate::upstream::Exchange;

/// The body of an answer under way. Dropping it before its end counts as a client that went away.
pub(crate) struct Playing {
    pieces: VecDeque<Bytes>,
    wait: Option<Pin<Box<Sleep>>>,
    gap: Duration,
    ending: Ending,
    is_whole: bool,
    exchange: Exchange,
}

impl Playing {
    pub(crate) fn new(reply: &Reply, mut exchange: Exchange) -> Self {
        let pieces = VecDeque::from(reply.pieces());
        if pieces.is_empty() && reply.ending == Ending::Complete {
            exchange.finish();
        }
        Self {
            pieces,
            wait: sleep(reply.pause),
            gap: reply.gap,
            ending: reply.ending,
            is_whole: reply.split == Split::Nowhere && reply.ending == Ending::Complete,
            exchange,
        }
    }

    /// How long the end waits for the last piece to be written: a cut drops what has not been.
    const fn before_the_end(&self) -> Duration {
        match self.ending {
            Ending::Cut(_) => Duration::from_millis(1),
            Ending::Complete | Ending::Silent(_) => Duration::ZERO,
        }
    }

    /// What comes behind the last piece.
    fn end(&mut self) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.ending {
            Ending::Complete => Poll::Ready(None),
            Ending::Cut(_) => {
                self.exchange.finish();
                Poll::Ready(Some(Err(io::Error::other("cut on purpose"))))
            }
            Ending::Silent(_) => Poll::Pending,
        }
    }
}

fn sleep(duration: Duration) -> Option<Pin<Box<Sleep>>> {
    (!duration.is_zero()).then(|| Box::pin(tokio::time::sleep(duration)))
}

impl http_body::Body for Playing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(context));
            self.wait = None;
        }
        let Some(piece) = self.pieces.pop_front() else { return self.end() };
        self.wait =
            sleep(if self.pieces.is_empty() { self.gap.max(self.before_the_end()) } else { self.gap });
        // The server does not ask again behind the last piece of a body whose length it knows.
        if self.pieces.is_empty() && self.ending == Ending::Complete {
            self.exchange.finish();
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_whole {
            SizeHint::with_exact(self.pieces.iter().map(|piece| piece.len() as u64).sum())
        } else {
            SizeHint::default()
        }
    }
}
