//! The words of the wire as they are written: messages, parts, calls and tools, for requests and answers alike.

use std::borrow::Cow;

use serde::Serialize;
use types::Json;

/// Marks the kind of an opaque part or tool as this dialect's own, so that another dialect's are never written into a
/// body of this one.
const OWN: &str = "cohere:";

/// An opaque part's or tool's kind, marked as this dialect's.
pub(super) fn own_kind(kind: &str) -> String {
    format!("{OWN}{kind}")
}

/// Whether an opaque part or tool is this dialect's.
pub(super) fn is_own(kind: &str) -> bool {
    kind.starts_with(OWN)
}

/// One message.
#[derive(Debug, Default, Serialize)]
pub(super) struct MessageOut<'a> {
    pub(super) role: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) content: Vec<Part<'a>>,
    /// What the model was about to do with the tools it called.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) tool_plan: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<CallOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) citations: Vec<Json>,
}

/// A part of a message's content.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    /// A picture.
    ImageUrl { image_url: ImageOut<'a> },
    /// Text.
    Text { text: Cow<'a, str> },
    /// Reasoning.
    Thinking { thinking: &'a str },
    /// A part that passes through whole.
    #[serde(untagged)]
    Opaque(&'a Json),
}

/// A picture, by its address or as a `data:` URL.
#[derive(Debug, Serialize)]
pub(super) struct ImageOut<'a> {
    pub(super) url: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<&'a str>,
}

/// A call of a tool.
#[derive(Debug, Serialize)]
pub(super) struct CallOut<'a> {
    pub(super) id: &'a str,
    pub(super) r#type: &'static str,
    pub(super) function: CalledOut<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct CalledOut<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: Cow<'a, str>,
}

impl<'a> CallOut<'a> {
    /// A call of the function `name`; no arguments are an empty object, never an empty text.
    pub(super) fn new(id: &'a str, name: &'a str, arguments: &'a str) -> Self {
        let arguments = if crate::calls::is_without(arguments) { "{}" } else { arguments };
        Self { id, r#type: "function", function: CalledOut { name, arguments: arguments.into() } }
    }
}

/// A tool.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ToolOut<'a> {
    /// A function.
    Function { r#type: &'static str, function: FunctionOut<'a> },
    /// A tool that passes through whole.
    Opaque(&'a Json),
}

#[derive(Debug, Serialize)]
pub(super) struct FunctionOut<'a> {
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<&'a str>,
    pub(super) parameters: Json,
}
