//! The caller's own limits under `OpenAI`'s header names.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use types::{Counted, Standing};

/// Limit, remaining and reset of one kind of count.
type Names = [HeaderName; 3];

const REQUESTS: Names = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
const TOKENS: Names = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// The headers for these standings.
pub(crate) fn headers(standings: &[Standing]) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::with_capacity(standings.len() * 3);
    for standing in standings {
        let [limit, remaining, reset] = match standing.counted {
            Counted::Requests => REQUESTS,
            Counted::Tokens => TOKENS,
        };
        headers.push((limit, HeaderValue::from(standing.limit)));
        headers.push((remaining, HeaderValue::from(standing.remaining)));
        if let Ok(value) = HeaderValue::try_from(go_duration(standing.reset)) {
            headers.push((reset, value));
        }
    }
    headers
}

/// A duration as Go prints it: `12ms`, `7.66s`, `6m0s`, `1h0m0s`. A part of a millisecond counts as a whole one.
fn go_duration(duration: Duration) -> String {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    let mut buffer = itoa::Buffer::new();
    let mut text = String::with_capacity(12);
    let mut part = |text: &mut String, count: u128, unit: &str| {
        text.push_str(buffer.format(count));
        text.push_str(unit);
    };
    if millis > 0 && millis < 1_000 {
        part(&mut text, millis, "ms");
        return text;
    }
    let seconds = millis / 1_000;
    if seconds >= 3_600 {
        part(&mut text, seconds / 3_600, "h");
    }
    if seconds >= 60 {
        part(&mut text, seconds / 60 % 60, "m");
    }
    part(&mut text, seconds % 60, "");
    if !millis.is_multiple_of(1_000) {
        let fraction = format!(".{:03}", millis % 1_000);
        text.push_str(fraction.trim_end_matches('0'));
    }
    text.push('s');
    text
}
