//! What is written on the wire: messages, parts and tool calls, for requests and answers alike.

use std::borrow::Cow;

use serde::Serialize;
use types::Json;
use types::conversation::{CacheMark, Content};

use super::proofs::ExtraContent;
use crate::extras::Named;
use crate::proofs;
use crate::shape::long_text;

/// One message of a request.
#[derive(Default, Serialize)]
pub(super) struct WireMessage<'a> {
    pub(super) role: &'static str,
    pub(super) content: Option<WireContent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) thinking_blocks: Vec<ThinkingBlock<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<WireToolCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_call_id: Option<Cow<'a, str>>,
    #[serde(flatten)]
    pub(super) fields: Named<'a>,
}

/// A message's content: a string where one plain text is all there is.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WireContent<'a> {
    Text(#[serde(serialize_with = "long_text")] Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

impl<'a> From<Vec<Part<'a>>> for WireContent<'a> {
    fn from(mut parts: Vec<Part<'a>>) -> Self {
        match parts.pop() {
            None => Self::Text(Cow::Borrowed("")),
            Some(Part::Text { text, cache_control: None }) if parts.is_empty() => Self::Text(text),
            Some(last) => {
                parts.push(last);
                Self::Parts(parts)
            }
        }
    }
}

/// One part of a message's content.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    File {
        file: WireFile<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    ImageUrl {
        image_url: WireImage<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    InputAudio {
        input_audio: WireAudio<'a>,
    },
    Text {
        #[serde(serialize_with = "long_text")]
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    Thinking {
        thinking: [ThinkingText<'a>; 1],
    },
    #[serde(untagged)]
    Raw(&'a Json),
}

/// Text inside a part of reasoning, as Mistral takes it.
#[derive(Serialize)]
pub(super) struct ThinkingText<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

impl<'a> Part<'a> {
    /// A part of reasoning.
    pub(super) const fn thinking(text: &'a str) -> Self {
        Self::Thinking { thinking: [ThinkingText { kind: "text", text }] }
    }
}

#[derive(Serialize)]
pub(super) struct WireFile<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filename: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct WireImage<'a> {
    pub(super) url: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct WireAudio<'a> {
    pub(super) data: &'a str,
    pub(super) format: &'a str,
}

/// A prompt-cache mark, as gateways in front of Anthropic's models take it.
#[derive(Clone, Copy, Serialize)]
pub(super) struct CacheControl {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl From<CacheMark> for CacheControl {
    fn from(mark: CacheMark) -> Self {
        let ttl = match mark {
            CacheMark::FiveMinutes => None,
            CacheMark::OneHour => Some("1h"),
        };
        Self { kind: "ephemeral", ttl }
    }
}

/// A block of reasoning with what proves it, in the form `LiteLLM` made common.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ThinkingBlock<'a> {
    RedactedThinking {
        data: &'a str,
    },
    Thinking {
        thinking: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<&'a str>,
    },
}

impl<'a> ThinkingBlock<'a> {
    /// The block that `content` is, if it is reasoning.
    pub(super) fn of(content: &'a Content) -> Option<Self> {
        match content {
            Content::Thinking { text, signature } => {
                Some(Self::Thinking { thinking: text, signature: signature.as_deref() })
            }
            Content::RedactedThinking { data } => Some(Self::RedactedThinking { data }),
            Content::Audio(_)
            | Content::Document(_)
            | Content::Image(_)
            | Content::Opaque { .. }
            | Content::Refusal(_)
            | Content::Text { .. }
            | Content::ToolCall { .. }
            | Content::ToolResult { .. } => None,
        }
    }

    /// The block for an upstream: without a proof that only another language's models know.
    pub(super) fn returned(self) -> Self {
        match self {
            Self::Thinking { thinking, signature } => {
                let signature = signature.filter(|proof| !proofs::is_marked(proof));
                Self::Thinking { thinking, signature }
            }
            Self::RedactedThinking { .. } => self,
        }
    }

    /// Whether the block is more than its text: bare text is said in `reasoning_content` already.
    pub(super) const fn is_proven(&self) -> bool {
        match self {
            Self::RedactedThinking { .. } => true,
            Self::Thinking { signature, .. } => signature.is_some(),
        }
    }

    /// Whether what proves it is another language's, which no upstream of this one takes.
    pub(super) fn is_foreign(&self) -> bool {
        match self {
            Self::RedactedThinking { .. } => false,
            Self::Thinking { signature, .. } => signature.is_some_and(proofs::is_marked),
        }
    }
}

/// A call to a tool.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WireToolCall<'a> {
    Function(FunctionCall<'a>),
    Raw(Cow<'a, Json>),
}

#[derive(Serialize)]
pub(super) struct FunctionCall<'a> {
    pub(super) id: Cow<'a, str>,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) function: CalledFunction<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) extra_content: Option<ExtraContent<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<CacheControl>,
}

#[derive(Serialize)]
pub(super) struct CalledFunction<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) arguments: &'a str,
}

impl<'a> FunctionCall<'a> {
    /// A call of the function `name`; no arguments are an empty object, never an empty text.
    pub(super) fn new(id: Cow<'a, str>, name: Cow<'a, str>, arguments: &'a str) -> Self {
        let arguments = if arguments.is_empty() { "{}" } else { arguments };
        let function = CalledFunction { name, arguments };
        Self { id, kind: "function", function, extra_content: None, cache_control: None }
    }
}
