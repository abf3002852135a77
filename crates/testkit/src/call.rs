//! A client that speaks plain HTTP/1.1, one connection a call: dropping an answer closes its connection.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::{Talk, patiently};

/// A request that is being put together.
#[derive(Debug)]
pub struct Call {
    address: SocketAddr,
    request: Request<Full<Bytes>>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// An answer whose body is read piece by piece. Dropping it closes the connection.
#[derive(Debug)]
pub struct Streaming {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    _connection: JoinSet<()>,
}

impl Call {
    pub(crate) fn new(address: SocketAddr, method: Method, path: &str, body: Bytes) -> Self {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("a path");
        let host = HeaderValue::try_from(address.to_string()).expect("an address is a header's value");
        request.headers_mut().insert(header::HOST, host);
        Self { address, request }
    }

    /// With this header, in place of one of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a header's name");
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.request.headers_mut().insert(name, value);
        self
    }

    /// Without this header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.request.headers_mut().remove(name);
        self
    }

    /// Without the gateway's key.
    #[must_use]
    pub fn without_key(self) -> Self {
        self.without("authorization")
    }

    /// With another key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Cancel safety
    /// Dropping it closes the connection.
    pub async fn send(self) -> Response {
        let mut streaming = self.stream().await;
        let body = streaming.rest().await;
        Response { status: streaming.status, headers: std::mem::take(&mut streaming.headers), body }
    }

    /// Sends it and returns as soon as the answer's head is there.
    ///
    /// # Cancel safety
    /// Dropping it closes the connection.
    pub async fn stream(self) -> Streaming {
        patiently("an answer's head", self.begin()).await.expect("an answer's head")
    }

    /// Sends it to a gateway that may be dying: `None` if no head comes back.
    ///
    /// # Cancel safety
    /// Dropping it closes the connection.
    pub async fn try_stream(self) -> Option<Streaming> {
        patiently("an answer's head or the connection's end", self.begin()).await
    }

    /// Begins a WebSocket; the answer that came instead, if there is none.
    ///
    /// # Cancel safety
    /// Dropping it closes the connection.
    pub async fn talk(self) -> Result<Talk, Response> {
        let stream = TcpStream::connect(self.address).await.expect("the gateway listens");
        let url = format!("ws://{}{}", self.address, self.request.uri());
        let mut request = url.into_client_request().expect("a request");
        request.headers_mut().extend(self.request.headers().clone());
        let shaking = Box::pin(tokio_tungstenite::client_async(request, stream));
        match patiently("a handshake", shaking).await {
            Ok((socket, answer)) => Ok(Talk::new(answer.headers().clone(), socket)),
            Err(tungstenite::Error::Http(answer)) => {
                let (parts, body) = answer.into_parts();
                let body = body.unwrap_or_default().into();
                Err(Response { status: parts.status.as_u16(), headers: parts.headers, body })
            }
            Err(other) => panic!("no handshake: {other}"),
        }
    }

    async fn begin(self) -> Option<Streaming> {
        let stream = TcpStream::connect(self.address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        let mut running = JoinSet::new();
        running.spawn(async move { drop(connection.await) });
        let response = sender.send_request(self.request).await.ok()?;
        let (parts, body) = response.into_parts();
        Some(Streaming { status: parts.status.as_u16(), headers: parts.headers, body, _connection: running })
    }
}

impl Response {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {} {:?}", self.status, self.body),
        }
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    /// The text of a header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Streaming {
    /// The next bytes; `None` at the end of a complete body.
    ///
    /// # Panics
    /// If the connection breaks off: see [`Streaming::try_chunk`].
    pub async fn next_chunk(&mut self) -> Option<Bytes> {
        self.try_chunk().await.expect("the gateway ends what it sends")
    }

    /// The next bytes, or the error that the connection broke off with; `None` at the end of a complete body.
    pub async fn try_chunk(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        loop {
            match patiently("more of an answer's body", self.body.frame()).await {
                None => return Ok(None),
                Some(Err(error)) => return Err(error),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// Everything that is still to come of a complete body.
    pub async fn rest(&mut self) -> Bytes {
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.next_chunk().await {
            whole.extend_from_slice(&chunk);
        }
        whole.freeze()
    }

    /// Reads until `text` has come by, and returns everything read.
    pub async fn until(&mut self, text: &str) -> String {
        let mut read = String::new();
        while !read.contains(text) {
            let Some(chunk) = self.next_chunk().await else { panic!("no `{text}` in {read}") };
            read.push_str(&String::from_utf8_lossy(&chunk));
        }
        read
    }
}
