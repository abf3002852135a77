//! Sockets and bytes: listener, TLS, capped bodies, server-sent events, `WebSocket`s, pooled upstream client, drain.

pub mod body;
pub mod client;
pub mod drain;
pub mod lines;
pub mod listener;
pub mod peer;
pub mod sse;
pub mod tls;
mod transport;
pub mod websocket;
