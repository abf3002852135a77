//! A piece of JSON kept as the bytes it arrived in.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// JSON that is carried, not interpreted: tool schemas, tool arguments, fields only one dialect knows.
/// Key order, number spelling and escapes survive.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The JSON text `text`, or `None` if it is not one JSON value.
    pub fn parse(text: impl Into<String>) -> Option<Self> {
        RawValue::from_string(text.into()).ok().map(Self)
    }

    /// What `value` serialises to, or `None` if it cannot be JSON (a map with keys that are not strings).
    pub fn of(value: &impl Serialize) -> Option<Self> {
        serde_json::value::to_raw_value(value).ok().map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The value as `T`, if it has that shape.
    pub fn to<'a, T: Deserialize<'a>>(&'a self) -> Option<T> {
        serde_json::from_str(self.0.get()).ok()
    }
}

impl From<Box<RawValue>> for Json {
    fn from(raw: Box<RawValue>) -> Self {
        Self(raw)
    }
}

impl PartialEq for Json {
    /// By text: two spellings of one value differ.
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}
