//! Changes in a request of these languages that is passed on, or that has just been written: cuts and replacements,
//! each told where it takes something from the caller.

use bytes::Bytes;
use types::conversation::{Change, Target};

use crate::splice::quoted;
use crate::{Fields, Span, Splice};

/// Deeper than anything that is written.
const WRITTEN_DEPTH: usize = 1024;

/// The changes of one request.
pub(crate) struct Edit<'a> {
    pub(crate) body: &'a Bytes,
    pub(crate) fields: &'a Fields,
    pub(crate) target: &'a Target,
    pub(crate) splice: Splice,
    /// The fields to be cut out whole.
    removed: Vec<&'static str>,
    pub(crate) changes: Vec<Change>,
}

/// A written request after `restrict`, which takes out what the target refuses. Of what an adapted request needs
/// beyond that, nothing is left to do in one that was written for this target.
pub(crate) fn restricted(
    body: Vec<u8>,
    target: &Target,
    changes: &mut Vec<Change>,
    restrict: impl FnOnce(&mut Edit<'_>),
) -> Vec<Bytes> {
    let body = Bytes::from(body);
    if target.quirks.is_empty() {
        return vec![body];
    }
    let Ok(fields) = Fields::scan(&body, WRITTEN_DEPTH) else { return vec![body] };
    let mut edit = Edit::new(&body, &fields, target);
    restrict(&mut edit);
    let (body, more) = edit.finish();
    changes.extend(more);
    body
}

impl<'a> Edit<'a> {
    pub(crate) fn new(body: &'a Bytes, fields: &'a Fields, target: &'a Target) -> Self {
        let (splice, removed, changes) = (Splice::default(), Vec::new(), Vec::new());
        Self { body, fields, target, splice, removed, changes }
    }

    pub(crate) fn finish(mut self) -> (Vec<Bytes>, Vec<Change>) {
        self.splice.cut(self.body, self.fields, &self.removed);
        (self.splice.apply(self.body), self.changes)
    }

    /// A field's value and where it lies. One that stands there twice is left to the provider, which refuses it
    /// or takes the one it likes.
    pub(crate) fn find(&self, name: &str) -> Option<(Span, &'a [u8])> {
        let span = self.fields.find(self.body, name).ok()??;
        Some((span.clone(), self.body.get(span)?))
    }

    /// Puts the target's name for the model in the place of the caller's.
    pub(crate) fn model(&mut self) {
        let wanted = quoted(self.target.model.as_str());
        if let Some((span, value)) = self.find("model")
            && value != wanted
        {
            self.splice.replace(span, wanted);
        }
    }

    /// Notes that a field is to be cut, which is a change unless its value is null or one of `idle`, which ask for
    /// nothing.
    pub(crate) fn remove(&mut self, name: &'static str, idle: &[&str]) {
        let Some((_, value)) = self.find(name) else { return };
        if value != b"null" && !idle.iter().any(|idle| idle.as_bytes() == value) {
            self.changes.push(Change::dropped(name));
        }
        self.removed.push(name);
    }

    /// Where in the body a value lies that is borrowed from it: its address says so.
    pub(crate) fn span(&self, value: &[u8]) -> Span {
        let start = value.as_ptr().addr() - self.body.as_ptr().addr();
        start..start + value.len()
    }
}
