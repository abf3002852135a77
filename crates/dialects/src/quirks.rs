//! What may be odd about a provider or a model: the names `provider.toml` uses, each honoured by a language here.

macro_rules! quirks {
    ($($(#[$meaning:meta])* $constant:ident = $name:literal;)*) => {
        $($(#[$meaning])* pub(crate) const $constant: &str = $name;)*

        /// Every quirk that some language honours, by name.
        pub const QUIRKS: &[&str] = &[$($constant),*];
    };
}

/// What a user says, under [`NO_PREFILL`], to a model that shall go on with its own last message.
pub(crate) const GO_ON: &str = "Continue.";

quirks! {
    /// The model thinks adaptively, by effort; it refuses budgets.
    ADAPTIVE_THINKING = "adaptive_thinking";
    /// The model always thinks a little.
    ALWAYS_THINKS = "always_thinks";
    /// The model thinks up to a budget, which is asked for among its own fields.
    BUDGET_THINKING = "budget_thinking";
    /// Takes `cache_control` marks on content parts and tools.
    CACHE_CONTROL = "cache_control";
    /// Refuses a call in the history that comes without a proof that its model made it.
    CALL_PROOFS = "call_proofs";
    /// Thinks by `enable_thinking` and `thinking_budget`, and hears no effort.
    ENABLE_THINKING = "enable_thinking";
    /// Takes a call's proof back as `extra_content` on the call.
    EXTRA_CONTENT = "extra_content";
    /// Knows `max_completion_tokens` and refuses the older `max_tokens`.
    MAX_COMPLETION_TOKENS_ONLY = "max_completion_tokens_only";
    /// Knows `max_tokens` and not the newer `max_completion_tokens`.
    MAX_TOKENS_ONLY = "max_tokens_only";
    /// Takes system messages between the turns.
    MID_CONVERSATION_SYSTEM = "mid_conversation_system";
    /// Takes only tool call ids of exactly nine letters and digits.
    NINE_CHARACTER_TOOL_IDS = "nine_character_tool_ids";
    /// Refuses fields of messages that it does not know.
    NO_UNKNOWN_FIELDS = "no_unknown_fields";
    /// Has vectors of one length alone.
    NO_DIMENSIONS = "no_dimensions";
    /// Does not know the role `developer`.
    NO_DEVELOPER_ROLE = "no_developer_role";
    /// Takes no word on the form of vectors, or none for numbers.
    NO_ENCODING_FORMAT = "no_encoding_format";
    /// Refuses to be forced to call a tool while it thinks.
    NO_FORCED_TOOL_WHEN_THINKING = "no_forced_tool_when_thinking";
    /// Takes nothing but text.
    NO_IMAGE = "no_image";
    /// Answers in JSON, but not by a schema.
    NO_JSON_SCHEMA = "no_json_schema";
    /// Refuses `logit_bias`.
    NO_LOGIT_BIAS = "no_logit_bias";
    /// Refuses `logprobs` and `top_logprobs`.
    NO_LOGPROBS = "no_logprobs";
    /// Does not know `parallel_tool_calls`.
    NO_PARALLEL_TOOL_CALLS = "no_parallel_tool_calls";
    /// Refuses `frequency_penalty` and `presence_penalty`.
    NO_PENALTIES = "no_penalties";
    /// Refuses a conversation that ends with an assistant message.
    NO_PREFILL = "no_prefill";
    /// Refuses every parameter about reasoning.
    NO_REASONING = "no_reasoning";
    /// Refuses to answer by a schema where there are tools.
    NO_SCHEMA_WITH_TOOLS = "no_schema_with_tools";
    /// Refuses `temperature`, `top_p` and `top_k`.
    NO_SAMPLING = "no_sampling";
    /// Refuses texts to stop at.
    NO_STOP = "no_stop";
    /// Does not know `stream_options`.
    NO_STREAM_OPTIONS = "no_stream_options";
    /// Refuses prompt-cache marks behind tools.
    NO_TOOL_CACHE = "no_tool_cache";
    /// Refuses `user` and `safety_identifier`.
    NO_USER = "no_user";
    /// Calls `dimensions` `output_dimension`.
    OUTPUT_DIMENSION = "output_dimension";
    /// Takes schemas as `OpenAPI` has them, and not JSON Schema's own.
    OPENAPI_SCHEMA = "openapi_schema";
    /// Speaks in JSON that holds the sound.
    PACKED_SPEECH = "packed_speech";
    /// Takes documents to rerank as texts alone, and does not repeat them.
    PLAIN_DOCUMENTS = "plain_documents";
    /// Shall cache how a conversation begins, also where its caller has marked nothing.
    PROMPT_CACHE = "prompt_cache";
    /// Calls `seed` `random_seed`.
    RANDOM_SEED = "random_seed";
    /// Wants the model's reasoning back as `reasoning_content` on assistant messages.
    REASONING_CONTENT = "reasoning_content";
    /// Wants the model's reasoning back as `reasoning` on assistant messages.
    REASONING_FIELD = "reasoning_field";
    /// Understands `reasoning_effort: "none"`.
    REASONING_NONE = "reasoning_none";
    /// Takes effort and budget as the object `reasoning`.
    REASONING_OBJECT = "reasoning_object";
    /// Takes pictures and files inside the results of tools.
    RESULT_PARTS = "result_parts";
    /// Gives one answer per request.
    SINGLE_CHOICE = "single_choice";
    /// Takes one text at a time to embed.
    SINGLE_TEXT = "single_text";
    /// The model takes either temperature or `top_p`.
    TEMPERATURE_OR_TOP_P = "temperature_or_top_p";
    /// Takes signed reasoning back as `thinking_blocks` on assistant messages.
    THINKING_BLOCKS = "thinking_blocks";
    /// The model thinks by levels, of which the least is little.
    THINKING_LEVELS = "thinking_levels";
    /// Wants the model's reasoning back as a content part `thinking`.
    THINKING_PARTS = "thinking_parts";
    /// Thinks unless `thinking` switches it off.
    THINKING_SWITCH = "thinking_switch";
    /// Takes `top_k`, which `OpenAI`'s language itself does not have.
    TOP_K = "top_k";
    /// Calls the end of an input that is too long its right.
    TRUNCATES_RIGHT = "truncates_right";
    /// Wants the version of its language in the body.
    VERSIONED_BODY = "versioned_body";
    /// Names the model in its path, and wants Vertex AI's version in the body.
    VERTEX_BODY = "vertex_body";
}
