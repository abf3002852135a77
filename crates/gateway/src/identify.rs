//! First phase: is it for us, and who asks? Of a stranger's request nothing but the head is read.

use std::sync::Arc;

use auth::{IdentifyError, Presented, Principal};
use http::request::Parts;
use http::{Method, header};
use net::websocket::{self, Handshake};
use tracing::debug;

use crate::account::Account;
use crate::arrival::{CallerBody, Route, Spelling};
use crate::rejection::{Cause, Rejection};
use crate::{Arrival, Gateway, passing, turns};

/// A request whose caller is known.
pub(crate) struct Identified {
    pub(crate) account: Box<Account>,
    pub(crate) route: Route,
    pub(crate) principal: Arc<Principal>,
    pub(crate) parts: Parts,
    pub(crate) body: CallerBody,
}

/// Finds out who asks.
pub(crate) fn who(arrival: Arrival, gateway: &Gateway) -> Result<Identified, Rejection> {
    let Arrival { mut account, route, parts, body } = arrival;
    match known(&mut account, route, &parts, gateway) {
        Ok((route, principal)) => Ok(Identified { account, route, principal, parts, body }),
        Err(cause) => Err(account.turn_away(&parts, body, cause)),
    }
}

/// What the head says: what is asked for, and by whom.
fn known(
    account: &mut Account,
    route: Option<Route>,
    parts: &Parts,
    gateway: &Gateway,
) -> Result<(Route, Arc<Principal>), Cause> {
    let route = entrance(route, parts, gateway)?;
    account.begin(route.operation, route.spelling == Spelling::Forgiven);
    if asks_for_messages(&route, parts) {
        account.handshake = Some(Box::new(handshake(parts)?));
    }
    let presented = Presented::read(&parts.headers, parts.uri.query()).map_err(IdentifyError::from);
    let principal = presented.and_then(|presented| gateway.auth.identify(&presented, account.wall));
    let principal = principal.map_err(|error| {
        if let IdentifyError::BadCredential(reason) = error {
            debug!(request_id = %account.id, reason = reason.as_str(), "credential refused");
        }
        Cause::Identify(error)
    })?;
    account.facts.key = Some(principal.key.clone());
    account.facts.tenant = principal.tenant.clone();
    Ok((route, principal))
}

/// Whether a request asks for a connection that carries messages, at a path where there is one.
pub(crate) fn asks_for_messages(route: &Route, parts: &Parts) -> bool {
    if route.operation.is_session() {
        return parts.method == Method::GET;
    }
    websocket::is_asked(&parts.method, &parts.headers) && turns::of(route).is_some()
}

/// How the session begins that a request asks for.
fn handshake(parts: &Parts) -> Result<Handshake, Cause> {
    let handshake = Handshake::read(parts).map_err(Cause::Handshake)?;
    let mut offered = websocket::protocols(&parts.headers);
    Ok(handshake.speaking(offered.find(|protocol| !auth::is_key_protocol(protocol))))
}

/// Whether the request is one for here.
fn entrance(route: Option<Route>, parts: &Parts, gateway: &Gateway) -> Result<Route, Cause> {
    if gateway.drain.is_draining() {
        return Err(Cause::Draining);
    }
    let Some(route) = route else { return Err(Cause::UnknownPath(parts.uri.path().to_owned())) };
    let is_for_messages = asks_for_messages(&route, parts);
    if !is_for_messages && parts.method == Method::GET && parts.headers.contains_key(header::UPGRADE) {
        return Err(Cause::Upgrade);
    }
    let methods = route.methods();
    if !is_for_messages && !methods.contains(&parts.method) {
        return Err(Cause::Method { method: parts.method.clone(), takes: methods });
    }
    let passed_by = |via: &header::HeaderValue| via.to_str().is_ok_and(|via| names(via, &gateway.instance));
    if parts.headers.get_all(header::VIA).iter().any(passed_by) {
        return Err(Cause::Loop);
    }
    if route.decides_by_body(&parts.method) && !passing::is_plain(&parts.headers) {
        return Err(Cause::Encoding);
    }
    Ok(route)
}

/// Whether a `Via` header (RFC 9110, section 7.6.3) names this instance.
fn names(via: &str, instance: &str) -> bool {
    via.split(',').any(|hop| hop.trim().split(' ').nth(1) == Some(instance))
}
