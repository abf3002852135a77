//! Second phase: is it small enough, and what does it ask for? Just enough parsing to route and to limit by; the rest
//! stays bytes.

use std::num::NonZeroU32;
use std::sync::Arc;

use auth::Principal;
use bytes::Bytes;
use dialects::{Dialect, Fields, Head, PathSaid, Peek};
use http::{HeaderMap, Method};
use net::body::Pace;
use types::Operation;

use crate::account::Account;
use crate::arrival::{Route, Unread};
use crate::identify::Identified;
use crate::passing::{self, Passing};
use crate::references::{Files, Whose};
use crate::rejection::{Cause, Rejection};
use crate::{Gateway, heavy, owned, session};

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
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    /// What the path says beyond the operation.
    pub(crate) said: PathSaid,
    pub(crate) query: Option<Box<str>>,
    pub(crate) body: Bytes,
    pub(crate) fields: Fields,
    pub(crate) peek: Peek,
    /// What is to be passed on rather than understood.
    pub(crate) passing: Option<Box<Passing>>,
    /// What is known of the files that it names.
    pub(crate) files: Files,
}

impl Request {
    /// Whether it is known to ask a model, so that it is worth estimating what that takes.
    pub(crate) fn asks_model(&self) -> bool {
        self.passing.is_none() || !self.peek.model.as_str().is_empty()
    }

    /// The request without its body.
    pub(crate) fn head(&self) -> Head<'_> {
        Head {
            headers: &self.headers,
            path: &self.said,
            query: self.query.as_deref(),
            scanned: Some(&self.fields),
        }
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
    let body = if route.reads_body(&parts, gateway) {
        let began = gateway.clock.now();
        let pace = Pace { idle: gateway.timers.request_body_idle, floor: SLOWEST_BODY };
        let body = match net::body::collect_within(&mut body, gateway.caps.body, pace, &gateway.room).await {
            Ok(body) => body,
            Err(error) => return Err(account.turn_away(&parts, body, Cause::Body(error))),
        };
        account.look();
        account.facts.caller_wait += account.now.since(began);
        account.facts.bytes_in = body.len() as u64;
        body
    } else {
        account.unread = Unread::of(&parts, body).map(Box::new);
        Bytes::new()
    };
    let query = parts.uri.query().map(Box::from);
    let (head, depth) = ((parts.method, parts.headers, query), gateway.caps.json_depth);
    let whose = Whose { marks: Arc::clone(&gateway.marks), principal: Arc::clone(&principal) };
    let understood = if heavy::is(body.len()) {
        let understood = heavy::run(move || understand(route, head, body, depth, &whose)).await;
        account.look();
        understood
    } else {
        understand(route, head, body, depth, &whose)
    };
    match understood {
        Ok(mut request) => {
            if request.operation.is_kept()
                && let Err(cause) = owned::address(&mut request, &principal, gateway)
            {
                return Err(account.reject(cause));
            }
            account.facts.delivery = request.peek.delivery;
            account.facts.form = request.peek.form;
            Ok(Received { account, request, principal })
        }
        Err(cause) => Err(account.reject(cause)),
    }
}

fn understand(
    route: Route,
    (method, headers, query): (Method, HeaderMap, Option<Box<str>>),
    body: Bytes,
    depth: usize,
    whose: &Whose,
) -> Result<Box<Request>, Cause> {
    let is_decided = route.decides_by_body(&method);
    let (files, body) = if is_decided {
        Files::read(route.dialect, body, depth, whose)?
    } else {
        (Files::of_nobody(whose), body)
    };
    let Route { dialect, operation, said, takes, passing, .. } = route;
    let mut body = body;
    let (fields, peek) = if passing.is_some() {
        let fields = match Fields::scan(&body, depth) {
            Ok(fields) => fields,
            Err(error) if is_decided => return Err(Cause::Json(error)),
            // Whatever it is, it is the provider's to judge.
            Err(_) => Fields::default(),
        };
        let peek = passing::peek(&said, &body, &fields).map_err(Cause::Json)?;
        (fields, peek)
    } else if operation.is_session() {
        (
            Fields::default(),
            session::peek(Head { path: &said, query: query.as_deref(), ..Head::of(&headers) })?,
        )
    } else {
        let mut fields = Fields::read(&headers, &body, takes, depth).map_err(Cause::Json)?;
        if let Some(named) = said.named(&body, &fields) {
            body = named;
            fields = Fields::read(&headers, &body, takes, depth).map_err(Cause::Json)?;
        }
        let head = Head { path: &said, query: query.as_deref(), ..Head::of(&headers) };
        let peek = dialect.peek(head, &body, &fields).map_err(Cause::Decode)?;
        (fields, peek)
    };
    // Boxed: it goes from phase to phase.
    Ok(Box::new(Request {
        dialect,
        operation,
        method,
        headers,
        said,
        query,
        body,
        fields,
        peek,
        passing,
        files,
    }))
}
