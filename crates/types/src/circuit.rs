//! What a target's circuit is doing: the router decides it, telemetry shows it.

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CircuitState {
    /// Serving.
    Closed,
    /// Being probed by one request.
    HalfOpen,
    /// Out of service.
    Open,
}

impl CircuitState {
    /// The word in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}
