//! The quirks of providers and models that this language honours, by the names `provider.toml` uses.

/// The model thinks adaptively, by effort; it refuses budgets.
pub(super) const ADAPTIVE_THINKING: &str = "adaptive_thinking";
/// The model takes system messages between the turns.
pub(super) const MID_CONVERSATION_SYSTEM: &str = "mid_conversation_system";
/// The model refuses temperature, `top_p` and `top_k`.
pub(super) const NO_SAMPLING: &str = "no_sampling";
/// The model takes either temperature or `top_p`.
pub(super) const TEMPERATURE_OR_TOP_P: &str = "temperature_or_top_p";
/// The provider is spoken to in version `2026-10-21`.
pub(super) const VERSION_2026_10_21: &str = "version_2026_10_21";
