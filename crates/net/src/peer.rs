//! Who is at the other end of an accepted connection, as the socket says; no header is believed.

use std::net::{IpAddr, SocketAddr};

/// How the bytes of a connection are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Security {
    /// Not at all.
    Plain,
    /// By TLS.
    Tls,
}

/// The other end of an accepted connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The socket's remote address.
    pub address: SocketAddr,
    /// How the connection is protected.
    pub security: Security,
}

impl Peer {
    /// The client's address; an IPv4 address that came mapped into IPv6 is shown as IPv4.
    pub const fn ip(&self) -> IpAddr {
        self.address.ip().to_canonical()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_shown_as_ipv4() {
        let peer = Peer { address: "[::ffff:192.0.2.1]:4000".parse().unwrap(), security: Security::Plain };
        assert_eq!(peer.ip().to_string(), "192.0.2.1");
    }
}
