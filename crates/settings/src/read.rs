//! How one node becomes one setting: the trait and its general implementations.

use crate::node::{Node, Value};
use crate::problem::ProblemCode;
use crate::reading::{Reading, joined};
use crate::shown::{Show, Shown};

/// A place in the tree.
pub(crate) struct At<'n> {
    pub(crate) node: &'n Node,
    pub(crate) path: String,
    key: &'n str,
}

impl<'n> At<'n> {
    /// The whole tree.
    pub(crate) fn root(node: &'n Node) -> Self {
        Self { node, path: String::new(), key: "" }
    }

    /// The key this place is under.
    pub(crate) fn key(&self) -> &'n str {
        self.key
    }

    /// The named places below: none for nothing, and a noted problem for anything but a section. Of a key that
    /// is written twice only the first is there.
    pub(crate) fn entries(&self, reading: &mut Reading<'_>) -> Option<Vec<Self>> {
        match &self.node.value {
            Value::Null => Some(Vec::new()),
            Value::Map(entries) => {
                let mut seen = std::collections::HashSet::new();
                let first = entries.iter().filter(|entry| seen.insert(entry.key.as_str()));
                let below = first.map(|entry| Self {
                    node: &entry.node,
                    path: joined(&self.path, &entry.key),
                    key: &entry.key,
                });
                Some(below.collect())
            }
            Value::Scalar { .. } | Value::List(_) => {
                reading.wrong_type(self, "a section");
                None
            }
        }
    }

    /// The places in the list that is here, if one is.
    pub(crate) fn list(&self) -> Option<Vec<Self>> {
        let Value::List(items) = &self.node.value else { return None };
        let item = |(index, node)| Self { node, path: format!("{}[{index}]", self.path), key: self.key };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// Whether a single word, number or text is here.
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self.node.value, Value::Scalar { .. })
    }

    /// The scalar as written, before references are replaced.
    pub(crate) fn written(&self) -> &str {
        match &self.node.value {
            Value::Scalar { text, .. } => text,
            Value::Null | Value::List(_) | Value::Map(_) => "",
        }
    }
}

/// Something that can be read from the tree and described to an editor.
pub(crate) trait Shape: Sized {
    /// The setting at this place; `None` after noting what is wrong.
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self>;
    /// Its JSON Schema.
    fn schema() -> serde_json::Value;
}

/// Why a scalar was refused.
pub(crate) enum Refused {
    /// It is of another type.
    Type,
    /// It is of the right type and cannot be. With the remedy, if there is one.
    Value(Option<String>),
    /// It has a credential in it, and so is neither quoted nor shown.
    Credential,
}

/// A setting written as one word, number or text.
pub(crate) trait Scalar: Sized {
    /// What is expected, with an example, as in "expected …".
    const EXPECTED: &'static str;
    /// The value of this text.
    fn parse(text: &str) -> Result<Self, Refused>;
    /// Its JSON Schema.
    fn schema() -> serde_json::Value;
    /// The text again.
    fn shown(&self) -> Shown;
}

impl<T: Scalar> Shape for T {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let text = reading.text(at, T::EXPECTED)?;
        match T::parse(&text) {
            Ok(value) => Some(value),
            Err(Refused::Type) => {
                reading.wrong_type(at, T::EXPECTED);
                None
            }
            Err(Refused::Value(help)) => {
                let message = format!("`{}` is not {}", at.written(), T::EXPECTED);
                reading.note(ProblemCode::BadValue, &at.path, message, help);
                None
            }
            Err(Refused::Credential) => {
                reading.mask(at.node);
                let help = Some("a credential belongs in `key` or in `headers`".to_owned());
                reading.bad_value(at, "there is a credential in the address".to_owned(), help);
                None
            }
        }
    }

    fn schema() -> serde_json::Value {
        T::schema()
    }
}

impl<T: Scalar> Show for T {
    fn shown(&self) -> Shown {
        self.shown()
    }
}

impl<T: Shape> Shape for Option<T> {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        T::read(at, reading).map(Some)
    }

    fn schema() -> serde_json::Value {
        T::schema()
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let Some(items) = at.list() else {
            reading.wrong_type(at, "a list");
            return None;
        };
        Some(items.iter().filter_map(|item| T::read(item, reading)).collect())
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({"type": "array", "items": T::schema()})
    }
}

/// A section whose keys are names that the operator chooses.
#[derive(Clone, Debug)]
pub(crate) struct Named<T>(pub(crate) Vec<(String, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Shape + Default> Shape for Named<T> {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        // A name whose settings are wrong still counts as a name, so that what refers to it is not wrong too.
        let named = |child: &At<'_>, reading: &mut Reading<'_>| {
            (child.key().to_owned(), T::read(child, reading).unwrap_or_default())
        };
        let entries = at.entries(reading)?;
        Some(Self(entries.iter().map(|child| named(child, reading)).collect()))
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({"type": "object", "additionalProperties": T::schema()})
    }
}

impl<T: Show> Show for Named<T> {
    fn shown(&self) -> Shown {
        Shown::Map(self.0.iter().map(|(name, value)| (name.clone(), value.shown())).collect())
    }
}

/// `true` for a section with its defaults, `false` for none, or the section.
pub(crate) struct Toggle<T>(Option<T>);

impl<T> From<Toggle<T>> for Option<T> {
    fn from(toggle: Toggle<T>) -> Self {
        toggle.0
    }
}

impl<T: Shape + Default> Shape for Toggle<T> {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        if at.is_scalar() {
            return bool::read(at, reading).map(|enabled| Self(enabled.then(T::default)));
        }
        T::read(at, reading).map(|section| Self(Some(section)))
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({"anyOf": [{"type": "boolean"}, T::schema()]})
    }
}

impl Reading<'_> {
    /// The setting at this place: `None`, and so the default, where nothing is written or what is written is
    /// wrong and has been noted.
    pub(crate) fn field<T: Shape>(&mut self, at: &At<'_>) -> Option<T> {
        if matches!(at.node.value, Value::Null) { None } else { T::read(at, self) }
    }
}
