//! The pooled upstream client: HTTP/1.1, and HTTP/2 where TLS picks it.

mod connect;
mod error;
mod exchange;
mod heard;
mod http1;
mod origin;
mod pool;
mod reach;
mod response;
mod socket;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use http::{Request, Response};
use hyper::client::conn::http2::SendRequest;
use types::{Clock, Monotonic};

use self::connect::Connection;
use self::http1::Http1;
use self::pool::{Keep, Pool, Pooled, Shelf};
use crate::body::Outgoing;
use crate::drain::Tasks;
use crate::tls::ClientTls;

pub use self::error::{SendError, Sent};
pub use self::origin::{Origin, OriginError};
pub use self::reach::Reach;
pub use self::response::ResponseBody;
pub use self::socket::Opened;

/// A connection that rested at least this long may have been closed by the other side: requests on it keep a copy of
/// themselves for one retry. A busy connection's requests do not pay for that.
const RESTED: Duration = Duration::from_millis(100);

/// How connections are kept between requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// The most idle HTTP/1.1 connections kept per origin.
    pub max_idle_per_origin: usize,
    /// How long a connection may rest.
    pub idle_timeout: Duration,
    /// How old a connection may become before it takes no further request, so that address changes are followed.
    pub max_age: Duration,
    /// Which addresses it may connect to.
    pub reach: Reach,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            max_idle_per_origin: 512,
            idle_timeout: Duration::from_secs(50),
            max_age: Duration::from_mins(10),
            reach: Reach::default(),
        }
    }
}

/// How long each stage of one request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendTimers {
    /// Resolving and connecting, over all addresses.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// From the first byte written to the end of the response's headers.
    pub headers: Duration,
}

impl Default for SendTimers {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            tls: Duration::from_secs(3),
            headers: Duration::from_secs(30),
        }
    }
}

/// Sends requests to upstreams over kept connections. Clones share the pool.
///
/// A connection belongs to the runtime that opened it: where each core runs a runtime of its own, each has a client
/// of its own.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    keep: Keep,
    reach: Reach,
    clock: Arc<dyn Clock>,
    tls: Arc<ClientTls>,
    tasks: Tasks,
    sweeper: OnceLock<()>,
}

/// A shared HTTP/2 connection.
#[derive(Clone)]
struct Http2 {
    sender: SendRequest<Outgoing>,
    opened: Monotonic,
}

/// How a request begins.
enum Begun<A> {
    /// On a kept HTTP/1.1 connection, already queued; with a copy for when that turns out dead.
    Http1 { http1: Box<Http1>, answer: A, spare: Option<Box<Request<Outgoing>>> },
    /// On a shared HTTP/2 connection.
    Http2 { http2: Http2, request: Box<Request<Outgoing>> },
    /// On a connection that has to be opened.
    Fresh { request: Box<Request<Outgoing>> },
}

impl Client {
    /// A client without connections. Its background tasks go through `tasks`.
    pub fn new(config: ClientConfig, tls: Arc<ClientTls>, clock: Arc<dyn Clock>, tasks: Tasks) -> Self {
        let keep = Keep {
            max_idle: config.max_idle_per_origin,
            idle_timeout: config.idle_timeout,
            max_age: config.max_age,
        };
        let (pool, reach, sweeper) = (Pool::default(), config.reach, OnceLock::new());
        Self { inner: Arc::new(Inner { pool, keep, reach, clock, tls, tasks, sweeper }) }
    }

    /// Sends `request`, whose target is a path, and waits for the response's headers. `Host` is set if absent.
    ///
    /// A kept connection that turns out dead before any byte of a response came is replaced by a new one, once, if
    /// the request was not written yet or its body lies in memory.
    ///
    /// # Errors
    /// See [`SendError`].
    ///
    /// # Cancel safety
    /// Dropping it closes the connection (or resets the HTTP/2 stream).
    pub async fn send(
        &self,
        origin: &Origin,
        request: Request<Outgoing>,
        timers: SendTimers,
    ) -> Result<Response<ResponseBody>, SendError> {
        let inner = &*self.inner;
        let kept = inner.pool.shelf(origin, inner.keep, &inner.clock);
        let request = match begin(&kept, origin, request) {
            Begun::Http1 { http1, answer, spare } => {
                let exchange = exchange::finish_http1(http1, answer, timers.headers, Arc::clone(&kept));
                match exchange.await {
                    Ok(response) => return Ok(response),
                    Err(failed) => failed.again(spare)?,
                }
            }
            Begun::Http2 { http2, request } => {
                let exchange = exchange::over_http2(http2, *request, timers.headers, origin);
                match Box::pin(exchange).await {
                    Ok(response) => return Ok(response),
                    Err(failed) => failed.again(None)?,
                }
            }
            Begun::Fresh { request } => request,
        };
        // Boxed: the rare path should not make every request's future large.
        Box::pin(self.send_fresh(origin, *request, timers)).await
    }

    /// Sends `request` on a new connection.
    async fn send_fresh(
        &self,
        origin: &Origin,
        request: Request<Outgoing>,
        timers: SendTimers,
    ) -> Result<Response<ResponseBody>, SendError> {
        let inner = &*self.inner;
        let connection = connect::open(inner, origin, timers).await?;
        self.start_sweeper();
        let kept = inner.pool.shelf(origin, inner.keep, &inner.clock);
        let answered = match connection {
            Connection::Http1(mut http1) => {
                let answer = exchange::start_http1(&mut http1, request, origin);
                exchange::finish_http1(http1, answer, timers.headers, kept).await
            }
            Connection::Http2(http2) => {
                kept.share(&http2);
                exchange::over_http2(http2, request, timers.headers, origin).await
            }
        };
        answered.map_err(|failed| failed.error)
    }

    /// How many HTTP/1.1 connections rest in the pool.
    pub fn idle_connections(&self) -> usize {
        self.inner.pool.idle()
    }

    /// Closes what has rested too long or was closed by the other side. It also happens by itself, from time to time.
    pub fn sweep(&self) {
        self.inner.pool.sweep();
    }

    fn start_sweeper(&self) {
        self.inner.sweeper.get_or_init(|| {
            let every = (self.inner.keep.idle_timeout / 2).max(Duration::from_secs(1));
            drop(
                self.inner
                    .tasks
                    .spawn("upstream_pool", sweep_while_alive(Arc::downgrade(&self.inner), every)),
            );
        });
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("keep", &self.inner.keep).finish_non_exhaustive()
    }
}

async fn sweep_while_alive(inner: Weak<Inner>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(inner) = inner.upgrade() else { return };
        inner.pool.sweep();
    }
}

/// Takes a connection from the shelf and begins on it. A plain function, so that the request does not take up room in
/// the future that waits.
fn begin(
    shelf: &Shelf,
    origin: &Origin,
    request: Request<Outgoing>,
) -> Begun<impl Future<Output = exchange::Answer> + use<>> {
    match shelf.take() {
        None => Begun::Fresh { request: Box::new(request) },
        Some(Pooled { connection: Connection::Http2(http2), .. }) => {
            Begun::Http2 { http2, request: Box::new(request) }
        }
        Some(Pooled { connection: Connection::Http1(mut http1), rested }) => {
            let spare = (rested >= RESTED).then(|| exchange::replica(&request)).flatten();
            let answer = exchange::start_http1(&mut http1, request, origin);
            Begun::Http1 { http1, answer, spare }
        }
    }
}
