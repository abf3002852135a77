//! The ledger itself: opened once per process, shared by all that send requests upstream.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::{fmt, io};

use types::Clock;

use crate::attempt::OpenAttempt;
use crate::counted::Readings;
use crate::error::LedgerError;
use crate::flusher;
use crate::medium::{Directory, Medium};
use crate::options::Options;
use crate::queue::Phase;
use crate::record::Intent;
use crate::recovery::{self, Recovery};
use crate::retention::Retention;
use crate::shared::{Shared, lock};
use crate::writer::Writer;

/// The ledger, open for writing. Clones are cheap and write to the same segments. When the last one and the last
/// [`OpenAttempt`] are dropped, what is left is written; [`close`](Self::close) does so with a seal and a result.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

/// Stops the flusher when nobody can write any more.
struct Inner {
    shared: Arc<Shared>,
    flusher: Mutex<Option<JoinHandle<()>>>,
    /// Locked for as long as this process may write.
    lock: File,
}

impl Ledger {
    /// Opens the ledger in this directory, which is made if it is not there. Cuts off a record that was being written
    /// when the last process ended, and settles what it left open.
    ///
    /// Blocks for as long as it takes to read the last segment.
    pub fn open(
        directory: &Path,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Recovery), LedgerError> {
        Self::open_with(directory, options, clock, &Readings::default())
    }

    /// The same, with what is written down elsewhere of attempts that read the results of batches: those that were left
    /// open are settled by it.
    pub fn open_with(
        directory: &Path,
        options: Options,
        clock: Arc<dyn Clock>,
        readings: &Readings,
    ) -> Result<(Self, Recovery), LedgerError> {
        let opening = |source: io::Error| LedgerError::Open { path: directory.to_owned(), source };
        fs::create_dir_all(directory).map_err(opening)?;
        let lock = acquire(directory)?;
        let found = recovery::recover(directory, clock.wall(), readings)?;
        let medium = Directory::new(directory, options.reserve);
        medium.restore_reserve().map_err(LedgerError::Unwritable)?;
        let start = found.start;
        let writer = Writer::start(
            Box::new(medium),
            start.number,
            start.previous,
            &start.frames,
            options.segment_size,
        )
        .map_err(LedgerError::Unwritable)?;
        let retention = Retention::new(directory, options.retention);
        let shared = Shared::new(clock, options, writer);
        let ledger = Self::assemble(shared, lock, retention).map_err(opening)?;
        Ok((ledger, found.recovery))
    }

    /// Records that an attempt is about to be made. When this returns, the kernel has the record (or the disk, with
    /// [`Durability::Power`](crate::Durability::Power)), and the request may be sent.
    ///
    /// Blocks for one `write(2)`, or for an `fdatasync` shared with all that wait for one.
    pub fn begin(&self, intent: Intent) -> Result<OpenAttempt, LedgerError> {
        let attempt = intent.attempt;
        let begun = self.inner.shared.clock.now();
        self.inner.shared.begin(intent)?;
        Ok(OpenAttempt::new(self.clone(), attempt, begun))
    }

    /// Writes all that was recorded so far, and waits until it is on the disk.
    pub fn flush(&self) -> Result<(), LedgerError> {
        self.inner.shared.flush()
    }

    /// How many attempts have begun and not ended.
    pub fn open_attempts(&self) -> usize {
        lock(&self.inner.shared.queue).open.len()
    }

    /// Writes all that was recorded, seals the segment, waits until it is on the disk, and lets another process write.
    /// Whatever is still open is settled as lost by the next start.
    pub fn close(self) -> Result<(), LedgerError> {
        if self.inner.stop() {
            self.inner.shared.seal()?;
            self.inner.lock.unlock().map_err(LedgerError::Unwritable)?;
        }
        Ok(())
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    pub(crate) fn assemble(shared: Shared, lock: File, retention: Retention) -> io::Result<Self> {
        let shared = Arc::new(shared);
        let working = Arc::clone(&shared);
        let work = move || flusher::run(&working, retention);
        let flusher = thread::Builder::new().name("ledger".into()).spawn(work)?;
        Ok(Self { inner: Arc::new(Inner { shared, flusher: Mutex::new(Some(flusher)), lock }) })
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("open_attempts", &self.open_attempts()).finish_non_exhaustive()
    }
}

impl Inner {
    /// Accepts nothing more and waits for the flusher to write what is left; whether it was still at work.
    fn stop(&self) -> bool {
        lock(&self.shared.queue).phase = Phase::Closed;
        self.shared.bell.notify_all();
        let flusher = self.flusher.lock().unwrap_or_else(PoisonError::into_inner).take();
        flusher.is_some_and(|flusher| flusher.join().is_ok())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Takes the lock that only one process may hold.
fn acquire(directory: &Path) -> Result<File, LedgerError> {
    let path = directory.join("lock");
    let opened = OpenOptions::new().mode(0o600).create(true).append(true).open(&path);
    let file = opened.map_err(|source| LedgerError::Open { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerError::Locked { directory: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(LedgerError::Open { path, source }),
    }
}
