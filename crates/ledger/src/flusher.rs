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
    Tend,
}

/// Works until the ledger is closed, then writes what is left.
pub(crate) fn run(shared: &Shared, mut retention: Retention) {
    let mut flushed = 0;
    loop {
        retention.tend(shared);
        // A failure is not lost: it makes the ledger refuse, which the next `begin` reports.
        match wait(shared, &mut flushed) {
            Next::Flush => shared.flush().ok(),
            Next::Recover => shared.recover().ok(),
            Next::Tend => None,
            Next::Stop => {
                shared.flush().ok();
                return;
            }
        };
    }
}

/// How often it looks for what is no longer kept where there is nothing else to do.
const IDLE: Duration = Duration::from_mins(10);
/// How long it looks by itself after the last thing there was to do, before it sleeps until it is woken.
const WATCH: Duration = Duration::from_secs(1);

/// Lets things gather for a while, so that one write does for many, and returns when there is something to do.
fn wait(shared: &Shared, flushed: &mut u64) -> Next {
    let interval = shared.options.flush_interval;
    let mut queue = lock(&shared.queue);
    let mut watched = Duration::ZERO;
    loop {
        let (pause, next) = match queue.phase {
            Phase::Accepting => (interval, Next::Flush),
            Phase::Closed => return Next::Stop,
            Phase::Refusing(_) => (RETRY, Next::Recover),
        };
        let open = |queue: &mut Queue| queue.phase != Phase::Closed;
        let waited = shared.bell.wait_timeout_while(queue, pause, open);
        (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if queue.sequence > *flushed || queue.phase != Phase::Accepting {
            *flushed = queue.sequence;
            return next;
        }
        watched += interval.max(Duration::from_millis(1));
        if watched >= WATCH {
            queue.wakeup = Wakeup::Due;
            let idle = |queue: &mut Queue| queue.phase == Phase::Accepting && queue.wakeup == Wakeup::Due;
            let slept = shared.bell.wait_timeout_while(queue, IDLE, idle);
            let (slept, woken) = slept.unwrap_or_else(PoisonError::into_inner);
            if woken.timed_out() {
                return Next::Tend;
            }
            queue = slept;
            watched = Duration::ZERO;
        }
    }
}
