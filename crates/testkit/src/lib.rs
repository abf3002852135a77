//! Parts for tests: a scripted upstream on a real socket, the real gateway as a child process with a client for it, and
//! other people's programs. Whatever goes wrong here fails the test it happens in.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "test support fails by panicking"
)]

mod call;
mod child;
mod gateway;
mod playing;
mod program;
mod random;
mod reply;
mod talk;
mod upstream;

use std::time::Duration;

pub use call::{Call, Response, Streaming};
pub use gateway::{Builder, Gateway};
pub use program::{Program, Ran};
pub use random::Random;
pub use reply::{Reply, Split};
pub use talk::{FakeSessions, Said, Talk};
pub use upstream::{FakeUpstream, Received};

/// How long a test waits for anything before it fails: long enough for a slow machine, short enough for a person.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for something that has to happen.
async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(value) = tokio::time::timeout(PATIENCE, future).await else {
        panic!("waited {PATIENCE:?} for {what}");
    };
    value
}
