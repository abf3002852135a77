//! What goes back to the caller: a head with the headers every answer carries, and a body that is whole or still
//! coming.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::upgrade::Upgraded;
use net::body::Outgoing;
use net::websocket::Handshake;
use types::conversation::Change;
use types::{RequestId, StreamForm};

use crate::account::Account;
use crate::passing;
use crate::pricing::Assumed;
use crate::relay::Relay;
use crate::session::Relayed;

/// As many as an answer usually has, so that their table is made once.
const USUAL_HEADERS: usize = 24;

/// An answer to a caller.
pub type Answer = Response<Outgoing>;

/// A whole answer of an upstream. The account is closed.
pub(crate) fn whole(mut account: Box<Account>, upstream: &HeaderMap, pieces: Vec<Bytes>) -> Answer {
    account.facts.bytes_out = pieces.iter().map(|piece| piece.len() as u64).sum();
    let mut headers = HeaderMap::with_capacity(USUAL_HEADERS);
    headers.insert(header::CONTENT_TYPE, media_type(account.facts.form, upstream).unwrap_or(JSON));
    add_common(&mut headers, &account);
    add_served(&mut headers, &account, upstream);
    add_cost(&mut headers, &account);
    account.close(StatusCode::OK.as_u16(), None);
    with_headers(headers, Outgoing::from(pieces))
}

/// The gateway's own count of tokens, as `body` says it: an estimate, and marked as one. The account is closed.
pub(crate) fn counted(mut account: Box<Account>, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Outgoing::from(Bytes::from(body)));
    answer.headers_mut().insert(header::CONTENT_TYPE, JSON);
    answer.headers_mut().insert(ESTIMATE, HeaderValue::from_static("true"));
    add_common(answer.headers_mut(), &account);
    account.close(StatusCode::OK.as_u16(), None);
    answer
}

/// A session that begins.
pub(crate) fn session(account: Box<Account>, handshake: Handshake, upstream: Upgraded) -> Answer {
    let mut answer = handshake.answer(());
    add_common(answer.headers_mut(), &account);
    add_served(answer.headers_mut(), &account, &HeaderMap::new());
    answer.map(|()| Outgoing::session(Relayed { account, upstream }))
}

/// A stream that has begun.
pub(crate) fn streamed(relay: Relay, upstream: &HeaderMap) -> Answer {
    let headers = stream_head(relay.account(), upstream);
    with_headers(headers, Outgoing::from_source(relay))
}

/// A stream that is all here, because its upstream answered in one piece. The account is closed.
pub(crate) fn whole_stream(mut account: Box<Account>, upstream: &HeaderMap, pieces: Vec<Bytes>) -> Answer {
    account.facts.bytes_out = pieces.iter().map(|piece| piece.len() as u64).sum();
    let headers = stream_head(&account, upstream);
    account.close(StatusCode::OK.as_u16(), None);
    with_headers(headers, Outgoing::from(pieces))
}

/// An answer that is passed on and all here, with its upstream's status. The account is closed.
pub(crate) fn passed_whole(
    mut account: Box<Account>,
    upstream: &HeaderMap,
    status: StatusCode,
    pieces: Vec<Bytes>,
) -> Answer {
    account.facts.bytes_out = pieces.iter().map(|piece| piece.len() as u64).sum();
    let mut answer = passed_head(&account, upstream, status).map(|()| Outgoing::from(pieces));
    add_cost(answer.headers_mut(), &account);
    account.close(status.as_u16(), None);
    answer
}

/// An answer that is passed on as it comes, with its upstream's status.
pub(crate) fn passed(relay: Relay, upstream: &HeaderMap, status: StatusCode) -> Answer {
    passed_head(relay.account(), upstream, status).map(|()| Outgoing::from_source(relay))
}

fn passed_head(account: &Account, upstream: &HeaderMap, status: StatusCode) -> Response<()> {
    let mut answer = Response::new(());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    for (name, value) in upstream.iter().filter(|(name, _)| passing::comes_back(name)) {
        headers.append(name.clone(), value.clone());
    }
    if account.facts.delivery.is_stream() {
        headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    }
    add_common(headers, account);
    if let Some(served) = &account.facts.served_by {
        insert(headers, PROVIDER, served.candidate.provider.as_str());
    }
    headers.insert(ATTEMPTS, HeaderValue::from(account.facts.attempts));
    add_assumed(headers, account);
    answer
}

fn stream_head(account: &Account, upstream: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(USUAL_HEADERS);
    let form = account.facts.form;
    let own = || HeaderValue::from_static(form.content_type());
    headers.insert(header::CONTENT_TYPE, media_type(form, upstream).unwrap_or_else(own));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    add_common(&mut headers, account);
    add_served(&mut headers, account, upstream);
    headers
}

/// The upstream's word for what it sends, where that is passed on as it comes.
fn media_type(form: StreamForm, upstream: &HeaderMap) -> Option<HeaderValue> {
    upstream.get(header::CONTENT_TYPE).filter(|_| form == StreamForm::Bytes).cloned()
}

fn with_headers(headers: HeaderMap, body: Outgoing) -> Answer {
    let mut answer = Response::new(body);
    *answer.headers_mut() = headers;
    answer
}

/// What every answer carries, refusals included.
pub(crate) fn add_common(headers: &mut HeaderMap, account: &Account) {
    add_ids(headers, account.id, account.facts.client_id.as_ref());
    if let Ok(traceparent) = HeaderValue::try_from(account.trace.traceparent(account.trace.span_id)) {
        headers.insert(TRACEPARENT, traceparent);
    }
    if let Ok(timing) = HeaderValue::try_from(account.server_timing()) {
        headers.insert(SERVER_TIMING, timing);
    }
    if account.facts.forgiven_path {
        headers.insert(
            HINT,
            HeaderValue::from_static("the path was understood, but the base URL should end in /v1"),
        );
    }
    for (name, value) in account.caller.limit_headers(&account.facts.standings, account.wall) {
        headers.insert(name, value);
    }
}

/// The ids of the request: its own, and the caller's where the caller gave one.
pub(crate) fn add_ids(headers: &mut HeaderMap, id: RequestId, client_id: Option<&HeaderValue>) {
    // OpenAI's clients read the first, Anthropic's the second.
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        headers.insert(REQUEST_ID, client_id.unwrap_or(&id).clone());
        headers.insert(ANTHROPIC_REQUEST_ID, id);
    }
}

/// Who served it, what was changed for that, and what the upstream's language sends along.
fn add_served(headers: &mut HeaderMap, account: &Account, upstream: &HeaderMap) {
    let facts = &account.facts;
    if let Some(served) = &facts.served_by {
        insert(headers, PROVIDER, served.candidate.provider.as_str());
        insert(headers, MODEL, served.candidate.model.as_str());
    }
    headers.insert(ATTEMPTS, HeaderValue::from(facts.attempts));
    add_assumed(headers, account);
    if !facts.changes.is_empty() {
        insert(headers, CHANGED, &changed(&facts.changes));
    }
    for name in account.caller.forwarded_answer_headers() {
        if let Some(value) = upstream.get(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
}

/// What was assumed of a price that nobody knows.
fn add_assumed(headers: &mut HeaderMap, account: &Account) {
    if let Some(assumed) = account.facts.assumed_price {
        headers.insert(UNKNOWN_PRICE, HeaderValue::from_static(assumed.as_str()));
    }
}

/// What it cost. Of what nobody knows the price of, nobody knows the cost.
fn add_cost(headers: &mut HeaderMap, account: &Account) {
    let is_known = account.facts.assumed_price != Some(Assumed::Free);
    if is_known && let Ok(cost) = HeaderValue::try_from(account.facts.cost.to_string()) {
        headers.insert(COST, cost);
    }
}

/// The changes, as many as fit: clients and proxies refuse heads that are too large. A field's name is the caller's
/// own text, so what could end an entry or the header is written as `%XX`.
fn changed(changes: &[Change]) -> String {
    let mut text = String::new();
    for (told, change) in changes.iter().enumerate() {
        let entry = change.to_string();
        if text.len() + entry.len() > MAX_CHANGED {
            // Writing to a String cannot fail.
            let _ = write!(text, ", more;n={}", changes.len() - told);
            break;
        }
        if told > 0 {
            text.push_str(", ");
        }
        for byte in entry.bytes() {
            if byte.is_ascii_alphanumeric() || b"_.[]-;".contains(&byte) {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

/// The most bytes of the header that names the changes.
const MAX_CHANGED: usize = 2048;

/// Puts a header in unless its value cannot be one.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-tollgate-attempts");
const CHANGED: HeaderName = HeaderName::from_static("x-tollgate-changed");
const COST: HeaderName = HeaderName::from_static("x-tollgate-cost-usd");
const ESTIMATE: HeaderName = HeaderName::from_static("x-tollgate-estimate");
const HINT: HeaderName = HeaderName::from_static("x-tollgate-hint");
const MODEL: HeaderName = HeaderName::from_static("x-tollgate-model");
const PROVIDER: HeaderName = HeaderName::from_static("x-tollgate-provider");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const UNKNOWN_PRICE: HeaderName = HeaderName::from_static("x-tollgate-unknown-price");
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
