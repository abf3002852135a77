//! What a connection is doing, told by its IO and its requests, read by its watchdog. No clock is read and no timer
//! touched per request.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::upgrade::OnUpgrade;

use crate::body::{Aborted, Outgoing};
use crate::websocket::Session;

/// The stage a connection is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waiting for the other side to close, after everything was sent.
    Closing,
    /// Part of a request's head has come, or the first one is still awaited.
    Head,
    /// Between requests.
    Idle,
    /// A request is being served.
    Serving,
    /// A request is being served, and the client takes nothing of the answer.
    Stalled,
}

/// Which protocol's idea of a head applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heads {
    /// Any byte between requests begins one.
    Bytes,
    /// The protocol has frames of its own between requests (HTTP/2).
    Frames,
}

/// One connection's state. Only its own task and its requests' tasks write it.
#[derive(Debug)]
pub(super) struct Vitals {
    heads: Heads,
    in_flight: AtomicU32,
    head_begun: AtomicBool,
    write_blocked: AtomicBool,
    closing: AtomicBool,
    linger: AtomicBool,
    progress: AtomicU32,
    upgrade: Mutex<Option<Upgrade>>,
}

/// What a connection becomes once it has sent its answer.
pub(super) struct Upgrade {
    pub(super) upgraded: OnUpgrade,
    pub(super) session: Box<dyn Session>,
}

impl std::fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Upgrade")
    }
}

impl Vitals {
    pub(super) fn new(heads: Heads) -> Arc<Self> {
        Arc::new(Self {
            heads,
            in_flight: AtomicU32::new(0),
            // A connection that has just been made owes a head.
            head_begun: AtomicBool::new(true),
            write_blocked: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            linger: AtomicBool::new(true),
            progress: AtomicU32::new(0),
            upgrade: Mutex::default(),
        })
    }

    pub(super) fn phase(&self) -> Phase {
        if self.closing.load(Ordering::Relaxed) {
            Phase::Closing
        } else if self.in_flight.load(Ordering::Relaxed) > 0 {
            if self.write_blocked.load(Ordering::Relaxed) { Phase::Stalled } else { Phase::Serving }
        } else if self.head_begun.load(Ordering::Relaxed) {
            Phase::Head
        } else {
            Phase::Idle
        }
    }

    /// Changes with every request and every write that got through.
    pub(super) fn progress(&self) -> u32 {
        self.progress.load(Ordering::Relaxed)
    }

    /// A whole head has come.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.head_begun.store(false, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.progress.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// Bytes have come; whether they are the first of a head.
    pub(super) fn bytes_read(&self) -> bool {
        let between = self.heads == Heads::Bytes && self.in_flight.load(Ordering::Relaxed) == 0;
        if between {
            self.head_begun.store(true, Ordering::Relaxed);
        }
        between
    }

    /// Whether part of a head has come and nothing is being served.
    pub(super) fn is_reading_head(&self) -> bool {
        self.head_begun.load(Ordering::Relaxed) && self.in_flight.load(Ordering::Relaxed) == 0
    }

    pub(super) fn write_went_through(&self) {
        self.write_blocked.store(false, Ordering::Relaxed);
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn has_progressed(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn write_is_blocked(&self) {
        self.write_blocked.store(true, Ordering::Relaxed);
    }

    /// The connection becomes something else when its answer is out.
    pub(super) fn keep_upgrade(&self, upgrade: Upgrade) {
        *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
    }

    /// What the connection has become, once it has ended as one for requests.
    pub(super) fn take_upgrade(&self) -> Option<Upgrade> {
        self.upgrade.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Everything is sent; only the other side's close is awaited.
    pub(super) fn is_closing(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Nothing unread can be on its way: the connection may be closed without waiting.
    pub(super) fn close_at_once(&self) {
        self.linger.store(false, Ordering::Relaxed);
    }

    pub(super) fn lingers(&self) -> bool {
        self.linger.load(Ordering::Relaxed)
    }
}

/// A request that is being served, until its answer's body has been handed over or dropped.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Vitals>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer's body that keeps its request counted while it is being sent.
pub(super) struct Tracked {
    body: Outgoing,
    _in_flight: InFlight,
}

impl Tracked {
    pub(super) fn new(body: Outgoing, in_flight: InFlight) -> Self {
        Self { body, _in_flight: in_flight }
    }
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
