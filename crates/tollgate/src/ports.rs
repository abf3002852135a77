//! The sockets of the workers: one each, all on one port that is nobody else's.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use net::listener::{ListenerConfig, Port, PortSharing};

/// The address they listen on, and so many sockets.
///
/// The first one is bound alone and stays: sockets that share a port from the beginning would in silence share it
/// with another gateway that listens there, or comes at the same moment.
pub(crate) fn bind(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<Port>)> {
    let first = Port::bind(address, ListenerConfig::default())?;
    let address = first.address()?;
    let mut ports = vec![first];
    if count > 1 {
        ports.iter().try_for_each(Port::share)?;
    }
    let shared = ListenerConfig { sharing: PortSharing::Shared, ..ListenerConfig::default() };
    for _ in 1..count {
        ports.push(Port::bind(address, shared)?);
    }
    Ok((address, ports))
}

/// An address at which this machine itself reaches a listener.
pub(crate) fn from_here(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// Whether only this machine can reach the address.
pub(crate) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}
