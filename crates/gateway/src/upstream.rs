//! The way out: a request to a destination, and what comes back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use credentials::AuthorizeError;
use dialects::Dialect;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use http_body::Body;
use net::body::{Coding, Inflate, Malformed, Outgoing};
use net::client::{Client, Opened, Origin, ResponseBody, SendError, SendTimers};
use types::{Clock, Fault, FaultKind, Operation, ProviderName};

use crate::destination::Destination;
use crate::{authorize, heavy};

/// A request on its way to an upstream.
pub struct Outbound<'a> {
    /// To whom.
    pub destination: &'a Destination,
    /// In which language.
    pub dialect: &'static dyn Dialect,
    /// What for.
    pub operation: Operation,
    /// The method.
    pub method: Method,
    /// The path.
    pub path: PathAndQuery,
    /// The headers, credential included.
    pub headers: HeaderMap,
    /// The body.
    pub body: OutboundBody,
    /// How long each stage may take.
    pub timers: SendTimers,
}

/// What is sent to an upstream.
pub enum OutboundBody {
    /// Pieces that follow each other.
    Pieces(Vec<Bytes>),
    /// What a caller is still sending.
    Stream(Box<Outgoing>),
}

/// A boxed future.
pub type Sending<'a> =
    Pin<Box<dyn Future<Output = Result<http::Response<UpstreamBody>, SendFault>> + Send + 'a>>;

/// What comes of asking for a session.
pub type Opening<'a> = Pin<Box<dyn Future<Output = Result<Opened, SendFault>> + Send + 'a>>;

/// Sends a request and returns the head of its answer.
pub trait Upstream: Send + Sync {
    /// Asks for a session: a connection of its own that carries messages both ways.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    fn open<'a>(&'a self, outbound: Outbound<'a>) -> Opening<'a>;

    /// # Cancel safety
    /// Dropping the future closes the connection if a byte may have been sent.
    fn send<'a>(&'a self, outbound: Outbound<'a>) -> Sending<'a>;
}

/// Why no head came back.
#[derive(Debug)]
pub enum SendFault {
    /// There is no credential to send it with.
    Credential(AuthorizeError),
    /// A built-in upstream cut the connection on purpose.
    Cut,
    /// The network did not carry it.
    Network(SendError),
}

impl SendFault {
    /// The fault as callers and breakers see it.
    pub fn into_fault(self, provider: &ProviderName) -> Fault {
        match self {
            Self::Credential(error) => Fault::new(error.fault_kind(), format!("{provider}: {error}")),
            Self::Cut => {
                Fault::new(FaultKind::Cut, format!("{provider}: the connection was closed unanswered"))
            }
            Self::Network(error) => Fault::new(error.fault_kind(), format!("{provider}: {error}")),
        }
    }
}

/// The network and the built-in model.
pub struct NetworkUpstream {
    client: Client,
    clock: Arc<dyn Clock>,
    mock: Arc<mock::Mock>,
}

impl NetworkUpstream {
    /// Sends through this client; signatures are dated by this clock.
    pub fn new(client: Client, clock: Arc<dyn Clock>, mock: mock::Mock) -> Self {
        Self { client, clock, mock: Arc::new(mock) }
    }
}

impl Upstream for NetworkUpstream {
    fn open<'a>(&'a self, outbound: Outbound<'a>) -> Opening<'a> {
        Box::pin(async move {
            // What is built in has no sessions.
            let Some(origin) = &outbound.destination.origin else { return Err(SendFault::Cut) };
            let outbound = self.authorized(outbound, origin).await?;
            let request = outgoing(outbound.method, outbound.path, outbound.headers, Outgoing::empty());
            self.client.open(origin, request, outbound.timers).await.map_err(SendFault::Network)
        })
    }

    fn send<'a>(&'a self, outbound: Outbound<'a>) -> Sending<'a> {
        Box::pin(async move {
            let Some(origin) = &outbound.destination.origin else {
                return self.mock(outbound).await;
            };
            let outbound = self.authorized(outbound, origin).await?;
            let body = match outbound.body {
                OutboundBody::Pieces(pieces) => Outgoing::from(pieces),
                OutboundBody::Stream(body) => *body,
            };
            let request = outgoing(outbound.method, outbound.path, outbound.headers, body);
            let sent = self.client.send(origin, request, outbound.timers).await;
            sent.map(unpacked).map_err(SendFault::Network)
        })
    }
}

fn outgoing(
    method: Method,
    path: PathAndQuery,
    headers: HeaderMap,
    body: Outgoing,
) -> http::Request<Outgoing> {
    let mut request = http::Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from(path);
    *request.headers_mut() = headers;
    request
}

impl NetworkUpstream {
    /// The request with its credential, where that is more than a fixed header.
    async fn authorized<'a>(
        &'a self,
        outbound: Outbound<'a>,
        origin: &'a Origin,
    ) -> Result<Outbound<'a>, SendFault> {
        let Some(credential) = &outbound.destination.credential else { return Ok(outbound) };
        // Last: what it signs is what is sent.
        let authorizing = authorize::outbound(outbound, origin, credential, &*self.clock);
        authorizing.await.map_err(SendFault::Credential)
    }

    async fn mock(&self, outbound: Outbound<'_>) -> Result<http::Response<UpstreamBody>, SendFault> {
        let Outbound { dialect, operation, path, headers, body, .. } = outbound;
        let body = match body {
            OutboundBody::Pieces(pieces) => match pieces.as_slice() {
                [only] => only.clone(),
                pieces => pieces.concat().into(),
            },
            // What has no address has nothing passed on to it.
            OutboundBody::Stream(_) => Bytes::new(),
        };
        let request = mock::MockRequest { dialect, operation, path, headers, body };
        let script = if heavy::is(request.body.len()) {
            let mock = Arc::clone(&self.mock);
            heavy::run(move || mock.answer(&request)).await
        } else {
            self.mock.answer(&request)
        };
        tokio::time::sleep(script.delay).await;
        let Some(status) = script.status else { return Err(SendFault::Cut) };
        let mut response = http::Response::new(UpstreamBody::Builtin(BuiltinBody::new(script.pieces)));
        *response.status_mut() = status;
        *response.headers_mut() = script.headers;
        Ok(response)
    }
}

/// The body of an upstream's answer. Dropping it before its end cancels the request.
pub enum UpstreamBody {
    /// What has been read of it already, and the rest.
    Begun(Bytes, Box<UpstreamBody>),
    /// From the built-in model.
    Builtin(BuiltinBody),
    /// From the network.
    Network(ResponseBody),
    /// What comes is compressed.
    Packed(Box<UpstreamBody>, Box<Inflate>),
    /// It is compressed, and nobody here can read it.
    Sealed(Box<UpstreamBody>, Box<str>),
}

/// Why a body broke off.
#[derive(Debug)]
pub enum BodyCut {
    /// The connection ended before it.
    Connection,
    /// It is compressed, and not as it says or not to its end.
    Malformed,
    /// It is compressed in a way that is not read here.
    Sealed(Box<str>),
}

impl BodyCut {
    /// The fault as callers and breakers see it.
    pub(crate) fn into_fault(self) -> Fault {
        match self {
            Self::Connection => Fault::new(FaultKind::Cut, "the provider's connection broke off"),
            Self::Malformed => {
                Fault::new(FaultKind::Unreadable, "the provider's answer cannot be decompressed")
            }
            Self::Sealed(coding) => {
                let sealed =
                    format!("the provider's answer is compressed with `{coding}`, which is not read here");
                Fault::new(FaultKind::Unreadable, sealed)
            }
        }
    }
}

/// The answer as it was before it was compressed, where it is known how. Nobody asks for that, but some servers, and
/// what stands in front of them, do it all the same.
fn unpacked(response: http::Response<ResponseBody>) -> http::Response<UpstreamBody> {
    let (mut head, body) = response.into_parts();
    let coding = head.headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
    let body = match coding {
        None => UpstreamBody::Network(body),
        Some(coding) if coding.eq_ignore_ascii_case(b"identity") => UpstreamBody::Network(body),
        // A part of it is no beginning of anything, and what has no body has been described only.
        Some(_) if head.status == StatusCode::PARTIAL_CONTENT || body.is_end_stream() => {
            UpstreamBody::Network(body)
        }
        Some(coding) => {
            let body = Box::new(UpstreamBody::Network(body));
            match Coding::named(coding) {
                Some(known) => {
                    head.headers.remove(header::CONTENT_ENCODING);
                    head.headers.remove(header::CONTENT_LENGTH);
                    UpstreamBody::Packed(body, Box::new(Inflate::new(known)))
                }
                None => UpstreamBody::Sealed(body, String::from_utf8_lossy(coding).into()),
            }
        }
    };
    http::Response::from_parts(head, body)
}

impl UpstreamBody {
    /// Whether it is known that nothing more comes.
    pub fn is_at_end(&self) -> bool {
        match self {
            Self::Begun(read, rest) => read.is_empty() && rest.is_at_end(),
            Self::Builtin(_) | Self::Packed(..) | Self::Sealed(..) => false,
            Self::Network(body) => body.is_end_stream(),
        }
    }

    /// The body for whoever passes it on as it is.
    pub(crate) fn unopened(self) -> Self {
        match self {
            Self::Sealed(body, _) => *body,
            body @ (Self::Begun(..) | Self::Builtin(_) | Self::Network(_) | Self::Packed(..)) => body,
        }
    }

    /// The next bytes; `None` at the end.
    pub fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyCut>>> {
        match self {
            Self::Begun(read, rest) => {
                if read.is_empty() {
                    return rest.poll_data(context);
                }
                Poll::Ready(Some(Ok(std::mem::take(read))))
            }
            Self::Builtin(body) => body.poll_data(context),
            Self::Network(body) => loop {
                match ready!(Pin::new(&mut *body).poll_frame(context)) {
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data() {
                            return Poll::Ready(Some(Ok(data)));
                        }
                    }
                    Some(Err(_)) => return Poll::Ready(Some(Err(BodyCut::Connection))),
                    None => return Poll::Ready(None),
                }
            },
            Self::Packed(body, inflate) => poll_packed(body, inflate, context),
            Self::Sealed(_, coding) => Poll::Ready(Some(Err(BodyCut::Sealed(coding.clone())))),
        }
    }
}

/// The next bytes of a compressed body, as they were before.
fn poll_packed(
    body: &mut UpstreamBody,
    inflate: &mut Inflate,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, BodyCut>>> {
    loop {
        // A few bytes may be very many: others have their turn between.
        let budget = ready!(tokio::task::coop::poll_proceed(context));
        if let Some(bytes) = inflate.give().transpose() {
            budget.made_progress();
            return Poll::Ready(Some(bytes.map_err(|Malformed| BodyCut::Malformed)));
        }
        match ready!(body.poll_data(context)) {
            Some(Ok(bytes)) => inflate.push(bytes),
            Some(Err(cut)) => return Poll::Ready(Some(Err(cut))),
            None => {
                let rest = inflate.finish().map_err(|Malformed| BodyCut::Malformed).transpose();
                return Poll::Ready(rest);
            }
        }
    }
}

/// Plays the pieces of a scripted answer at their times.
pub struct BuiltinBody {
    pieces: std::vec::IntoIter<mock::Piece>,
    wait: Option<Pin<Box<tokio::time::Sleep>>>,
    next: Option<mock::Piece>,
}

impl BuiltinBody {
    fn new(pieces: Vec<mock::Piece>) -> Self {
        Self { pieces: pieces.into_iter(), wait: None, next: None }
    }

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyCut>>> {
        if self.next.is_none() {
            self.next = self.pieces.next();
            self.wait = self.next.as_ref().and_then(|piece| {
                (!piece.after.is_zero()).then(|| Box::pin(tokio::time::sleep(piece.after)))
            });
        }
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(context));
            self.wait = None;
        }
        Poll::Ready(self.next.take().map(|piece| match piece.what {
            mock::What::Bytes(bytes) => Ok(bytes),
            mock::What::Cut => Err(BodyCut::Connection),
        }))
    }
}
