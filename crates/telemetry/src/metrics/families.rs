//! Which metrics there are: one row each.

use super::exposition::{Format, Page};
use super::joint::{AttemptSeries, RequestSeries};
use super::registry::{Counter, Family, Gauge, Histogram, Spec, Table, Unit};
use crate::names::{self, label};

const MICROS: u64 = 1_000;
const MILLIS: u64 = 1_000_000;

/// OpenTelemetry's buckets for durations: 0.01 s doubled up to 81.92 s.
const DURATION: &[u64] = &[
    10 * MILLIS,
    20 * MILLIS,
    40 * MILLIS,
    80 * MILLIS,
    160 * MILLIS,
    320 * MILLIS,
    640 * MILLIS,
    1_280 * MILLIS,
    2_560 * MILLIS,
    5_120 * MILLIS,
    10_240 * MILLIS,
    20_480 * MILLIS,
    40_960 * MILLIS,
    81_920 * MILLIS,
];

/// OpenTelemetry's buckets for the time to a server's first token.
const FIRST_TOKEN: &[u64] = &[
    MILLIS,
    5 * MILLIS,
    10 * MILLIS,
    20 * MILLIS,
    40 * MILLIS,
    60 * MILLIS,
    80 * MILLIS,
    100 * MILLIS,
    250 * MILLIS,
    500 * MILLIS,
    750 * MILLIS,
    1_000 * MILLIS,
    2_500 * MILLIS,
    5_000 * MILLIS,
    7_500 * MILLIS,
    10_000 * MILLIS,
];

/// The gateway's own time is counted in microseconds.
const OVERHEAD: &[u64] = &[
    25 * MICROS,
    50 * MICROS,
    100 * MICROS,
    250 * MICROS,
    500 * MICROS,
    MILLIS,
    2 * MILLIS + 500 * MICROS,
    5 * MILLIS,
    10 * MILLIS,
    25 * MILLIS,
    100 * MILLIS,
    1_000 * MILLIS,
];

/// OpenTelemetry's buckets for tokens: powers of four.
const TOKENS: &[u64] =
    &[1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];

/// Declares the families once: field, kind, name and help, labels, unit.
macro_rules! families {
    ($($field:ident: $kind:ident = $name:ident $help:literal [$($label:ident),*] $unit:expr;)+) => {
        /// Every metric family of one gateway.
        #[derive(Debug)]
        pub(crate) struct Metrics {
            $(pub(crate) $field: Family<$kind>,)+
            /// What requests record in, found at once.
            pub(crate) of_requests: Table<RequestSeries>,
            /// What attempts record in, found at once.
            pub(crate) of_attempts: Table<AttemptSeries>,
        }

        impl Metrics {
            /// All families.
            pub(crate) fn new() -> Self {
                Self {
                    $($field: Family::new(Spec {
                        name: names::$name,
                        help: $help,
                        labels: &[$(label::$label),*],
                        unit: $unit,
                    }),)+
                    of_requests: Table::default(),
                    of_attempts: Table::default(),
                }
            }

            /// The metrics as text, in the format `accept` prefers, with its content type.
            pub(crate) fn render(&self, accept: Option<&str>) -> (&'static str, String) {
                let format = Format::negotiate(accept);
                let mut page = Page::new(format);
                $(page.family(&self.$field);)+
                (format.content_type(), page.finish())
            }
        }
    };
}

families! {
    attempts: Counter = ATTEMPTS "Requests sent to upstreams, by outcome."
        [PROVIDER, MODEL, OUTCOME] Unit::Count;
    build_info: Gauge = BUILD_INFO "Which version runs." [VERSION] Unit::Count;
    circuit_state: Gauge = CIRCUIT_STATE "A target's circuit: 0 closed, 1 half open, 2 open."
        [TARGET] Unit::Count;
    collector_up: Gauge = COLLECTOR_UP "Whether the last batch of spans reached the collector."
        [EXPORTER] Unit::Count;
    config_generation: Gauge = CONFIG_GENERATION "The configuration generation that runs." [] Unit::Count;
    config_last_reload_successful: Gauge = CONFIG_LAST_RELOAD_SUCCESSFUL "Whether the last reload was taken."
        [] Unit::Count;
    cost_usd: Counter = COST_USD "What answers cost, in US dollars." [MODEL, PROVIDER] Unit::Dollars;
    credential_refreshes: Counter = CREDENTIAL_REFRESHES
        "Times a provider's short-lived credential was obtained, by result." [PROVIDER, RESULT] Unit::Count;
    gen_ai_client_operation_duration: Histogram = GEN_AI_CLIENT_OPERATION_DURATION
        "Time of each attempt at an upstream."
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, ERROR_TYPE]
        Unit::Seconds(DURATION);
    gen_ai_client_time_to_first_chunk: Histogram = GEN_AI_CLIENT_TIME_TO_FIRST_CHUNK
        "Time to an attempt's first streamed chunk."
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL] Unit::Seconds(DURATION);
    gen_ai_client_token_usage: Histogram = GEN_AI_CLIENT_TOKEN_USAGE "Tokens of each attempt."
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, GEN_AI_TOKEN_TYPE]
        Unit::Tokens(TOKENS);
    gen_ai_server_request_duration: Histogram = GEN_AI_SERVER_REQUEST_DURATION
        "Time of each operation as its caller sees it."
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, ERROR_TYPE]
        Unit::Seconds(DURATION);
    gen_ai_server_time_to_first_token: Histogram = GEN_AI_SERVER_TIME_TO_FIRST_TOKEN
        "Time to an operation's first token."
        [GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL] Unit::Seconds(FIRST_TOKEN);
    inflight: Gauge = INFLIGHT "Requests being served now." [] Unit::Count;
    key_ring_refreshes: Counter = KEY_RING_REFRESHES "Times the callers' keys were read anew, by result."
        [RESULT] Unit::Count;
    ledger_recovered_records: Counter = LEDGER_RECOVERED_RECORDS "Ledger records read back at start."
        [] Unit::Count;
    limit_rejections: Counter = LIMIT_REJECTIONS "Requests refused, by the limit that refused them."
        [LIMIT] Unit::Count;
    log_lines_dropped: Counter = LOG_LINES_DROPPED "Log lines lost because the reader was too slow."
        [] Unit::Count;
    overhead: Histogram = OVERHEAD "Time the gateway itself added." [OPERATION] Unit::Seconds(OVERHEAD);
    panics: Counter = PANICS "Panics contained to one request." [] Unit::Count;
    request_duration: Histogram = REQUEST_DURATION "Time from a request's first byte to its answer's last."
        [OPERATION, MODEL, PROVIDER] Unit::Seconds(DURATION);
    requests: Counter = REQUESTS "Requests answered."
        [OPERATION, MODEL, PROVIDER, STATUS_CLASS, ERROR_TYPE] Unit::Count;
    spans_dropped: Counter = SPANS_DROPPED "Spans lost because a collector was slow or gone." [] Unit::Count;
    time_to_first_token: Histogram = TIME_TO_FIRST_TOKEN "Time from a request's first byte to the first token."
        [OPERATION, MODEL, PROVIDER] Unit::Seconds(FIRST_TOKEN);
    tokens: Counter = TOKENS "Tokens used, by direction and class."
        [DIRECTION, KIND, MODEL, PROVIDER] Unit::Count;
    translation_changes: Counter = TRANSLATION_CHANGES "Fields a translation dropped, emulated or rewrote."
        [KIND] Unit::Count;
    units: Counter = UNITS "What was used that is not counted in tokens, by its unit."
        [KIND, MODEL, PROVIDER] Unit::Count;
}
