//! What routing and limits need of a request, read from where its fields lie: nothing else is parsed.

use bytes::Bytes;
use serde::Deserialize;
use types::conversation::Delivery;
use types::{Foreseen, StreamForm};

use crate::openai_family::head::{find, flag, model, whole, wrong};
use crate::{Calls, DecodeError, Fields, Peek, Vectors, shape};

/// Reads the model, the delivery and the token limit.
pub(super) fn peek(body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
    let model = model(body, fields)?;
    match find(body, fields, "messages")? {
        Some([b'[', ..]) => {}
        Some(_) => return Err(wrong("messages", "must be an array")),
        None => return Err(wrong("messages", "is missing")),
    }
    let newer = whole(body, fields, "max_completion_tokens")?;
    let older = whole(body, fields, "max_tokens")?;
    let delivery = delivery(body, fields)?;
    Ok(Peek {
        model,
        delivery,
        max_tokens: newer.or(older),
        calls: calls(body, fields),
        form: StreamForm::Events,
        vectors: Vectors::default(),
        foreseen: Foreseen::default(),
    })
}

/// A caller that offers functions, and no tools, expects to be told of functions.
fn calls(body: &[u8], fields: &Fields) -> Calls {
    match fields.value(body, "functions") {
        Some([b'[', ..]) if fields.value(body, "tools").is_none() => Calls::Function,
        Some(_) | None => Calls::Tools,
    }
}

/// The part of `stream_options` that matters here.
#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

/// Whole or streamed, and whether the caller wants to see the usage of a stream.
pub(crate) fn delivery(body: &[u8], fields: &Fields) -> Result<Delivery, DecodeError> {
    let streams = flag(body, fields, "stream")?;
    let mut include_usage = false;
    if let Some(value) = find(body, fields, "stream_options")? {
        let options: StreamOptions = shape::object(value)
            .ok_or_else(|| wrong("stream_options", "must be an object whose include_usage is a boolean"))?;
        include_usage = options.include_usage.unwrap_or(false);
    }
    Ok(if streams { Delivery::Stream { include_usage } } else { Delivery::Whole })
}
