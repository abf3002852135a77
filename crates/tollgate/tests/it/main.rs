//! The product from outside: the real binary as a child process, scripted upstreams, real sockets on 127.0.0.1.

mod exchange;
mod failures;
mod heard;
mod quirks;
mod replay;
mod samples;
mod sdk;
mod smoke;

use testkit::Gateway;

/// A gateway of the binary under test.
fn gateway() -> testkit::Builder {
    Gateway::builder(env!("CARGO_BIN_EXE_tollgate"))
}
