//! What the languages say alike at the top of a request, read from where its fields lie.

use types::ModelName;

use crate::whole::{WHOLE, Whole};
use crate::{DecodeError, Fields};

/// The value of a field that must not stand there twice; null is nothing.
pub(crate) fn find<'a>(body: &'a [u8], fields: &Fields, name: &str) -> Result<Option<&'a [u8]>, DecodeError> {
    let span = fields.find(body, name).map_err(DecodeError::Json)?;
    Ok(span.and_then(|span| body.get(span)).filter(|value| *value != b"null"))
}

/// The model's name.
pub(crate) fn model(body: &[u8], fields: &Fields) -> Result<ModelName, DecodeError> {
    const PROBLEM: &str = "must be a non-empty string";
    match find(body, fields, "model")? {
        None => Err(wrong("model", "is missing")),
        Some(b"\"\"") => Err(wrong("model", PROBLEM)),
        Some(value) => {
            let text: String = serde_json::from_slice(value).map_err(|_| wrong("model", PROBLEM))?;
            Ok(ModelName::from(text))
        }
    }
}

/// A field that is true or false; nothing is false.
pub(crate) fn flag(body: &[u8], fields: &Fields, name: &str) -> Result<bool, DecodeError> {
    match find(body, fields, name)? {
        None | Some(b"false") => Ok(false),
        Some(b"true") => Ok(true),
        Some(_) => Err(wrong(name, "must be a boolean")),
    }
}

/// A field that is a whole number.
pub(crate) fn whole(body: &[u8], fields: &Fields, name: &str) -> Result<Option<u64>, DecodeError> {
    let Some(value) = find(body, fields, name)? else { return Ok(None) };
    let number = serde_json::from_slice(value).map(|Whole(number)| Some(number));
    number.map_err(|_| wrong(name, WHOLE))
}

/// The error that a field is not what it has to be.
pub(crate) fn wrong(field: &str, problem: &str) -> DecodeError {
    DecodeError::Field { field: field.to_owned(), problem: problem.to_owned() }
}
