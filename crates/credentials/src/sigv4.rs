//! AWS Signature Version 4 in its header form: proof that a request is by the holder of a secret key, without the key.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use aws_lc_rs::{digest, hmac};
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use types::{Secret, UnixTime, hexadecimal};

use crate::escape::{escaped, escaped_path, unescaped};

/// A pair of keys, and for those that end by themselves the token that belongs to them.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Names the pair; it is part of every signature.
    pub access_key_id: String,
    /// Signs.
    pub secret_access_key: Secret<String>,
    /// Goes with every request that short-lived keys sign.
    pub session_token: Option<Secret<String>>,
}

/// What a signature is good for, beside its day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The region, e.g. `us-east-1`.
    pub(crate) region: String,
    /// The service's name in signatures.
    pub(crate) service: String,
}

/// A request that has everything but its signature.
#[derive(Debug)]
pub struct Unsigned<'a> {
    /// The method.
    pub method: &'a Method,
    /// The host, and its port where that is not the scheme's own: as `Host` says it.
    pub host: &'a HeaderValue,
    /// The path and the query, as they will be sent.
    pub path: &'a mut PathAndQuery,
    /// The headers. Those that the signature needs are added.
    pub headers: &'a mut HeaderMap,
    /// The body, in pieces that follow each other.
    pub body: &'a [Bytes],
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        let token = |keys: &Self| keys.session_token.as_ref().map(|token| token.reveal().clone());
        self.access_key_id == other.access_key_id
            && self.secret_access_key.reveal() == other.secret_access_key.reveal()
            && token(self) == token(other)
    }
}

/// Adds the headers that prove at `now` who sends the request. Host, content type and the `x-amz-` headers are signed,
/// and the body by its digest; what proxies may add or change on the way is not.
pub(crate) fn sign(unsigned: &mut Unsigned<'_>, keys: &Keys, scope: &Scope, now: UnixTime) {
    let digest = digest_of(unsigned.body);
    let date = stamp(now);
    let token = keys.session_token.as_ref().map(|token| (SECURITY_TOKEN, token.reveal()));
    for (name, text) in [(DATE, &date), (CONTENT_SHA256, &digest)].into_iter().chain(token) {
        insert(unsigned.headers, name, text);
    }
    let signed = unsigned.headers.iter().filter(|(name, _)| is_signed(name));
    let host = [(header::HOST.as_str(), unsigned.host)];
    let signed = host.into_iter().chain(signed.map(|(name, value)| (name.as_str(), value)));
    let signed = signed.filter_map(|(name, value)| Some((name, value.to_str().ok()?)));
    let canonical = Canonical::new(
        unsigned.method.as_str(),
        &normalised(unsigned.path.path()),
        unsigned.path.query().unwrap_or_default(),
        signed.collect(),
        &digest,
    );
    insert(unsigned.headers, header::AUTHORIZATION, &canonical.authorization(keys, scope, &date));
}

/// Sets a header that is told to nobody. Keys that no header can carry sign nothing: the service then says so.
fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(mut value) = HeaderValue::from_str(text) {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
}

fn is_signed(name: &HeaderName) -> bool {
    *name == header::CONTENT_TYPE || name.as_str().starts_with("x-amz-")
}

/// The request in the one form that both sides arrive at.
pub(crate) struct Canonical {
    pub(crate) text: String,
    signed_headers: String,
}

impl Canonical {
    /// The canonical form. `path` is encoded once more than it is sent, as every service but S3 wants it. Values of a
    /// header that is there several times are joined in their order.
    pub(crate) fn new(
        method: &str,
        path: &str,
        query: &str,
        mut headers: Vec<(&str, &str)>,
        digest: &str,
    ) -> Self {
        headers.sort_by_key(|(name, _)| name.to_ascii_lowercase());
        let (mut lines, mut names) = (String::new(), Vec::<String>::new());
        for (name, value) in headers {
            let name = name.to_ascii_lowercase();
            let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            if names.last() == Some(&name) {
                lines.truncate(lines.len() - 1);
                lines.extend([",", &value, "\n"]);
            } else {
                lines.extend([&name, ":", &value, "\n"]);
                names.push(name);
            }
        }
        let signed_headers = names.join(";");
        let (path, query) = (escaped_path(path), canonical_query(query));
        let text = format!("{method}\n{path}\n{query}\n{lines}\n{signed_headers}\n{digest}");
        Self { text, signed_headers }
    }

    /// What is signed, for a request of this date.
    pub(crate) fn string_to_sign(&self, scope: &Scope, date: &str) -> String {
        let digest = digest_of(&[Bytes::copy_from_slice(self.text.as_bytes())]);
        format!("{ALGORITHM}\n{date}\n{}\n{digest}", credential_scope(scope, date))
    }

    /// The value of the `authorization` header.
    pub(crate) fn authorization(&self, keys: &Keys, scope: &Scope, date: &str) -> String {
        let seed = Secret::new(format!("AWS4{}", keys.secret_access_key.reveal()).into_bytes());
        let parts = [day(date), &scope.region, &scope.service, TERMINATOR];
        let key = parts.iter().fold(seed, |key, part| Secret::new(mac(key.reveal(), part)));
        let signature = hex(&mac(key.reveal(), &self.string_to_sign(scope, date)));
        let (id, place, signed) = (&keys.access_key_id, credential_scope(scope, date), &self.signed_headers);
        format!("{ALGORITHM} Credential={id}/{place}, SignedHeaders={signed}, Signature={signature}")
    }
}

/// A path without empty and dot segments (RFC 3986, section 5.2.4): every service but S3 compares paths in this form.
pub(crate) fn normalised(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let is_open = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
    let end = if is_open && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

/// Date and time in ISO 8601's basic form.
pub(crate) fn stamp(time: UnixTime) -> String {
    let text = time.to_string();
    let seconds = text.split_once('.').map_or(text.as_str(), |(seconds, _)| seconds);
    let digits = seconds.chars().filter(|character| !matches!(character, '-' | ':'));
    digits.chain(['Z']).collect()
}

/// The SHA-256 of a body in pieces, in hexadecimal.
pub(crate) fn digest_of(body: &[Bytes]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for piece in body {
        context.update(piece);
    }
    hex(context.finish().as_ref())
}

fn canonical_query(query: &str) -> String {
    let encoded = |text: &str| escaped(&unescaped(text));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    pairs.sort();
    pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn credential_scope(scope: &Scope, date: &str) -> String {
    format!("{}/{}/{}/{TERMINATOR}", day(date), scope.region, scope.service)
}

fn day(date: &str) -> &str {
    date.split_once('T').map_or(date, |(day, _)| day)
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = vec![0; bytes.len() * 2];
    hexadecimal(bytes, &mut text).to_owned()
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
