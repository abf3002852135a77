//! Ids and names as the target takes them. What was mapped once is mapped alike wherever it stands.

use std::borrow::Cow;

use types::conversation::Change;

use super::message_encode::Writer;
use crate::object::Path;
use crate::openai_family::{MAX_NAME, MAX_USER};
use crate::{names, quirks};

/// The longest id of a call that `OpenAI` takes.
const MAX_ID: usize = 40;

impl<'c> Writer<'c> {
    /// The id as the target takes it. Call and result are mapped alike, so they still belong together.
    pub(super) fn tool_call_id(&self, id: &'c str) -> Cow<'c, str> {
        if self.target.has_quirk(quirks::NINE_CHARACTER_TOOL_IDS) {
            return nine_characters(id).map_or(Cow::Borrowed(id), Cow::Owned);
        }
        if self.is_own || id.len() <= MAX_ID { Cow::Borrowed(id) } else { names::fit(id, MAX_ID) }
    }

    /// The caller's end user, by another name where its own is longer than `OpenAI` takes.
    pub(super) fn end_user(&mut self, user: Option<&'c str>) -> Option<Cow<'c, str>> {
        let user = user?;
        if self.is_own || user.len() <= MAX_USER {
            return Some(Cow::Borrowed(user));
        }
        self.changes.push(Change::rewritten("user"));
        Some(Cow::Owned(names::opaque_user(user)))
    }

    /// A tool's name as it is offered, noted if it is not its own.
    pub(super) fn offered(&mut self, name: &'c str, path: &Path<'_>) -> Cow<'c, str> {
        if self.is_own {
            return Cow::Borrowed(name);
        }
        let (sent, is_another) = self.tool_names.fit(name, MAX_NAME);
        if is_another {
            self.changes.push(Change::emulated(format!("{path}.function.name")));
        }
        sent
    }

    /// A tool's name as the language has it: letters, digits, `_` and `-`.
    pub(super) fn tool_name(&self, name: &'c str) -> Cow<'c, str> {
        if self.is_own { Cow::Borrowed(name) } else { names::fit(name, MAX_NAME) }
    }
}

/// Nine letters and digits that stand for `id`. None where it is such an id itself.
pub(super) fn nine_characters(id: &str) -> Option<String> {
    let is_one = id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (!is_one).then(|| names::digits(id, 9))
}
