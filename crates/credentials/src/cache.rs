//! A credential that ends is obtained once for all requests, and again before it ends: by the first request that comes
//! late enough, beside it. While that fails the old one goes on for as long as it is good.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tokio::time::timeout;
use types::Monotonic;

use crate::error::{AuthorizeError, ObtainError};
use crate::fetch::Surroundings;

/// A credential as it was given out.
#[derive(Debug)]
pub(crate) struct Issued<T> {
    pub(crate) value: T,
    /// How long it is good from now on; `None` for one that does not end by itself.
    pub(crate) lasts: Option<Duration>,
}

/// An attempt to obtain a credential.
pub(crate) type Obtaining<T> = Pin<Box<dyn Future<Output = Result<Issued<T>, ObtainError>> + Send>>;

/// Begins an attempt.
type Obtain<T> = Box<dyn Fn() -> Obtaining<T> + Send + Sync>;

/// The credential that is held, and how to obtain the next one.
pub(crate) struct Cache<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    obtain: Obtain<T>,
    around: Surroundings,
    held: ArcSwapOption<Held<T>>,
    state: Mutex<State>,
    /// Counts attempts that have ended.
    ended: watch::Sender<u64>,
}

/// A credential and the time it has.
struct Held<T> {
    value: Arc<T>,
    /// The one before it, which requests under way may still carry.
    before: Option<Arc<T>>,
    since: Monotonic,
    term: Option<Term>,
    /// Whether a provider has refused it.
    is_doubted: AtomicBool,
}

/// When a credential is to be renewed, and until when it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Term {
    due: Monotonic,
    end: Monotonic,
}

/// Where the attempts stand.
#[derive(Default)]
struct State {
    is_under_way: bool,
    failures: u32,
    /// The last attempt's error, and until when it stands for a further one.
    error: Option<(Arc<ObtainError>, Monotonic)>,
}

/// What became of the wish for an attempt.
enum Begun<T> {
    /// One has just ended well.
    NotNeeded(Arc<T>),
    /// One is under way.
    UnderWay,
    /// The last one has failed just now.
    Resting(Arc<ObtainError>),
}

impl<T: Send + Sync + 'static> Cache<T> {
    /// Holds nothing yet.
    pub(crate) fn new(obtain: Obtain<T>, around: Surroundings) -> Self {
        let (held, state, ended) = (ArcSwapOption::empty(), Mutex::default(), watch::Sender::new(0));
        Self { shared: Arc::new(Shared { obtain, around, held, state, ended }) }
    }

    /// The credential. Only where none is held that is good does it wait for one.
    ///
    /// # Cancel safety
    /// Dropping it stops waiting; the attempt goes on for the others.
    pub(crate) async fn value(&self) -> Result<Arc<T>, AuthorizeError> {
        let now = self.shared.around.clock.now();
        let Some(held) = self.shared.held.load_full().filter(|held| held.is_good(now)) else {
            return self.obtained().await;
        };
        if held.is_doubted(now) {
            // It may still be good: what a provider refuses for another reason is no reason to have none.
            return Ok(self.obtained().await.unwrap_or_else(|_| Arc::clone(&held.value)));
        }
        if held.is_due(now) {
            // Whatever becomes of it, this request goes on with what there is.
            let _ = self.shared.begin(now);
        }
        Ok(Arc::clone(&held.value))
    }

    async fn obtained(&self) -> Result<Arc<T>, AuthorizeError> {
        let shared = &self.shared;
        loop {
            // In this order: an attempt that ends in between is not missed.
            let mut ended = shared.ended.subscribe();
            let before = shared.held.load_full();
            match shared.begin(shared.around.clock.now()) {
                Begun::NotNeeded(value) => return Ok(value),
                Begun::Resting(error) => return Err(AuthorizeError::new(error)),
                Begun::UnderWay => {}
            }
            // The sender lives as long as `self`.
            let _ = ended.changed().await;
            // One that came while it was waited for is taken however short its time is.
            let is_new =
                |held: &Arc<Held<T>>| before.as_ref().is_none_or(|before| !Arc::ptr_eq(before, held));
            if let Some(held) = shared.held.load_full().filter(is_new) {
                return Ok(Arc::clone(&held.value));
            }
        }
    }

    /// A provider has refused the credential: it may have been revoked, so that a new one is waited for.
    pub(crate) fn doubt(&self) {
        if let Some(held) = &*self.shared.held.load() {
            held.is_doubted.store(true, Ordering::Relaxed);
        }
    }

    /// What requests under way may carry.
    pub(crate) fn known(&self) -> impl Iterator<Item = Arc<T>> {
        let held = self.shared.held.load_full();
        let both = held.map(|held| [Some(Arc::clone(&held.value)), held.before.clone()]);
        both.into_iter().flatten().flatten()
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    /// Begins an attempt unless one is under way or the last one's failure is too fresh.
    fn begin(self: &Arc<Self>, now: Monotonic) -> Begun<T> {
        let mut state = self.state();
        if state.is_under_way {
            return Begun::UnderWay;
        }
        if let Some(held) = self.held.load_full().filter(|held| held.is_good(now) && !held.is_due(now)) {
            return Begun::NotNeeded(Arc::clone(&held.value));
        }
        if let Some((error, until)) = &state.error
            && now < *until
        {
            return Begun::Resting(Arc::clone(error));
        }
        state.is_under_way = true;
        drop(state);
        let round = Round { shared: Arc::clone(self), is_over: false };
        drop(self.around.tasks.spawn("credential", round.run(now)));
        Begun::UnderWay
    }

    /// Takes in what an attempt that began at `asked` has brought.
    fn take(&self, asked: Monotonic, obtained: Result<Issued<T>, ObtainError>) {
        (self.around.report)(obtained.as_ref().map(|_| ()));
        let mut state = self.state();
        match obtained {
            Ok(Issued { value, lasts }) => {
                (state.failures, state.error) = (0, None);
                let before = self.held.load_full().map(|held| Arc::clone(&held.value));
                let (value, is_doubted) = (Arc::new(value), AtomicBool::new(false));
                let term = lasts.map(|lasts| Term::new(asked, lasts));
                self.held.store(Some(Arc::new(Held { value, before, since: asked, term, is_doubted })));
            }
            Err(error) => state.fail(error, self.around.clock.now()),
        }
    }
}

impl State {
    fn fail(&mut self, error: ObtainError, now: Monotonic) {
        let pause = pause_after(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.error = Some((Arc::new(error), now.plus(pause)));
    }
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Held<T> {
    fn is_good(&self, now: Monotonic) -> bool {
        self.term.is_none_or(|term| now < term.end)
    }

    /// Whether a provider has refused it. A refusal that a new one does not cure must not fetch one for each request.
    fn is_doubted(&self, now: Monotonic) -> bool {
        self.is_doubted.load(Ordering::Relaxed) && now.since(self.since) >= DOUBT
    }

    fn is_due(&self, now: Monotonic) -> bool {
        self.is_doubted(now) || self.term.is_some_and(|term| now >= term.due)
    }
}

impl Term {
    /// Renewed when four fifths of its time are over, or five minutes before the end where that is later. What is sent
    /// with it takes a moment to arrive: it counts as over a little before its end.
    fn new(asked: Monotonic, lasts: Duration) -> Self {
        let lasts = lasts.min(LONGEST_TERM);
        let due = (lasts * 4 / 5).max(lasts.saturating_sub(EARLY));
        let end = lasts.saturating_sub((lasts / 10).min(ARRIVAL));
        Self { due: asked.plus(due), end: asked.plus(end) }
    }
}

/// How long a failure stands for further attempts: one second, doubled with each, up to half a minute.
fn pause_after(failures: u32) -> Duration {
    (FIRST_PAUSE * 2_u32.saturating_pow(failures.min(10))).min(LONGEST_PAUSE)
}

/// An attempt under way. However it ends, also by a panic or with its runtime, those who wait for it hear of it.
struct Round<T> {
    shared: Arc<Shared<T>>,
    is_over: bool,
}

impl<T: Send + Sync + 'static> Round<T> {
    async fn run(mut self, asked: Monotonic) {
        let shared = &self.shared;
        let obtained = timeout(shared.around.limit, (shared.obtain)()).await;
        shared.take(asked, obtained.unwrap_or(Err(ObtainError::Timeout)));
        self.is_over = true;
    }
}

impl<T> Drop for Round<T> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if !self.is_over {
            state.fail(ObtainError::Interrupted, self.shared.around.clock.now());
        }
        state.is_under_way = false;
        drop(state);
        self.shared.ended.send_modify(|ended| *ended = ended.wrapping_add(1));
    }
}

const EARLY: Duration = Duration::from_mins(5);
const ARRIVAL: Duration = Duration::from_secs(10);
const DOUBT: Duration = Duration::from_secs(10);
/// Nobody gives out tokens for longer; what says so is no number to calculate with.
const LONGEST_TERM: Duration = Duration::from_hours(30 * 24);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lasts: u64, due: u64, end: u64) {
        let seconds = |seconds| Monotonic::default().plus(Duration::from_millis(seconds));
        let term = Term::new(Monotonic::default(), Duration::from_millis(lasts));
        assert_eq!(term, Term { due: seconds(due), end: seconds(end) });
    }

    #[test]
    fn a_credential_is_renewed_well_before_it_ends() {
        check(3_600_000, 3_300_000, 3_590_000);
        check(60_000, 48_000, 54_000);
        check(1_000, 800, 900);
        check(0, 0, 0);
        let longest = u64::try_from(LONGEST_TERM.as_millis()).unwrap();
        check(u64::MAX, longest - 300_000, longest - 10_000);
    }

    #[test]
    fn pauses_after_failures_grow_to_half_a_minute() {
        let pauses = [0, 1, 2, 4, 5, u32::MAX].map(|failures| pause_after(failures).as_secs());
        assert_eq!(pauses, [1, 2, 4, 16, 30, 30]);
    }
}
