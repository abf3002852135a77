//! How much of large bodies is in memory at once, over all connections and threads. What finds no room is refused,
//! and memory does not run out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// A body up to this many bytes needs no room: there are never so many of these that they matter, and most
/// requests then touch nothing that all threads share.
const SMALL: usize = 64 << 10;

/// The room for large bodies. Small ones do not count.
#[derive(Debug)]
pub struct Room {
    limit: AtomicUsize,
    taken: AtomicUsize,
}

impl Room {
    /// Room for so many bytes.
    pub const fn new(limit: usize) -> Self {
        Self { limit: AtomicUsize::new(limit), taken: AtomicUsize::new(0) }
    }

    /// Room for so many bytes from now on. What is in memory stays.
    pub fn resize(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    fn take(&self, bytes: usize) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let fits = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= limit);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }
}

/// What one body has taken of a room; dropping it gives that back.
pub(super) struct Share {
    room: Arc<Room>,
    bytes: usize,
}

impl Share {
    /// Nothing of this room yet.
    pub(super) fn of(room: &Arc<Room>) -> Self {
        Self { room: Arc::clone(room), bytes: 0 }
    }

    /// Whether a body of so many bytes needs a share.
    pub(super) const fn is_needed(bytes: usize) -> bool {
        bytes > SMALL
    }

    /// Makes it a share of so many bytes; false if there is no room for that.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let fits = self.room.take(bytes.saturating_sub(self.bytes));
        if fits {
            self.bytes = self.bytes.max(bytes);
        }
        fits
    }

    /// The same bytes; the share is given back with the last of them.
    pub(super) fn keep_with(self, body: Bytes) -> Bytes {
        Bytes::from_owner(Kept { body, _share: self })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

struct Kept {
    body: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}
