//! One HTTP/1.1 connection, driven by whoever waits on it.
//!
//! hyper's way is a task per connection and a queue between it and the caller: two wake-ups and two polls of another
//! task per chunk. Here the connection is polled in place, by the future that waits for the response and then by the
//! response's body, so that one poll reads the socket and hands the bytes on. It also makes cancelling exact: to drop
//! the future or the body is to drop the socket.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http::Request;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1::{Connection, SendRequest};
use hyper_util::rt::TokioIo;
use types::Monotonic;

use super::exchange::Answer;
use super::heard::{Heard, HeardFlag};
use crate::body::Outgoing;

/// A connection and the handle that sends on it.
pub(super) struct Http1 {
    sender: SendRequest<Outgoing>,
    /// `None` once it has ended.
    connection: Option<Connection<TokioIo<Heard>, Outgoing>>,
    heard: HeardFlag,
    pub(super) opened: Monotonic,
    pub(super) idle_since: Monotonic,
    woken: Woken,
}

/// Whether the last poll registered for a wake-up, so that this one is likely to find bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Woken {
    Likely,
    Unlikely,
}

impl Http1 {
    pub(super) fn new(
        sender: SendRequest<Outgoing>,
        connection: Connection<TokioIo<Heard>, Outgoing>,
        heard: HeardFlag,
        opened: Monotonic,
    ) -> Self {
        let connection = Some(connection);
        Self { sender, connection, heard, opened, idle_since: opened, woken: Woken::Unlikely }
    }

    /// Queues `request`; nothing is written before [`Self::finish`] is polled.
    pub(super) fn start(&mut self, request: Request<Outgoing>) -> impl Future<Output = Answer> + use<> {
        self.heard.clear();
        self.woken = Woken::Unlikely;
        self.sender.try_send_request(request)
    }

    /// Waits for the response's head.
    pub(super) async fn finish(&mut self, answer: impl Future<Output = Answer>) -> Answer {
        let mut answer = pin!(answer);
        poll_fn(|cx| self.poll_with(cx, |quiet| answer.as_mut().poll(quiet))).await
    }

    /// The next frame of the response whose body is `incoming`.
    pub(super) fn poll_frame(
        &mut self,
        incoming: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, hyper::Error>>> {
        // What came with the head, or with the last read, is there already.
        let mut quiet = Context::from_waker(Waker::noop());
        if let Poll::Ready(frame) = Pin::new(&mut *incoming).poll_frame(&mut quiet) {
            return Poll::Ready(frame);
        }
        self.poll_with(cx, |quiet| Pin::new(&mut *incoming).poll_frame(quiet))
    }

    /// Drives the connection until `wanted` is there.
    ///
    /// `wanted` only ever becomes ready through the connection, and it signals back to it when something is taken.
    /// Both are polled without a waker as long as there is something to take: the signals would wake the very task
    /// that is running and cost a needless poll of all of it. The task's waker is registered last, on the poll that
    /// is about to report `Pending`.
    fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut wanted: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let mut quiet = Context::from_waker(Waker::noop());
        if self.woken == Woken::Likely {
            self.drive(&mut quiet);
            if let Poll::Ready(found) = wanted(&mut quiet) {
                self.woken = Woken::Unlikely;
                return Poll::Ready(found);
            }
        }
        self.drive(cx);
        let found = wanted(&mut quiet);
        self.woken = if found.is_pending() { Woken::Likely } else { Woken::Unlikely };
        found
    }

    /// Polls the connection once. When it has ended it is dropped, which resolves whatever still waits on it.
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(cx).is_ready()
        {
            self.connection = None;
        }
    }

    /// Whether the upstream has said anything in answer to the last request.
    pub(super) fn has_heard(&self) -> bool {
        self.heard.is_set()
    }

    /// Lets the connection settle, and says whether it can take a request. No task is woken by it afterwards.
    pub(super) fn settle(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }
}
