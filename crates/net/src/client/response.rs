//! A response's body, which owns the connection it comes over.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::http1::Http1;
use super::pool::Shelf;

/// The body of an upstream's response.
///
/// Read to its end (`None`), it gives its connection back for the next request. Dropped before that it closes the
/// connection (or resets the HTTP/2 stream) at once, which is how the upstream learns that nobody is listening.
#[must_use = "dropping the body cancels the response"]
pub struct ResponseBody {
    incoming: Incoming,
    /// The connection that has to be driven; `None` for HTTP/2, and once the body has ended.
    lease: Option<Lease>,
}

struct Lease {
    http1: Box<Http1>,
    shelf: Arc<Shelf>,
}

impl ResponseBody {
    pub(super) fn over_http1(incoming: Incoming, http1: Box<Http1>, shelf: Arc<Shelf>) -> Self {
        let mut body = Self { incoming, lease: Some(Lease { http1, shelf }) };
        body.give_back_at_end();
        body
    }

    pub(super) fn over_http2(incoming: Incoming) -> Self {
        Self { incoming, lease: None }
    }

    /// Gives the connection back as soon as the last byte is in, without waiting to be polled for `None`.
    fn give_back_at_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if let Some(Lease { http1, shelf }) = self.lease.take() {
            shelf.put(http1);
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let Some(lease) = &mut this.lease else {
            return Pin::new(&mut this.incoming).poll_frame(cx);
        };
        let frame = lease.http1.poll_frame(&mut this.incoming, cx);
        match &frame {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(_))) => this.give_back_at_end(),
            Poll::Ready(None) => this.give_back(),
            Poll::Ready(Some(Err(_))) => this.lease = None,
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("incoming", &self.incoming).finish_non_exhaustive()
    }
}
