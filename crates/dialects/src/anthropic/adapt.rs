//! Changes a request of this language as little as the target allows.

use bytes::Bytes;
use types::conversation::{Change, Target};

use super::history::cut_unproven;
use super::peek::SAMPLING;
use super::request_encode::version_header;
use crate::splice::quoted;
use crate::{EncodeError, Encoded, Fields, Splice, quirks};

/// The request with the target's model and without what its version refuses; every other byte stays.
pub(super) fn adapt(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let mut splice = Splice::default();
    let mut encoded = Encoded::default();
    if let Ok(Some(span)) = fields.find(body, "model") {
        let model = quoted(target.model.as_str());
        if body.get(span.clone()) != Some(&model) {
            splice.replace(span, model);
        }
    }
    let unthinkable = cut_unproven(body, fields, &mut splice, &mut encoded.changes);
    let is_newer = target.has_quirk(quirks::VERSION_2026_10_21);
    let refuses_sampling = is_newer || target.has_quirk(quirks::NO_SAMPLING);
    let refused = SAMPLING.into_iter().filter(|_| refuses_sampling).chain(unthinkable);
    let named: Vec<&str> = refused.filter(|name| fields.value(body, name).is_some()).collect();
    splice.cut(body, fields, &named);
    encoded.changes.extend(named.into_iter().map(Change::dropped));
    if is_newer {
        encoded.headers.push(version_header(target));
    }
    encoded.body = splice.apply(body);
    encoded.checked(target)
}
