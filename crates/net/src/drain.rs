//! Owned tasks and the orderly end: begin to drain, let what is in flight finish, then stop.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Spawns tasks that have a name and an owner, and counts the running ones by name. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    counters: Arc<Mutex<Counters>>,
}

type Counters = Vec<(&'static str, Arc<AtomicUsize>)>;

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `future` on the current runtime as a task called `name`. Dropping the handle leaves it running.
    #[expect(clippy::disallowed_methods, reason = "the one place where tasks are spawned")]
    pub fn spawn<F>(&self, name: &'static str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // Counted by a guard that lives in the task, so abort and panic are counted out as well.
        let running = Running::enter(self.counter(name));
        tokio::spawn(async move {
            let _running = running;
            future.await
        })
    }

    /// How many tasks of this name are running.
    pub fn running(&self, name: &str) -> usize {
        let counters = self.lock();
        counters
            .iter()
            .find(|(known, _)| *known == name)
            .map_or(0, |(_, count)| count.load(Ordering::Relaxed))
    }

    /// Every name that was ever used, with its running tasks.
    pub fn counts(&self) -> Vec<(&'static str, usize)> {
        self.lock().iter().map(|(name, count)| (*name, count.load(Ordering::Relaxed))).collect()
    }

    fn counter(&self, name: &'static str) -> Arc<AtomicUsize> {
        let mut counters = self.lock();
        if let Some((_, count)) = counters.iter().find(|(known, _)| *known == name) {
            return Arc::clone(count);
        }
        let count = Arc::new(AtomicUsize::new(0));
        counters.push((name, Arc::clone(&count)));
        count
    }

    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands hyper's own futures (HTTP/2 streams) to [`Tasks`] under one name.
#[derive(Clone, Debug)]
pub(crate) struct TaskExecutor {
    pub(crate) tasks: Tasks,
    pub(crate) name: &'static str,
}

impl<F> hyper::rt::Executor<F> for TaskExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(self.tasks.spawn(self.name, future));
    }
}

/// Counts itself while it lives.
#[derive(Debug)]
struct Running(Arc<AtomicUsize>);

impl Running {
    fn enter(count: Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The signal to finish what is in flight and take nothing new. Clones share the state.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    draining: Signal,
    cut: Signal,
    busy: AtomicUsize,
    idle: Notify,
}

/// Something that happens once.
#[derive(Debug, Default)]
struct Signal {
    raised: AtomicBool,
    told: Notify,
}

impl Signal {
    fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        self.told.notify_waiters();
    }

    fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Acquire)
    }

    async fn wait(&self) {
        let mut told = std::pin::pin!(self.told.notified());
        // Enabled before the check, so that a signal between the check and the wait is not lost.
        told.as_mut().enable();
        if !self.is_raised() {
            told.await;
        }
    }
}

/// The drain did not finish in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillBusy {
    /// What had not finished.
    pub remaining: usize,
}

impl std::fmt::Display for StillBusy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} connections or requests had not finished", self.remaining)
    }
}

impl std::error::Error for StillBusy {}

impl Drain {
    /// Not draining.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins to drain; there is no way back.
    pub fn begin(&self) {
        self.shared.draining.raise();
    }

    /// Whether draining has begun.
    pub fn is_draining(&self) -> bool {
        self.shared.draining.is_raised()
    }

    /// Waits until draining begins. Dropping it forgets the wait.
    pub async fn draining(&self) {
        self.shared.draining.wait().await;
    }

    /// Ends what has not finished: each says so to its caller and stops. There is no way back.
    pub fn cut(&self) {
        self.shared.cut.raise();
    }

    /// Whether what has not finished is to end.
    pub fn is_cut(&self) -> bool {
        self.shared.cut.is_raised()
    }

    /// Waits until what has not finished is to end. Dropping it forgets the wait.
    pub async fn cut_short(&self) {
        self.shared.cut.wait().await;
    }

    /// Marks something that the drain has to wait for, as long as the guard lives.
    pub fn enter(&self) -> Busy {
        self.shared.busy.fetch_add(1, Ordering::AcqRel);
        Busy(Arc::clone(&self.shared))
    }

    /// How much the drain would have to wait for now.
    pub fn busy(&self) -> usize {
        self.shared.busy.load(Ordering::Acquire)
    }

    /// Waits until nothing is in flight, at most `limit`. Dropping it forgets the wait.
    ///
    /// # Errors
    /// [`StillBusy`] when the limit passed first.
    pub async fn wait_idle(&self, limit: Duration) -> Result<(), StillBusy> {
        let idle = async {
            loop {
                let mut idle = std::pin::pin!(self.shared.idle.notified());
                idle.as_mut().enable();
                if self.busy() == 0 {
                    return;
                }
                idle.await;
            }
        };
        tokio::time::timeout(limit, idle).await.map_err(|_| StillBusy { remaining: self.busy() })
    }
}

/// Something the drain waits for, until this is dropped.
#[derive(Debug)]
#[must_use = "dropping the guard says that the work is done"]
pub struct Busy(Arc<Shared>);

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tasks_are_counted_by_name_until_they_end_or_are_aborted() {
        let tasks = Tasks::new();
        let (release, held) = tokio::sync::oneshot::channel::<()>();
        let ends = tasks.spawn("ends", held);
        let aborted = tasks.spawn("aborted", std::future::pending::<()>());
        assert_eq!(tasks.counts(), [("ends", 1), ("aborted", 1)]);
        release.send(()).unwrap();
        ends.await.unwrap().unwrap();
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
        assert_eq!((tasks.running("ends"), tasks.running("aborted"), tasks.running("other")), (0, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_drain_waits_for_what_is_in_flight() {
        let drain = Drain::new();
        let busy = drain.enter();
        assert_eq!(drain.wait_idle(Duration::from_secs(5)).await, Err(StillBusy { remaining: 1 }));
        let waiting = drain.clone();
        let idle =
            Tasks::new().spawn("waits", async move { waiting.wait_idle(Duration::from_secs(5)).await });
        tokio::task::yield_now().await;
        drop(busy);
        assert_eq!(idle.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn everyone_learns_that_draining_began_also_afterwards() {
        let drain = Drain::new();
        let early = drain.clone();
        let early = Tasks::new().spawn("waits", async move { early.draining().await });
        tokio::task::yield_now().await;
        assert!(!drain.is_draining());
        drain.begin();
        early.await.unwrap();
        drain.draining().await;
        assert!(drain.is_draining());
    }
}
