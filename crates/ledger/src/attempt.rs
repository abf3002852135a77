//! An attempt under way: whoever holds it settles it, or its drop does.

use std::fmt;
use std::time::Duration;

use types::{AttemptId, Monotonic, Usage};

use crate::ledger::Ledger;
use crate::queue::Queue;
use crate::record::{Outcome, Settlement};

/// An attempt that has begun. Dropped without [`settle`](Self::settle), it is settled as an estimate from its last
/// checkpoint: the client has gone, or the task has panicked.
#[must_use = "an attempt that is dropped is settled as an estimate"]
pub struct OpenAttempt {
    ledger: Ledger,
    attempt: AttemptId,
    begun: Monotonic,
    terminal: Terminal,
}

/// Whether the terminal record has been queued.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Terminal {
    Owed,
    Queued,
}

impl OpenAttempt {
    pub(crate) fn new(ledger: Ledger, attempt: AttemptId, begun: Monotonic) -> Self {
        Self { ledger, attempt, begun, terminal: Terminal::Owed }
    }

    /// The attempt's identity.
    pub fn id(&self) -> AttemptId {
        self.attempt
    }

    /// How long ago it began.
    pub fn elapsed(&self) -> Duration {
        self.ledger.shared().clock.now().since(self.begun)
    }

    /// Notes what a long stream has used since its beginning. Buffered: it never waits for the disk.
    pub fn checkpoint(&mut self, usage: Usage) {
        self.ledger.shared().enqueue(|queue| queue.checkpoint(self.attempt, usage));
    }

    /// Records how it ended. Buffered: it never waits for the disk.
    pub fn settle(mut self, settlement: Settlement) {
        self.terminal = Terminal::Queued;
        drop(self.ledger.shared().enqueue(|queue| queue.settle(self.attempt, |_| settlement)));
    }
}

impl fmt::Debug for OpenAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAttempt").field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

impl Drop for OpenAttempt {
    fn drop(&mut self) {
        if self.terminal == Terminal::Owed {
            let outcome = if std::thread::panicking() { Outcome::Lost } else { Outcome::ClientGone };
            let (at, duration) = (self.ledger.shared().clock.wall(), self.elapsed());
            let estimate =
                |queue: &mut Queue| queue.settle(self.attempt, |open| open.estimate(outcome, at, duration));
            drop(self.ledger.shared().enqueue(estimate));
        }
    }
}
