//! The way out: a request to a destination, and what comes back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use credentials::AuthorizeError;
use dialects::Dialect;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Uri};
use http_body::Body;
use net::body::Outgoing;
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
            sent.map(|response| response.map(UpstreamBody::Network)).map_err(SendFault::Network)
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
}

/// Why a body broke off.
#[derive(Debug)]
pub struct BodyCut;

impl UpstreamBody {
    /// Whether it is known that nothing more comes.
    pub fn is_at_end(&self) -> bool {
        match self {
            Self::Begun(read, rest) => read.is_empty() && rest.is_at_end(),
            Self::Builtin(_) => false,
            Self::Network(body) => body.is_end_stream(),
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
                match std::task::ready!(Pin::new(&mut *body).poll_frame(context)) {
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data() {
                            return Poll::Ready(Some(Ok(data)));
                        }
                    }
                    Some(Err(_)) => return Poll::Ready(Some(Err(BodyCut))),
                    None => return Poll::Ready(None),
                }
            },
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
            std::task::ready!(wait.as_mut().poll(context));
            self.wait = None;
        }
        Poll::Ready(self.next.take().map(|piece| match piece.what {
            mock::What::Bytes(bytes) => Ok(bytes),
            mock::What::Cut => Err(BodyCut),
        }))
    }
}
