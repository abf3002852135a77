//! The words every part of Tollgate shares. No IO, no async: data and what can be said of it.

mod circuit;
mod clock;
mod code;
pub mod conversation;
pub mod embedding;
mod fault;
mod ids;
mod json;
mod money;
mod refusal;
pub mod rerank;
mod residency;
mod secret;
mod service_tier;
pub mod speech;
mod stream;
mod trace;
mod unit;
mod usage;
mod verdict;

pub use circuit::CircuitState;
pub use clock::{Clock, Monotonic, SystemClock, UnixTime};
pub use code::{Code, ErrorClass};
pub use fault::{Fault, FaultKind};
pub use ids::{
    AttemptId, DialectId, HoldId, KeyId, ModelName, Operation, ProviderName, RequestId, TargetId, Tenant,
};
pub use json::Json;
pub use money::{MicroUsd, PerMillion};
pub use refusal::{Counted, Refusal, RetryAdvice, Standing};
pub use residency::Residency;
pub use secret::Secret;
pub use service_tier::ServiceTier;
pub use stream::{Frame, StreamEvent, StreamForm};
pub use trace::{SpanId, TraceContext, TraceId, hexadecimal};
pub use unit::{Foreseen, Unit, Units};
pub use usage::{TokenClass, Tokens, Usage};
pub use verdict::{Blame, Classify, Retry, Verdict};
