//! How a WebSocket begins (RFC 6455, section 4): a request over HTTP/1.1, and an answer that shows it was understood.

use std::fmt;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header};

/// What a key is joined with to show that it was read by a WebSocket server (RFC 6455, section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const VERSION: HeaderValue = HeaderValue::from_static("13");
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const UPGRADE: HeaderValue = HeaderValue::from_static("Upgrade");

/// A request for a WebSocket that can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    accept: HeaderValue,
    protocol: Option<HeaderValue>,
}

/// Why a request asks for no WebSocket that can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// Its key is missing or no key.
    Key,
    /// It is not a GET over HTTP/1.1 that says it wants its connection to be upgraded.
    Request,
    /// It wants another version than the standard's.
    Version,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "`sec-websocket-key` must be 16 bytes in base64",
            Self::Request => "a WebSocket begins with a GET over HTTP/1.1 and `connection: upgrade`",
            Self::Version => "`sec-websocket-version` must be 13",
        })
    }
}

impl std::error::Error for HandshakeError {}

/// Whether a request asks for a WebSocket, in whatever form.
pub fn is_asked(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET && has_word(headers, &header::UPGRADE, "websocket")
}

impl Handshake {
    /// Reads a request that [`is_asked`] holds of.
    pub fn read(parts: &Parts) -> Result<Self, HandshakeError> {
        let headers = &parts.headers;
        let is_request = parts.method == Method::GET && parts.version == Version::HTTP_11;
        if !is_request || !has_word(headers, &header::CONNECTION, "upgrade") {
            return Err(HandshakeError::Request);
        }
        if headers.get(header::SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
            return Err(HandshakeError::Version);
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or(HandshakeError::Key)?;
        let decoded = STANDARD.decode(key.as_bytes()).ok();
        if decoded.is_none_or(|decoded| decoded.len() != KEY_LENGTH) {
            return Err(HandshakeError::Key);
        }
        Ok(Self { accept: accept(key.as_bytes()).ok_or(HandshakeError::Key)?, protocol: None })
    }

    /// Chooses one of the protocols that were offered.
    #[must_use]
    pub fn speaking(self, protocol: Option<&str>) -> Self {
        Self { protocol: protocol.and_then(|protocol| HeaderValue::from_str(protocol).ok()), ..self }
    }

    /// The answer that begins it.
    pub fn answer<B>(self, body: B) -> Response<B> {
        let mut answer = Response::new(body);
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = answer.headers_mut();
        headers.insert(header::CONNECTION, UPGRADE);
        headers.insert(header::UPGRADE, WEBSOCKET);
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
        if let Some(protocol) = self.protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        answer
    }
}

/// The protocols that a client offers, in its order.
pub fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    words(headers, &header::SEC_WEBSOCKET_PROTOCOL)
}

const KEY_LENGTH: usize = 16;

/// The key of a request of this end's, and what has to come back for it.
pub(crate) struct Key {
    accept: HeaderValue,
}

impl Key {
    /// Asks for a WebSocket in these headers. `None` where there is no randomness, which does not happen.
    pub(crate) fn ask(headers: &mut HeaderMap) -> Option<Self> {
        let mut random = [0; KEY_LENGTH];
        getrandom::fill(&mut random).ok()?;
        let key = HeaderValue::try_from(STANDARD.encode(random)).ok()?;
        let accept = accept(key.as_bytes())?;
        headers.insert(header::CONNECTION, UPGRADE);
        headers.insert(header::UPGRADE, WEBSOCKET);
        headers.insert(header::SEC_WEBSOCKET_VERSION, VERSION);
        headers.insert(header::SEC_WEBSOCKET_KEY, key);
        Some(Self { accept })
    }

    /// Whether an answer with these headers was made by a WebSocket server, for this request.
    pub(crate) fn is_answered(&self, headers: &HeaderMap) -> bool {
        headers.get(header::SEC_WEBSOCKET_ACCEPT) == Some(&self.accept)
            && has_word(headers, &header::UPGRADE, "websocket")
            // Nothing was offered, so nothing may be chosen.
            && !headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS)
    }
}

fn accept(key: &[u8]) -> Option<HeaderValue> {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, GUID.as_bytes()].concat());
    HeaderValue::try_from(STANDARD.encode(digest)).ok()
}

fn has_word(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    words(headers, name).any(|found| found.eq_ignore_ascii_case(word))
}

fn words<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> + use<'h> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn request(changes: &[(&'static str, &'static str)]) -> Parts {
        let mut request = Request::get("/chat").body(()).unwrap();
        let usual = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
        ];
        for (name, value) in usual.iter().chain(changes) {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        request.into_parts().0
    }

    /// The example of RFC 6455, section 1.3.
    #[test]
    fn the_example_of_the_standard_is_answered() {
        let parts = request(&[]);
        assert!(is_asked(&parts.method, &parts.headers));
        let answer = Handshake::read(&parts).unwrap().answer(());
        assert_eq!(answer.status(), 101);
        assert_eq!(answer.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_asks_for_no_websocket_that_can_be_had_is_told_why() {
        let refused = |changes| Handshake::read(&request(changes)).unwrap_err();
        assert_eq!(refused(&[("connection", "close")]), HandshakeError::Request);
        assert_eq!(refused(&[("sec-websocket-version", "8")]), HandshakeError::Version);
        assert_eq!(refused(&[("sec-websocket-key", "c2hvcnQ=")]), HandshakeError::Key);
        let mut over_http2 = request(&[]);
        over_http2.version = Version::HTTP_2;
        assert_eq!(Handshake::read(&over_http2), Err(HandshakeError::Request));
    }

    #[test]
    fn what_is_asked_is_answered_by_the_same_key_only() {
        let (mut asked, mut other) = (HeaderMap::new(), HeaderMap::new());
        let (key, stranger) = (Key::ask(&mut asked).unwrap(), Key::ask(&mut other).unwrap());
        let mut parts = request(&[]);
        parts.headers = asked;
        let answer = Handshake::read(&parts).unwrap().answer(());
        assert!(key.is_answered(answer.headers()));
        assert!(!stranger.is_answered(answer.headers()));
    }
}
