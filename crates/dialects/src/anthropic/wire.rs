//! The words of the wire: objects read field by field, so that what nobody asked for is known at the end, and
//! the blocks as they are written.

use std::borrow::Cow;

use serde::de::Deserialize;
use serde::ser::Serialize;
use types::Json;
use types::conversation::CacheMark;

use crate::DecodeError;
use crate::extras::says_nothing;
use crate::object::keep_part;
use crate::outline::Part;
use crate::shape::long_text;

/// Marks the kind of an opaque block or tool as this dialect's own, so that another dialect's are never
/// written into a Messages body.
const OWN: &str = "anthropic:";

/// An opaque block's or tool's kind, marked as this dialect's.
pub(super) fn own_kind(kind: &str) -> String {
    format!("{OWN}{kind}")
}

/// Whether an opaque block or tool is this dialect's.
pub(super) fn is_own(kind: &str) -> bool {
    kind.starts_with(OWN)
}

/// The fields of one JSON object and where it stands in the body.
pub(super) struct Object<'a> {
    path: String,
    fields: Vec<(Cow<'a, str>, Part<'a>)>,
}

impl<'a> Object<'a> {
    /// The object that `part` is; `path` is where it stands.
    pub(super) fn parse(part: Part<'a>, path: String) -> Result<Self, DecodeError> {
        match part.named() {
            Some(fields) => Ok(Self { path, fields }),
            None => Err(wrong(path, "must be an object")),
        }
    }

    /// Where the field `name` stands.
    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The first name that stands in the object twice.
    pub(super) fn duplicate(&self) -> Option<&str> {
        let mut names: Vec<&str> = self.fields.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        names.windows(2).find_map(|pair| match pair {
            [left, right] if left == right => Some(*left),
            _ => None,
        })
    }

    /// Takes the field `name` out; null counts as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<Part<'a>> {
        let at = self.fields.iter().position(|(known, _)| known == name)?;
        let (_, value) = self.fields.remove(at);
        (value.raw() != b"null").then_some(value)
    }

    /// Takes the field `name` out as a `T`.
    pub(super) fn value<T: Deserialize<'a>>(
        &mut self,
        name: &str,
        problem: &'static str,
    ) -> Result<Option<T>, DecodeError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        serde_json::from_str(value.written()).map(Some).map_err(|_| wrong(self.path(name), problem))
    }

    /// Takes the field `name` out as a text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, DecodeError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let text = value.text().ok_or_else(|| wrong(self.path(name), "must be a string"))?;
        Ok(Some(text.into_owned()))
    }

    /// Takes the field `name` out as a text that has to be there.
    pub(super) fn required_text(&mut self, name: &str) -> Result<String, DecodeError> {
        self.text(name)?.ok_or_else(|| wrong(self.path(name), "is required"))
    }

    /// Takes the field `name` out as a list.
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Part<'a>>, DecodeError> {
        let Some(value) = self.take(name) else { return Ok(Vec::new()) };
        let items = value.list().ok_or_else(|| wrong(self.path(name), "must be a list"))?;
        Ok(items.collect())
    }

    /// Takes the field `name` out as an object.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, DecodeError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        Object::parse(value, self.path(name)).map(Some)
    }

    /// Every field that nobody took and that says something, with its place. Of the body itself, every field
    /// that is not null: nobody here knows what its default is.
    pub(super) fn leftovers(self, into: &mut Vec<(String, Json)>) {
        for (name, value) in &self.fields {
            let said = value.written();
            let idle = if self.path.is_empty() { said == "null" } else { says_nothing(said) };
            if !idle {
                into.push((self.path(name), keep_part(*value)));
            }
        }
    }
}

/// A field that is missing or wrong.
pub(super) fn wrong(field: impl Into<String>, problem: impl Into<String>) -> DecodeError {
    DecodeError::Field { field: field.into(), problem: problem.into() }
}

/// A block as it is written.
#[derive(Debug, serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    /// A document.
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    /// A picture.
    Image {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    /// Encrypted reasoning.
    RedactedThinking { data: &'a str },
    /// Text.
    Text {
        #[serde(serialize_with = "long_text")]
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<Json>,
    },
    /// Reasoning.
    Thinking {
        #[serde(serialize_with = "long_text")]
        thinking: &'a str,
        signature: Cow<'a, str>,
    },
    /// A tool's answer.
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    /// A call of a tool.
    ToolUse {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: Json,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    /// A block that passes through whole.
    #[serde(untagged)]
    Opaque(&'a Json),
}

/// Where the bytes of a picture or document are.
#[derive(Debug, serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    /// In the request.
    Base64 { media_type: &'a str, data: &'a str },
    /// At the provider.
    File { file_id: &'a str },
    /// In the request, as plain text.
    Text { media_type: &'static str, data: Cow<'a, str> },
    /// At an address.
    Url { url: &'a str },
}

/// A prompt-cache marker.
#[derive(Clone, Copy, Debug)]
pub(super) struct CacheControl {
    pub(super) mark: CacheMark,
    /// Which mark of the request it is.
    pub(super) number: usize,
}

impl Serialize for CacheControl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Wire {
            r#type: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            ttl: Option<&'static str>,
        }
        let ttl = match self.mark {
            CacheMark::FiveMinutes => None,
            CacheMark::OneHour => Some("1h"),
        };
        Wire { r#type: "ephemeral", ttl }.serialize(serializer)
    }
}
