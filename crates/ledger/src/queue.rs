//! What waits in memory: frames for the next write, and the attempts that are open. Plain data under one lock that is
//! never held across a system call.

use std::io;
use std::time::Duration;

use foldhash::{HashMap, HashMapExt};
use types::{AttemptId, Tokens, UnixTime, Usage};

use crate::codec::{self, Glance};
use crate::error::LedgerError;
use crate::frame;
use crate::record::{Estimated, Intent, Outcome, Settlement};

/// Beyond this, checkpoints are dropped: the disk stands still, and only settlements are worth the memory. They are
/// bounded by the attempts that are open.
const CHECKPOINTS_MAX: usize = 1024 * 1024;

/// An attempt without a terminal record.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) intent: Intent,
    pub(crate) checkpoint: Option<Usage>,
}

impl Open {
    pub(crate) fn new(intent: Intent) -> Self {
        Self { intent, checkpoint: None }
    }

    /// A terminal record for an attempt that nobody will settle: the tokens of its last checkpoint, the input it was
    /// thought to have, and all that it had reserved, so that a budget is never overrun.
    pub(crate) fn estimate(&self, outcome: Outcome, at: UnixTime, duration: Duration) -> Settlement {
        let mut usage = self.checkpoint.unwrap_or_default();
        if usage.input_total() == Tokens(0) {
            usage.input = self.intent.input_estimate;
        }
        Settlement {
            outcome,
            at,
            usage,
            cost: self.intent.reserved,
            estimated: Estimated::Yes,
            status: None,
            upstream_id: None,
            first_token: None,
            duration,
        }
    }
}

/// The attempts without a terminal record.
pub(crate) type OpenAttempts = HashMap<AttemptId, Open>;

/// Whether attempts may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Accepting,
    /// Nothing more is written.
    Closed,
    /// The disk is full or failing: settlements are kept, nothing new begins.
    Refusing(io::ErrorKind),
}

/// Whether the flusher must be told that there is something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wakeup {
    /// It sleeps until it is.
    Due,
    /// It looks by itself.
    Needless,
}

/// An intent's place in the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    pub(crate) attempt: AttemptId,
    pub(crate) sequence: u64,
    pub(crate) failures: u64,
}

/// What waits for the next write.
#[derive(Debug)]
pub(crate) struct Queue {
    /// Frames, their checks still open.
    pub(crate) buffer: Vec<u8>,
    /// How many frames were ever queued.
    pub(crate) sequence: u64,
    /// How many writes have failed, and with them the intents queued until then.
    pub(crate) failures: u64,
    pub(crate) open: OpenAttempts,
    pub(crate) phase: Phase,
    pub(crate) wakeup: Wakeup,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self {
            buffer: Vec::new(),
            sequence: 0,
            failures: 0,
            open: OpenAttempts::new(),
            phase: Phase::Accepting,
            wakeup: Wakeup::Due,
        }
    }

    pub(crate) fn begin(&mut self, intent: Intent) -> Result<Ticket, LedgerError> {
        match self.phase {
            Phase::Accepting => {}
            Phase::Closed => return Err(LedgerError::Closed),
            Phase::Refusing(kind) => return Err(LedgerError::Unwritable(kind.into())),
        }
        let attempt = intent.attempt;
        if self.open.contains_key(&attempt) {
            return Err(LedgerError::AlreadyBegun { attempt });
        }
        self.push(|out| codec::put_begun(out, &intent));
        self.open.insert(attempt, Open::new(intent));
        Ok(Ticket { attempt, sequence: self.sequence, failures: self.failures })
    }

    pub(crate) fn checkpoint(&mut self, attempt: AttemptId, usage: Usage) {
        let Some(open) = self.open.get_mut(&attempt) else { return };
        open.checkpoint = Some(usage);
        if self.phase == Phase::Accepting && self.buffer.len() < CHECKPOINTS_MAX {
            self.push(|out| codec::put_checkpoint(out, attempt, &usage));
        }
    }

    /// Queues the terminal record that `settlement` makes of the open attempt. An attempt has no more than one: a
    /// second is ignored. Returns what was open, for the caller to drop outside the lock.
    pub(crate) fn settle<S: std::borrow::Borrow<Settlement>>(
        &mut self,
        attempt: AttemptId,
        settlement: impl FnOnce(&Open) -> S,
    ) -> Option<Open> {
        if self.phase == Phase::Closed {
            return None;
        }
        let open = self.open.remove(&attempt)?;
        let settlement = settlement(&open);
        self.push(|out| codec::put_settled(out, attempt, settlement.borrow()));
        Some(open)
    }

    /// After a failed write: takes back the intents that it would have written, so that their `begin` fails, and
    /// leaves in `batch` what must not be lost.
    pub(crate) fn take_back(&mut self, batch: &mut Vec<u8>) {
        self.failures += 1;
        batch.append(&mut self.buffer);
        let mut kept = Vec::new();
        for (frame, payload) in frame::split(batch) {
            match codec::glance(payload) {
                Some(Glance::Begun(attempt)) => drop(self.open.remove(&attempt)),
                Some(Glance::Settled(_)) => kept.extend_from_slice(frame),
                Some(Glance::Carried(_) | Glance::Checkpoint(_) | Glance::Header | Glance::Sealed) | None => {
                }
            }
        }
        *batch = kept;
    }

    fn push(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        frame::append(&mut self.buffer, put);
        self.sequence += 1;
    }
}
