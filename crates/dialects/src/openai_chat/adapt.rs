//! Changes a request of this language as little as the target allows.

use bytes::Bytes;
use types::conversation::{Change, Target};

use super::MAX_DEPTH;
use crate::splice::quoted;
use crate::{EncodeError, Encoded, Fields, ScanError, Span, Splice, quirks};

/// Deeper than anything that is written.
const WRITTEN_DEPTH: usize = 1024;

/// The request with the target's model and what its quirks demand; every other byte stays.
pub(super) fn adapt(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let mut edit = Edit::new(body, fields, target);
    edit.model();
    edit.stream_options()?;
    edit.restrict();
    edit.history();
    let (body, changes) = edit.finish();
    Encoded { body, changes, ..Encoded::default() }.checked(target)
}

/// The request with the target's model, and with usage asked for at the end of a stream; every other byte stays.
pub(crate) fn adapt_plainly(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let mut edit = Edit::new(body, fields, target);
    edit.model();
    edit.stream_options()?;
    let (body, changes) = edit.finish();
    Encoded { body, changes, ..Encoded::default() }.checked(target)
}

/// A written request without what the target refuses. Of what an adapted request needs beyond that, nothing is
/// left to do in one that was written for this target.
pub(super) fn restrict(body: Vec<u8>, target: &Target, changes: &mut Vec<Change>) -> Vec<Bytes> {
    let body = Bytes::from(body);
    if target.quirks.is_empty() {
        return vec![body];
    }
    let Ok(fields) = Fields::scan(&body, WRITTEN_DEPTH) else { return vec![body] };
    let mut edit = Edit::new(&body, &fields, target);
    edit.restrict();
    let (body, more) = edit.finish();
    changes.extend(more);
    body
}

/// The changes of one request.
pub(super) struct Edit<'a> {
    pub(super) body: &'a Bytes,
    pub(super) fields: &'a Fields,
    pub(super) target: &'a Target,
    pub(super) splice: Splice,
    /// The fields to be cut out whole.
    removed: Vec<&'static str>,
    pub(super) changes: Vec<Change>,
}

impl<'a> Edit<'a> {
    fn new(body: &'a Bytes, fields: &'a Fields, target: &'a Target) -> Self {
        let (splice, removed, changes) = (Splice::default(), Vec::new(), Vec::new());
        Self { body, fields, target, splice, removed, changes }
    }

    fn finish(mut self) -> (Vec<Bytes>, Vec<Change>) {
        self.splice.cut(self.body, self.fields, &self.removed);
        (self.splice.apply(self.body), self.changes)
    }

    /// A field's value and where it lies. One that stands there twice is left to the provider, which refuses it
    /// or takes the one it likes.
    pub(super) fn find(&self, name: &str) -> Option<(Span, &'a [u8])> {
        let span = self.fields.find(self.body, name).ok()??;
        Some((span.clone(), self.body.get(span)?))
    }

    fn model(&mut self) {
        let wanted = quoted(self.target.model.as_str());
        if let Some((span, value)) = self.find("model")
            && value != wanted
        {
            self.splice.replace(span, wanted);
        }
    }

    /// Asks for usage at the end of a stream, whether or not the caller wants to see it.
    fn stream_options(&mut self) -> Result<(), EncodeError> {
        if self.find("stream").is_none_or(|(_, value)| value != b"true") {
            return Ok(());
        }
        let options = self.find("stream_options");
        if self.target.has_quirk(quirks::NO_STREAM_OPTIONS) {
            self.remove("stream_options", &[]);
            return Ok(());
        }
        let Some((span, value)) = options else {
            let at = self.fields.start();
            self.splice.replace(at..at, r#""stream_options":{"include_usage":true},"#);
            return Ok(());
        };
        if value == b"null" {
            self.splice.replace(span, r#"{"include_usage":true}"#);
            return Ok(());
        }
        let unsayable = |error: ScanError| EncodeError::Unsayable {
            field: "stream_options".to_owned(),
            problem: error.to_string(),
        };
        let inner = Fields::scan(value, MAX_DEPTH).map_err(unsayable)?;
        let said = inner.find(value, "include_usage").map_err(unsayable)?;
        match said {
            Some(inside) if value.get(inside.clone()) == Some(b"true") => {}
            Some(inside) => {
                self.splice.replace(span.start + inside.start..span.start + inside.end, "true");
            }
            None => {
                let at = span.start + inner.start();
                let comma = if inner.is_empty() { "" } else { "," };
                self.splice.replace(at..at, format!(r#""include_usage":true{comma}"#));
            }
        }
        Ok(())
    }

    /// Notes that a field is to be cut, which is a change unless its value is null or one of `idle`, which ask for
    /// nothing.
    pub(super) fn remove(&mut self, name: &'static str, idle: &[&str]) {
        let Some((_, value)) = self.find(name) else { return };
        if value != b"null" && !idle.iter().any(|idle| idle.as_bytes() == value) {
            self.changes.push(Change::dropped(name));
        }
        self.removed.push(name);
    }
}
