//! What routing and limits need of a request, read from where its fields lie: nothing else is parsed.

use bytes::Bytes;
use types::StreamForm;
use types::conversation::Delivery;

use crate::openai_family::head::{find, flag, model, whole, wrong};
use crate::{DecodeError, Fields, Peek};

/// What may stand in for an input: what the provider keeps.
const KEPT: &[&str] = &["conversation", "previous_response_id", "prompt"];

/// Reads the model, the delivery and the token limit.
pub(super) fn peek(body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
    let model = model(body, fields)?;
    match find(body, fields, "input")? {
        Some([b'[' | b'"', ..]) => {}
        Some(_) => return Err(wrong("input", "must be a string or an array")),
        None if KEPT.iter().any(|name| fields.value(body, name).is_some()) => {}
        None => return Err(wrong("input", "is missing")),
    }
    let streams = flag(body, fields, "stream")?;
    if flag(body, fields, "background")? {
        // It goes on when the caller has left, streaming or not: what it cost would never be known, and its result
        // could never be fetched through the gateway.
        return Err(wrong("background", "is not served: this gateway keeps no answers to be fetched later"));
    }
    let max_tokens = whole(body, fields, "max_output_tokens")?;
    let delivery = if streams { Delivery::Stream { include_usage: true } } else { Delivery::Whole };
    Ok(Peek { delivery, max_tokens, form: StreamForm::Events, ..Peek::of(model) })
}
