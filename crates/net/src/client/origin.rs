//! Where an upstream is: scheme, host and port, parsed once from its configured URL.

use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use http::HeaderValue;
use http::uri::{Authority, Scheme, Uri};
use rustls::pki_types::ServerName;

/// Scheme, host and port of an upstream, with what every request to it needs. Clones are cheap.
#[derive(Clone)]
pub struct Origin {
    parts: Arc<Parts>,
}

struct Parts {
    scheme: Scheme,
    /// Host without brackets, as the resolver wants it.
    host: String,
    port: u16,
    authority: Authority,
    host_header: HeaderValue,
    /// Present for `https`.
    server_name: Option<ServerName<'static>>,
    hash: u64,
}

/// Why a URL cannot be an upstream's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginError {
    /// It has a user name or password; credentials are configured apart.
    Credentials,
    /// Its host is missing or cannot be named in TLS.
    Host,
    /// It is not a URL.
    Malformed,
    /// It has a query.
    Query,
    /// It is neither `http` nor `https`.
    Scheme,
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credentials => "the url contains credentials",
            Self::Host => "the url has no usable host",
            Self::Malformed => "not an absolute url",
            Self::Query => "the url has a query",
            Self::Scheme => "the url is neither http nor https",
        })
    }
}

impl std::error::Error for OriginError {}

impl Origin {
    /// Splits an absolute URL into its origin and its base path, which has no trailing slash (`""` for the root).
    pub fn parse(url: &str) -> Result<(Self, String), OriginError> {
        let uri: Uri = url.parse().map_err(|_| OriginError::Malformed)?;
        let scheme = uri.scheme().ok_or(OriginError::Malformed)?.clone();
        let secure = match scheme.as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(OriginError::Scheme),
        };
        let written = uri.authority().ok_or(OriginError::Host)?;
        if written.as_str().contains('@') {
            return Err(OriginError::Credentials);
        }
        if uri.query().is_some() || url.contains('#') {
            return Err(OriginError::Query);
        }
        let default_port = if secure { 443 } else { 80 };
        let port = match written.port() {
            Some(_) => written.port_u16().ok_or(OriginError::Malformed)?,
            None => default_port,
        };
        let bracketed = written.host().to_ascii_lowercase();
        let text = if port == default_port { bracketed.clone() } else { format!("{bracketed}:{port}") };
        let authority: Authority = text.parse().map_err(|_| OriginError::Host)?;
        let host_header = HeaderValue::from_str(&text).map_err(|_| OriginError::Host)?;
        let host = bracketed.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(OriginError::Host);
        }
        let server_name =
            secure.then(|| ServerName::try_from(host.clone()).map_err(|_| OriginError::Host)).transpose()?;
        // Hashed once: the pool is looked up for every request.
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((secure, &host, port));
        let parts = Parts { scheme, host, port, authority, host_header, server_name, hash };
        let base = uri.path().trim_end_matches('/').to_owned();
        Ok((Self { parts: Arc::new(parts) }, base))
    }

    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.parts.host
    }

    /// The port, given or the scheme's own.
    pub fn port(&self) -> u16 {
        self.parts.port
    }

    /// Whether it is reached over TLS.
    pub fn is_https(&self) -> bool {
        self.parts.server_name.is_some()
    }

    pub(super) fn scheme(&self) -> &Scheme {
        &self.parts.scheme
    }

    pub(super) fn authority(&self) -> &Authority {
        &self.parts.authority
    }

    /// What `Host` says of it.
    pub fn host_header(&self) -> &HeaderValue {
        &self.parts.host_header
    }

    pub(super) fn server_name(&self) -> Option<&ServerName<'static>> {
        self.parts.server_name.as_ref()
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (&self.parts, &other.parts);
        Arc::ptr_eq(one, two) || (one.scheme == two.scheme && one.port == two.port && one.host == two.host)
    }
}

impl Eq for Origin {}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.parts.hash);
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.parts.scheme, self.parts.authority)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expect: Result<(&str, &str), OriginError>) {
        let found = Origin::parse(url).map(|(origin, base)| (origin.to_string(), base));
        assert_eq!(found, expect.map(|(origin, base)| (origin.to_owned(), base.to_owned())), "{url}");
    }

    #[test]
    fn a_url_is_split_into_origin_and_base_path() {
        check("https://api.openai.com/v1/", Ok(("https://api.openai.com", "/v1")));
        check("https://API.example.com:443", Ok(("https://api.example.com", "")));
        check("http://127.0.0.1:8080/a/b", Ok(("http://127.0.0.1:8080", "/a/b")));
        check("http://[::1]:81/", Ok(("http://[::1]:81", "")));
        check("https://[::1]/", Ok(("https://[::1]", "")));
        check("ftp://host/", Err(OriginError::Scheme));
        check("/v1", Err(OriginError::Malformed));
        check("api.openai.com", Err(OriginError::Malformed));
        check("https://user:pass@host/", Err(OriginError::Credentials));
        check("https://host/v1?key=1", Err(OriginError::Query));
        check("https://ho_st!/", Err(OriginError::Host));
    }

    #[test]
    fn origins_are_equal_by_what_they_name() {
        let origin = |url| Origin::parse(url).unwrap().0;
        assert_eq!(origin("https://a.example/x"), origin("https://A.example:443/y"));
        assert_ne!(origin("https://a.example"), origin("http://a.example"));
        let (one, two) = (origin("http://[::1]:8"), origin("http://[::1]:9"));
        assert_eq!((one.host(), one.port(), one.is_https()), ("::1", 8, false));
        assert_ne!(one, two);
    }
}
