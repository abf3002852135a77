//! Idle connections, per origin, last in first out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use types::{Clock, Monotonic};

use super::connect::Connection;
use super::http1::Http1;
use super::{Http2, Origin};

/// How long and how many connections are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keep {
    pub(super) max_idle: usize,
    pub(super) idle_timeout: Duration,
    pub(super) max_age: Duration,
}

/// The shelves of all origins.
#[derive(Default)]
pub(super) struct Pool {
    shelves: RwLock<HashMap<Origin, Arc<Shelf>>>,
}

/// One origin's connections. The locks are held for a push or a pop, never across a wait or a system call.
pub(super) struct Shelf {
    #[expect(clippy::vec_box, reason = "a connection is about a kilobyte and moves on every request")]
    idle: Mutex<Vec<Box<Http1>>>,
    http2: Mutex<Option<Http2>>,
    keep: Keep,
    clock: Arc<dyn Clock>,
}

/// A connection that has been used before.
pub(super) struct Pooled {
    pub(super) connection: Connection,
    /// How long it has rested.
    pub(super) rested: Duration,
}

impl Pool {
    pub(super) fn shelf(&self, origin: &Origin, keep: Keep, clock: &Arc<dyn Clock>) -> Arc<Shelf> {
        let known = self.shelves.read().unwrap_or_else(PoisonError::into_inner).get(origin).cloned();
        known.unwrap_or_else(|| {
            let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
            let fresh = || {
                let (idle, http2) = (Mutex::default(), Mutex::default());
                Arc::new(Shelf { idle, http2, keep, clock: Arc::clone(clock) })
            };
            Arc::clone(shelves.entry(origin.clone()).or_insert_with(fresh))
        })
    }

    /// Closes what has rested too long, what has been closed by the other side, and forgets unused origins.
    pub(super) fn sweep(&self) {
        let shelves: Vec<_> =
            self.shelves.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for shelf in &shelves {
            shelf.sweep();
        }
        drop(shelves);
        // A shelf in use by a request or a response body has a second owner.
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        shelves.retain(|_, shelf| Arc::strong_count(shelf) > 1 || !shelf.is_empty());
    }

    pub(super) fn idle(&self) -> usize {
        let shelves = self.shelves.read().unwrap_or_else(PoisonError::into_inner);
        shelves.values().map(|shelf| lock(&shelf.idle).len()).sum()
    }
}

impl Shelf {
    /// A connection that is ready now, the one used last first: it is the least likely to have been closed.
    pub(super) fn take(&self) -> Option<Pooled> {
        let now = self.clock.now();
        if let Some(http2) = self.shared_http2(now) {
            return Some(Pooled { connection: Connection::Http2(http2), rested: Duration::ZERO });
        }
        loop {
            let mut http1 = lock(&self.idle).pop()?;
            let rested = now.since(http1.idle_since);
            if rested <= self.keep.idle_timeout && !self.is_old(http1.opened, now) && http1.settle() {
                return Some(Pooled { connection: Connection::Http1(http1), rested });
            }
        }
    }

    /// Takes a connection back if it is ready for another request; otherwise it is closed.
    pub(super) fn put(&self, mut http1: Box<Http1>) {
        if !http1.settle() {
            return;
        }
        let now = self.clock.now();
        if self.is_old(http1.opened, now) {
            return;
        }
        http1.idle_since = now;
        let mut idle = lock(&self.idle);
        if idle.len() < self.keep.max_idle {
            idle.push(http1);
        }
    }

    /// Offers an HTTP/2 connection to all requests.
    pub(super) fn share(&self, http2: &Http2) {
        let mut shared = lock(&self.http2);
        if shared.as_ref().is_none_or(|known| known.sender.is_closed()) {
            *shared = Some(http2.clone());
        }
    }

    fn shared_http2(&self, now: Monotonic) -> Option<Http2> {
        let mut shared = lock(&self.http2);
        if shared.as_ref().is_some_and(|http2| http2.sender.is_closed() || self.is_old(http2.opened, now)) {
            // Requests under way hold their own handle and finish.
            *shared = None;
        }
        shared.clone()
    }

    fn is_old(&self, opened: Monotonic, now: Monotonic) -> bool {
        now.since(opened) > self.keep.max_age
    }

    fn sweep(&self) {
        let now = self.clock.now();
        drop(self.shared_http2(now));
        let mut kept = std::mem::take(&mut *lock(&self.idle));
        kept.retain_mut(|http1| {
            let fresh = now.since(http1.idle_since) <= self.keep.idle_timeout;
            fresh && !self.is_old(http1.opened, now) && http1.settle()
        });
        let mut idle = lock(&self.idle);
        // What came back meanwhile is younger and stays on top.
        let younger = std::mem::replace(&mut *idle, kept);
        idle.extend(younger);
        idle.truncate(self.keep.max_idle);
    }

    fn is_empty(&self) -> bool {
        lock(&self.idle).is_empty() && lock(&self.http2).is_none()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
