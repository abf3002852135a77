//! One accepted connection, from its first byte to its close.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::io::{MalformedHead, Watched};
use super::serve::{Counters, ServeConfig, Shared};
use super::vitals::{Heads, Phase, Tracked, Upgrade, Vitals};
use super::watchdog::{Patience, Watchdog};
use crate::body::{self, Discard, Outgoing};
use crate::drain::{Drain, TaskExecutor};
use crate::peer::{Peer, Security};
use crate::transport::Transport;
use crate::websocket;

/// Where an HTTP/2 connection that needs no TLS to say so begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The most headers of a request. Over HTTP/1.1 it is hyper's own limit: setting it, even to the same, would cost every
/// request an allocation.
pub const MAX_HEADERS: usize = 100;
/// How often an HTTP/2 client is asked whether it is still there, and how long it has to answer.
const PING: Duration = Duration::from_secs(10);
/// The caps of HTTP/2: each bounds what one client can make the server hold.
const MAX_STREAMS: u32 = 200;
const MAX_PENDING_RESETS: usize = 20;
const MAX_LOCAL_RESETS: usize = 1024;
/// How many times the head's cap is read over HTTP/2 before the stream is reset: a reset says nothing, and clients try
/// it again; up to here the answer says what is wrong.
const READ_TO_REFUSE: u32 = 4;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

/// Serves everything on `stream`, until it ends.
pub(super) async fn serve<S, F>(shared: Arc<Shared<S>>, stream: TcpStream, mut peer: Peer)
where
    S: Fn(Request<Incoming>, Peer) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Outgoing>> + Send + 'static,
{
    let handshake = async {
        match &shared.tls {
            Some(acceptor) => {
                peer.security = Security::Tls;
                accept_tls(acceptor, stream).await
            }
            None => recognise(stream).await,
        }
    };
    let begun = tokio::select! {
        biased;
        begun = timeout(shared.config.head_timeout, handshake) => begun,
        // Nothing has been asked yet, so nothing is owed.
        () = shared.drain.draining() => return,
    };
    let (transport, protocol) = match begun {
        Ok(Ok(begun)) => begun,
        Ok(Err(_)) => return Counters::count(&shared.counters.handshake_failures),
        Err(_) => return Counters::count(&shared.counters.timed_out),
    };
    match protocol {
        Protocol::Http1 => serve_http1(shared, transport, peer).await,
        Protocol::Http2 => Box::pin(serve_http2(shared, transport, peer)).await,
    }
}

async fn accept_tls(acceptor: &TlsAcceptor, stream: TcpStream) -> std::io::Result<(Transport, Protocol)> {
    let stream = acceptor.accept(stream).await?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let protocol = if is_http2 { Protocol::Http2 } else { Protocol::Http1 };
    Ok((Transport::Tls(Box::new(TlsStream::Server(stream))), protocol))
}

/// Tells HTTP/2 by prior knowledge from HTTP/1.1 by the first bytes. Three are enough: no method begins with `PRI`.
/// A client that sends its preface in smaller pieces than that is taken for HTTP/1.1 and refused.
async fn recognise(stream: TcpStream) -> std::io::Result<(Transport, Protocol)> {
    let mut start = [0; PREFACE.len()];
    let length = stream.peek(&mut start).await?;
    let seen = start.get(..length).unwrap_or_default();
    let is_http2 = seen.len() >= 3 && PREFACE.starts_with(seen);
    let protocol = if is_http2 { Protocol::Http2 } else { Protocol::Http1 };
    Ok((Transport::Plain(stream), protocol))
}

async fn serve_http1<S, F>(shared: Arc<Shared<S>>, transport: Transport, peer: Peer)
where
    S: Fn(Request<Incoming>, Peer) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Outgoing>> + Send + 'static,
{
    let vitals = Vitals::new(Heads::Bytes);
    let refusal = shared.config.refuse_head.clone();
    let io = TokioIo::new(Watched::new(transport, Arc::clone(&vitals), refusal, peer));
    let service = service_fn(|request| call(&shared, &vitals, request, peer));
    let connection = http1::Builder::new()
        // Half-closed is gone: a client that leaves is noticed while its answer is being made.
        .half_close(false)
        .keep_alive(true)
        // The watchdog does this, with a timer per connection instead of one per request.
        .header_read_timeout(None)
        .max_header_size(shared.config.max_head)
        .serve_connection(io, service)
        .with_upgrades();
    supervise(pin!(connection), &vitals, &shared.watch()).await;
    if let Some(upgrade) = vitals.take_upgrade() {
        // Boxed: rare, and every connection's future has room for it.
        Box::pin(hold(upgrade)).await;
    }
}

/// What is said over a connection that has become a WebSocket, to its end.
async fn hold(Upgrade { upgraded, session }: Upgrade) {
    if let Ok(upgraded) = upgraded.await {
        session.hold(upgraded).await;
    }
}

async fn serve_http2<S, F>(shared: Arc<Shared<S>>, transport: Transport, peer: Peer)
where
    S: Fn(Request<Incoming>, Peer) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Outgoing>> + Send + 'static,
{
    let vitals = Vitals::new(Heads::Frames);
    // HTTP/2 says goodbye in frames; there is no answer that a reset could cut off.
    vitals.close_at_once();
    let io = TokioIo::new(Watched::new(transport, Arc::clone(&vitals), None, peer));
    let executor = TaskExecutor { tasks: shared.tasks.clone(), name: "http2_stream" };
    let watch = shared.watch();
    let watched = Arc::clone(&vitals);
    let service = service_fn(move |request| {
        let (shared, vitals) = (Arc::clone(&shared), Arc::clone(&watched));
        async move { call(&shared, &vitals, request, peer).await }
    });
    let max_head = u32::try_from(watch.max_head).unwrap_or(u32::MAX);
    let connection = http2::Builder::new(executor)
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(max_head.saturating_mul(READ_TO_REFUSE))
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_LOCAL_RESETS)
        .serve_connection(io, service);
    supervise(pin!(connection), &vitals, &watch).await;
}

/// Calls the handler, and keeps the request counted until its answer is sent.
fn call<S, F>(
    shared: &Shared<S>,
    vitals: &Arc<Vitals>,
    mut request: Request<Incoming>,
    peer: Peer,
) -> impl Future<Output = Result<Response<Tracked>, Infallible>> + use<S, F>
where
    S: Fn(Request<Incoming>, Peer) -> F,
    F: Future<Output = Response<Outgoing>>,
{
    let in_flight = vitals.begin();
    let upgrade = upgrade(&mut request, vitals);
    let answering = match fault(&request, shared.config.max_head) {
        None => Ok((shared.service)(request, peer)),
        // Boxed: it is rare, and every request's future has room for it.
        Some(status) => Err(Box::pin(refuse(&shared.config, status, request, peer))),
    };
    async move {
        let mut answer = match answering {
            Ok(answer) => answer.await,
            Err(refusal) => refusal.await,
        };
        if let Some((vitals, upgraded)) = upgrade
            && let Some(session) = answer.body_mut().take_session()
        {
            vitals.keep_upgrade(Upgrade { upgraded, session });
        }
        Ok(answer.map(|body| Tracked::new(body, in_flight)))
    }
}

/// What becomes of the connection, where the request wants it to be something else.
fn upgrade(request: &mut Request<Incoming>, vitals: &Arc<Vitals>) -> Option<(Arc<Vitals>, OnUpgrade)> {
    let is_asked = websocket::is_asked(request.method(), request.headers());
    is_asked.then(|| (Arc::clone(vitals), hyper::upgrade::on(request)))
}

/// What is wrong with a head that could be read.
fn fault(request: &Request<Incoming>, max_head: usize) -> Option<StatusCode> {
    let headers = request.headers();
    if request.version() == Version::HTTP_2 {
        let size = |(name, value): (&header::HeaderName, &HeaderValue)| name.as_str().len() + value.len();
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        let is_large = || headers.iter().map(size).sum::<usize>() + target > max_head;
        let refused = headers.len() > MAX_HEADERS || is_large();
        return refused.then_some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    // RFC 9112, section 3.2: of two names, a proxy in front may have gone by the other one.
    let is_called = match headers.get_all(header::HOST).iter().take(2).count() {
        0 => request.version() != Version::HTTP_11,
        hosts => hosts == 1,
    };
    (!is_called).then_some(StatusCode::BAD_REQUEST)
}

/// The answer to a head that could be read and is refused.
fn refuse(
    config: &ServeConfig,
    status: StatusCode,
    request: Request<Incoming>,
    peer: Peer,
) -> impl Future<Output = Response<Outgoing>> + use<> {
    let is_http2 = request.version() == Version::HTTP_2;
    let start = format!("{} {}", request.method(), request.uri().path());
    let head = MalformedHead { status, start: start.as_bytes(), peer: peer.ip() };
    let mut answer = config.refuse_head.as_ref().map_or_else(
        || {
            let mut bare = Response::new(Bytes::new());
            *bare.status_mut() = status;
            bare
        },
        |word| word(head),
    );
    if !is_http2 {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    async move {
        if is_http2 {
            body::discard(request.into_body(), Discard::OVER_HTTP2).await;
        }
        answer.map(Outgoing::from)
    }
}

/// What supervising a connection needs of the server.
pub(super) struct Watch {
    pub(super) patience: Patience,
    pub(super) drain: Drain,
    pub(super) counters: Arc<Counters>,
    pub(super) max_head: usize,
}

/// A connection that can be asked to end after what it is doing.
trait Graceful: Future {
    fn finish_soon(self: Pin<&mut Self>);
}

impl<I, B, S> Graceful for http1::UpgradeableConnection<I, S>
where
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn finish_soon(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, B, S, E> Graceful for http2::Connection<I, S, E>
where
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: hyper::rt::bounds::Http2ServerConnExec<S::Future, B>,
{
    fn finish_soon(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Drives a connection to its end: its own, the drain's, or the watchdog's.
async fn supervise<C: Graceful>(mut connection: Pin<&mut C>, vitals: &Vitals, watch: &Watch) {
    let mut watchdog = Watchdog::new(watch.patience);
    let mut draining = pin!(watch.drain.draining());
    let mut signal = Signal::Unasked;
    let expired = poll_fn(|cx: &mut Context<'_>| {
        // The task's waker never changes, so one poll of the signal registers it for good; after that a flag is read.
        let drain = match signal {
            Signal::Unasked => draining.as_mut().poll(cx).is_ready(),
            Signal::Registered => watch.drain.is_draining(),
            Signal::Heeded => false,
        };
        if signal == Signal::Unasked {
            signal = Signal::Registered;
        }
        if drain {
            signal = Signal::Heeded;
            if vitals.phase() == Phase::Idle {
                vitals.close_at_once();
            }
            connection.as_mut().finish_soon();
        }
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        watchdog.poll(cx, vitals).map(Some)
    })
    .await;
    match expired {
        Some(Phase::Head | Phase::Stalled) => Counters::count(&watch.counters.timed_out),
        Some(Phase::Closing | Phase::Idle | Phase::Serving) | None => {}
    }
}

/// What a connection knows of the drain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signal {
    Unasked,
    Registered,
    Heeded,
}
