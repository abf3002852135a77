//! JSON as a tree whose objects keep their order, which is the order in which models write what a schema names.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use types::Json;

use crate::object::keep_part;
use crate::outline::Part;

/// One value.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    /// Anything but an object or a list.
    Leaf(Json),
    /// The items of a list.
    List(Vec<Tree>),
    /// The fields of an object, each of which stands there once.
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// The tree that `part` is; what is nested more deeply than this is a leaf.
    pub(super) fn read(part: Part<'_>, levels: usize) -> Self {
        let Some(inner) = levels.checked_sub(1) else { return Self::Leaf(keep_part(part)) };
        if let Some(fields) = part.named() {
            let read = fields.into_iter().map(|(name, value)| (name.into_owned(), Self::read(value, inner)));
            return Self::Object(read.collect());
        }
        match part.list() {
            Some(items) => Self::List(items.map(|item| Self::read(item, inner)).collect()),
            None => Self::Leaf(keep_part(part)),
        }
    }

    /// A value by itself.
    #[expect(clippy::expect_used, reason = "what is given here are texts, numbers and truths")]
    pub(super) fn leaf(value: &impl Serialize) -> Self {
        Self::Leaf(Json::of(value).expect("a plain value is JSON"))
    }

    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Leaf(json) => json.to(),
            Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The fields; none of what is no object.
    pub(super) fn fields(&self) -> &[(String, Self)] {
        match self {
            Self::Object(fields) => fields,
            Self::Leaf(_) | Self::List(_) => &[],
        }
    }

    /// The items; none of what is no list.
    pub(super) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            Self::Leaf(_) | Self::Object(_) => &[],
        }
    }

    /// The value of a field.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        self.fields().iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// What a reference inside this document points at (RFC 6901).
    pub(super) fn at(&self, reference: &str) -> Option<&Self> {
        let steps = reference.strip_prefix('#')?.split('/').skip(1);
        steps
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .try_fold(self, |tree, step| tree.field(&step))
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leaf(json) => json.serialize(serializer),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

/// Puts a field in, in place of one of that name.
pub(super) fn put(fields: &mut Vec<(String, Tree)>, name: &str, value: Tree) {
    match fields.iter_mut().find(|(known, _)| known == name) {
        Some((_, old)) => *old = value,
        None => fields.push((name.to_owned(), value)),
    }
}
