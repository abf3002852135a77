//! First phase: is it for us, is it small enough, what does it ask for? Just enough parsing to route and to
//! limit by; the rest stays bytes.

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use dialects::{Dialect, Fields, Peek};
use http::request::Parts;
use http::{HeaderMap, Method, Version, header};
use net::body::Pace;
use types::Operation;

use crate::account::Account;
use crate::arrival::{Route, Spelling};
use crate::rejection::{Cause, Rejection};
use crate::{Arrival, Gateway, heavy};

/// A request that has been read and understood as far as routing needs.
pub(crate) struct Received {
    pub(crate) account: Box<Account>,
    pub(crate) request: Request,
    /// The path's query, where a credential may stand.
    pub(crate) query: Option<String>,
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

/// What is read and thrown away of a body that is refused, so that the refusal arrives.
const MAX_DISCARDED: usize = 64 << 20;
/// How long that may take.
const DISCARD_PATIENCE: Duration = Duration::from_secs(5);

/// Reads the request.
///
/// # Cancel safety
/// Dropping it drops the connection's body; nothing has been reserved yet. Of a large body, what [`heavy::run`] says.
pub(crate) async fn decode(arrival: Arrival, gateway: &Gateway) -> Result<Received, Rejection> {
    let Arrival { mut account, route, parts, mut body } = arrival;
    let route = match entrance(route, &parts, gateway) {
        Ok(route) => route,
        Err(cause) => return Err(account.reject(cause)),
    };
    account.begin(route.operation, route.spelling == Spelling::Forgiven);
    let pace = Pace { idle: gateway.timers.request_body_idle, floor: SLOWEST_BODY };
    let body = match net::body::collect_within(&mut body, gateway.caps.body, pace, &gateway.room).await {
        Ok(body) => body,
        Err(error) => {
            if parts.version == Version::HTTP_2 {
                net::body::discard(body, MAX_DISCARDED, DISCARD_PATIENCE).await;
            }
            return Err(account.reject(Cause::Body(error)));
        }
    };
    account.facts.bytes_in = body.len() as u64;
    let (headers, depth) = (parts.headers, gateway.caps.json_depth);
    let understood = if heavy::is(body.len()) {
        heavy::run(move || understand(route, headers, body, depth)).await
    } else {
        understand(route, headers, body, depth)
    };
    account.look();
    match understood {
        Ok(request) => {
            account.facts.delivery = request.peek.delivery;
            let query = parts.uri.query().map(str::to_owned);
            Ok(Received { account, request, query })
        }
        Err(cause) => Err(account.reject(cause)),
    }
}

/// What can be said before the body is read.
fn entrance(route: Option<Route>, parts: &Parts, gateway: &Gateway) -> Result<Route, Cause> {
    if gateway.drain.is_draining() {
        return Err(Cause::Draining);
    }
    let Some(route) = route else { return Err(Cause::UnknownPath(parts.uri.path().to_owned())) };
    if parts.method != Method::POST {
        return Err(Cause::Method(parts.method.clone()));
    }
    let passed_by = |via: &header::HeaderValue| via.to_str().is_ok_and(|via| names(via, &gateway.instance));
    if parts.headers.get_all(header::VIA).iter().any(passed_by) {
        return Err(Cause::Loop);
    }
    match parts.headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(Cause::Encoding),
        Some(_) | None => Ok(route),
    }
}

/// Whether a `Via` header (RFC 9110, section 7.6.3) names this instance.
fn names(via: &str, instance: &str) -> bool {
    via.split(',').any(|hop| hop.trim().split(' ').nth(1) == Some(instance))
}

fn understand(route: Route, headers: HeaderMap, body: Bytes, depth: usize) -> Result<Request, Cause> {
    let Route { dialect, operation, .. } = route;
    let fields = Fields::scan(&body, depth).map_err(Cause::Json)?;
    let peek = dialect.peek(&headers, &body, &fields).map_err(Cause::Decode)?;
    Ok(Request { dialect, operation, headers, body, fields, peek })
}
