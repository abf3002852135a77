//! The product from outside: the real binary as a child process, scripted upstreams, real sockets on 127.0.0.1.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod agents;
mod caches;
mod compliance;
mod config;
mod credentials;
mod deployments;
mod endings;
mod exchange;
mod failures;
mod fidelity;
mod fixtures;
mod gemini;
mod heard;
mod inputs;
mod keeper;
mod kept;
mod keys;
mod language;
mod large;
mod ledger;
mod listings;
mod observe;
mod operations;
mod packed;
mod passthrough;
mod prices;
mod question;
mod quirks;
mod realtime;
mod replay;
mod samples;
mod sdk;
mod silences;
mod smoke;
mod specs;
mod splits;
mod spoken;
mod told;
mod turns;
mod units;

use testkit::Gateway;

/// A gateway of the binary under test.
fn gateway() -> testkit::Builder {
    Gateway::builder(env!("CARGO_BIN_EXE_tollgate"))
}
