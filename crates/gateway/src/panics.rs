//! A panic ends the request that caused it and nothing else.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use types::{Code, Refusal};

/// Drives `future` to its end; `None` if it panicked. What it held has been dropped by then.
pub(crate) fn contain<F: Future>(mut future: Pin<&mut F>) -> impl Future<Output = Option<F::Output>> {
    poll_fn(move |context| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |poll| poll.map(Some))
    })
}

/// What the caller of such a request is told. What was said in the panic may quote a prompt and is not repeated.
pub(crate) fn refusal() -> Refusal {
    Refusal::new(Code::Internal, "the gateway failed on this request; its operator has been told")
}
