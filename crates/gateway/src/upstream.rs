//! The way out: where providers are, how to speak to them, and what comes back.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use dialects::Dialect;
use foldhash::fast::RandomState;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body::Body;
use net::body::Outgoing;
use net::client::{Client, Origin, ResponseBody, SendError, SendTimers};
use providers::Provider;
use types::{Fault, FaultKind, Operation, ProviderName};

/// Every configured provider by name.
#[derive(Debug, Default)]
pub struct Directory {
    destinations: HashMap<ProviderName, Arc<Destination>, RandomState>,
}

impl Directory {
    /// A directory of these destinations.
    pub fn new(destinations: impl IntoIterator<Item = Destination>) -> Self {
        let named = destinations.into_iter().map(|place| (place.name.clone(), Arc::new(place)));
        Self { destinations: named.collect() }
    }

    /// The provider with this name.
    pub fn find(&self, name: &ProviderName) -> Option<&Arc<Destination>> {
        self.destinations.get(name)
    }

    /// Every provider, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Destination>> {
        self.destinations.values()
    }
}

/// One configured provider: an address, a credential and the languages it speaks.
#[derive(Debug)]
pub struct Destination {
    /// Its name in the configuration.
    pub name: ProviderName,
    /// OpenTelemetry's word for it.
    pub semconv: Arc<str>,
    /// Where it is; `None` for what is built in.
    pub origin: Option<Origin>,
    /// The languages it speaks, its preferred one first. Never empty.
    pub endpoints: Vec<Endpoint>,
    /// The credential, and headers that every request carries. Credentials are marked sensitive.
    pub headers: HeaderMap,
    /// What the catalogue says of it and its models.
    pub catalogue: Arc<Provider>,
}

/// One language a provider speaks, and where.
#[derive(Clone)]
pub struct Endpoint {
    /// The language.
    pub dialect: &'static dyn Dialect,
    /// The path for conversations.
    pub chat: PathAndQuery,
    /// The path for counting tokens, where there is one.
    pub count_tokens: Option<PathAndQuery>,
    /// Headers this language needs there.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("dialect", &self.dialect.id()).field("chat", &self.chat).finish()
    }
}

impl Endpoint {
    /// The path for this operation, where there is one.
    pub const fn path(&self, operation: Operation) -> Option<&PathAndQuery> {
        match operation {
            Operation::Chat => Some(&self.chat),
            Operation::CountTokens => self.count_tokens.as_ref(),
        }
    }
}

impl Destination {
    /// The language to speak to this provider for a caller of `dialect`: the caller's own where it can be, the
    /// provider's preferred one otherwise. `None` where it has no path for the operation.
    pub fn endpoint(
        &self,
        dialect: &dyn Dialect,
        operation: Operation,
    ) -> Option<(&Endpoint, &PathAndQuery)> {
        let own = self.endpoints.iter().find(|endpoint| endpoint.dialect.id() == dialect.id());
        own.into_iter()
            .chain(&self.endpoints)
            .find_map(|endpoint| endpoint.path(operation).map(|path| (endpoint, path)))
    }
}

/// A request on its way to an upstream.
pub struct Outbound<'a> {
    /// To whom.
    pub destination: &'a Destination,
    /// In which language.
    pub dialect: &'static dyn Dialect,
    /// What for.
    pub operation: Operation,
    /// The path.
    pub path: PathAndQuery,
    /// The headers, credential included.
    pub headers: HeaderMap,
    /// The body, in pieces that follow each other.
    pub body: Vec<Bytes>,
    /// How long each stage may take.
    pub timers: SendTimers,
}

/// A boxed future.
pub type Sending<'a> =
    Pin<Box<dyn Future<Output = Result<http::Response<UpstreamBody>, SendFault>> + Send + 'a>>;

/// Sends a request and returns the head of its answer.
pub trait Upstream: Send + Sync {
    /// # Cancel safety
    /// Dropping the future closes the connection if a byte may have been sent.
    fn send<'a>(&'a self, outbound: Outbound<'a>) -> Sending<'a>;
}

/// Why no head came back.
#[derive(Debug)]
pub enum SendFault {
    /// A built-in upstream cut the connection on purpose.
    Cut,
    /// The network did not carry it.
    Network(SendError),
}

impl SendFault {
    /// The fault as callers and breakers see it.
    pub fn into_fault(self, provider: &ProviderName) -> Fault {
        match self {
            Self::Cut => {
                Fault::new(FaultKind::Server, format!("{provider}: the connection was closed unanswered"))
            }
            Self::Network(error) => Fault::new(error.fault_kind(), format!("{provider}: {error}")),
        }
    }
}

/// The network and the built-in model.
pub struct NetworkUpstream {
    client: Client,
    mock: mock::Mock,
}

impl NetworkUpstream {
    /// Sends through this client.
    pub fn new(client: Client, mock: mock::Mock) -> Self {
        Self { client, mock }
    }
}

impl Upstream for NetworkUpstream {
    fn send<'a>(&'a self, outbound: Outbound<'a>) -> Sending<'a> {
        Box::pin(async move {
            let Some(origin) = &outbound.destination.origin else {
                return self.mock(outbound).await;
            };
            let mut request = http::Request::new(Outgoing::from(outbound.body));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = Uri::from(outbound.path);
            *request.headers_mut() = outbound.headers;
            let sent = self.client.send(origin, request, outbound.timers).await;
            sent.map(|response| response.map(UpstreamBody::Network)).map_err(SendFault::Network)
        })
    }
}

impl NetworkUpstream {
    async fn mock(&self, outbound: Outbound<'_>) -> Result<http::Response<UpstreamBody>, SendFault> {
        let body = match outbound.body.as_slice() {
            [only] => only.clone(),
            pieces => pieces.concat().into(),
        };
        let script = self.mock.answer(outbound.dialect, outbound.operation, &outbound.headers, &body);
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
    /// From the built-in model.
    Builtin(BuiltinBody),
    /// From the network.
    Network(ResponseBody),
}

/// Why a body broke off.
#[derive(Debug)]
pub struct BodyCut;

impl UpstreamBody {
    /// The next bytes; `None` at the end.
    pub fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyCut>>> {
        match self {
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
