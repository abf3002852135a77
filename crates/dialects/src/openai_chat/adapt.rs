//! Changes a request of this language as little as the target allows.

use bytes::Bytes;
use types::conversation::{Change, Target};

use super::restrict::restrict_fields;
use crate::openai_family::MAX_DEPTH;
use crate::openai_family::edit::{Edit, restricted};
use crate::sampling::{SEVERAL, gives_one};
use crate::{EncodeError, Encoded, Fields, ScanError, quirks};

/// The request with the target's model and what its quirks demand; every other byte stays.
pub(super) fn adapt(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let mut edit = Edit::new(body, fields, target);
    edit.model();
    edit.stream_options()?;
    edit.single_choice()?;
    edit.restrict();
    edit.history();
    edit.others_reasoning();
    edit.prefix();
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

/// A written request without what the target refuses.
pub(super) fn restrict(body: Vec<u8>, target: &Target, changes: &mut Vec<Change>) -> Vec<Bytes> {
    restricted(body, target, changes, restrict_fields)
}

impl Edit<'_> {
    /// Refuses to ask for several answers where only one is given: their caller would be served wrongly.
    fn single_choice(&self) -> Result<(), EncodeError> {
        let several = |value: &[u8]| serde_json::from_slice::<u64>(value).is_ok_and(|count| count > 1);
        let is_asked = self.target.has_quirk(quirks::SINGLE_CHOICE)
            && self.find(SEVERAL).is_some_and(|(_, value)| several(value));
        if is_asked { Err(gives_one(SEVERAL.to_owned())) } else { Ok(()) }
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
}
