//! A `WebSocket` to an upstream, on a connection of its own.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::connect::{self, MAX_HEAD};
use super::{Client, Origin, SendError, SendTimers, exchange};
use crate::body::Outgoing;
use crate::websocket::Key;

/// The most bytes that are read of the answer of who opens no `WebSocket`.
const MAX_REFUSAL: usize = 64 << 10;

/// What came of asking for a `WebSocket`.
#[derive(Debug)]
pub enum Opened {
    /// There is none: the status, the headers and the beginning of the body that came instead. The status is 101 where
    /// the upstream has changed to something else.
    Refused(Response<Bytes>),
    /// There is one, and these headers came with it.
    Socket(Upgraded, HeaderMap),
}

impl Client {
    /// Asks for a `WebSocket`: `request` is a GET of a path; what the handshake needs is added.
    ///
    /// # Errors
    /// See [`SendError`].
    ///
    /// # Cancel safety
    /// Dropping it closes the connection.
    pub async fn open(
        &self,
        origin: &Origin,
        mut request: Request<Outgoing>,
        timers: SendTimers,
    ) -> Result<Opened, SendError> {
        exchange::address_http1(&mut request, origin);
        let key = Key::ask(request.headers_mut());
        let transport = connect::open_http1(&self.inner, origin, timers).await?;
        let handshake = hyper::client::conn::http1::Builder::new()
            .max_header_size(MAX_HEAD)
            .handshake(TokioIo::new(transport))
            .await;
        let (mut sender, connection) = handshake.map_err(SendError::Handshake)?;
        // It ends by itself: as a connection for requests once it has become another, or with its last handle.
        drop(
            self.inner.tasks.spawn("upstream_socket", async move { drop(connection.with_upgrades().await) }),
        );
        let asking = async {
            let answer = sender.send_request(request).await?;
            if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Opened::Refused(refused(answer).await));
            }
            let headers = answer.headers().clone();
            Ok(Opened::Socket(hyper::upgrade::on(answer).await?, headers))
        };
        let opened = match timeout(timers.headers, asking).await {
            Ok(opened) => opened.map_err(|error| SendError::from_exchange(error, super::Sent::Perhaps))?,
            Err(_) => return Err(SendError::HeadersTimeout),
        };
        match opened {
            Opened::Socket(_, headers) if key.is_none_or(|key| !key.is_answered(&headers)) => {
                let mut answer = Response::new(Bytes::new());
                (*answer.status_mut(), *answer.headers_mut()) = (StatusCode::SWITCHING_PROTOCOLS, headers);
                Ok(Opened::Refused(answer))
            }
            opened @ (Opened::Refused(_) | Opened::Socket(..)) => Ok(opened),
        }
    }
}

/// The answer with as much of its body as is read.
async fn refused(answer: Response<Incoming>) -> Response<Bytes> {
    let (parts, mut body) = answer.into_parts();
    let mut text = Vec::new();
    while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame.into_data() else { continue };
        let room = MAX_REFUSAL - text.len();
        text.extend_from_slice(data.get(..room).unwrap_or(&data));
        if text.len() == MAX_REFUSAL {
            break;
        }
    }
    Response::from_parts(parts, text.into())
}
