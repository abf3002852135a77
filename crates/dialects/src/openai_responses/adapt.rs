//! Changes a request of this language as little as the target allows.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use types::conversation::{Change, Target};

use super::ID;
use super::restrict::restrict as restrict_fields;
use crate::openai_family::MAX_DEPTH;
use crate::openai_family::edit::{Edit, restricted};
use crate::proofs::{self, Proof};
use crate::{EncodeError, Encoded, Fields, quirks, shape};

/// The request with the target's model and what its quirks demand; every other byte stays.
pub(super) fn adapt(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let mut edit = Edit::new(body, fields, target);
    edit.model();
    restrict_fields(&mut edit);
    history(&mut edit);
    let (body, changes) = edit.finish();
    Encoded { body, changes, ..Encoded::default() }.checked(target)
}

/// A written request without what the target refuses.
pub(super) fn restrict(body: Vec<u8>, target: &Target, changes: &mut Vec<Change>) -> Vec<Bytes> {
    restricted(body, target, changes, restrict_fields)
}

/// Cuts reasoning that another language's provider has proven, which this one refuses, and calls the role `developer`
/// `system` for targets that know only that. The items are looked at for such reasons alone.
fn history(edit: &mut Edit<'_>) {
    let proofs = proofs::may_hold_mark(edit.body);
    let role = edit.target.has_quirk(quirks::NO_DEVELOPER_ROLE);
    let Some((_, list)) = edit.find("input").filter(|_| proofs || role) else { return };
    let items: Vec<&RawValue> = serde_json::from_slice(list).unwrap_or_default();
    let mut places = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let is_cut = proofs && is_foreign(item);
        if is_cut {
            edit.changes.push(Change::dropped(format!("input[{index}]")));
        } else if role {
            rename_role(edit, item, index);
        }
        places.push((is_cut, edit.span(item.get().as_bytes())));
    }
    edit.splice.cut_items(places);
}

fn rename_role(edit: &mut Edit<'_>, item: &RawValue, index: usize) {
    let text = item.get().as_bytes();
    let Ok(fields) = Fields::scan(text, MAX_DEPTH) else { return };
    let role = fields.value(text, "role").filter(|role| *role == br#""developer""#);
    if let Some(role) = role {
        let span = edit.span(role);
        edit.splice.replace(span, r#""system""#);
        edit.changes.push(Change::emulated(format!("input[{index}].role")));
    }
}

/// What is looked at of an item.
#[derive(Deserialize)]
struct Seen<'a> {
    #[serde(borrow)]
    encrypted_content: Option<Cow<'a, str>>,
}

/// Whether an item is reasoning that only another language's providers understand.
fn is_foreign(item: &RawValue) -> bool {
    let seen: Option<Seen<'_>> = shape::object(item.get().as_bytes());
    let proof = seen.and_then(|seen| seen.encrypted_content);
    proof.is_some_and(|proof| match proofs::read(ID, &proof) {
        Proof::Foreign(_) | Proof::Redacted(_) | Proof::Signature(_) => true,
        Proof::Own(_) => false,
    })
}
