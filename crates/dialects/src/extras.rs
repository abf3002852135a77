//! Fields that only the caller's language knows: they go on within it and are reported as lost elsewhere.

use serde::ser::{Serialize, SerializeMap, Serializer};
use types::conversation::{Change, Extras};
use types::{DialectId, Json};

use crate::{EncodeError, by_name};

/// The one of these fields that two languages share, with words of their own.
const SERVICE_TIER: &str = "service_tier";

/// Fields written by name, as they came.
#[derive(Default)]
pub(crate) struct Named<'a>(pub(crate) Vec<(&'a str, &'a Json)>);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

/// What becomes of a request's extras.
#[derive(Default)]
pub(crate) struct Carried<'a> {
    /// Those that are written as they came.
    pub(crate) fields: Named<'a>,
    /// Another language's service tier in this one's word.
    pub(crate) service_tier: Option<&'static str>,
    /// Those that are left out.
    pub(crate) lost: Vec<Change>,
}

impl Carried<'_> {
    /// The caller's field `name` is written after all.
    pub(crate) fn found(&mut self, name: &str) {
        self.lost.retain(|change| change.field != name);
    }
}

/// What becomes of `extras` in a request in the language `target`, whose `tiers` are another language's service
/// tiers and its own words for them.
///
/// # Errors
/// A field of another language without which the request makes no sense.
pub(crate) fn carry<'a>(
    extras: &'a Extras,
    target: DialectId,
    tiers: &[(&str, &'static str)],
) -> Result<Carried<'a>, EncodeError> {
    let is_own = extras.dialect == Some(target);
    if !is_own {
        check_sayable(extras)?;
    }
    let mut carried = Carried::default();
    for (name, json) in &extras.fields {
        // A field inside a message or tool was written with it, or not at all.
        if is_own && !name.contains(['.', '[']) {
            carried.fields.0.push((name.as_str(), json));
            continue;
        }
        let said = json.to::<&str>().filter(|_| !is_own && name == SERVICE_TIER);
        if let Some((_, tier)) = tiers.iter().find(|(word, _)| Some(*word) == said) {
            carried.service_tier = Some(tier);
        } else if is_said(json) {
            carried.lost.push(Change::dropped(name.as_str()));
        }
    }
    Ok(carried)
}

/// Refuses what only the caller's own language can be asked for.
fn check_sayable(extras: &Extras) -> Result<(), EncodeError> {
    let caller = extras.dialect.and_then(|id| by_name(id.as_str())?.conversational());
    let demanded = caller.map_or(&[][..], |caller| caller.indispensable());
    let said =
        |name: &str| extras.fields.iter().any(|(known, json)| known == name && !says_nothing(json.as_str()));
    match demanded.iter().find(|(name, _)| said(name)) {
        Some((name, problem)) => {
            Err(EncodeError::Unsayable { field: (*name).to_owned(), problem: (*problem).to_owned() })
        }
        None => Ok(()),
    }
}

/// Whether something is lost where this value is left out. An empty object may be a whole wish, such as to search the
/// web.
pub(crate) fn is_said(json: &Json) -> bool {
    json.as_str() == "{}" || !says_nothing(json.as_str())
}

/// Whether the value is one that a client's library sends for "nothing".
pub(crate) fn says_nothing(json: &str) -> bool {
    matches!(json, "null" | "false" | "[]" | "{}" | "\"\"")
}
