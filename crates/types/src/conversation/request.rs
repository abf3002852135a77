//! What is asked of a model.

use std::sync::Arc;

use super::{Message, Tool, ToolChoice};
use crate::{DialectId, Json, ModelName};

/// One request for a turn of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// The model's name as the caller wrote it.
    pub model: ModelName,
    /// The messages, system prompts included, in order.
    pub messages: Vec<Message>,
    /// Whether the first message is a prompt that the caller gave in a field of its own, outside of its messages.
    pub prompt_is_apart: bool,
    /// The tools the model may call.
    pub tools: Vec<Tool>,
    /// Which of them it shall call.
    pub tool_choice: Option<ToolChoice>,
    /// Whether it may call several at once.
    pub parallel_tool_calls: Option<bool>,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// How much to think.
    pub reasoning: Option<Reasoning>,
    /// The form of the answer.
    pub format: OutputFormat,
    /// Whole or streamed.
    pub delivery: Delivery,
    /// The caller's end user (`user`, `safety_identifier`, `metadata.user_id`).
    pub user: Option<String>,
    /// Fields only the caller's dialect knows.
    pub extras: Extras,
}

/// How tokens are drawn and when to stop.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// Temperature, on the caller's dialect's scale.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Draw from the `k` likeliest.
    pub top_k: Option<u64>,
    /// Penalty on tokens already seen, by count.
    pub frequency_penalty: Option<f64>,
    /// Penalty on tokens already seen at all.
    pub presence_penalty: Option<f64>,
    /// A seed for repeatable answers.
    pub seed: Option<i64>,
    /// How many answers.
    pub choices: Option<u32>,
    /// Whether to return the log probabilities of the tokens drawn.
    pub logprobs: Option<bool>,
    /// How many likely alternatives to return with each.
    pub top_logprobs: Option<u32>,
    /// The most tokens to produce, reasoning included.
    pub max_tokens: Option<u64>,
    /// Texts at which to stop.
    pub stop: Vec<String>,
}

/// How much to think before answering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// By effort, where the caller's dialect has words for it.
    pub effort: Option<Effort>,
    /// By a budget in tokens, where it counts them.
    pub budget_tokens: Option<u64>,
    /// Whether thinking is switched on or off at all (`thinking.type`); `None` where not said.
    pub enabled: Option<bool>,
}

/// The words for how much to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the providers' own words")]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

impl Effort {
    /// Every word, least first.
    pub const ALL: [Self; 7] =
        [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::Xhigh, Self::Max];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort this word means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.as_str() == word)
    }
}

/// The form of the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OutputFormat {
    /// Any JSON object.
    JsonObject,
    /// JSON that matches a schema.
    JsonSchema {
        /// The schema's name, where the dialect has one.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The schema.
        schema: Json,
        /// Whether the answer must match exactly.
        strict: Option<bool>,
    },
    /// Text.
    #[default]
    Text,
}

/// Whole or streamed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// As events.
    Stream {
        /// Whether the caller asked for usage at the end of the stream.
        include_usage: bool,
    },
    /// In one body.
    #[default]
    Whole,
}

impl Delivery {
    /// Whether it comes as events.
    pub const fn is_stream(self) -> bool {
        match self {
            Self::Stream { .. } => true,
            Self::Whole => false,
        }
    }
}

/// Fields only one dialect knows, by name, in order. They survive within that dialect and are reported as lost
/// in any other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extras {
    /// The dialect that knows them.
    pub dialect: Option<DialectId>,
    /// Name and value.
    pub fields: Vec<(String, Json)>,
}

/// What an encoder must know of the place it encodes for, beyond its own language.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The upstream's name for the model.
    pub model: ModelName,
    /// The most tokens the model can produce: the default where the dialect demands a limit.
    pub max_output_tokens: Option<u64>,
    /// What is odd about the provider or the model, by the names of `provider.toml`'s `quirks`.
    pub quirks: Arc<[String]>,
    /// Whether anything that cannot be said is an error instead of a reported loss.
    pub strict: bool,
}

impl Target {
    /// Whether the provider or model has this quirk.
    pub fn has_quirk(&self, quirk: &str) -> bool {
        self.quirks.iter().any(|known| known == quirk)
    }
}
