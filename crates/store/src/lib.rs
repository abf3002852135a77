//! Places to keep things: the embedded database, and small files that only the gateway's user may read.
//!
//! The database is one `SQLite` file in the data directory. Nothing on a request's path reads it: callers keep
//! snapshots and ask [`Store::changed_since`] whether another handle or process has written.

mod database;
mod error;
mod keys;
mod migrations;
pub mod private;

pub use database::{Store, Version};
pub use error::StoreError;
pub use keys::{Allowed, InsertKeyError, KeyDigest, KeyRecord};
