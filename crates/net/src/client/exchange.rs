//! One request on one connection: how it is addressed, started, waited for, and when it may be sent again.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::uri::{Parts, PathAndQuery};
use http::{Request, Response, Uri, Version, header};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::time::timeout;

use super::http1::Http1;
use super::pool::Shelf;
use super::{Http2, Origin, ResponseBody, SendError, Sent};
use crate::body::Outgoing;

/// What hyper says to a request.
pub(super) type Answer = Result<Response<Incoming>, TrySendError<Request<Outgoing>>>;

/// An exchange that failed.
pub(super) struct Failed {
    pub(super) error: SendError,
    /// The request, if none of it was written.
    pub(super) unsent: Option<Box<Request<Outgoing>>>,
    /// Whether the connection closed and the upstream had not said anything.
    pub(super) silent: Silent,
}

/// Whether an upstream has said anything in answer to a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Silent {
    No,
    Yes,
}

impl Failed {
    /// The request to send once more, if that is safe. `spare` is a copy for when the original was written.
    pub(super) fn again(
        self,
        spare: Option<Box<Request<Outgoing>>>,
    ) -> Result<Box<Request<Outgoing>>, SendError> {
        let spare = if self.silent == Silent::Yes { spare } else { None };
        self.unsent.or(spare).ok_or(self.error)
    }

    fn after(mut failure: TrySendError<Request<Outgoing>>) -> Self {
        let unsent = failure.take_message().map(Box::new);
        let sent = if unsent.is_some() { Sent::Nothing } else { Sent::Perhaps };
        Self { error: SendError::from_exchange(failure.into_error(), sent), unsent, silent: Silent::No }
    }

    fn timed_out() -> Self {
        Self { error: SendError::HeadersTimeout, unsent: None, silent: Silent::No }
    }
}

/// Queues `request` on the connection, which is idle. A plain function: the request is handed over at once and does
/// not take up room in the future that waits.
pub(super) fn start_http1(
    http1: &mut Http1,
    mut request: Request<Outgoing>,
    origin: &Origin,
) -> impl Future<Output = Answer> + use<> {
    address_http1(&mut request, origin);
    http1.start(request)
}

/// Waits for the head of the answer.
pub(super) async fn finish_http1(
    mut http1: Box<Http1>,
    answer: impl Future<Output = Answer>,
    limit: Duration,
    shelf: Arc<Shelf>,
) -> Result<Response<ResponseBody>, Box<Failed>> {
    match timeout(limit, http1.finish(answer)).await {
        Ok(Ok(response)) => Ok(response.map(|body| ResponseBody::over_http1(body, http1, shelf))),
        Ok(Err(failure)) => {
            let mut failed = Failed::after(failure);
            if matches!(failed.error, SendError::Closed { .. }) && !http1.has_heard() {
                failed.silent = Silent::Yes;
            }
            Err(Box::new(failed))
        }
        Err(_) => Err(Box::new(Failed::timed_out())),
    }
}

/// One exchange on a shared connection.
pub(super) async fn over_http2(
    mut http2: Http2,
    mut request: Request<Outgoing>,
    limit: Duration,
    origin: &Origin,
) -> Result<Response<ResponseBody>, Box<Failed>> {
    address_http2(&mut request, origin);
    match timeout(limit, http2.sender.try_send_request(request)).await {
        Ok(Ok(response)) => Ok(response.map(ResponseBody::over_http2)),
        Ok(Err(failure)) => Err(Box::new(Failed::after(failure))),
        Err(_) => Err(Box::new(Failed::timed_out())),
    }
}

/// HTTP/1.1 names the origin in a header and only the path in the request line.
pub(super) fn address_http1(request: &mut Request<Outgoing>, origin: &Origin) {
    *request.version_mut() = Version::HTTP_11;
    if request.uri().authority().is_some() {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
    }
    request.headers_mut().entry(header::HOST).or_insert_with(|| origin.host_header().clone());
}

/// HTTP/2 names the origin in pseudo-headers, which hyper takes from an absolute target.
fn address_http2(request: &mut Request<Outgoing>, origin: &Origin) {
    *request.version_mut() = Version::HTTP_2;
    request.headers_mut().remove(header::HOST);
    let path = request.uri().path_and_query().cloned();
    let mut parts = Parts::default();
    parts.scheme = Some(origin.scheme().clone());
    parts.authority = Some(origin.authority().clone());
    parts.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// A copy of the request, if its body lies in memory.
pub(super) fn replica(request: &Request<Outgoing>) -> Option<Box<Request<Outgoing>>> {
    let mut copy = Request::new(request.body().replica()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(Box::new(copy))
}
