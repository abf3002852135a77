//! Tokens for keys: the client-credentials grant (RFC 6749, section 4.4), with metadata (RFC 8414) and keys
//! (RFC 7517).

use std::num::NonZeroU32;
use std::time::Duration;

use auth::{Grant, GrantError};
use gateway::Answer;
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use net::body::Pace;
use serde_json::json;
use types::{Code, Refusal};

use crate::{JSON, Site, answer, refused};

/// Where keys are exchanged.
pub(crate) const TOKEN_PATH: &str = "/oauth/token";
/// No token request is larger.
const MAX_BODY: usize = 16 * 1024;
/// A token request is a line of text: slower than this is an attack.
const PACE: Pace = Pace { idle: Duration::from_secs(5), floor: NonZeroU32::new(256).unwrap() };

/// Exchanges a key for a token.
pub(crate) async fn exchange(site: &Site, request: Request<Incoming>) -> Answer {
    if site.tokens.is_none() {
        return refused(&not_configured(), &request);
    }
    let (parts, body) = request.into_parts();
    let grant = match net::body::collect_capped(body, MAX_BODY, PACE).await {
        Ok(body) => Grant::read(&parts.headers, &body),
        Err(_) => Err(GrantError::InvalidRequest("the body cannot be read")),
    };
    let exchanged = grant.and_then(|grant| site.auth.exchange(&grant, site.clock.wall()));
    let mut response = match exchanged {
        Ok(token) => answer(StatusCode::OK, JSON, token.to_json()),
        Err(error) => failed(&error),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The error answer of RFC 6749, section 5.2.
fn failed(error: &GrantError) -> Answer {
    let status = match error {
        GrantError::InvalidClient(_) => StatusCode::UNAUTHORIZED,
        GrantError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        GrantError::InvalidRequest(_) | GrantError::UnsupportedGrantType => StatusCode::BAD_REQUEST,
    };
    let body = json!({"error": error.as_str(), "error_description": error.to_string()});
    let mut response = answer(status, JSON, body.to_string());
    if status == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"tollgate\""));
    }
    response
}

/// The server's metadata.
pub(crate) fn metadata(site: &Site) -> Answer {
    document(site.tokens.as_ref().map(|tokens| tokens.metadata()))
}

/// The keys that tokens are verified with.
pub(crate) fn keys(site: &Site) -> Answer {
    document(site.tokens.as_ref().map(|tokens| tokens.jwks()))
}

fn document(document: Option<String>) -> Answer {
    match document {
        Some(document) => answer(StatusCode::OK, JSON, document),
        None => answer(StatusCode::NOT_FOUND, JSON, json!({"error": not_configured().message}).to_string()),
    }
}

fn not_configured() -> Refusal {
    Refusal::new(
        Code::UnknownPath,
        "tokens are not configured here: set security.authentication to JWT/OAuth2",
    )
}
