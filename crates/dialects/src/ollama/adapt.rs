//! Changes a request of this language as little as the target allows.

use bytes::Bytes;
use types::conversation::Target;

use crate::splice::quoted;
use crate::{Encoded, Fields, Splice};

/// The request with the target's model; every other byte stays.
pub(super) fn adapt(body: &Bytes, fields: &Fields, target: &Target) -> Encoded {
    let mut splice = Splice::default();
    if let Ok(Some(span)) = fields.find(body, "model") {
        let model = quoted(target.model.as_str());
        if body.get(span.clone()) != Some(&model) {
            splice.replace(span, model);
        }
    }
    Encoded { body: splice.apply(body), ..Encoded::default() }
}
