//! The accept loop: takes connections as long as there is room, and none while draining.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::Listener;
use super::connection::{self, Watch};
use super::io::HeadRefusal;
use super::watchdog::Patience;
use crate::body::Outgoing;
use crate::drain::{Drain, Tasks};
use crate::peer::{Peer, Security};

/// The shortest and the longest rest after the system refused to hand out a connection.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// The limits of a server's connections.
#[derive(Clone)]
pub struct ServeConfig {
    /// The most connections at once. Further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// How long a request's head (or the TLS handshake) may take from its first byte.
    pub head_timeout: Duration,
    /// How long a connection may rest between requests.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of an answer that is ready for it.
    pub stall_timeout: Duration,
    /// How long the client's close is awaited after ours.
    pub linger: Duration,
    /// The most bytes of a request's head.
    pub max_head: usize,
    /// Words the answer to a head that was refused (400, 414, 431); without it that answer has no body.
    pub refuse_head: Option<HeadRefusal>,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            max_connections: 16_384,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            stall_timeout: Duration::from_mins(1),
            linger: Duration::from_secs(1),
            max_head: 64 * 1024,
            refuse_head: None,
        }
    }
}

impl std::fmt::Debug for ServeConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServeConfig")
            .field("max_connections", &self.max_connections)
            .field("head_timeout", &self.head_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("stall_timeout", &self.stall_timeout)
            .field("max_head", &self.max_head)
            .finish_non_exhaustive()
    }
}

/// What has happened to a server's connections since it began.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections taken.
    pub accepted: AtomicU64,
    /// Times the system refused to hand out a connection (out of file descriptors or memory).
    pub accept_errors: AtomicU64,
    /// Connections that ended before their first request could begin.
    pub handshake_failures: AtomicU64,
    /// Connections closed for a slow head or a stalled reader.
    pub timed_out: AtomicU64,
}

impl Counters {
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// A listener, the handler of its requests, and what bounds and stops them.
pub struct Server<S> {
    /// Where connections come from.
    pub listener: Listener,
    /// TLS, if the listener speaks it.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The limits.
    pub config: ServeConfig,
    /// Owns the connections' tasks (`connection`, `http2_stream`).
    pub tasks: Tasks,
    /// Ends the server; waits for its connections.
    pub drain: Drain,
    /// What is counted; may be shared by several servers.
    pub counters: Arc<Counters>,
    /// Called for every request. A future it returns is dropped when the client goes away.
    pub service: S,
}

/// What all connections of a server share.
pub(super) struct Shared<S> {
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) config: ServeConfig,
    pub(super) tasks: Tasks,
    pub(super) drain: Drain,
    pub(super) counters: Arc<Counters>,
    pub(super) service: S,
}

impl<S> Shared<S> {
    pub(super) fn watch(&self) -> Watch {
        let patience = Patience {
            closing: self.config.linger,
            head: self.config.head_timeout,
            idle: self.config.idle_timeout,
            stalled: self.config.stall_timeout,
        };
        Watch {
            patience,
            drain: self.drain.clone(),
            counters: Arc::clone(&self.counters),
            max_head: self.config.max_head,
        }
    }
}

impl<S, F> Server<S>
where
    S: Fn(Request<Incoming>, Peer) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Outgoing>> + Send + 'static,
{
    /// Accepts and serves until the drain begins; then the listening socket is closed, and the connections finish
    /// what they are doing in their own tasks ([`Drain::wait_idle`] waits for them).
    ///
    /// # Cancel safety
    /// Dropping it stops accepting; connections go on.
    pub async fn run(self) {
        let Self { listener, tls, config, tasks, drain, counters, service } = self;
        let places = Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS)));
        let tls = tls.map(TlsAcceptor::from);
        let shared = Arc::new(Shared { tls, config, tasks, drain, counters, service });
        let mut draining = pin!(shared.drain.draining());
        let mut rest = BACK_OFF.0;
        loop {
            let next = async {
                // The place first: a connection that cannot be served stays in the backlog.
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                biased;
                () = &mut draining => return,
                next = next => next,
            };
            match accepted {
                Ok((stream, address)) => {
                    rest = BACK_OFF.0;
                    start(&shared, stream, address, place.ok());
                }
                Err(cause) if is_about_one_connection(&cause) => {}
                Err(_) => {
                    Counters::count(&shared.counters.accept_errors);
                    // Out of descriptors or memory: trying again at once would spin until some are free.
                    tokio::select! {
                        () = &mut draining => return,
                        () = tokio::time::sleep(rest) => rest = (rest * 2).min(BACK_OFF.1),
                    }
                }
            }
        }
    }
}

fn start<S, F>(
    shared: &Arc<Shared<S>>,
    stream: TcpStream,
    address: SocketAddr,
    place: Option<tokio::sync::OwnedSemaphorePermit>,
) where
    S: Fn(Request<Incoming>, Peer) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Outgoing>> + Send + 'static,
{
    Counters::count(&shared.counters.accepted);
    let peer = Peer { address, security: Security::Plain };
    let busy = shared.drain.enter();
    let serving = connection::serve(Arc::clone(shared), stream, peer);
    drop(shared.tasks.spawn("connection", async move {
        serving.await;
        drop((place, busy));
    }));
}

/// Whether an accept error says something about the connection that was to be accepted, not about the system.
fn is_about_one_connection(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
