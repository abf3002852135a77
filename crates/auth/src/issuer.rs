//! The gateway's own name as an authorization server (RFC 8414, section 2).

use std::borrow::Cow;

use http::uri::Authority;

/// No host has a longer name (RFC 1035, section 2.3.4), a port included.
const MAX_HOST: usize = 261;

/// A URL without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    url: String,
    naming: Naming,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Naming {
    AsCalled,
    Fixed,
}

impl Issuer {
    /// The issuer with this URL.
    pub fn new(url: impl Into<String>) -> Self {
        let mut url = url.into();
        url.truncate(url.trim_end_matches('/').len());
        Self { url, naming: Naming::Fixed }
    }

    /// An issuer on all of a machine's addresses, which has as many names as callers have for it: RFC 8414 wants
    /// the one that the caller used. Who does not say it gets this URL, whose scheme is that of all.
    pub fn as_called(url: impl Into<String>) -> Self {
        Self { naming: Naming::AsCalled, ..Self::new(url) }
    }

    /// The URL for a caller that called `host`.
    pub(crate) fn url(&self, host: Option<&str>) -> Cow<'_, str> {
        match (self.naming, host.filter(|host| is_host(host)), self.url.split_once("://")) {
            (Naming::AsCalled, Some(host), Some((scheme, _))) => Cow::Owned(format!("{scheme}://{host}")),
            (Naming::AsCalled | Naming::Fixed, _, _) => Cow::Borrowed(&self.url),
        }
    }

    /// Whether a token that we have signed may name this issuer. One with many names has signed what bears any: no
    /// other issuer has our keys.
    pub(crate) fn may_be(&self, issuer: &str) -> bool {
        match self.naming {
            Naming::AsCalled => true,
            Naming::Fixed => self.url == issuer,
        }
    }
}

/// Whether a `Host` header is a host with or without a port, and nothing that means more inside a URL.
fn is_host(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    let authority = || text.parse::<Authority>().ok();
    text.len() <= MAX_HOST
        && text.bytes().all(is_plain)
        && authority().is_some_and(|it| !it.host().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: Option<&str>, url: &str) {
        assert_eq!(Issuer::as_called("http://127.0.0.1:8080").url(host), url);
        assert_eq!(Issuer::new("https://a.test/").url(host), "https://a.test");
    }

    #[test]
    fn an_issuer_with_many_names_has_the_one_it_was_called_by() {
        check(Some("llm.internal:8443"), "http://llm.internal:8443");
        check(Some("10.0.0.7"), "http://10.0.0.7");
        check(Some("[fd00::1]:80"), "http://[fd00::1]:80");
        for host in [None, Some(""), Some(":80"), Some("me@there"), Some("a/b"), Some("a?b"), Some("a b")] {
            check(host, "http://127.0.0.1:8080");
        }
        check(Some(&"a".repeat(300)), "http://127.0.0.1:8080");
    }
}
