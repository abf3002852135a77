//! The fields of a request, which is a JSON object or a form: of a form, a field is plain text.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use types::ModelName;

use crate::whole::WHOLE;
use crate::{DecodeError, Fields, Head};

/// A request.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) head: Head<'a>,
    pub(crate) body: &'a Bytes,
    pub(crate) fields: &'a Fields,
}

impl<'a> Ask<'a> {
    /// The value of a field that must not stand there twice; null and an empty part of a form are nothing.
    pub(crate) fn find(self, name: &str) -> Result<Option<&'a [u8]>, DecodeError> {
        let span = self.fields.find(self.body, name).map_err(DecodeError::Json)?;
        let value = span.and_then(|span| self.body.get(span));
        let nothing: &[u8] = if self.fields.is_form() { b"" } else { b"null" };
        Ok(value.filter(|value| *value != nothing))
    }

    /// A field that must be there, whatever it is.
    pub(crate) fn require(self, name: &str) -> Result<&'a [u8], DecodeError> {
        self.find(name)?.ok_or_else(|| wrong(name, "is missing"))
    }

    /// A field that is text.
    pub(crate) fn text(self, name: &str) -> Result<Option<Cow<'a, str>>, DecodeError> {
        let Some(value) = self.find(name)? else { return Ok(None) };
        let text = if self.fields.is_form() {
            std::str::from_utf8(value).ok().map(Cow::Borrowed)
        } else {
            serde_json::from_slice::<String>(value).ok().map(Cow::Owned)
        };
        text.map(Some).ok_or_else(|| wrong(name, "must be a string"))
    }

    /// A field that is a whole number.
    pub(crate) fn whole(self, name: &str) -> Result<Option<u64>, DecodeError> {
        self.value(name, WHOLE)
    }

    /// A field that is true or false; false if it is not there.
    pub(crate) fn is_true(self, name: &str) -> Result<bool, DecodeError> {
        match self.find(name)? {
            // How the client libraries of other languages write it into a form.
            Some(b"True" | b"1") if self.fields.is_form() => Ok(true),
            Some(b"False" | b"0") if self.fields.is_form() => Ok(false),
            Some(_) | None => Ok(self.value(name, "must be a boolean")?.unwrap_or(false)),
        }
    }

    /// A field that is written alike in JSON and in a form.
    fn value<T: Deserialize<'a>>(self, name: &str, problem: &str) -> Result<Option<T>, DecodeError> {
        let Some(value) = self.find(name)? else { return Ok(None) };
        serde_json::from_slice(value).map(Some).map_err(|_| wrong(name, problem))
    }

    /// The model's name.
    pub(crate) fn model(self) -> Result<ModelName, DecodeError> {
        self.model_or(None)
    }

    /// The model's name, or the one that is meant where there is none.
    pub(crate) fn model_or(self, default: Option<&str>) -> Result<ModelName, DecodeError> {
        const PROBLEM: &str = "must be a non-empty string";
        let said = self.text("model").map_err(|error| match error {
            DecodeError::Field { .. } => wrong("model", PROBLEM),
            DecodeError::Header { .. } | DecodeError::Json(_) => error,
        })?;
        match (said, default) {
            (Some(name), _) if name.is_empty() => Err(wrong("model", PROBLEM)),
            (Some(name), _) => Ok(ModelName::from(name.into_owned())),
            (None, Some(default)) => Ok(ModelName::from(default)),
            (None, None) => Err(wrong("model", "is missing")),
        }
    }
}

/// The error that a field is not what it has to be.
pub(crate) fn wrong(field: &str, problem: &str) -> DecodeError {
    DecodeError::Field { field: field.to_owned(), problem: problem.to_owned() }
}
