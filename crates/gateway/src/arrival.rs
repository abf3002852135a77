//! The first stage: a request as it came, and the account that follows it to the end.

use std::net::IpAddr;
use std::sync::Arc;

use dialects::Dialect;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use hyper::body::Incoming;
use types::Operation;

use crate::account::Account;
use crate::{Gateway, answer, routes};

/// A request as it came.
pub struct Arrival {
    pub(crate) account: Box<Account>,
    pub(crate) route: Option<Route>,
    pub(crate) parts: Parts,
    pub(crate) body: Incoming,
}

/// What a path asks for, in which language.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) operation: Operation,
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
