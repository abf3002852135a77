//! What a function answered: the wire has an object, with `output` or `error` where it is none by itself
//! (<https://ai.google.dev/api/caching#FunctionResponse>).

use serde_json::value::RawValue;
use types::Json;

use super::wire::wrapped;
use crate::DecodeError;
use crate::object::{Object, Path};

/// The field of what a function answered.
const OUTPUT: &str = "output";
/// The field of what went wrong.
const ERROR: &str = "error";

/// What a function answered, as text.
pub(super) struct Answered {
    /// The text; an object's JSON where it is one.
    pub(super) text: String,
    /// Whether it failed.
    pub(super) is_error: bool,
}

/// Reads the object.
pub(super) fn read(raw: &RawValue, path: &Path<'_>) -> Result<Answered, DecodeError> {
    let mut object = Object::read(raw.get(), path)?;
    let names: Vec<&str> = object.names().collect();
    let (name, is_error) = match names[..] {
        [OUTPUT] => (OUTPUT, false),
        [ERROR] => (ERROR, true),
        _ => return Ok(Answered { text: raw.get().to_owned(), is_error: false }),
    };
    let value = object.take(name)?;
    let text = value.and_then(|value| serde_json::from_str::<String>(value.get()).ok());
    Ok(match (text, value) {
        // What looks like an object would be taken for one on its way back.
        (Some(text), _) if is_error || !is_object(&text) => Answered { text, is_error },
        (_, Some(value)) if is_error => Answered { text: value.get().to_owned(), is_error },
        (_, _) => Answered { text: raw.get().to_owned(), is_error: false },
    })
}

/// The object that says `text`.
pub(super) fn written(text: &str, is_error: bool) -> Json {
    let object = Json::parse(text).filter(|_| is_object(text));
    match (object, is_error) {
        (Some(object), false) => object,
        (Some(object), true) => wrapped(ERROR, &object),
        (None, false) => wrapped(OUTPUT, &text),
        (None, true) => wrapped(ERROR, &text),
    }
}

fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && Json::parse(text).is_some()
}
