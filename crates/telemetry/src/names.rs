//! Every name that dashboards, alerts and log queries rely on, written once.

/// Declares the metrics and lists them.
macro_rules! metric_names {
    ($($name:ident $text:literal;)+) => {
        $(
            #[doc = concat!("`", $text, "`; what it counts stands in its `# HELP` line.")]
            pub const $name: &str = $text;
        )+

        /// Every metric's name as it is scraped.
        pub const METRICS: &[&str] = &[$($name,)+];
    };
}

metric_names! {
    ATTEMPTS "tollgate_attempts_total";
    BUILD_INFO "tollgate_build_info";
    CIRCUIT_STATE "tollgate_circuit_state";
    COLLECTOR_UP "tollgate_collector_up";
    CONFIG_GENERATION "tollgate_config_generation";
    CONFIG_LAST_RELOAD_SUCCESSFUL "tollgate_config_last_reload_successful";
    COST_USD "tollgate_cost_usd_total";
    CREDENTIAL_REFRESHES "tollgate_credential_refreshes_total";
    GEN_AI_CLIENT_OPERATION_DURATION "gen_ai_client_operation_duration_seconds";
    GEN_AI_CLIENT_TIME_TO_FIRST_CHUNK "gen_ai_client_operation_time_to_first_chunk_seconds";
    GEN_AI_CLIENT_TOKEN_USAGE "gen_ai_client_token_usage";
    GEN_AI_SERVER_REQUEST_DURATION "gen_ai_server_request_duration_seconds";
    GEN_AI_SERVER_TIME_TO_FIRST_TOKEN "gen_ai_server_time_to_first_token_seconds";
    INFLIGHT "tollgate_inflight";
    KEY_RING_REFRESHES "tollgate_key_ring_refreshes_total";
    LEDGER_RECOVERED_RECORDS "tollgate_ledger_recovered_records_total";
    LIMIT_REJECTIONS "tollgate_limit_rejections_total";
    LOG_LINES_DROPPED "tollgate_log_lines_dropped_total";
    OVERHEAD "tollgate_overhead_seconds";
    PANICS "tollgate_panics_total";
    REQUESTS "tollgate_requests_total";
    REQUEST_DURATION "tollgate_request_duration_seconds";
    SPANS_DROPPED "tollgate_spans_dropped_total";
    TIME_TO_FIRST_TOKEN "tollgate_time_to_first_token_seconds";
    TOKENS "tollgate_tokens_total";
    TRANSLATION_CHANGES "tollgate_translation_changes_total";
    UNITS "tollgate_units_total";
}

/// Metric labels.
pub mod label {
    #![expect(missing_docs, reason = "the constants say what they are")]

    pub const DIRECTION: &str = "direction";
    pub const ERROR_TYPE: &str = "error_type";
    pub const EXPORTER: &str = "exporter";
    pub const GEN_AI_OPERATION_NAME: &str = "gen_ai_operation_name";
    pub const GEN_AI_PROVIDER_NAME: &str = "gen_ai_provider_name";
    pub const GEN_AI_REQUEST_MODEL: &str = "gen_ai_request_model";
    pub const GEN_AI_TOKEN_TYPE: &str = "gen_ai_token_type";
    pub const KIND: &str = "kind";
    pub const LIMIT: &str = "limit";
    pub const MODEL: &str = "model";
    pub const OPERATION: &str = "operation";
    pub const OUTCOME: &str = "outcome";
    pub const PROVIDER: &str = "provider";
    pub const RESULT: &str = "result";
    pub const STATUS_CLASS: &str = "status_class";
    pub const TARGET: &str = "target";
    pub const VERSION: &str = "version";
}

/// Fields of log lines.
pub mod field {
    #![expect(missing_docs, reason = "the constants say what they are")]

    pub const ATTEMPT: &str = "attempt";
    pub const ATTEMPTS: &str = "attempts";
    pub const BYTES_IN: &str = "bytes_in";
    pub const BYTES_OUT: &str = "bytes_out";
    pub const CHANGES: &str = "changes";
    pub const CLIENT_IP: &str = "client_ip";
    pub const COST_USD: &str = "cost_usd";
    pub const DIALECT: &str = "dialect";
    pub const DROPPED: &str = "dropped";
    pub const DURATION_MS: &str = "duration_ms";
    pub const ERROR: &str = "error";
    pub const EXPORTER: &str = "exporter";
    pub const FAULT: &str = "fault";
    pub const FINISH: &str = "finish";
    pub const GENERATION: &str = "generation";
    pub const INPUT_TOKENS: &str = "input_tokens";
    pub const ISSUER: &str = "issuer";
    pub const KEY: &str = "key";
    pub const KEYS: &str = "keys";
    pub const LEVEL: &str = "level";
    pub const LIMIT: &str = "limit";
    pub const MESSAGE: &str = "message";
    pub const MODEL: &str = "model";
    pub const MODULE: &str = "module";
    pub const OPERATION: &str = "operation";
    pub const OUTPUT_TOKENS: &str = "output_tokens";
    pub const OVERHEAD_MS: &str = "overhead_ms";
    pub const PROBLEMS: &str = "problems";
    pub const POLICY: &str = "policy";
    pub const PROVIDER: &str = "provider";
    pub const RECORDS: &str = "records";
    pub const REQUEST_ID: &str = "request_id";
    pub const RETRY_AFTER_MS: &str = "retry_after_ms";
    pub const SPAN_ID: &str = "span_id";
    pub const STATE: &str = "state";
    pub const STATUS: &str = "status";
    pub const STREAM: &str = "stream";
    pub const TARGET: &str = "target";
    pub const TIME: &str = "time";
    pub const TOKENS: &str = "tokens";
    pub const TORN_BYTES: &str = "torn_bytes";
    pub const TRACE_ID: &str = "trace_id";
    pub const TTFT_MS: &str = "ttft_ms";
    pub const UNITS: &str = "units";
    pub const UPSTREAM_DIALECT: &str = "upstream_dialect";
    pub const UPSTREAM_STATUS: &str = "upstream_status";
    pub const URL: &str = "url";
}

/// Attributes of spans: OpenTelemetry's `GenAI` conventions where they have a word, `tollgate.*` where they have none.
pub mod attribute {
    #![expect(missing_docs, reason = "the constants say what they are")]

    pub const CLIENT_ADDRESS: &str = "client.address";
    pub const ERROR_TYPE: &str = "error.type";
    pub const GEN_AI_OPERATION_NAME: &str = "gen_ai.operation.name";
    pub const GEN_AI_PROVIDER_NAME: &str = "gen_ai.provider.name";
    pub const GEN_AI_REQUEST_MODEL: &str = "gen_ai.request.model";
    pub const GEN_AI_REQUEST_STREAM: &str = "gen_ai.request.stream";
    pub const GEN_AI_RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
    pub const GEN_AI_RESPONSE_ID: &str = "gen_ai.response.id";
    pub const GEN_AI_RESPONSE_MODEL: &str = "gen_ai.response.model";
    pub const GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
    pub const GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
    pub const GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
    pub const GEN_AI_USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
    pub const GEN_AI_USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
    pub const GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
    pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
    pub const SERVER_ADDRESS: &str = "server.address";
    pub const SERVER_PORT: &str = "server.port";
    pub const SERVICE_INSTANCE_ID: &str = "service.instance.id";
    pub const SERVICE_NAME: &str = "service.name";
    pub const SERVICE_VERSION: &str = "service.version";
    pub const TOLLGATE_ATTEMPT_NUMBER: &str = "tollgate.attempt.number";
    pub const TOLLGATE_ATTEMPT_REASON: &str = "tollgate.attempt.reason";
    pub const TOLLGATE_ATTEMPTS: &str = "tollgate.attempts";
    pub const TOLLGATE_COST_USD: &str = "tollgate.cost.usd";
    pub const TOLLGATE_DIALECT: &str = "tollgate.dialect";
    pub const TOLLGATE_KEY_ID: &str = "tollgate.key.id";
    pub const TOLLGATE_PROVIDER: &str = "tollgate.provider";
    pub const TOLLGATE_REQUEST_ID: &str = "tollgate.request.id";
    pub const TOLLGATE_ROUTE: &str = "tollgate.route";
    pub const TOLLGATE_TARGET: &str = "tollgate.target";
}
