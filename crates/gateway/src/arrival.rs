//! The first stage: a request as it came, and the account that follows it to the end.

use std::net::IpAddr;
use std::sync::Arc;

use dialects::{Dialect, PathSaid, Takes};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use net::body::{Discard, Left};
use types::Operation;

use crate::account::Account;
use crate::rejection::{Cause, Rejection};
use crate::{Gateway, answer, routes};

/// A request as it came.
pub struct Arrival {
    pub(crate) account: Box<Account>,
    pub(crate) route: Option<Route>,
    pub(crate) parts: Parts,
    pub(crate) body: Incoming,
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
        let route = routes::find(parts.uri.path());
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
    /// Turns away a request whose body has not been read. Over HTTP/2 what still comes is read first, since many
    /// clients take an answer that overtakes their body for a broken stream. Over HTTP/1.1 the connection goes on if
    /// the rest is small, and is closed otherwise; there the listener reads what still comes.
    ///
    /// # Cancel safety
    /// Dropping it drops the body; the request counts as given up by its caller.
    pub(crate) async fn turn_away(
        mut self: Box<Self>,
        parts: &Parts,
        body: Incoming,
        cause: Cause,
    ) -> Rejection {
        let mut left = if body.is_end_stream() { Left::Nothing } else { Left::Something };
        if left == Left::Something
            && let Some(discard) = worth_reading(parts, &body)
        {
            self.look();
            let began = self.now;
            left = net::body::discard(body, discard).await;
            self.look();
            self.facts.caller_wait += self.now.since(began);
        }
        self.facts.closes = left == Left::Something && parts.version != Version::HTTP_2;
        self.reject(cause)
    }
}

/// How much of a refused body is worth reading.
fn worth_reading(parts: &Parts, body: &Incoming) -> Option<Discard> {
    // Who waits to be asked for the body sends none.
    if parts.headers.contains_key(header::EXPECT) {
        return None;
    }
    if parts.version == Version::HTTP_2 {
        return Some(Discard::OVER_HTTP2);
    }
    let is_small = body.size_hint().upper().is_none_or(|size| size <= Discard::SMALL.most as u64);
    is_small.then_some(Discard::SMALL)
}
