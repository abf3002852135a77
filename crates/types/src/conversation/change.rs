//! What a translation changed, named so that the caller can be told.

use std::fmt;

/// One difference between what was asked and what was sent, or between what was answered and what the caller reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Change {
    /// What happened to it.
    pub kind: ChangeKind,
    /// The field as the caller's own request has it, e.g. `logit_bias` or `messages[2].content[0]`; of an answer, its
    /// place there, e.g. `answer.logprobs`.
    pub field: String,
}

/// What happened to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It was left out: the target's language has no word for it.
    Dropped,
    /// The same effect is reached by other means.
    Emulated,
    /// It was sent with another value, such as a clamped temperature.
    Rewritten,
}

impl Change {
    /// `field` was left out.
    pub fn dropped(field: impl Into<String>) -> Self {
        Self { kind: ChangeKind::Dropped, field: field.into() }
    }

    /// `field` was reached by other means.
    pub fn emulated(field: impl Into<String>) -> Self {
        Self { kind: ChangeKind::Emulated, field: field.into() }
    }

    /// `field` was sent with another value.
    pub fn rewritten(field: impl Into<String>) -> Self {
        Self { kind: ChangeKind::Rewritten, field: field.into() }
    }
}

impl fmt::Display for Change {
    /// As in the `x-tollgate-changed` header: `dropped;logit_bias`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ChangeKind::Dropped => "dropped",
            ChangeKind::Emulated => "emulated",
            ChangeKind::Rewritten => "rewritten",
        };
        write!(f, "{kind};{}", self.field)
    }
}
