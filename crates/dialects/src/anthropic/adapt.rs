//! Changes a request of this language as little as the target allows.

use bytes::Bytes;
use types::conversation::{Change, Target};

use super::history::{cut_unfound, cut_unproven};
use super::peek::SAMPLING;
use super::prefix::MARKS;
use super::request_encode::body_version;
use crate::splice::quoted;
use crate::{EncodeError, Encoded, Fields, Splice, quirks};

/// The request with the target's model and without what its version refuses; every other byte stays.
pub(super) fn adapt(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let mut splice = Splice::default();
    let mut encoded = Encoded::default();
    let body_version = body_version(target);
    // What is only to be counted has no limit, and goes by a path that names no model.
    let names_model = body_version.is_none() || fields.value(body, "max_tokens").is_none();
    match fields.find(body, "model") {
        Ok(Some(span)) if names_model => {
            let model = quoted(target.model.as_str());
            if body.get(span.clone()) != Some(&model) {
                splice.replace(span, model);
            }
        }
        Ok(_) | Err(_) => {}
    }
    let unthinkable = cut_unproven(body, fields, &mut splice, &mut encoded.changes);
    cut_unfound(body, fields, &mut splice, &mut encoded.changes);
    let refused = SAMPLING.into_iter().filter(|_| target.has_quirk(quirks::NO_SAMPLING)).chain(unthinkable);
    let named: Vec<&str> = refused.filter(|name| fields.value(body, name).is_some()).collect();
    match body_version {
        None => splice.cut(body, fields, &named),
        Some(version) => {
            let model = ["model"].into_iter().filter(|_| !names_model);
            let cut: Vec<_> = named.iter().copied().chain(["anthropic_version"]).chain(model).collect();
            splice.cut(body, fields, &cut);
            let at = fields.start();
            splice.replace(at..at, format!(r#""anthropic_version":"{version}","#));
        }
    }
    encoded.changes.extend(named.into_iter().map(Change::dropped));
    encoded.changes.extend(MARKS.set(body, fields, target, &mut splice));
    encoded.body = splice.apply(body);
    encoded.checked(target)
}
