//! What routing and limits need of a request: the path says most of it, the body the limit on the answer's length.

use std::borrow::Cow;

use bytes::Bytes;
use types::conversation::Delivery;
use types::{Foreseen, ModelName, StreamForm};

use super::MAX_DEPTH;
use crate::whole::{WHOLE, Whole};
use crate::{Calls, DecodeError, Fields, Head, PathSaid, Peek, Streams, Vectors};

/// The publisher whose models have their bare names: on the same cloud, the others' are `{publisher}/{model}`.
const OWN_PUBLISHER: &str = "google";
/// What stands between a publisher and its model.
const MODELS: &str = "/models/";

/// Reads the model, the delivery and the token limit.
pub(super) fn peek(head: Head<'_>, body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
    // A request to count tokens may hold the request that is meant.
    if fields.value(body, "generateContentRequest").is_none() {
        match find(body, fields, "contents", "contents")? {
            Some([b'[' | b'{', ..]) => {}
            Some(_) => return Err(wrong("contents", "must be an array")),
            None => return Err(wrong("contents", "is missing")),
        }
    }
    let config = find(body, fields, "generationConfig", "generation_config")?;
    Ok(Peek {
        model: model(head.path)?,
        delivery: delivery(head.path),
        max_tokens: config.map(max_tokens).transpose()?.flatten(),
        calls: Calls::Tools,
        form: form(head),
        vectors: Vectors::default(),
        foreseen: Foreseen::default(),
    })
}

/// The model's name, as the path has it.
pub(crate) fn model(path: &PathSaid) -> Result<ModelName, DecodeError> {
    let Some(said) = path.model.as_deref() else { return Err(wrong("model", "is missing")) };
    let published = said.split_once(MODELS).filter(|(publisher, _)| !publisher.contains('/'));
    let name = match published {
        Some((OWN_PUBLISHER, name)) => Cow::Borrowed(name),
        Some((other, name)) => Cow::Owned(format!("{other}/{name}")),
        None => Cow::Borrowed(said),
    };
    Ok(ModelName::from(name.as_ref()))
}

/// Whole or streamed, as the path says. A stream always tells its usage.
pub(super) const fn delivery(path: &PathSaid) -> Delivery {
    match path.streams {
        Streams::Always => Delivery::Stream { include_usage: true },
        Streams::AsAsked | Streams::Never => Delivery::Whole,
    }
}

/// Server-sent events where the query asks for them, one array in pieces where it does not.
fn form(head: Head<'_>) -> StreamForm {
    match head.parameter("alt").or_else(|| head.parameter("$alt")) {
        Some("sse") => StreamForm::Events,
        Some(_) | None => StreamForm::Array,
    }
}

fn max_tokens(config: &[u8]) -> Result<Option<u64>, DecodeError> {
    const FIELD: &str = "generationConfig";
    let fields = Fields::scan(config, MAX_DEPTH).map_err(|_| wrong(FIELD, "must be an object"))?;
    let Some(value) = find(config, &fields, "maxOutputTokens", "max_output_tokens")? else { return Ok(None) };
    let count = serde_json::from_slice(value);
    let count = count.map(|Whole(number)| Some(number));
    count.map_err(|_| wrong("generationConfig.maxOutputTokens", WHOLE))
}

/// The value of a field by either of its spellings, one of which may stand there once; null is nothing.
fn find<'a>(
    body: &'a [u8],
    fields: &Fields,
    camel: &str,
    snake: &str,
) -> Result<Option<&'a [u8]>, DecodeError> {
    let span = match fields.find(body, camel).map_err(DecodeError::Json)? {
        Some(span) => Some(span),
        None => fields.find(body, snake).map_err(DecodeError::Json)?,
    };
    Ok(span.and_then(|span| body.get(span)).filter(|value| *value != b"null"))
}

fn wrong(field: &str, problem: &str) -> DecodeError {
    DecodeError::Field { field: field.to_owned(), problem: problem.to_owned() }
}
