//! A YAML text as a tree in which every node knows where it was written.

use std::sync::Arc;

use crate::problem::Position;

/// Where a node was written.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// In the file: its place, and its stretch in characters from the beginning.
    File { position: Position, start: usize, end: usize },
    /// In an environment variable.
    Variable(Arc<str>),
}

/// One node of the tree.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) origin: Origin,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Nothing: the setting keeps its default.
    Null,
    /// One text; what type it is depends on what is expected.
    Scalar { text: String, style: Style },
    /// Several nodes in order.
    List(Vec<Node>),
    /// Named nodes in order, repetitions included.
    Map(Vec<Entry>),
}

/// Whether a scalar was quoted: only a plain one can be a truth value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
}

/// One named node.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_origin: Origin,
    pub(crate) node: Node,
}

impl Node {
    /// What the node is, in the words of a message.
    pub(crate) fn described(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a section".to_owned(),
            Value::Scalar { text, style: Style::Plain } if text == "true" || text == "false" => {
                format!("`{text}`")
            }
            Value::Scalar { text, style: Style::Plain } if text.parse::<f64>().is_ok() => {
                "a number".to_owned()
            }
            Value::Scalar { .. } => "text".to_owned(),
        }
    }

    /// Calls `visit` with this node and every node below it.
    pub(crate) fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        match &self.value {
            Value::Null | Value::Scalar { .. } => {}
            Value::List(items) => items.iter().for_each(|item| item.walk(visit)),
            Value::Map(entries) => entries.iter().for_each(|entry| entry.node.walk(visit)),
        }
    }
}
