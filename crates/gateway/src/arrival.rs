//! The first stage: a request as it came, and the account that follows it to the end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dialects::Dialect;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Version};
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

/// What is read and thrown away of a body that is refused, so that the refusal arrives.
const MAX_DISCARDED: usize = 64 << 20;
/// How long that may take.
const DISCARD_PATIENCE: Duration = Duration::from_secs(5);

/// Lets the body of a request that is refused go. Over HTTP/2 it is read to its end first, as many clients take an
/// answer that overtakes their body for a broken stream; over HTTP/1.1 the listener sees to it.
///
/// # Cancel safety
/// Dropping it drops the body.
pub(crate) async fn let_go(version: Version, body: Incoming) {
    if version == Version::HTTP_2 {
        net::body::discard(body, MAX_DISCARDED, DISCARD_PATIENCE).await;
    }
}
