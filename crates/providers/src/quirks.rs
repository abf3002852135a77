//! The quirks a provider or a model may have: what an encoder must know beyond its own language.

/// Every quirk, with what it means. A name that is not here is a problem when a catalogue is read.
#[rustfmt::skip]
pub const QUIRKS: &[(&str, &str)] = &[
    ("adaptive_thinking", "`thinking.budget_tokens` is a 400: thinking is `{\"type\": \"adaptive\"}` and its depth `output_config.effort`"),
    ("always_thinks", "thinking cannot be switched off: a budget of 0 is a 400"),
    ("budget_thinking", "thinks up to `thinking.budget_tokens` among the model's own fields"),
    ("cache_control", "takes prompt-cache marks on content and tools where the language alone does not promise it"),
    ("call_proofs", "a model's call in the history without its `thoughtSignature` is a 400"),
    ("enable_thinking", "thinking is `enable_thinking` and, at most, `thinking_budget` tokens: `reasoning_effort` says nothing"),
    ("extra_content", "a call's proof goes back as `extra_content` on the tool call"),
    ("max_completion_tokens_only", "`max_tokens` is a 400: the limit is named `max_completion_tokens`"),
    ("max_tokens_only", "knows `max_tokens` and not `max_completion_tokens`"),
    ("mid_conversation_system", "takes system messages between the turns of Anthropic's language"),
    ("nine_character_tool_ids", "ids of tool calls are nine ASCII letters or digits"),
    ("no_developer_role", "the role `developer` is unknown: such messages are `system` messages"),
    ("no_encoding_format", "`encoding_format` is not known, or is a 400 when it says `float`: vectors come as numbers"),
    ("no_forced_tool_when_thinking", "while thinking, `tool_choice` other than `auto` or `none` is a 400"),
    ("no_image", "content parts other than text are a 400"),
    ("no_json_schema", "`response_format` of type `json_schema` is a 400; `json_object` works"),
    ("no_logit_bias", "`logit_bias` is a 400"),
    ("no_logprobs", "`logprobs` and `top_logprobs` are a 400"),
    ("no_parallel_tool_calls", "`parallel_tool_calls` is a 400"),
    ("no_penalties", "`frequency_penalty` and `presence_penalty` are a 400"),
    ("no_prefill", "a conversation that ends with an assistant message is a 400"),
    ("no_reasoning", "`reasoning_effort` and every other reasoning parameter is a 400"),
    ("no_sampling", "`temperature`, `top_p` and `top_k` are a 400, even at their defaults; in Anthropic's language it is asked in version `2026-10-21`"),
    ("no_schema_with_tools", "`responseMimeType: application/json` next to functions is a 400"),
    ("no_stop", "stop sequences are a 400"),
    ("no_stream_options", "`stream_options` is not known: usage ends every stream without being asked for"),
    ("no_tool_cache", "takes prompt-cache marks on content alone: one behind a tool is a 400"),
    ("no_unknown_fields", "a field of a message that it does not know is a 400, as `reasoning_content` and `thinking_blocks` are"),
    ("no_user", "`user` and `safety_identifier` are a 422"),
    ("openapi_schema", "schemas are `OpenAPI` 3.0's (`parameters`, `responseSchema`): JSON Schema's own are not taken"),
    ("output_dimension", "the length of vectors is named `output_dimension`, not `dimensions`"),
    ("plain_documents", "documents to rerank are strings, and the answer does not repeat them: `return_documents`, `rank_fields` and `max_chunks_per_doc` are not known"),
    ("prompt_cache", "wants prompt-cache marks behind what later turns begin with too, also where the caller has set none"),
    ("random_seed", "`seed` is named `random_seed`"),
    ("reasoning_content", "a message's reasoning is its string `reasoning_content`, and goes back there"),
    ("reasoning_field", "a message's reasoning is its string `reasoning`"),
    ("reasoning_none", "`reasoning_effort` may be `none`, which switches reasoning off"),
    ("reasoning_object", "effort and budget are `reasoning: {effort, max_tokens, enabled}`, not `reasoning_effort`"),
    ("result_parts", "a function's response may hold pictures and files (`functionResponse.parts`)"),
    ("single_choice", "`n` other than 1 is a 400"),
    ("single_text", "embeds one text in a request: several go in as many requests"),
    ("temperature_or_top_p", "`temperature` and `top_p` together are a 400"),
    ("thinking_blocks", "signed reasoning goes back as `thinking_blocks` on assistant messages"),
    ("thinking_levels", "thinking is `thinkingConfig.thinkingLevel`; it cannot be switched off"),
    ("thinking_parts", "a message's reasoning is a content part `{\"type\": \"thinking\", \"thinking\": [{\"type\": \"text\", …}]}`"),
    ("thinking_switch", "thinking is switched by `thinking: {\"type\": \"enabled\" | \"disabled\"}` next to `reasoning_effort`"),
    ("top_k", "takes `top_k`, which `OpenAI`'s language itself does not have"),
    ("vertex_body", "the path alone names the model; in Anthropic's language the body says `anthropic_version: vertex-2023-10-16`"),
];

/// Whether there is a quirk of this name.
pub(crate) fn is_known(name: &str) -> bool {
    QUIRKS.iter().any(|(known, _)| *known == name)
}
