//! Changes a request as little as the target allows.

use bytes::Bytes;
use types::conversation::Target;

use crate::splice::quoted;
use crate::{EncodeError, Encoded, Fields, Splice, openai_chat};

/// The request with the target's model; every other byte stays.
pub(crate) fn model(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let mut splice = Splice::default();
    rename(body, fields, target, &mut splice);
    Encoded { body: splice.apply(body), ..Encoded::default() }.checked(target)
}

/// The same, with usage asked for at the end of a stream.
pub(super) fn completions(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    openai_chat::adapt_plainly(body, fields, target)
}

/// Puts the target's name for the model in the place of the caller's, or in front of all where the caller named none.
pub(crate) fn rename(body: &Bytes, fields: &Fields, target: &Target, splice: &mut Splice) {
    let name = target.model.as_str();
    // One that stands there twice has been refused before.
    let span = fields.find(body, "model").ok().flatten();
    match span {
        Some(span) if fields.is_form() => splice.replace(span, name.to_owned()),
        Some(span) => splice.replace(span, quoted(name)),
        None => {
            let comma = if fields.is_empty() { "" } else { "," };
            let named = [br#""model":"#, &quoted(name)[..], comma.as_bytes()].concat();
            splice.replace(fields.start()..fields.start(), named);
        }
    }
}
