//! Listening: the socket and its options, the accept loop, and what one connection goes through.

mod connection;
mod io;
mod serve;
#[cfg(test)]
mod tests;
mod vitals;
mod watchdog;

use std::io as std_io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

pub use self::connection::MAX_HEADERS;
pub use self::io::{HeadRefusal, MalformedHead};
pub use self::serve::{Counters, ServeConfig, Server};

/// Whether other sockets may listen on the same port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortSharing {
    /// This is the only one.
    #[default]
    Exclusive,
    /// The kernel spreads connections over all that ask for it (`SO_REUSEPORT`): one per runtime.
    Shared,
}

/// The options of a listening socket and of the connections it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Whether other sockets may listen on the same port.
    pub sharing: PortSharing,
    /// How many connections the kernel holds until they are accepted.
    pub backlog: u16,
    /// How long a connection rests before the kernel asks whether the other side is still there.
    pub keepalive: Duration,
    /// How long sent bytes may stay unacknowledged before the connection is given up (`TCP_USER_TIMEOUT`).
    pub user_timeout: Duration,
    /// How many unsent bytes the kernel takes per connection (`TCP_NOTSENT_LOWAT`): a slow reader's answer then waits
    /// at the upstream, not in kernel memory.
    pub unsent: u32,
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self {
            sharing: PortSharing::Exclusive,
            backlog: 4096,
            keepalive: Duration::from_secs(30),
            user_timeout: Duration::from_secs(20),
            unsent: 16 * 1024,
        }
    }
}

/// A bound socket that listens, before any runtime takes its connections.
#[derive(Debug)]
pub struct Port {
    socket: std::net::TcpListener,
}

impl Port {
    /// Binds `address` and listens.
    ///
    /// # Errors
    /// What the system says, e.g. that the address is in use.
    pub fn bind(address: SocketAddr, config: ListenerConfig) -> std_io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if config.sharing == PortSharing::Shared {
            socket.set_reuse_port(true)?;
        }
        // Linux hands these on to every accepted connection, which saves five system calls on each.
        socket.set_tcp_nodelay(true)?;
        let keepalive = TcpKeepalive::new().with_time(config.keepalive).with_interval(config.keepalive / 3);
        socket.set_tcp_keepalive(&keepalive)?;
        socket.set_tcp_user_timeout(Some(config.user_timeout))?;
        socket.set_tcp_notsent_lowat(config.unsent)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(i32::from(config.backlog))?;
        Ok(Self { socket: socket.into() })
    }

    /// The address it listens on, with the port the system chose if it was asked for port 0.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> std_io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// From now on, sockets of this user that ask for it may listen here too. A port that was shared from the
    /// beginning could be another program's: only one that was bound alone is sure to be ours.
    ///
    /// # Errors
    /// What the system says.
    pub fn share(&self) -> std_io::Result<()> {
        SockRef::from(&self.socket).set_reuse_port(true)
    }
}

/// A listening socket on a runtime.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
}

impl Listener {
    /// Binds `address` and listens. Needs a runtime with IO.
    ///
    /// # Errors
    /// What the system says, e.g. that the address is in use.
    pub fn bind(address: SocketAddr, config: ListenerConfig) -> std_io::Result<Self> {
        Self::on(Port::bind(address, config)?)
    }

    /// Takes the connections of this port. Needs a runtime with IO.
    ///
    /// # Errors
    /// What the system says.
    pub fn on(port: Port) -> std_io::Result<Self> {
        Ok(Self { socket: TcpListener::from_std(port.socket)? })
    }

    /// The address it listens on, with the port the system chose if it was asked for port 0.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_address(&self) -> std_io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    async fn accept(&self) -> std_io::Result<(TcpStream, SocketAddr)> {
        self.socket.accept().await
    }
}
