//! The first stage: a request as it came, and the account that follows it to the end.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use dialects::{Dialect, PathSaid, Takes};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Version, header};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use net::body::{Discard, Left};
use types::Operation;

use crate::account::Account;
use crate::passing::{self, Passing};
use crate::rejection::{Cause, Rejection};
use crate::{Gateway, answer, owned, routes};

/// A request as it came.
pub struct Arrival {
    pub(crate) account: Box<Account>,
    pub(crate) route: Option<Route>,
    pub(crate) parts: Parts,
    pub(crate) body: CallerBody,
}

/// A body of a caller's, which may still be coming.
pub(crate) enum CallerBody {
    /// A message over a connection that carries several.
    Message(Option<Bytes>),
    /// A request's body.
    Network(Incoming),
}

impl http_body::Body for CallerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Message(message) => Poll::Ready(message.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Network(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Message(message) => message.is_none(),
            Self::Network(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Message(message) => {
                SizeHint::with_exact(message.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Network(body) => body.size_hint(),
        }
    }
}

/// What a path asks for, in which language.
pub(crate) struct Route {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) operation: Operation,
    /// What the path says beyond that.
    pub(crate) said: PathSaid,
    /// How its bodies are laid out.
    pub(crate) takes: Takes,
    /// Whether the path had to be understood in spite of a doubled or missing prefix.
    pub(crate) spelling: Spelling,
    /// What is to be passed on rather than understood.
    pub(crate) passing: Option<Box<Passing>>,
}

impl Route {
    /// Whether it is decided by the body what a request is for, so that the body has to be one that every reader takes
    /// for the same.
    pub(crate) fn decides_by_body(&self, method: &Method) -> bool {
        self.passing.as_ref().is_none_or(|passing| owned::names_input(self.operation, method, passing))
    }

    /// Whether the body of a request is read here.
    pub(crate) fn reads_body(&self, parts: &Parts, gateway: &Gateway) -> bool {
        let is_wanted = || self.passing.as_ref().is_some_and(|passing| passing.is_read(parts, gateway));
        self.decides_by_body(&parts.method) || is_wanted()
    }

    /// The methods it takes.
    pub(crate) fn methods(&self) -> &'static [Method] {
        if self.operation.is_kept() {
            passing::KEPT_METHODS
        } else if self.passing.is_some() {
            passing::METHODS
        } else if self.operation.is_session() {
            &[Method::GET]
        } else {
            &[Method::POST]
        }
    }
}

/// A body of the caller's that nobody has read yet.
pub(crate) struct Unread {
    pub(crate) body: CallerBody,
    version: Version,
    /// Whether its sender waits to be asked for it.
    is_awaited: bool,
}

impl Unread {
    /// The body of the request with this head; `None` where there is nothing to read.
    pub(crate) fn of(parts: &Parts, body: CallerBody) -> Option<Self> {
        let is_awaited = parts.headers.contains_key(header::EXPECT);
        (!body.is_end_stream()).then_some(Self { body, version: parts.version, is_awaited })
    }

    /// How much of it is worth reading once the request is refused.
    fn worth_reading(&self) -> Option<Discard> {
        if self.is_awaited {
            return None;
        }
        if self.version == Version::HTTP_2 {
            return Some(Discard::OVER_HTTP2);
        }
        let is_small = self.body.size_hint().upper().is_none_or(|size| size <= Discard::SMALL.most as u64);
        is_small.then_some(Discard::SMALL)
    }
}

/// How a caller wrote a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    AsDocumented,
    Forgiven,
}

/// The longest id of a caller's that is repeated.
const MAX_CLIENT_ID: usize = 128;

impl Arrival {
    /// Opens the account of a request that has just come in.
    pub(crate) fn new(request: http::Request<Incoming>, peer: IpAddr, gateway: &Arc<Gateway>) -> Self {
        let (parts, body) = request.into_parts();
        Self::of_turn(parts, CallerBody::Network(body), peer, gateway)
    }

    /// The same of one turn of several over one connection, or of a request by itself.
    pub(crate) fn of_turn(parts: Parts, body: CallerBody, peer: IpAddr, gateway: &Arc<Gateway>) -> Self {
        let route = routes::find(parts.uri.path(), &parts.headers);
        let caller = match &route {
            Some(route) => route.dialect,
            None => routes::speaker(&parts.headers),
        };
        let traceparent = parts.headers.get(&answer::TRACEPARENT).and_then(|value| value.to_str().ok());
        let trace = gateway.telemetry.begin_trace(traceparent);
        let mut account = Account::open(gateway, caller, trace, peer);
        // An attribute of the request and no more: what is recorded goes by the gateway's own id.
        account.facts.client_id = client_id(&parts.headers);
        Self { account: Box::new(account), route, parts, body }
    }
}

/// The caller's own id for its request.
pub(crate) fn client_id(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(&answer::REQUEST_ID).filter(|id| (1..=MAX_CLIENT_ID).contains(&id.len())).cloned()
}

impl Account {
    /// Turns away a request whose body has not been read.
    pub(crate) fn turn_away(mut self: Box<Self>, parts: &Parts, body: CallerBody, cause: Cause) -> Rejection {
        self.unread = Unread::of(parts, body).map(Box::new);
        self.reject(cause)
    }

    /// Reads what is left of the body of a request that is refused. Over HTTP/2 what still comes is read first, since
    /// many clients take an answer that overtakes their body for a broken stream. Over HTTP/1.1 the connection goes on
    /// if the rest is small, and is closed otherwise; there the listener reads what still comes.
    ///
    /// # Cancel safety
    /// Dropping it drops the body; the request counts as given up by its caller.
    pub(crate) async fn read_on(&mut self, unread: Unread) {
        let (version, mut left) = (unread.version, Left::Something);
        if let Some(discard) = unread.worth_reading() {
            self.look();
            let began = self.now;
            left = net::body::discard(unread.body, discard).await;
            self.look();
            self.facts.caller_wait += self.now.since(began);
        }
        self.facts.closes = left == Left::Something && version != Version::HTTP_2;
    }
}
