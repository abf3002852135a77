//! The bare hyper pass-through, on one thread: what the libraries cost before a gateway does anything.
//! `bench-proxy --listen 127.0.0.1:9200 --upstream 127.0.0.1:9100`

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Context;
use bench::arguments::Arguments;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let listen = arguments.text("listen").context("--listen is missing")?.to_owned();
    let upstream = arguments.text("upstream").context("--upstream is missing")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(listen, Arc::from(upstream)))
}

/// Connections to the upstream that nobody uses.
type Idle = Rc<RefCell<Vec<SendRequest<Incoming>>>>;

async fn serve(listen: String, upstream: Arc<str>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(&listen).await?;
    let idle = Idle::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (idle, upstream) = (Rc::clone(&idle), Arc::clone(&upstream));
        let service = service_fn(move |request| pass(request, Rc::clone(&idle), Arc::clone(&upstream)));
        let connection =
            http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        tokio::task::spawn_local(connection);
    }
}

async fn pass(
    request: Request<Incoming>,
    idle: Idle,
    upstream: Arc<str>,
) -> anyhow::Result<Response<Incoming>> {
    let mut sender = take(&idle, &upstream).await?;
    let response = sender.send_request(request).await?;
    // It is ready again only once the answer has been read.
    tokio::task::spawn_local(async move {
        if sender.ready().await.is_ok() {
            idle.borrow_mut().push(sender);
        }
    });
    Ok(response)
}

async fn take(idle: &Idle, upstream: &str) -> anyhow::Result<SendRequest<Incoming>> {
    loop {
        let found = idle.borrow_mut().pop();
        match found {
            Some(sender) if sender.is_ready() => return Ok(sender),
            Some(_) => {}
            None => break,
        }
    }
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(connection);
    Ok(sender)
}
