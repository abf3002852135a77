//! What routing and limits need of a request, read from where its fields lie: nothing else is parsed.

use bytes::Bytes;
use serde::Deserialize;
use types::conversation::Delivery;
use types::{Foreseen, ModelName, StreamForm};

use crate::whole::Whole;
use crate::{Calls, DecodeError, Fields, Peek, Vectors, shape};

/// The part of `options` that matters here.
#[derive(Deserialize)]
struct Options {
    num_predict: Option<Whole<i64>>,
}

/// Reads the model, the delivery and the token limit.
pub(super) fn peek(body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
    let model = match find(body, fields, "model")? {
        Some(value) => serde_json::from_slice::<String>(value).ok().filter(|model| !model.is_empty()),
        None => return Err(wrong("model", "is missing")),
    };
    let model = model.ok_or_else(|| wrong("model", "must be a non-empty string"))?;
    if find(body, fields, "messages")?.is_some_and(|value| !value.starts_with(b"[")) {
        return Err(wrong("messages", "must be an array"));
    }
    let delivery = match find(body, fields, "stream")? {
        // This language streams unless it is told not to.
        None | Some(b"true") => Delivery::Stream { include_usage: true },
        Some(b"false") => Delivery::Whole,
        Some(_) => return Err(wrong("stream", "must be a boolean")),
    };
    let max_tokens = match find(body, fields, "options")? {
        Some(value) => {
            let options: Options = shape::object(value)
                .ok_or_else(|| wrong("options", "must be an object whose num_predict is a whole number"))?;
            options.num_predict.and_then(|Whole(number)| limit(number))
        }
        None => None,
    };
    Ok(Peek {
        model: ModelName::from(model),
        delivery,
        max_tokens,
        calls: Calls::Tools,
        form: StreamForm::Lines,
        vectors: Vectors::default(),
        foreseen: Foreseen::default(),
    })
}

/// The limit of tokens that `num_predict` means: below zero it means none.
pub(super) fn limit(num_predict: i64) -> Option<u64> {
    u64::try_from(num_predict).ok()
}

/// The value of a field that must not stand there twice; null is nothing.
fn find<'a>(body: &'a [u8], fields: &Fields, name: &str) -> Result<Option<&'a [u8]>, DecodeError> {
    let span = fields.find(body, name).map_err(DecodeError::Json)?;
    Ok(span.and_then(|span| body.get(span)).filter(|value| *value != b"null"))
}

fn wrong(field: &str, problem: &str) -> DecodeError {
    DecodeError::Field { field: field.to_owned(), problem: problem.to_owned() }
}
