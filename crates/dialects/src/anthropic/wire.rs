//! The words of the wire: objects read field by field, so that what nobody asked for is known at the end, and
//! the blocks as they are written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::Serialize;
use serde_json::value::RawValue;
use types::Json;
use types::conversation::CacheMark;

use crate::DecodeError;
use crate::extras::says_nothing;

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
#[derive(Debug)]
pub(super) struct Object<'a> {
    path: String,
    fields: Vec<(String, &'a RawValue)>,
}

/// The fields in order, for serde.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(PairsVisitor).map(Pairs)
    }
}

impl<'a> Object<'a> {
    /// The object that `json` is; `path` is where it stands.
    pub(super) fn parse(json: &'a str, path: String) -> Result<Self, DecodeError> {
        match serde_json::from_str::<Pairs<'a>>(json) {
            Ok(Pairs(fields)) => Ok(Self { path, fields }),
            Err(_) => Err(wrong(path, "must be an object")),
        }
    }

    /// Where the field `name` stands.
    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The first name that stands in the object twice.
    pub(super) fn duplicate(&self) -> Option<&str> {
        let mut names: Vec<&str> = self.fields.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.windows(2).find_map(|pair| match pair {
            [left, right] if left == right => Some(*left),
            _ => None,
        })
    }

    /// Takes the field `name` out; null counts as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.fields.iter().position(|(known, _)| known == name)?;
        let (_, value) = self.fields.remove(at);
        (value.get() != "null").then_some(value)
    }

    /// Takes the field `name` out as a `T`.
    pub(super) fn value<T: Deserialize<'a>>(
        &mut self,
        name: &str,
        problem: &'static str,
    ) -> Result<Option<T>, DecodeError> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| wrong(self.path(name), problem))
    }

    /// Takes the field `name` out as a text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, DecodeError> {
        self.value(name, "must be a string")
    }

    /// Takes the field `name` out as a text that has to be there.
    pub(super) fn required_text(&mut self, name: &str) -> Result<String, DecodeError> {
        self.text(name)?.ok_or_else(|| wrong(self.path(name), "is required"))
    }

    /// Takes the field `name` out as a list.
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<&'a RawValue>, DecodeError> {
        Ok(self.value(name, "must be a list")?.unwrap_or_default())
    }

    /// Takes the field `name` out as an object.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, DecodeError> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        Object::parse(raw.get(), self.path(name)).map(Some)
    }

    /// Every field that nobody took and that says something, with its place. Of the body itself, every field
    /// that is not null: nobody here knows what its default is.
    pub(super) fn leftovers(self, into: &mut Vec<(String, Json)>) {
        for (name, value) in &self.fields {
            let idle = if self.path.is_empty() { value.get() == "null" } else { says_nothing(value.get()) };
            if !idle {
                into.push((self.path(name), Json::from((*value).to_owned())));
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
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    /// Reasoning.
    Thinking { thinking: &'a str, signature: Cow<'a, str> },
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
