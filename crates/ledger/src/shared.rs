//! What the ledger, its open attempts and its flusher share, and how a record gets from memory to the disk.
//!
//! Locks are taken in this order: `durable`, `writer`, `queue`.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use types::{Clock, MicroUsd, Usage};

use crate::error::LedgerError;
use crate::options::{Durability, Options};
use crate::queue::{Phase, Queue, Ticket, Wakeup};
use crate::record::{Estimated, Intent, Outcome, Settlement};
use crate::writer::{Reserve, Synced, Writer};

/// How often the disk is waited for, each time with another segment if the last one failed or was superseded.
const SYNC_ROUNDS: usize = 3;

/// What the ledger, its open attempts and its flusher share.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Options,
    pub(crate) queue: Mutex<Queue>,
    /// Rung when the flusher has something to do.
    pub(crate) bell: Condvar,
    pub(crate) writer: Mutex<Writer>,
    /// All frames up to this one are on the disk. Held during `fdatasync`, so that those who wait share the next one.
    durable: Mutex<u64>,
}

impl Shared {
    pub(crate) fn new(clock: Arc<dyn Clock>, options: Options, writer: Writer) -> Self {
        Self {
            clock,
            options,
            queue: Mutex::new(Queue::new()),
            bell: Condvar::new(),
            writer: Mutex::new(writer),
            durable: Mutex::new(0),
        }
    }

    /// Hands an intent to the kernel, or to the disk where the options say so.
    pub(crate) fn begin(&self, intent: Intent) -> Result<(), LedgerError> {
        let ticket = {
            let mut queue = lock(&self.queue);
            let ticket = queue.begin(intent)?;
            self.ring(&mut queue);
            ticket
        };
        self.write_through(ticket)?;
        match self.options.durability {
            Durability::Process => Ok(()),
            Durability::Power => self.sync(ticket.sequence).inspect_err(|_| self.void(ticket)),
        }
    }

    /// Queues something, and wakes the flusher if it sleeps.
    pub(crate) fn enqueue<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        let mut queue = lock(&self.queue);
        let outcome = change(&mut queue);
        self.ring(&mut queue);
        outcome
    }

    /// Writes all that is queued and waits until it is on the disk.
    pub(crate) fn flush(&self) -> Result<(), LedgerError> {
        let written = {
            let mut writer = lock(&self.writer);
            self.write(&mut writer)?;
            writer.written
        };
        self.sync(written)
    }

    /// Writes what is left, then the seal, and waits until it is on the disk.
    pub(crate) fn seal(&self) -> Result<(), LedgerError> {
        self.flush()?;
        let mut writer = lock(&self.writer);
        writer.seal().and_then(|()| writer.begin_sync().file.sync()).map_err(LedgerError::Unwritable)
    }

    /// Accepts attempts again if the disk has taken everything and the reserve is whole.
    pub(crate) fn recover(&self) -> Result<(), LedgerError> {
        self.flush()?;
        lock(&self.writer).restore_reserve().map_err(LedgerError::Unwritable)?;
        let mut queue = lock(&self.queue);
        if let Phase::Refusing(_) = queue.phase {
            queue.phase = Phase::Accepting;
        }
        Ok(())
    }

    /// Writes the intent, unless another's write has taken it along.
    fn write_through(&self, ticket: Ticket) -> Result<(), LedgerError> {
        let mut writer = lock(&self.writer);
        if ticket.failures != writer.failures && !lock(&self.queue).open.contains_key(&ticket.attempt) {
            return Err(LedgerError::Unwritable(writer.failed_with.into()));
        }
        if writer.written < ticket.sequence { self.write(&mut writer) } else { Ok(()) }
    }

    fn write(&self, writer: &mut Writer) -> Result<(), LedgerError> {
        if let Err(error) = writer.write(&self.queue) {
            writer.take_back(&self.queue, error.kind());
            self.refuse(error.kind());
            return Err(LedgerError::Unwritable(error));
        }
        if writer.reserve == Reserve::Released {
            // What was written stands, this attempt's intent too; the rest of the space is for settlements.
            self.refuse(io::ErrorKind::StorageFull);
        }
        Ok(())
    }

    /// Waits until all frames up to `wanted` are on the disk. A segment that fails is left for the next one, which
    /// says again what may have been lost; no `fdatasync` is repeated.
    fn sync(&self, wanted: u64) -> Result<(), LedgerError> {
        let mut durable = lock(&self.durable);
        let mut failure = io::Error::from(io::ErrorKind::Other);
        for round in 1..=SYNC_ROUNDS {
            if *durable >= wanted {
                return Ok(());
            }
            let mut writer = lock(&self.writer);
            let ticket = writer.begin_sync();
            // Writers go on meanwhile, but in the last round, which nothing may supersede.
            let held = if round < SYNC_ROUNDS {
                drop(writer);
                None
            } else {
                Some(writer)
            };
            let outcome = ticket.file.sync();
            let mut writer = held.unwrap_or_else(|| lock(&self.writer));
            match writer.end_sync(ticket, outcome) {
                Synced::Upto(sequence) => *durable = sequence,
                Synced::Superseded => {}
                Synced::Failed(error) => {
                    failure = error;
                    self.write(&mut writer)?;
                }
            }
        }
        if *durable >= wanted {
            return Ok(());
        }
        self.refuse(failure.kind());
        Err(LedgerError::Unwritable(failure))
    }

    /// Refuses new attempts, and has the flusher try until the disk works again.
    fn refuse(&self, kind: io::ErrorKind) {
        let mut queue = lock(&self.queue);
        if queue.phase == Phase::Accepting {
            queue.phase = Phase::Refusing(kind);
        }
        self.ring(&mut queue);
    }

    /// Settles an intent that was written, but not durably enough to be sent.
    fn void(&self, ticket: Ticket) {
        let at = self.clock.wall();
        self.enqueue(|queue| {
            queue.settle(ticket.attempt, |open| Settlement {
                usage: Usage::default(),
                cost: MicroUsd::ZERO,
                estimated: Estimated::No,
                ..open.estimate(Outcome::Unsent, at, Duration::ZERO)
            })
        });
    }

    /// Waking the flusher costs a system call and a turn of the processor, so it is done only where it sleeps.
    fn ring(&self, queue: &mut Queue) {
        if queue.wakeup == Wakeup::Due {
            queue.wakeup = Wakeup::Needless;
            self.bell.notify_one();
        }
    }
}

/// Locks, whatever a panicking holder left: every holder leaves whole frames.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
