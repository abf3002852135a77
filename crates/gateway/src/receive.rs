//! Second phase: is it small enough, and what does it ask for? Just enough parsing to route and to limit by; the rest
//! stays bytes.

use std::num::NonZeroU32;
use std::sync::Arc;

use auth::Principal;
use bytes::Bytes;
use dialects::{Dialect, Fields, Head, PathSaid, Peek};
use http::HeaderMap;
use net::body::Pace;
use types::Operation;

use crate::account::Account;
use crate::arrival::Route;
use crate::identify::Identified;
use crate::rejection::{Cause, Rejection};
use crate::{Gateway, heavy};

/// A request that has been read and understood as far as routing needs.
pub(crate) struct Received {
    pub(crate) account: Box<Account>,
    pub(crate) request: Box<Request>,
    pub(crate) principal: Arc<Principal>,
}

/// What the caller asks, in its own words.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) operation: Operation,
    pub(crate) headers: HeaderMap,
    /// What the path says beyond the operation.
    pub(crate) said: PathSaid,
    pub(crate) query: Option<Box<str>>,
    pub(crate) body: Bytes,
    pub(crate) fields: Fields,
    pub(crate) peek: Peek,
}

impl Request {
    /// The request without its body.
    pub(crate) fn head(&self) -> Head<'_> {
        Head { headers: &self.headers, path: &self.said, query: self.query.as_deref() }
    }
}

/// The least average rate of a body, in bytes a second: slower than any line, faster than an attacker likes.
const SLOWEST_BODY: NonZeroU32 = NonZeroU32::new(1024).unwrap();

/// Reads the request.
///
/// # Cancel safety
/// Dropping it drops the connection's body; nothing has been reserved yet. Of a large body, what [`heavy::run`] says.
pub(crate) async fn decode(identified: Identified, gateway: &Gateway) -> Result<Received, Rejection> {
    let Identified { mut account, route, principal, parts, mut body } = identified;
    let began = gateway.clock.now();
    let pace = Pace { idle: gateway.timers.request_body_idle, floor: SLOWEST_BODY };
    let body = match net::body::collect_within(&mut body, gateway.caps.body, pace, &gateway.room).await {
        Ok(body) => body,
        Err(error) => return Err(account.turn_away(&parts, body, Cause::Body(error)).await),
    };
    account.look();
    account.facts.caller_wait += account.now.since(began);
    account.facts.bytes_in = body.len() as u64;
    let query = parts.uri.query().map(Box::from);
    let (head, depth) = ((parts.headers, query), gateway.caps.json_depth);
    let understood = if heavy::is(body.len()) {
        let understood = heavy::run(move || understand(route, head, body, depth)).await;
        account.look();
        understood
    } else {
        understand(route, head, body, depth)
    };
    match understood {
        Ok(request) => {
            account.facts.delivery = request.peek.delivery;
            account.facts.form = request.peek.form;
            Ok(Received { account, request, principal })
        }
        Err(cause) => Err(account.reject(cause)),
    }
}

fn understand(
    route: Route,
    (headers, query): (HeaderMap, Option<Box<str>>),
    body: Bytes,
    depth: usize,
) -> Result<Box<Request>, Cause> {
    let Route { dialect, operation, said, takes, .. } = route;
    let fields = Fields::read(&headers, &body, takes, depth).map_err(Cause::Json)?;
    let head = Head { headers: &headers, path: &said, query: query.as_deref() };
    let peek = dialect.peek(head, &body, &fields).map_err(Cause::Decode)?;
    // Boxed: it goes from phase to phase.
    Ok(Box::new(Request { dialect, operation, headers, said, query, body, fields, peek }))
}
