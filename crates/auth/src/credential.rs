//! Finding the credential on a request, wherever clients of any vendor put it.

use std::borrow::Cow;
use std::fmt;

use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, PROXY_AUTHORIZATION};
use types::{Blame, Classify, Code, Retry, Verdict};

use crate::form;

/// Where a credential may stand, and whether the value is one only with a scheme word in front.
struct Place {
    header: HeaderName,
    scheme: Scheme,
}

#[derive(Clone, Copy)]
enum Scheme {
    /// `Bearer` may stand in front.
    Optional,
    /// Without `Bearer` the header says something else.
    Required,
}

/// The last four are other gateways' headers, so that their clients can move without a change.
static PLACES: [Place; 8] = [
    Place { header: AUTHORIZATION, scheme: Scheme::Required },
    Place { header: HeaderName::from_static("x-api-key"), scheme: Scheme::Optional },
    Place { header: HeaderName::from_static("api-key"), scheme: Scheme::Optional },
    Place { header: HeaderName::from_static("x-goog-api-key"), scheme: Scheme::Optional },
    Place { header: HeaderName::from_static("x-litellm-api-key"), scheme: Scheme::Optional },
    Place { header: HeaderName::from_static("x-portkey-api-key"), scheme: Scheme::Optional },
    Place { header: HeaderName::from_static("x-bf-vk"), scheme: Scheme::Optional },
    Place { header: HeaderName::from_static("helicone-auth"), scheme: Scheme::Required },
];

/// Where a browser puts the key of a `WebSocket`, which it can give no headers: among the protocols it offers.
static PROTOCOL: HeaderName = http::header::SEC_WEBSOCKET_PROTOCOL;
const KEY_PROTOCOL: &[u8] = b"openai-insecure-api-key.";

/// Whether a protocol that a `WebSocket`'s client offers is none, but a key.
pub fn is_key_protocol(protocol: &str) -> bool {
    protocol.as_bytes().starts_with(KEY_PROTOCOL)
}

fn in_protocols(offered: &[u8]) -> Option<&[u8]> {
    let mut offered = offered.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    offered.find_map(|protocol| protocol.strip_prefix(KEY_PROTOCOL)).filter(|key| !key.is_empty())
}

/// The query parameter that Gemini's clients use, as it is named to the caller.
const QUERY: &str = "?key=";

/// `query` without the credential that [`Presented::read`] would find in it.
pub fn without_credential(query: &str) -> String {
    let kept = query.split('&').filter(|piece| {
        let name = piece.split_once('=').map_or(*piece, |(name, _)| name);
        *form::decoded(name.as_bytes()) != *b"key"
    });
    kept.collect::<Vec<_>>().join("&")
}

/// Request headers that say who the caller is to this gateway. They never travel to an upstream.
pub static NEVER_FORWARDED: [HeaderName; 10] = [
    AUTHORIZATION,
    COOKIE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("x-litellm-api-key"),
    HeaderName::from_static("x-portkey-api-key"),
    HeaderName::from_static("x-bf-vk"),
    HeaderName::from_static("helicone-auth"),
];

/// The credential as the caller sent it, or that there is none. Never printed.
#[derive(Clone, Default)]
pub struct Presented<'a>(Option<Cow<'a, [u8]>>);

impl<'a> Presented<'a> {
    /// The one credential in the headers or the query string. An empty one is none, and the same one in several places
    /// is one; a header that is there for something else, such as `Authorization: Basic`, is not looked at.
    pub fn read(headers: &'a HeaderMap, query: Option<&'a str>) -> Result<Self, CredentialError> {
        let mut found: Option<(Cow<'a, [u8]>, &'static str)> = None;
        let mut keep = |value: Cow<'a, [u8]>, place: &'static str| match &found {
            Some((first, first_place)) if *first != value => {
                Err(CredentialError::Conflict { first: first_place, second: place })
            }
            Some(_) => Ok(()),
            None => {
                found = Some((value, place));
                Ok(())
            }
        };
        for Place { header, scheme } in &PLACES {
            for value in headers.get_all(header) {
                if let Some(value) = credential(value.as_bytes(), *scheme) {
                    keep(Cow::Borrowed(value), header.as_str())?;
                }
            }
        }
        for value in headers.get_all(&PROTOCOL) {
            if let Some(value) = in_protocols(value.as_bytes()) {
                keep(Cow::Borrowed(value), PROTOCOL.as_str())?;
            }
        }
        for (name, value) in form::pairs(query.unwrap_or_default().as_bytes()) {
            if *name == *b"key" && !value.is_empty() {
                keep(value, QUERY)?;
            }
        }
        Ok(Self(found.map(|(value, _)| value)))
    }

    /// The credential's bytes; empty where there is none.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Presented(…)" } else { "Presented(none)" })
    }
}

/// Why no credential could be taken from a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialError {
    /// Two different ones are on it; which is meant is never guessed.
    Conflict {
        /// Where the first stands.
        first: &'static str,
        /// Where another stands.
        second: &'static str,
    },
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { first, second } => {
                write!(f, "two different keys on one request, in {first} and in {second}: send one of them")
            }
        }
    }
}

impl std::error::Error for CredentialError {}

impl Classify for CredentialError {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Conflict { .. } => {
                Verdict { blame: Blame::Caller, retry: Retry::Never, code: Code::CredentialConflict }
            }
        }
    }
}

/// The credential in a header's value, without its scheme word (matched in any case, RFC 9110 section 11.1).
fn credential(value: &[u8], scheme: Scheme) -> Option<&[u8]> {
    const BEARER: &[u8] = b"bearer";
    let value = value.trim_ascii();
    let bearer = value.split_at_checked(BEARER.len()).and_then(|(word, rest)| {
        let separated = rest.is_empty() || rest.starts_with(b" ") || rest.starts_with(b"\t");
        (word.eq_ignore_ascii_case(BEARER) && separated).then(|| rest.trim_ascii_start())
    });
    match (bearer, scheme) {
        (Some(credential), Scheme::Optional | Scheme::Required) => Some(credential),
        (None, Scheme::Optional) => Some(value),
        (None, Scheme::Required) => None,
    }
    .filter(|credential| !credential.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines.iter().map(line) {
            headers.append(name, value);
        }
        headers
    }

    #[track_caller]
    fn check(lines: &[(&'static str, &'static str)], query: &str, expect: &str) {
        let headers = headers(lines);
        let presented = Presented::read(&headers, Some(query)).expect("no conflict");
        assert_eq!(String::from_utf8_lossy(presented.as_bytes()), expect, "{lines:?} {query}");
    }

    #[test]
    fn the_key_is_found_wherever_a_client_puts_it() {
        check(&[("authorization", "Bearer tg-a")], "", "tg-a");
        check(&[("authorization", "bearer   tg-a ")], "", "tg-a");
        check(&[("x-api-key", "tg-a")], "", "tg-a");
        check(&[("api-key", "tg-a")], "", "tg-a");
        check(&[("x-goog-api-key", "tg-a")], "", "tg-a");
        check(&[("x-litellm-api-key", "Bearer tg-a")], "", "tg-a");
        check(&[("x-portkey-api-key", "tg-a")], "", "tg-a");
        check(&[("x-bf-vk", "tg-a")], "", "tg-a");
        check(&[("helicone-auth", "Bearer tg-a")], "", "tg-a");
        check(&[], "alt=sse&key=tg%2Da", "tg-a");
        check(&[("sec-websocket-protocol", "realtime, openai-insecure-api-key.tg-a")], "", "tg-a");
        check(&[], "", "");
    }

    #[test]
    fn a_query_goes_on_without_the_key_however_that_is_written() {
        for query in ["alt=sse&key=tg-a&monkey=1", "alt=sse&%6bey=tg-a&monkey=1", "key&alt=sse&key=&monkey=1"]
        {
            assert_eq!(without_credential(query), "alt=sse&monkey=1", "{query}");
        }
        assert_eq!(without_credential("key=tg-a"), "");
        assert_eq!(without_credential("a=%20&&b"), "a=%20&&b");
    }

    #[test]
    fn an_empty_or_foreign_header_is_no_credential() {
        check(&[("authorization", "Bearer"), ("x-api-key", "tg-a")], "", "tg-a");
        check(&[("authorization", "Bearer "), ("x-api-key", "tg-a")], "key=", "tg-a");
        check(&[("authorization", "Basic dXNlcjpwYXNz"), ("x-api-key", "tg-a")], "", "tg-a");
        check(&[("authorization", "Bearertg-a")], "", "");
        check(&[("x-api-key", "")], "monkey=tg-a&Key=tg-b", "");
    }

    #[test]
    fn the_same_key_in_several_places_is_one_key() {
        check(&[("authorization", "Bearer tg-a"), ("x-api-key", "tg-a")], "key=tg-a", "tg-a");
        check(&[("x-api-key", "tg-a"), ("x-api-key", "tg-a")], "", "tg-a");
    }

    #[track_caller]
    fn check_conflict(lines: &[(&'static str, &'static str)], query: &str, places: (&str, &str)) {
        let headers = headers(lines);
        let conflict = Presented::read(&headers, Some(query)).expect_err("a conflict");
        let CredentialError::Conflict { first, second } = conflict;
        assert_eq!((first, second), places);
        let sentence = conflict.to_string();
        assert!(sentence.contains(first) && sentence.contains(second), "{sentence}");
        assert!(!sentence.contains("tg-"), "{sentence}");
    }

    #[test]
    fn two_different_keys_are_a_conflict_that_names_both_places_and_no_value() {
        let two = [("authorization", "Bearer tg-a"), ("x-api-key", "tg-b")];
        check_conflict(&two, "", ("authorization", "x-api-key"));
        check_conflict(&[("x-goog-api-key", "tg-a")], "key=tg-b", ("x-goog-api-key", "?key="));
        check_conflict(&[("x-api-key", "tg-a"), ("x-api-key", "tg-b")], "", ("x-api-key", "x-api-key"));
        check_conflict(&[], "key=tg-a&key=tg-b", ("?key=", "?key="));
    }

    #[test]
    fn every_place_of_a_credential_is_on_the_list_of_headers_that_stay_here() {
        for place in &PLACES {
            assert!(NEVER_FORWARDED.contains(&place.header), "{}", place.header);
        }
    }

    #[test]
    fn a_presented_credential_is_not_printed() {
        let headers = headers(&[("x-api-key", "tg-secret")]);
        let presented = Presented::read(&headers, None).unwrap();
        assert_eq!(format!("{presented:?}"), "Presented(…)");
    }
}
