//! What may be odd about a provider or model that speaks this language: the names `provider.toml` uses.

/// Takes `cache_control` marks on content parts and tools.
pub(super) const CACHE_CONTROL: &str = "cache_control";
/// Knows `max_completion_tokens` and refuses the older `max_tokens`.
pub(super) const MAX_COMPLETION_TOKENS_ONLY: &str = "max_completion_tokens_only";
/// Knows `max_tokens` and not the newer `max_completion_tokens`.
pub(super) const MAX_TOKENS_ONLY: &str = "max_tokens_only";
/// Takes only tool call ids of exactly nine letters and digits.
pub(super) const NINE_CHARACTER_TOOL_IDS: &str = "nine_character_tool_ids";
/// Does not know the role `developer`.
pub(super) const NO_DEVELOPER_ROLE: &str = "no_developer_role";
/// Does not know `parallel_tool_calls`.
pub(super) const NO_PARALLEL_TOOL_CALLS: &str = "no_parallel_tool_calls";
/// Refuses `temperature` and `top_p`.
pub(super) const NO_SAMPLING: &str = "no_sampling";
/// Does not know `stream_options`.
pub(super) const NO_STREAM_OPTIONS: &str = "no_stream_options";
/// Wants the model's reasoning back as `reasoning_content` on assistant messages.
pub(super) const REASONING_CONTENT: &str = "reasoning_content";
/// Understands `reasoning_effort: "none"`.
pub(super) const REASONING_NONE: &str = "reasoning_none";
/// Takes signed reasoning back as `thinking_blocks` on assistant messages.
pub(super) const THINKING_BLOCKS: &str = "thinking_blocks";
/// Takes `top_k`, which the language itself does not have.
pub(super) const TOP_K: &str = "top_k";
