//! A scripted upstream on 127.0.0.1, on a thread of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::patiently;
use crate::playing::Playing;
use crate::reply::{Manner, Reply};

/// A server that answers what a function says and remembers what it was asked.
#[derive(Debug)]
pub struct FakeUpstream {
    address: SocketAddr,
    seen: watch::Sender<Seen>,
    /// Dropping it ends the server.
    _alive: oneshot::Sender<Infallible>,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Received {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the upstream was sent JSON")
    }

    /// The text of a header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What has happened so far.
#[derive(Debug, Default)]
struct Seen {
    received: Vec<Received>,
    connections: usize,
    aborted: usize,
}

type Script = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

impl FakeUpstream {
    /// Starts a server that answers each request as `script` says.
    pub async fn start(script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let (tell, told) = oneshot::channel();
        let (alive, ended) = oneshot::channel();
        let seen = watch::Sender::new(Seen::default());
        let shared = seen.clone();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(serve(Arc::new(script), shared, tell, ended));
        };
        std::thread::Builder::new().name("fake-upstream".to_owned()).spawn(run).expect("a thread");
        let address = told.await.expect("the fake upstream listens");
        Self { address, seen, _alive: alive }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything it was asked, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        self.seen.borrow().received.clone()
    }

    /// The last thing it was asked.
    #[track_caller]
    pub fn last(&self) -> Received {
        self.seen.borrow().received.last().cloned().expect("the upstream was asked")
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> usize {
        self.seen.borrow().connections
    }

    /// How many requests' clients went away before the answer's end.
    pub fn aborted(&self) -> usize {
        self.seen.borrow().aborted
    }

    /// Waits until so many requests have arrived since the start.
    pub async fn until_received(&self, count: usize) {
        self.until("requests to arrive", |seen| seen.received.len() >= count).await;
    }

    /// Waits until the clients of so many requests have gone away.
    pub async fn until_aborted(&self, count: usize) {
        self.until("requests to be cancelled", |seen| seen.aborted >= count).await;
    }

    /// Waits until exactly so many connections are open.
    pub async fn until_connections(&self, count: usize) {
        self.until("connections to open or close", |seen| seen.connections == count).await;
    }

    async fn until(&self, what: &str, condition: impl FnMut(&Seen) -> bool) {
        let mut changes = self.seen.subscribe();
        let reached = patiently(what, changes.wait_for(condition)).await;
        drop(reached.expect("the fake upstream runs"));
    }
}

/// One request being answered. Dropped before it is finished, it counts as one whose client went away.
pub(crate) struct Exchange {
    seen: watch::Sender<Seen>,
    is_finished: bool,
}

impl Exchange {
    /// The answer is complete.
    pub(crate) const fn finish(&mut self) {
        self.is_finished = true;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.is_finished {
            self.seen.send_modify(|seen| seen.aborted += 1);
        }
    }
}

async fn serve(
    script: Script,
    seen: watch::Sender<Seen>,
    tell: oneshot::Sender<SocketAddr>,
    ended: oneshot::Receiver<Infallible>,
) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    if tell.send(listener.local_addr().expect("an address")).is_err() {
        return;
    }
    let accept = async {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            while connections.try_join_next().is_some() {}
            connections.spawn(connection(stream, Arc::clone(&script), seen.clone()));
        }
    };
    tokio::select! {
        () = accept => {}
        _ = ended => {}
    }
}

async fn connection(stream: TcpStream, script: Script, seen: watch::Sender<Seen>) {
    stream.set_nodelay(true).expect("a socket");
    seen.send_modify(|seen| seen.connections += 1);
    let service = service_fn(|request| answer(request, &script, &seen));
    // A connection that its client gives up is not this side's failure.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
    seen.send_modify(|seen| seen.connections -= 1);
}

async fn answer(
    request: Request<Incoming>,
    script: &Script,
    seen: &watch::Sender<Seen>,
) -> Result<http::Response<Playing>, std::io::Error> {
    let received = read(request).await.map_err(std::io::Error::other)?;
    let mut exchange = Exchange { seen: seen.clone(), is_finished: false };
    let reply = script(&received);
    seen.send_modify(|seen| seen.received.push(received));
    tokio::time::sleep(reply.after).await;
    match reply.manner {
        Manner::Answer => {}
        Manner::Hang => std::future::pending().await,
        Manner::Reset => {
            exchange.finish();
            return Err(std::io::Error::other("reset on purpose"));
        }
    }
    let mut response = http::Response::new(Playing::new(&reply, exchange));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    Ok(response)
}

async fn read(request: Request<Incoming>) -> Result<Received, hyper::Error> {
    let (parts, mut body) = request.into_parts();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            whole.extend_from_slice(&data);
        }
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (method, headers) = (parts.method.to_string(), parts.headers);
    Ok(Received { method, path, headers, body: whole.freeze() })
}
