//! What routing and limits need of a request, read from where its fields lie: nothing else is parsed.

use bytes::Bytes;
use types::conversation::Delivery;
use types::{Foreseen, ModelName, StreamForm};

use crate::whole::{WHOLE, Whole};
use crate::{Calls, DecodeError, Fields, Peek, Vectors};

/// Reads the model, the delivery and the token limit.
pub(super) fn peek(body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
    let model = match find(body, fields, "model")? {
        Some(value) => serde_json::from_slice::<String>(value).ok().filter(|model| !model.is_empty()),
        None => return Err(wrong("model", "is missing")),
    };
    let model = model.ok_or_else(|| wrong("model", "must be a non-empty string"))?;
    match find(body, fields, "messages")? {
        Some([b'[', ..]) => {}
        Some(_) => return Err(wrong("messages", "must be an array")),
        None => return Err(wrong("messages", "is missing")),
    }
    let delivery = match find(body, fields, "stream")? {
        Some(b"true") => Delivery::Stream { include_usage: true },
        None | Some(b"false") => Delivery::Whole,
        Some(_) => return Err(wrong("stream", "must be a boolean")),
    };
    let max_tokens = match find(body, fields, "max_tokens")? {
        Some(value) => {
            let limit = serde_json::from_slice(value).map(|Whole(number)| number);
            Some(limit.map_err(|_| wrong("max_tokens", WHOLE))?)
        }
        None => None,
    };
    let model = ModelName::from(model);
    Ok(Peek {
        model,
        delivery,
        max_tokens,
        calls: Calls::Tools,
        form: StreamForm::Events,
        vectors: Vectors::default(),
        foreseen: Foreseen::default(),
    })
}

/// The value of a field that must not stand there twice; null is nothing.
fn find<'a>(body: &'a [u8], fields: &Fields, name: &str) -> Result<Option<&'a [u8]>, DecodeError> {
    let span = fields.find(body, name).map_err(DecodeError::Json)?;
    Ok(span.and_then(|span| body.get(span)).filter(|value| *value != b"null"))
}

fn wrong(field: &str, problem: &str) -> DecodeError {
    DecodeError::Field { field: field.to_owned(), problem: problem.to_owned() }
}
