//! What routing and limits need of a request: the path says most of it.

use bytes::Bytes;
use serde::Deserialize;
use types::conversation::Delivery;
use types::{Foreseen, ModelName, StreamForm};

use crate::whole::Whole;
use crate::{Calls, DecodeError, Fields, Head, Peek, Streams, Vectors, shape};

/// The part of `inferenceConfig` that matters here.
#[derive(Deserialize)]
struct Inference {
    #[serde(rename = "maxTokens")]
    max_tokens: Option<Whole<u64>>,
}

/// Reads the limit of tokens; the model and the delivery are in the path.
pub(super) fn peek(head: Head<'_>, body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
    let (model, delivery) = (model(head)?, delivery(head));
    if find(body, fields, "messages")?.is_some_and(|value| !value.starts_with(b"[")) {
        return Err(wrong("messages", "must be an array"));
    }
    let max_tokens = match find(body, fields, "inferenceConfig")? {
        Some(value) => shape::object::<Inference>(value)
            .ok_or_else(|| wrong("inferenceConfig", "must be an object whose maxTokens is a whole number"))?
            .max_tokens
            .map(|Whole(number)| number),
        None => None,
    };
    Ok(Peek {
        model,
        delivery,
        max_tokens,
        calls: Calls::Tools,
        form: StreamForm::Frames,
        vectors: Vectors::default(),
        foreseen: Foreseen::default(),
    })
}

/// The model that the path names.
pub(super) fn model(head: Head<'_>) -> Result<ModelName, DecodeError> {
    let named = head.path.model.as_deref().filter(|model| !model.is_empty());
    named.map(ModelName::from).ok_or_else(|| wrong("model", "is missing in the path"))
}

/// Whole or streamed, as the path says.
pub(super) const fn delivery(head: Head<'_>) -> Delivery {
    match head.path.streams {
        Streams::Always => Delivery::Stream { include_usage: true },
        Streams::AsAsked | Streams::Never => Delivery::Whole,
    }
}

/// The value of a field that must not stand there twice; null is nothing.
fn find<'a>(body: &'a [u8], fields: &Fields, name: &str) -> Result<Option<&'a [u8]>, DecodeError> {
    let span = fields.find(body, name).map_err(DecodeError::Json)?;
    Ok(span.and_then(|span| body.get(span)).filter(|value| *value != b"null"))
}

fn wrong(field: &str, problem: &str) -> DecodeError {
    DecodeError::Field { field: field.to_owned(), problem: problem.to_owned() }
}
