//! The words of the wire: unions, whose one member's name says what it is, and the blocks as they are written.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use types::Json;
use types::conversation::CacheMark;

use crate::DecodeError;
use crate::media::is_base64;
use crate::object::{Object, Path};

/// Marks the kind of an opaque block or tool as this dialect's own, so that another dialect's are never written into a
/// body of this one.
const OWN: &str = "bedrock:";

/// An opaque block's or tool's kind, marked as this dialect's.
pub(super) fn own_kind(kind: &str) -> String {
    format!("{OWN}{kind}")
}

/// Whether an opaque block or tool is this dialect's.
pub(super) fn is_own(kind: &str) -> bool {
    kind.starts_with(OWN)
}

/// Whether bytes can be written so: the wire's libraries read base64 by its usual letters (RFC 4648, section 4) alone.
pub(super) fn is_blob(text: &str) -> bool {
    is_base64(text) && !text.contains(['-', '_'])
}

/// The one member of a union.
pub(super) fn member<'a>(
    raw: &'a RawValue,
    path: &Path<'_>,
) -> Result<(Cow<'a, str>, &'a RawValue), DecodeError> {
    let object = Object::read(raw.get(), path)?;
    let mut said = object.fields().iter().filter(|(_, value)| value.raw() != b"null");
    let member = match (said.next(), said.next()) {
        (Some((name, value)), None) => serde_json::from_str(value.written())
            .map(|value| (name.clone(), value))
            .map_err(|_| path.wrong("must be JSON")),
        (_, _) => Err(path.wrong("must have exactly one member")),
    };
    object.kept();
    member
}

/// The items of a list.
pub(super) fn list<'a>(raw: &'a RawValue, path: &Path<'_>) -> Result<Vec<&'a RawValue>, DecodeError> {
    serde_json::from_str(raw.get()).map_err(|_| path.wrong("must be an array"))
}

/// A text.
pub(super) fn text(raw: &RawValue, path: &Path<'_>) -> Result<String, DecodeError> {
    serde_json::from_str(raw.get()).map_err(|_| path.wrong("must be a string"))
}

/// A block as it is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Block<'a> {
    /// Sound.
    Audio(MediaOut<'a>),
    /// A prompt-cache marker for all before it.
    CachePoint(CachePoint),
    /// Text with what it cites.
    CitationsContent(CitationsOut<'a>),
    /// A document.
    Document(DocumentOut<'a>),
    /// A picture.
    Image(MediaOut<'a>),
    /// Reasoning.
    ReasoningContent(ReasoningOut<'a>),
    /// Text.
    Text(&'a str),
    /// A tool's answer.
    ToolResult(ToolResultOut<'a>),
    /// A call of a tool.
    ToolUse(ToolUseOut<'a>),
    /// A block that passes through whole.
    #[serde(untagged)]
    Opaque(&'a Json),
}

/// Text with what it cites.
#[derive(Debug, Serialize)]
pub(super) struct CitationsOut<'a> {
    pub(super) content: [CitedText<'a>; 1],
    pub(super) citations: Vec<Json>,
}

/// The text itself.
#[derive(Debug, Serialize)]
pub(super) struct CitedText<'a> {
    pub(super) text: &'a str,
}

/// A picture or sound.
#[derive(Debug, Serialize)]
pub(super) struct MediaOut<'a> {
    pub(super) format: &'a str,
    pub(super) source: BytesOut<'a>,
}

/// Bytes as base64.
#[derive(Debug, Serialize)]
pub(super) struct BytesOut<'a> {
    pub(super) bytes: &'a str,
}

/// A document.
#[derive(Debug, Serialize)]
pub(super) struct DocumentOut<'a> {
    pub(super) format: &'a str,
    pub(super) name: String,
    pub(super) source: DocumentSource<'a>,
}

/// Where a document's bytes are.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum DocumentSource<'a> {
    /// In the request, as base64.
    Bytes(Cow<'a, str>),
    /// In the request, as text.
    Text(&'a str),
}

/// Reasoning.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ReasoningOut<'a> {
    /// With its text.
    ReasoningText {
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<&'a str>,
    },
    /// Encrypted, as base64.
    RedactedContent(&'a str),
}

/// A tool's answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolResultOut<'a> {
    pub(super) tool_use_id: Cow<'a, str>,
    pub(super) content: Vec<Block<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
}

/// A call of a tool.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolUseOut<'a> {
    pub(super) tool_use_id: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    pub(super) input: Json,
}

/// A prompt-cache marker.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct CachePoint {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl From<CacheMark> for CachePoint {
    fn from(mark: CacheMark) -> Self {
        let ttl = match mark {
            CacheMark::FiveMinutes => None,
            CacheMark::OneHour => Some("1h"),
        };
        Self { r#type: "default", ttl }
    }
}
