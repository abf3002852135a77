//! A bounded buffer between any number of callers and the one thread that takes what they left.
//!
//! A caller appends under a lock held for a copy and goes on; it never waits for the far side. The taker swaps the
//! buffer for an empty one, so that both are reused and nothing is allocated per item. The taker is woken at once
//! when it was idle; after a delivery it lets items gather for an interval, or until there are enough of them, so
//! that a busy gateway pays for one wake-up per batch and not per item.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much an outbox takes and how it batches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batching {
    /// The most items that may wait.
    pub(crate) capacity: usize,
    /// How many items are enough for a delivery before the interval has passed.
    pub(crate) enough: usize,
    /// How long items gather after a delivery.
    pub(crate) interval: Duration,
}

/// Whether there was room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Offer {
    /// It was dropped: the outbox is full or closed.
    Dropped,
    /// It will be delivered.
    Taken,
}

/// What the taker shall do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Deliver the batch and come back.
    Deliver,
    /// Deliver the batch; there will be no other.
    Last,
}

/// The buffer.
#[derive(Debug)]
pub(crate) struct Outbox<T> {
    batching: Batching,
    state: Mutex<State<T>>,
    /// The taker waits here.
    filled: Condvar,
    /// Whoever closes waits here for the taker to finish.
    finished: Condvar,
}

#[derive(Debug)]
struct State<T> {
    pending: Vec<T>,
    taker: Taker,
    closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taker {
    /// Delivering, or letting items gather.
    Busy,
    /// Gone.
    Finished,
    /// Waiting for the first item.
    Idle,
}

impl<T> Outbox<T> {
    /// An empty outbox.
    pub(crate) fn new(batching: Batching) -> Self {
        Self {
            batching,
            state: Mutex::new(State { pending: Vec::new(), taker: Taker::Busy, closed: false }),
            filled: Condvar::new(),
            finished: Condvar::new(),
        }
    }

    /// Appends `count` items by `fill` if there is room for all of them. Never waits for the taker.
    pub(crate) fn offer(&self, count: usize, fill: impl FnOnce(&mut Vec<T>)) -> Offer {
        let mut state = self.lock();
        let before = state.pending.len();
        if state.closed || before + count > self.batching.capacity {
            return Offer::Dropped;
        }
        fill(&mut state.pending);
        let enough = before < self.batching.enough && state.pending.len() >= self.batching.enough;
        let wake = enough || state.taker == Taker::Idle;
        if state.taker == Taker::Idle {
            // Woken once; who comes before it runs need not wake it again.
            state.taker = Taker::Busy;
        }
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        Offer::Taken
    }

    /// Waits for items and swaps them into `batch`, which comes back empty from the last delivery.
    pub(crate) fn take(&self, batch: &mut Vec<T>) -> Next {
        let mut state = self.lock();
        if state.pending.is_empty() && !state.closed {
            state.taker = Taker::Idle;
            state = self
                .filled
                .wait_while(state, |state| state.pending.is_empty() && !state.closed)
                .unwrap_or_else(PoisonError::into_inner);
            state.taker = Taker::Busy;
        }
        std::mem::swap(&mut state.pending, batch);
        if state.closed { Next::Last } else { Next::Deliver }
    }

    /// After a delivery: lets items gather for the interval, or until there are enough.
    pub(crate) fn gather(&self) {
        let enough = self.batching.enough;
        let waited = self.filled.wait_timeout_while(self.lock(), self.batching.interval, |state| {
            state.pending.len() < enough && !state.closed
        });
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// The taker has delivered its last batch.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        state.taker = Taker::Finished;
        state.closed = true;
        drop(state);
        self.finished.notify_all();
    }

    /// Takes nothing more; the taker delivers what waits and finishes.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Waits for the taker to finish, at most this long: a far side that is stuck does not hold up the end.
    pub(crate) fn wait_until_finished(&self, patience: Duration) {
        let waited =
            self.finished.wait_timeout_while(self.lock(), patience, |state| state.taker != Taker::Finished);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Batching = Batching { capacity: 4, enough: 2, interval: Duration::from_hours(1) };

    #[test]
    fn what_does_not_fit_whole_is_dropped() {
        let outbox = Outbox::new(SMALL);
        assert_eq!(outbox.offer(3, |items| items.extend([1, 2, 3])), Offer::Taken);
        assert_eq!(outbox.offer(2, |items| items.extend([4, 5])), Offer::Dropped);
        assert_eq!(outbox.offer(1, |items| items.push(4)), Offer::Taken);
        let mut batch = Vec::new();
        assert_eq!(outbox.take(&mut batch), Next::Deliver);
        assert_eq!(batch, [1, 2, 3, 4]);
    }

    #[test]
    fn closing_delivers_what_waits_and_takes_nothing_more() {
        let outbox = Outbox::new(SMALL);
        assert_eq!(outbox.offer(1, |items| items.push(1)), Offer::Taken);
        outbox.close();
        assert_eq!(outbox.offer(1, |items| items.push(2)), Offer::Dropped);
        outbox.gather();
        let mut batch = Vec::new();
        assert_eq!(outbox.take(&mut batch), Next::Last);
        assert_eq!(batch, [1]);
    }

    #[test]
    fn enough_items_end_the_gathering_before_its_interval() {
        let outbox = Outbox::new(SMALL);
        std::thread::scope(|scope| {
            scope.spawn(|| outbox.gather());
            assert_eq!(outbox.offer(1, |items| items.push(1)), Offer::Taken);
            assert_eq!(outbox.offer(1, |items| items.push(2)), Offer::Taken);
        });
    }
}
