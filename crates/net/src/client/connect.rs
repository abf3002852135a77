//! A new connection: resolve, connect, TLS, HTTP handshake, each under its own timer.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use tokio_rustls::{TlsConnector, TlsStream};

use super::heard::{Heard, HeardFlag};
use super::http1::Http1;
use super::{Http2, Inner, Origin, Reach, SendError, SendTimers};
use crate::drain::TaskExecutor;
use crate::transport::Transport;

/// The most addresses of one host that are tried.
const MAX_ADDRESSES: usize = 8;
/// The most bytes of response headers.
pub(super) const MAX_HEAD: usize = 64 * 1024;
/// How long sent bytes may stay unacknowledged before the connection is given up.
const USER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a connection rests before the kernel, or HTTP/2, asks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// A connection that is ready for a request.
pub(super) enum Connection {
    Http1(Box<Http1>),
    Http2(Http2),
}

/// Opens a connection to `origin`.
pub(super) async fn open(
    inner: &Inner,
    origin: &Origin,
    timers: SendTimers,
) -> Result<Connection, SendError> {
    let (transport, protocol) = open_transport(inner, origin, timers, Wanted::Any).await?;
    let opened = inner.clock.now();
    match protocol {
        Protocol::Http1 => {
            let heard = HeardFlag::default();
            let io = TokioIo::new(Heard::new(transport, heard.clone()));
            let (sender, connection) = hyper::client::conn::http1::Builder::new()
                .max_header_size(MAX_HEAD)
                .handshake(io)
                .await
                .map_err(SendError::Handshake)?;
            Ok(Connection::Http1(Box::new(Http1::new(sender, connection, heard, opened))))
        }
        Protocol::Http2 => {
            let executor = TaskExecutor { tasks: inner.tasks.clone(), name: "upstream_http2_stream" };
            let (sender, connection) = hyper::client::conn::http2::Builder::new(executor)
                .timer(TokioTimer::new())
                .keep_alive_interval(KEEPALIVE)
                .keep_alive_timeout(KEEPALIVE)
                .max_header_list_size(64 * 1024)
                .handshake(TokioIo::new(transport))
                .await
                .map_err(SendError::Handshake)?;
            drop(inner.tasks.spawn("upstream_http2", async move {
                // What ends the connection also ends its requests, each of which reports it.
                drop(connection.await);
            }));
            Ok(Connection::Http2(Http2 { sender, opened }))
        }
    }
}

/// A connection to `origin` that speaks HTTP/1.1: the only one that can become something else.
pub(super) async fn open_http1(
    inner: &Inner,
    origin: &Origin,
    timers: SendTimers,
) -> Result<Transport, SendError> {
    open_transport(inner, origin, timers, Wanted::Http1).await.map(|(transport, _)| transport)
}

/// Which protocol is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Any,
    Http1,
}

async fn open_transport(
    inner: &Inner,
    origin: &Origin,
    timers: SendTimers,
    wanted: Wanted,
) -> Result<(Transport, Protocol), SendError> {
    let tcp = match timeout(timers.connect, connect(inner.reach, origin, timers.connect)).await {
        Ok(connected) => connected?,
        Err(_) => return Err(SendError::ConnectTimeout),
    };
    secure(inner, origin, tcp, (timers.tls, wanted)).await
}

#[derive(Clone, Copy)]
enum Protocol {
    Http1,
    Http2,
}

async fn secure(
    inner: &Inner,
    origin: &Origin,
    tcp: TcpStream,
    (limit, wanted): (Duration, Wanted),
) -> Result<(Transport, Protocol), SendError> {
    let Some(name) = origin.server_name() else {
        return Ok((Transport::Plain(tcp), Protocol::Http1));
    };
    let mut config = inner.tls.config().map_err(SendError::TlsSetup)?;
    if wanted == Wanted::Http1 {
        Arc::make_mut(&mut config).alpn_protocols = vec![b"http/1.1".to_vec()];
    }
    let handshake = TlsConnector::from(config).connect(name.clone(), tcp);
    let stream = match timeout(limit, handshake).await {
        Ok(stream) => stream.map_err(SendError::Tls)?,
        Err(_) => return Err(SendError::TlsTimeout),
    };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let protocol = if is_http2 { Protocol::Http2 } else { Protocol::Http1 };
    Ok((Transport::Tls(Box::new(TlsStream::Client(stream))), protocol))
}

/// Tries the host's addresses in the resolver's order, each with its share of what is left of `limit`, so that one
/// address that swallows packets does not use up the time of the others.
async fn connect(reach: Reach, origin: &Origin, limit: Duration) -> Result<TcpStream, SendError> {
    let deadline = Instant::now() + limit;
    let addresses: Vec<SocketAddr> = lookup_host((origin.host(), origin.port()))
        .await
        .map_err(SendError::Resolve)?
        .take(MAX_ADDRESSES)
        .collect();
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let mut last = SendError::Resolve(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    for address in addresses {
        // The address is asked, not the name: whoever owns a name chooses where it leads.
        if !reach.includes(address.ip()) {
            last = SendError::OutOfReach;
            continue;
        }
        let share = deadline.saturating_duration_since(Instant::now()) / left.max(1);
        left = left.saturating_sub(1);
        match timeout(share, connect_to(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(cause)) => last = SendError::Connect(cause),
            Err(_) => last = SendError::ConnectTimeout,
        }
    }
    Err(last)
}

async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Without this, Nagle and delayed acknowledgements add 40 ms to requests written in two parts.
    socket.set_nodelay(true)?;
    let options = SockRef::from(&socket);
    options.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))?;
    options.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.connect(address).await
}
