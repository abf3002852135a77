//! The thread that writes what waits, sees that it reaches the disk and removes what is no longer kept, so that no
//! request has to.

use std::sync::PoisonError;
use std::time::Duration;

use crate::queue::{Phase, Queue, Wakeup};
use crate::retention::Retention;
use crate::shared::{Shared, lock};

/// How long a full or failing disk is left alone before it is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// What to do next.
enum Next {
    Flush,
    Recover,
    Stop,
}

/// Works until the ledger is closed, then writes what is left.
pub(crate) fn run(shared: &Shared, mut retention: Retention) {
    loop {
        retention.tend(shared);
        // A failure is not lost: it makes the ledger refuse, which the next `begin` reports.
        match wait(shared) {
            Next::Flush => shared.flush().ok(),
            Next::Recover => shared.recover().ok(),
            Next::Stop => {
                shared.flush().ok();
                return;
            }
        };
    }
}

/// Sleeps until there is something to do, then a little longer, so that one write does for many.
fn wait(shared: &Shared) -> Next {
    let idle = |queue: &mut Queue| queue.phase == Phase::Accepting && queue.wakeup == Wakeup::Due;
    let queue = shared.bell.wait_while(lock(&shared.queue), idle).unwrap_or_else(PoisonError::into_inner);
    let (pause, next) = match queue.phase {
        Phase::Accepting => (shared.options.flush_interval, Next::Flush),
        Phase::Closed => return Next::Stop,
        Phase::Refusing(_) => (RETRY, Next::Recover),
    };
    let open = |queue: &mut Queue| queue.phase != Phase::Closed;
    let waited = shared.bell.wait_timeout_while(queue, pause, open);
    let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
    queue.wakeup = Wakeup::Due;
    if queue.phase == Phase::Closed { Next::Stop } else { next }
}
