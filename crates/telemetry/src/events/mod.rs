//! Facts worth seeing. Each is a struct; `emit` writes its log line, its metric and its span together.

mod attempt;
mod collector;
mod lifecycle;
mod price;
mod request;
mod usage;

pub use attempt::AttemptFinished;
pub(crate) use collector::{CollectorDown, CollectorUp};
pub use lifecycle::{
    CircuitChanged, ConfigRejected, ConfigReloaded, CredentialRefreshFailed, CredentialRefreshed,
    KeyRingRefreshFailed, KeyRingRefreshed, LimitRefused, PanicContained, Recovered,
};
pub use price::PriceUnknown;
pub use request::RequestFinished;
pub use usage::UsageDisbelieved;

use types::conversation::StopReason;
use types::{DialectId, ModelName, ProviderName, TargetId, TokenClass, Usage};

use crate::names::attribute;
use crate::traces::Attributes;

/// Who answers, in the words of the configuration and of OpenTelemetry.
#[derive(Clone, Copy, Debug)]
pub struct Upstream<'a> {
    /// The provider's configured name.
    pub provider: &'a ProviderName,
    /// What the provider is in OpenTelemetry's words (`gen_ai.provider.name`), e.g. `aws.bedrock`.
    pub semconv: &'a str,
    /// Where the request goes.
    pub target: &'a TargetId,
    /// The upstream's own name for the model.
    pub model: &'a ModelName,
    /// The language it is spoken to.
    pub dialect: DialectId,
    /// Its host and port, where it is one place on the network.
    pub server: Option<(&'a str, u16)>,
}

/// The label of a request whose model is not one that the configuration knows.
const UNKNOWN: &str = "unknown";

/// OpenTelemetry's usual words for why an answer ended.
pub(crate) const fn finish_word(reason: StopReason) -> &'static str {
    match reason {
        StopReason::ContextFull | StopReason::MaxTokens => "length",
        StopReason::EndTurn | StopReason::StopSequence => "stop",
        StopReason::Filtered => "content_filter",
        StopReason::Pause => "pause",
        StopReason::Refusal => "refusal",
        StopReason::ToolUse => "tool_calls",
    }
}

/// A usage in OpenTelemetry's words. Its `input_tokens` include what a cache served, its `output_tokens` reasoning.
fn add_usage(attributes: &mut Attributes, usage: &Usage) {
    attributes.integer(attribute::GEN_AI_USAGE_INPUT_TOKENS, usage.input_total().0);
    attributes.integer(attribute::GEN_AI_USAGE_OUTPUT_TOKENS, usage.output_total().0);
    let written = usage.of(TokenClass::CacheWrite5m).0.saturating_add(usage.of(TokenClass::CacheWrite1h).0);
    for (name, count) in [
        (attribute::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, usage.of(TokenClass::CacheRead).0),
        (attribute::GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS, written),
        (attribute::GEN_AI_USAGE_REASONING_OUTPUT_TOKENS, usage.of(TokenClass::Reasoning).0),
    ] {
        if count > 0 {
            attributes.integer(name, count);
        }
    }
}

/// `OPERATION MODEL`, as OpenTelemetry names spans.
fn span_name(operation: &str, model: &str) -> String {
    format!("{operation} {model}")
}
