//! The words of the wire as they are written: messages, calls and tools, for requests and answers alike.

use std::borrow::Cow;

use serde::Serialize;
use types::Json;

/// Marks the kind of an opaque tool as this dialect's own, so that another dialect's are never written into a body of
/// this one.
const OWN: &str = "ollama:";

/// An opaque tool's kind, marked as this dialect's.
pub(super) fn own_kind(kind: &str) -> String {
    format!("{OWN}{kind}")
}

/// Whether an opaque tool is this dialect's.
pub(super) fn is_own(kind: &str) -> bool {
    kind.starts_with(OWN)
}

/// One message.
#[derive(Debug, Default, Serialize)]
pub(super) struct MessageOut<'a> {
    pub(super) role: &'static str,
    pub(super) content: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) thinking: Cow<'a, str>,
    /// Pictures as base64.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) images: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<CallOut<'a>>,
    /// The tool that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_call_id: Option<&'a str>,
}

/// A call of a tool.
#[derive(Debug, Serialize)]
pub(super) struct CallOut<'a> {
    pub(super) id: &'a str,
    pub(super) function: CalledOut<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct CalledOut<'a> {
    /// Which call of the answer it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<usize>,
    pub(super) name: Cow<'a, str>,
    pub(super) arguments: Json,
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
    pub(super) name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<&'a str>,
    pub(super) parameters: Json,
}
