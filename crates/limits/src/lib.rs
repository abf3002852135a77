//! How much may be used: a token bucket of requests and one of tokens per caller, and a cap on open requests.
//!
//! A caller reserves before a request is sent and settles what it truly used when the answer has ended. Everything is
//! held in memory, on the monotonic clock; time comes in with each call.

mod bucket;
mod callers;
mod error;
mod limiter;

pub use error::ReserveError;
pub use limiter::{Hold, Limiter, RateLimit, Standings};
