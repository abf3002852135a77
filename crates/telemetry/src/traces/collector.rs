//! One POST to a collector.
//!
//! Blocking HTTP/1.1 on the exporter's own thread, over a connection that is closed after each batch. At one batch
//! a second a connection costs nothing, and without reuse there is no pool, no stale connection and no response
//! framing: the status line is all that is read. That is 100 lines against a second HTTP stack, and the runtime
//! that serves requests is never involved. TLS is the gateway's own client configuration, handed in.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use types::{Clock, Monotonic};

/// How long a batch may take, from the first connection attempt to the status line.
const DEADLINE: Duration = Duration::from_secs(2);

/// The most of an answer that is read in search of its status line.
const MAX_HEAD: usize = 4096;

/// Why a collector's URL cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectorUrlError {
    /// It names no host.
    NoHost,
    /// It holds a user name or password.
    Credentials,
    /// The port is not a number up to 65535.
    Port,
    /// It is neither `http://` nor `https://`.
    Scheme,
    /// It is `https://`, and no TLS configuration was given.
    Tls,
}

impl fmt::Display for CollectorUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHost => "the URL names no host",
            Self::Credentials => "the URL holds a user name or password",
            Self::Port => "the URL's port is not a port",
            Self::Scheme => "the URL begins with neither http:// nor https://",
            Self::Tls => "the URL is https:// and there is no TLS configuration",
        })
    }
}

impl std::error::Error for CollectorUrlError {}

/// Where a collector listens.
#[derive(Clone, Debug)]
pub(super) struct Collector {
    host: String,
    port: u16,
    path: String,
    tls: Option<Arc<ClientConfig>>,
}

/// What a URL without port or path means.
#[derive(Clone, Copy, Debug)]
pub(super) struct UrlDefaults {
    pub(super) port: u16,
    pub(super) path: &'static str,
    /// A port that the same collectors keep for a protocol not spoken here, and the one to use in its place.
    pub(super) instead: Option<(u16, u16)>,
}

impl Collector {
    /// Reads a URL.
    pub(super) fn parse(
        url: &str,
        defaults: UrlDefaults,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, CollectorUrlError> {
        let (tls, rest) = if let Some(rest) = url.strip_prefix("http://") {
            (None, rest)
        } else if let Some(rest) = url.strip_prefix("https://") {
            (Some(Arc::clone(tls.ok_or(CollectorUrlError::Tls)?)), rest)
        } else {
            return Err(CollectorUrlError::Scheme);
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(CollectorUrlError::Credentials);
        }
        let (host, port) = split_authority(authority)?;
        let default_port = if tls.is_some() { 443 } else { defaults.port };
        let path = path.split('#').next().unwrap_or_default();
        let unnamed = path.is_empty() || path == "/";
        let port = match (port, defaults.instead) {
            (Some(port), Some((foreign, own))) if port == foreign && unnamed => own,
            (port, _) => port.unwrap_or(default_port),
        };
        let path = if unnamed { defaults.path.to_owned() } else { path.to_owned() };
        if url.contains(|c: char| c.is_control() || c == ' ') || host.is_empty() {
            return Err(CollectorUrlError::NoHost);
        }
        Ok(Self { host, port, path, tls })
    }

    /// Sends one JSON body. An answer of 2xx is a success.
    pub(super) fn post(&self, body: &str, agent: &str, clock: &dyn Clock) -> io::Result<()> {
        let deadline = clock.now().plus(DEADLINE);
        let tcp = self.connect(clock, deadline)?;
        tcp.set_nodelay(true)?;
        tcp.set_write_timeout(Some(DEADLINE))?;
        tcp.set_read_timeout(Some(DEADLINE))?;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {agent}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.path,
            self.authority(),
            body.len(),
        );
        match &self.tls {
            None => exchange(&tcp, &[&head, body], &Deadline { clock, deadline }),
            Some(config) => {
                let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
                let session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                exchange(StreamOwned::new(session, tcp), &[&head, body], &Deadline { clock, deadline })
            }
        }
    }

    /// Tries the host's addresses in turn until the deadline.
    fn connect(&self, clock: &dyn Clock, deadline: Monotonic) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no usable address");
        let addresses = (self.host.as_str(), self.port).to_socket_addrs()?;
        for address in addresses.filter(|address| !is_link_local(address)) {
            let left = deadline.since(clock.now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_authority(authority: &str) -> Result<(String, Option<u16>), CollectorUrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(CollectorUrlError::NoHost)?;
            (host, after.strip_prefix(':'))
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map(|port| port.parse().map_err(|_| CollectorUrlError::Port)).transpose()?;
    Ok((host.to_owned(), port))
}

/// Cloud metadata services live on link-local addresses; no collector does.
fn is_link_local(address: &SocketAddr) -> bool {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// When to give up.
struct Deadline<'a> {
    clock: &'a dyn Clock,
    deadline: Monotonic,
}

impl Deadline<'_> {
    fn check(&self) -> io::Result<()> {
        if self.clock.now() >= self.deadline { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

/// Writes the request and reads until the answer's status line is whole.
fn exchange(mut stream: impl Read + Write, request: &[&str], deadline: &Deadline<'_>) -> io::Result<()> {
    for piece in request {
        for chunk in piece.as_bytes().chunks(64 * 1024) {
            deadline.check()?;
            stream.write_all(chunk)?;
        }
    }
    stream.flush()?;
    let mut head = Vec::new();
    let mut buffer = [0; 512];
    while !head.contains(&b'\n') && head.len() < MAX_HEAD {
        deadline.check()?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => head.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    match status(&head) {
        Some(200..=299) => Ok(()),
        Some(status) => Err(io::Error::other(format!("the collector answered {status}"))),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "the collector did not answer in HTTP")),
    }
}

/// The status of `HTTP/1.1 200 OK`.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: UrlDefaults = UrlDefaults { port: 4318, path: "/v1/traces", instead: Some((4317, 4318)) };

    #[track_caller]
    fn check(url: &str, expect: Result<&str, CollectorUrlError>) {
        let parsed = Collector::parse(url, DEFAULTS, None).map(|collector| collector.to_string());
        assert_eq!(parsed.as_deref().map_err(|error| *error), expect, "{url}");
    }

    #[test]
    fn what_a_url_leaves_out_is_the_protocols_default() {
        check("http://127.0.0.1", Ok("http://127.0.0.1:4318/v1/traces"));
        check("http://collector:9000/", Ok("http://collector:9000/v1/traces"));
        check("http://collector:9000/otel/v1/traces", Ok("http://collector:9000/otel/v1/traces"));
        check("http://[::1]:9000", Ok("http://[::1]:9000/v1/traces"));
        check("http://collector:4317", Ok("http://collector:4318/v1/traces"));
        check("http://collector:4317/v1/traces", Ok("http://collector:4317/v1/traces"));
        check("grpc://collector", Err(CollectorUrlError::Scheme));
        check("https://collector", Err(CollectorUrlError::Tls));
        check("http://:4318", Err(CollectorUrlError::NoHost));
        check("http://user:secret@collector", Err(CollectorUrlError::Credentials));
        check("http://collector:99999", Err(CollectorUrlError::Port));
    }

    #[test]
    fn only_a_status_of_2xx_is_a_success() {
        for (answer, expect) in [
            ("HTTP/1.1 200 OK\r\n", Some(200)),
            ("HTTP/1.0 202\r\n", Some(202)),
            ("HTTP/1.1 503 Service Unavailable\r\n", Some(503)),
            ("SSH-2.0-OpenSSH\r\n", None),
            ("", None),
        ] {
            assert_eq!(status(answer.as_bytes()), expect, "{answer}");
        }
    }
}
