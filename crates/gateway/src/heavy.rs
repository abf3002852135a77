//! Large bodies take long to scan and to translate. That is done on a thread beside the worker's own, which goes on
//! with its other requests meanwhile.

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;

use tokio::sync::Semaphore;

/// Below this many bytes, going to another thread and back costs more than it spares the other requests.
const HEAVY: usize = 256 << 10;

/// One for each processor: more at once would only slow each other down, and the workers with them.
static PLACES: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)));

/// Whether work on so many bytes is better done elsewhere.
pub(crate) const fn is(bytes: usize) -> bool {
    bytes >= HEAVY
}

/// Does `work` on a thread of its own, once there is a place for it. A panic there is the caller's.
///
/// # Cancel safety
/// Dropping the future before the work has begun leaves it undone. Work that has begun runs to its end and keeps
/// its place until then; what it brought is dropped.
pub(crate) fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Pin<Box<dyn Future<Output = T> + Send>> {
    // Boxed, so that the futures of all other requests are no larger for it.
    Box::pin(async move {
        let place = PLACES.acquire().await;
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        });
        match working.await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(done) => done,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime ends, and this future with it.
            Err(Err(_)) => std::future::pending().await,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::task::Poll;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_the_callers_and_takes_no_place() {
        for _ in 0..=PLACES.available_permits() {
            let mut working = run(|| panic!("on purpose"));
            let is_panic = poll_fn(|context| {
                let polled = catch_unwind(AssertUnwindSafe(|| working.as_mut().poll(context)));
                polled.map_or(Poll::Ready(true), |poll| poll.map(|()| false))
            });
            assert!(is_panic.await);
        }
        assert_eq!(run(|| 1).await, 1);
    }
}
