//! Second phase: is it small enough, and what does it ask for? Just enough parsing to route and to limit by; the rest
//! stays bytes.

use std::num::NonZeroU32;
use std::sync::Arc;

use auth::Principal;
use bytes::Bytes;
use dialects::{Dialect, Fields, Peek};
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
    pub(crate) request: Request,
    pub(crate) principal: Arc<Principal>,
}

/// What the caller asks, in its own words.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) operation: Operation,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) fields: Fields,
    pub(crate) peek: Peek,
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
    let (headers, depth) = (parts.headers, gateway.caps.json_depth);
    let understood = if heavy::is(body.len()) {
        let understood = heavy::run(move || understand(route, headers, body, depth)).await;
        account.look();
        understood
    } else {
        understand(route, headers, body, depth)
    };
    match understood {
        Ok(request) => {
            account.facts.delivery = request.peek.delivery;
            Ok(Received { account, request, principal })
        }
        Err(cause) => Err(account.reject(cause)),
    }
}

fn understand(route: Route, headers: HeaderMap, body: Bytes, depth: usize) -> Result<Request, Cause> {
    let Route { dialect, operation, .. } = route;
    let fields = Fields::scan(&body, depth).map_err(Cause::Json)?;
    let peek = dialect.peek(&headers, &body, &fields).map_err(Cause::Decode)?;
    Ok(Request { dialect, operation, headers, body, fields, peek })
}
