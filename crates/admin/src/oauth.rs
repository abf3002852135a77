//! Tokens for keys: the client-credentials grant (RFC 6749, section 4.4), with metadata (RFC 8414) and keys
//! (RFC 7517).

use std::num::NonZeroU32;
use std::time::Duration;

use auth::{Grant, GrantError};
use gateway::{Answer, Declined};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use hyper::body::Incoming;
use net::body::Pace;
use serde_json::json;
use tracing::debug;
use types::{Classify, Code, Refusal, RequestId};

use crate::{JSON, Site, answer, whole};

/// Where keys are exchanged.
pub(crate) const TOKEN_PATH: &str = "/oauth/token";
/// No token request is larger.
const MAX_BODY: usize = 16 * 1024;
/// A token request is a line of text: slower than this is an attack.
const PACE: Pace = Pace { idle: Duration::from_secs(5), floor: NonZeroU32::new(256).unwrap() };
/// RFC 6749, sections 5.1 and 5.2.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Exchanges a key for a token.
pub(crate) async fn exchange(
    site: &Site,
    request: Request<Incoming>,
    id: RequestId,
) -> Result<Answer, Declined> {
    if site.tokens.is_none() {
        return Err(not_configured());
    }
    let (parts, body) = request.into_parts();
    let host = host(&parts.uri, &parts.headers);
    let grant = match net::body::collect_capped(body, MAX_BODY, PACE).await {
        Ok(body) => Grant::read(&parts.headers, &body),
        Err(_) => Err(GrantError::InvalidRequest("the body cannot be read")),
    };
    match grant.and_then(|grant| site.auth.exchange(&grant, host, site.clock.wall())) {
        Ok(token) => {
            let mut granted = answer(StatusCode::OK, JSON, token.to_json());
            granted.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
            Ok(granted)
        }
        Err(error) => {
            if let GrantError::InvalidClient(reason) = error {
                debug!(request_id = %id, reason = reason.as_str(), "credential refused");
            }
            Err(failed(&error))
        }
    }
}

/// The error answer of RFC 6749, section 5.2.
fn failed(error: &GrantError) -> Declined {
    let status = match error {
        GrantError::InvalidClient(_) => StatusCode::UNAUTHORIZED,
        GrantError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        GrantError::InvalidRequest(_) | GrantError::UnsupportedGrantType => StatusCode::BAD_REQUEST,
    };
    let body = json!({"error": error.as_str(), "error_description": error.to_string()});
    let mut answer = whole(status, JSON, body.to_string());
    answer.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    if status == StatusCode::UNAUTHORIZED {
        answer
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"tollgate\""));
    }
    Declined::Worded { code: error.verdict().code, answer: Box::new(answer) }
}

/// The server's metadata.
pub(crate) fn metadata(site: &Site, request: &Request<Incoming>) -> Result<Answer, Declined> {
    let tokens = site.tokens.as_ref().ok_or_else(not_configured)?;
    let host = host(request.uri(), request.headers());
    Ok(answer(StatusCode::OK, JSON, tokens.metadata(host)))
}

/// Whom the caller called: `:authority` in HTTP/2, `Host` in HTTP/1.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let called = || headers.get(header::HOST)?.to_str().ok();
    uri.authority().map(Authority::as_str).or_else(called)
}

/// The keys that tokens are verified with.
pub(crate) fn keys(site: &Site) -> Result<Answer, Declined> {
    let tokens = site.tokens.as_ref().ok_or_else(not_configured)?;
    Ok(answer(StatusCode::OK, JSON, tokens.jwks()))
}

fn not_configured() -> Declined {
    let message = "tokens are not configured here: set security.authentication to JWT/OAuth2";
    Refusal::new(Code::UnknownPath, message).into()
}
