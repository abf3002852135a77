//! A caller's body on its way to an upstream: passed on as it comes, never held.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use tokio::time::{Sleep, sleep};

use super::{Aborted, Outgoing, Source};

/// A body that is passed on as it comes.
#[derive(Debug)]
pub struct Upload<B> {
    body: B,
    /// How long its sender may be silent.
    idle: Duration,
    /// Runs only while more could be sent on than has come.
    timer: Option<Pin<Box<Sleep>>>,
    passed: Passed,
}

/// How many bytes of a body have been passed on. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Passed(Arc<AtomicU64>);

impl Passed {
    /// The bytes so far.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<B> Upload<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    /// A body to be sent, of one that comes in. If its sender breaks off, or is silent for `idle` while more could be
    /// sent, it is broken off as well. Nothing is read before it can be passed on.
    pub fn outgoing(body: B, idle: Duration) -> (Outgoing, Passed) {
        let passed = Passed::default();
        let upload = Self { body, idle, timer: None, passed: passed.clone() };
        (Outgoing::from_source(upload), passed)
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let idle = self.idle;
        self.timer.get_or_insert_with(|| Box::pin(sleep(idle))).as_mut().poll(cx)
    }
}

impl<B> Source for Upload<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Aborted>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                ready!(self.poll_silence(cx));
                return Poll::Ready(Some(Err(Aborted)));
            };
            self.timer = None;
            let Some(frame) = frame else { return Poll::Ready(None) };
            let Ok(frame) = frame else { return Poll::Ready(Some(Err(Aborted))) };
            // What brings nothing to pass on is a sign of life all the same.
            if let Ok(data) = frame.into_data()
                && !data.is_empty()
            {
                self.passed.0.fetch_add(data.len() as u64, Ordering::Relaxed);
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }

    fn panicked(&mut self) {}
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use http_body_util::BodyExt;

    use super::*;
    use crate::body::{BodyError, Pace, collect_capped};

    const IDLE: Duration = Duration::from_secs(10);

    async fn read(upload: Outgoing) -> Result<Bytes, BodyError> {
        let pace = Pace { idle: IDLE, floor: NonZeroU32::MIN };
        collect_capped(upload, 100, pace).await
    }

    #[tokio::test]
    async fn a_body_is_passed_on_and_counted() {
        let (sender, body) = Outgoing::channel(4);
        let (upload, passed) = Upload::outgoing(body, IDLE);
        for piece in ["ab", "cde"] {
            sender.send(Bytes::from_static(piece.as_bytes())).await.unwrap();
        }
        sender.finish();
        assert_eq!(read(upload).await.unwrap(), "abcde");
        assert_eq!(passed.bytes(), 5);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_broken_off() {
        let (sender, body) = Outgoing::channel(4);
        let (upload, _) = Upload::outgoing(body, IDLE);
        sender.abort();
        assert!(matches!(read(upload).await, Err(BodyError::Broken(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_broken_off_and_a_slow_one_is_not() {
        let (sender, body) = Outgoing::channel(1);
        let (mut upload, _) = Upload::outgoing(body, IDLE);
        for _ in 0..3 {
            let slow = async {
                sleep(IDLE / 2).await;
                sender.send(Bytes::from_static(b"a")).await.unwrap();
            };
            let (frame, ()) = tokio::join!(upload.frame(), slow);
            assert!(frame.unwrap().is_ok());
        }
        assert!(upload.frame().await.unwrap().is_err());
    }
}
