//! What a model answers, as it comes.

use super::StopReason;
use crate::{Fault, Json, Usage};

/// One step of a streamed answer. `choice` and `block` count from zero; every delta lies between its block's
/// `Open` and `Close`, but blocks of one choice may be open at the same time (parallel tool calls).
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The upstream's id for it.
        id: Option<String>,
        /// The upstream's name for the model.
        model: Option<String>,
        /// When, in seconds since 1970.
        created: Option<u64>,
    },
    /// A block begins.
    Open {
        /// Of which answer.
        choice: u32,
        /// Which block.
        block: u32,
        /// What it is.
        opening: Opening,
    },
    /// A block goes on.
    Delta {
        /// Of which answer.
        choice: u32,
        /// Which block.
        block: u32,
        /// By what.
        delta: Delta,
    },
    /// A block ends.
    Close {
        /// Of which answer.
        choice: u32,
        /// Which block.
        block: u32,
    },
    /// Log probabilities in OpenAI's form for the tokens just sent.
    Logprobs {
        /// Of which answer.
        choice: u32,
        /// The value.
        json: Json,
    },
    /// One of the answers ends.
    Finish {
        /// Which.
        choice: u32,
        /// Why.
        reason: StopReason,
        /// The text it stopped at.
        stop_sequence: Option<String>,
    },
    /// What has been used so far; the last one counts.
    Usage(Usage),
    /// The upstream failed inside the stream.
    Failed(Fault),
    /// The upstream is still there.
    Ping,
    /// The upstream said that the stream is complete.
    End,
}

/// What kind of block begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Opening {
    /// A block only its own dialect understands.
    Opaque {
        /// The dialect's own word for it.
        kind: String,
        /// The block as it came.
        json: Json,
    },
    /// Encrypted reasoning, complete.
    RedactedThinking {
        /// The encrypted text.
        data: String,
    },
    /// A refusal.
    Refusal,
    /// Text.
    Text,
    /// Reasoning.
    Thinking,
    /// A tool call.
    ToolCall {
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
        /// The provider's proof that its model made the call.
        signature: Option<String>,
    },
}

/// How a block goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// A piece of a tool call's arguments; all pieces joined are one JSON value.
    Arguments(String),
    /// A piece of a refusal.
    Refusal(String),
    /// The signature of a thinking block.
    Signature(String),
    /// A piece of text.
    Text(String),
    /// A piece of reasoning.
    Thinking(String),
}
