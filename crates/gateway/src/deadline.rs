//! Waiting with an end: each stage's timer is cut to what is left of the whole request's time.

use std::future::Future;
use std::time::Duration;

use types::{Clock, Monotonic};

/// A stage took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Elapsed {
    /// How long it was given.
    pub(crate) after: Duration,
}

/// The shorter of `stage` and what is left until `deadline`.
pub(crate) fn left(stage: Duration, deadline: Monotonic, clock: &dyn Clock) -> Duration {
    stage.min(deadline.since(clock.now()))
}

/// Waits for `future`, at most for `limit`.
///
/// # Cancel safety
/// As that of `future`.
pub(crate) async fn within<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    tokio::time::timeout(limit, future).await.map_err(|_| Elapsed { after: limit })
}
