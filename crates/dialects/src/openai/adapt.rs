//! Changes a request as little as the target allows.

use bytes::Bytes;
use types::conversation::{Change, Target};

use crate::splice::quoted;
use crate::{EncodeError, Encoded, Fields, Splice, openai_chat, quirks};

/// The request with the target's model; every other byte stays.
pub(super) fn model(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let mut splice = Splice::default();
    rename(body, fields, target, &mut splice);
    Encoded { body: splice.apply(body), ..Encoded::default() }.checked(target)
}

/// The same, with usage asked for at the end of a stream.
pub(super) fn completions(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    openai_chat::adapt_plainly(body, fields, target)
}

/// The same, with the words that the target has for the length and the form of vectors.
pub(super) fn embeddings(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let (mut splice, mut changes) = (Splice::default(), Vec::new());
    rename(body, fields, target, &mut splice);
    if target.has_quirk(quirks::OUTPUT_DIMENSION)
        && let Some(key) = fields.key_span(body, "dimensions")
        && fields.value(body, "output_dimension").is_none()
    {
        splice.replace(key, "output_dimension");
    }
    if target.has_quirk(quirks::NO_ENCODING_FORMAT) && fields.value(body, "encoding_format").is_some() {
        // The answer is given in the form that was asked for all the same.
        splice.cut(body, fields, &["encoding_format"]);
        changes.push(Change::emulated("encoding_format"));
    }
    Encoded { body: splice.apply(body), changes, ..Encoded::default() }.checked(target)
}

/// Puts the target's name for the model in the place of the caller's, or in front of all where the caller named none.
fn rename(body: &Bytes, fields: &Fields, target: &Target, splice: &mut Splice) {
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
