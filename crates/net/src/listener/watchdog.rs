//! Ends connections that hold a place without using it: slow heads, stalled readers, idle and lingering ones.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::vitals::{Phase, Vitals};

/// How long a connection may stay in each phase without progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) closing: Duration,
    pub(super) head: Duration,
    pub(super) idle: Duration,
    pub(super) stalled: Duration,
}

/// One timer per connection. It is set when a phase with a limit is first seen, and left alone as requests come and
/// go; only when it fires is it decided whether anything happened since. A busy connection thus never touches it.
/// Idle and stalled connections are ended after one to two times their limit, slow heads exactly at it.
pub(super) struct Watchdog {
    patience: Patience,
    timer: Option<Pin<Box<Sleep>>>,
    armed: Option<(Phase, u32)>,
}

impl Watchdog {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, timer: None, armed: None }
    }

    /// Ready when the connection has used up its time; the phase it was in.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, vitals: &Vitals) -> Poll<Phase> {
        loop {
            let phase = vitals.phase();
            let limit = match phase {
                Phase::Serving => None,
                Phase::Closing => Some(self.patience.closing),
                Phase::Head => Some(self.patience.head),
                Phase::Idle => Some(self.patience.idle),
                Phase::Stalled => Some(self.patience.stalled),
            };
            // These two have exact limits; the others wait for the timer that already runs.
            let exact = matches!(phase, Phase::Closing | Phase::Head);
            let now = (phase, vitals.progress());
            if let Some(limit) = limit
                && (self.armed.is_none() || (exact && self.armed != Some(now)))
            {
                self.arm(limit);
                self.armed = Some(now);
            }
            let (Some(armed), Some(timer)) = (self.armed, &mut self.timer) else {
                return Poll::Pending;
            };
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if armed == now {
                return Poll::Ready(phase);
            }
            self.armed = None;
        }
    }

    fn arm(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(deadline),
            None => self.timer = Some(Box::pin(sleep_until(deadline))),
        }
    }
}
