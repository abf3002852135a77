//! Changes a request of this language as little as the target allows.

use bytes::Bytes;
use serde_json::value::RawValue;
use types::conversation::{Change, Target};

use super::{MAX_DEPTH, quirks};
use crate::splice::quoted;
use crate::{EncodeError, Encoded, Fields, Span, Splice};

/// The request with the target's model and what its quirks demand; every other byte stays.
pub(super) fn adapt(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let mut edit =
        Edit { body, fields, target, splice: Splice::default(), removed: Vec::new(), changes: Vec::new() };
    edit.model();
    edit.stream_options()?;
    edit.max_tokens();
    edit.unknown_fields();
    edit.developer_role();
    for span in removals(body, fields, &edit.removed) {
        edit.splice.replace(span, Bytes::new());
    }
    let Edit { splice, changes, .. } = edit;
    Encoded { body: splice.apply(body), headers: Vec::new(), changes }.checked(target)
}

struct Edit<'a> {
    body: &'a Bytes,
    fields: &'a Fields,
    target: &'a Target,
    splice: Splice,
    /// The fields to be cut out whole.
    removed: Vec<&'static str>,
    changes: Vec<Change>,
}

impl Edit<'_> {
    /// A field's value and where it lies. `peek` has refused bodies that hold one of these fields twice.
    fn find(&self, name: &str) -> Option<(Span, &[u8])> {
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
            if options.is_some() {
                self.remove("stream_options");
            }
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
        let unsayable =
            |problem: String| EncodeError::Unsayable { field: "stream_options".to_owned(), problem };
        let inner = Fields::scan(value, MAX_DEPTH).map_err(|error| unsayable(error.to_string()))?;
        let said = inner.find(value, "include_usage").map_err(|error| unsayable(error.to_string()))?;
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

    /// Says the token limit by the name that the target knows.
    fn max_tokens(&mut self) {
        let (known, unknown) = if self.target.has_quirk(quirks::MAX_TOKENS_ONLY) {
            ("max_tokens", "max_completion_tokens")
        } else if self.target.has_quirk(quirks::MAX_COMPLETION_TOKENS_ONLY) {
            ("max_completion_tokens", "max_tokens")
        } else {
            return;
        };
        if self.find(unknown).is_none() {
            return;
        }
        if self.find(known).is_some() {
            self.remove(unknown);
        } else if let Some(span) = self.fields.key_span(self.body, unknown) {
            self.splice.replace(span, known);
            self.changes.push(Change::rewritten(unknown));
        }
    }

    /// Cuts the fields that the target refuses.
    fn unknown_fields(&mut self) {
        let refused = [
            (quirks::NO_PARALLEL_TOOL_CALLS, "parallel_tool_calls"),
            (quirks::NO_SAMPLING, "temperature"),
            (quirks::NO_SAMPLING, "top_p"),
        ];
        for (quirk, name) in refused {
            if self.target.has_quirk(quirk) && self.find(name).is_some() {
                self.remove(name);
            }
        }
    }

    /// Notes that a field is to be cut. A null was nothing, and its loss is none.
    fn remove(&mut self, name: &'static str) {
        if self.find(name).is_some_and(|(_, value)| value != b"null") {
            self.changes.push(Change::dropped(name));
        }
        self.removed.push(name);
    }

    /// Calls the role `developer` `system` for targets that know only that.
    fn developer_role(&mut self) {
        if !self.target.has_quirk(quirks::NO_DEVELOPER_ROLE) {
            return;
        }
        let Some((_, value)) = self.find("messages") else { return };
        let messages: Vec<&RawValue> = serde_json::from_slice(value).unwrap_or_default();
        let mut edits = Vec::new();
        for (index, message) in messages.into_iter().enumerate() {
            let message = message.get().as_bytes();
            let Ok(fields) = Fields::scan(message, MAX_DEPTH) else { continue };
            let Ok(Some(role)) = fields.find(message, "role") else { continue };
            if message.get(role.clone()) == Some(br#""developer""#) {
                // The message is borrowed from the body, so its address says where it lies.
                let at = message.as_ptr().addr() - self.body.as_ptr().addr();
                edits.push((index, at + role.start..at + role.end));
            }
        }
        for (index, span) in edits {
            self.splice.replace(span, r#""system""#);
            self.changes.push(Change::rewritten(format!("messages[{index}].role")));
        }
    }
}

/// The spans to cut so that these fields and the right number of commas are gone.
fn removals(body: &[u8], fields: &Fields, names: &[&str]) -> Vec<Span> {
    if names.is_empty() {
        return Vec::new();
    }
    let place = |name: &str| Some(fields.key_span(body, name)?.start - 1..fields.find(body, name).ok()??.end);
    let mut cuts: Vec<Span> = Vec::new();
    let mut kept_end = None;
    // Where the cut at hand began, while no kept field has followed it.
    let mut open: Option<usize> = None;
    let mut last_end = 0;
    for name in fields.names(body) {
        let Some(span) = place(&name) else { continue };
        if names.contains(&name.as_ref()) {
            open.get_or_insert(span.start);
            last_end = span.end;
        } else {
            cuts.extend(open.take().map(|start| start..span.start));
            kept_end = Some(span.end);
        }
    }
    cuts.extend(open.map(|start| kept_end.unwrap_or(start)..last_end));
    cuts
}
