//! Which addresses a client may connect to: the metadata services of clouds give out credentials to whoever asks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far a client reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// To every address. For asking a metadata service for credentials, and nothing else.
    Everywhere,
    /// To every address but those of metadata services, whatever name leads there.
    #[default]
    NotMetadata,
}

impl Reach {
    /// Whether it reaches this address.
    pub(super) fn includes(self, address: IpAddr) -> bool {
        match self {
            Self::Everywhere => true,
            Self::NotMetadata => !is_metadata(address),
        }
    }
}

/// Whether clouds have their metadata services there. Of IPv4's link-local addresses all count: containers and
/// workload identities are served on several, and no provider is on any.
fn is_metadata(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local() || ELSEWHERE.contains(&address),
        IpAddr::V6(address) => IPV6.contains(&address),
    }
}

/// Metadata services of Azure's host, Alibaba Cloud and Oracle Cloud that are not on a link-local address.
const ELSEWHERE: [Ipv4Addr; 3] =
    [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];

/// EC2's, EKS's and Google's over IPv6.
const IPV6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, is_reached: bool) {
        let address = address.parse().unwrap();
        assert_eq!(Reach::NotMetadata.includes(address), is_reached, "{address}");
        assert!(Reach::Everywhere.includes(address));
    }

    #[test]
    fn metadata_services_are_out_of_reach_unless_asked_for() {
        for address in ["169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "fd00:ec2::254"] {
            check(address, false);
        }
        for address in ["168.63.129.16", "100.100.100.200", "fd20:ce::254"] {
            check(address, false);
        }
        for address in ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "2606:4700::1111"] {
            check(address, true);
        }
    }
}
