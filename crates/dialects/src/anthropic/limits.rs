//! The caller's own limits in this language's header names.

use http::{HeaderName, HeaderValue};
use types::{Counted, Standing, UnixTime};

/// `limit`, `remaining` and `reset`.
static REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("anthropic-ratelimit-requests-limit"),
    HeaderName::from_static("anthropic-ratelimit-requests-remaining"),
    HeaderName::from_static("anthropic-ratelimit-requests-reset"),
];
static TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("anthropic-ratelimit-tokens-limit"),
    HeaderName::from_static("anthropic-ratelimit-tokens-remaining"),
    HeaderName::from_static("anthropic-ratelimit-tokens-reset"),
];

/// The headers; resets are points in time (RFC 3339).
pub(super) fn headers(standings: &[Standing], now: UnixTime) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::with_capacity(standings.len() * 3);
    for standing in standings {
        let names = match standing.counted {
            Counted::Requests => &REQUESTS,
            Counted::Tokens => &TOKENS,
        };
        let [limit, remaining, reset] = names.clone();
        headers.push((limit, HeaderValue::from(standing.limit)));
        headers.push((remaining, HeaderValue::from(standing.remaining)));
        if let Ok(at) =
            HeaderValue::from_maybe_shared(bytes::Bytes::from(now.plus(standing.reset).to_string()))
        {
            headers.push((reset, at));
        }
    }
    headers
}
