//! Changes inside the messages of a request that is passed on: a role and ids that the target refuses, and what this
//! gateway has added to the answers of other languages.

use memchr::memmem;
use serde_json::value::RawValue;
use types::conversation::Change;

use super::naming::nine_characters;
use crate::openai_family::MAX_DEPTH;
use crate::openai_family::edit::Edit;
use crate::splice::quoted;
use crate::{Fields, proofs, quirks};

/// The fields by which reasoning of other languages, and its proofs, come to callers of this one.
const THINKING_BLOCKS: &str = "thinking_blocks";
const REASONING_CONTENT: &str = "reasoning_content";
const EXTRA_CONTENT: &str = "extra_content";

impl Edit<'_> {
    /// Takes out what earlier answers of other languages got from this gateway and what only those can read, for
    /// providers that refuse fields which they do not know. Others may be gateways themselves, and want it back.
    pub(super) fn others_reasoning(&mut self) {
        if !self.target.has_quirk(quirks::NO_UNKNOWN_FIELDS) {
            return;
        }
        let Some((_, list)) = self.find("messages") else { return };
        let holds = |name: &str| memmem::find(list, name.as_bytes()).is_some();
        let takes_blocks = self.target.has_quirk(quirks::THINKING_BLOCKS);
        let takes_text = takes_blocks || self.target.has_quirk(quirks::REASONING_CONTENT);
        let cut = [(THINKING_BLOCKS, takes_blocks), (REASONING_CONTENT, takes_text)];
        let cut = cut.map(|(name, is_taken)| (!is_taken && holds(name)).then_some(name));
        let has_proofs = proofs::may_hold_mark(list);
        if cut == [None, None] && !has_proofs {
            return;
        }
        for (index, message, fields) in objects(list) {
            let path = format!("messages[{index}]");
            self.cut_inside(message, &fields, &cut, &path);
            if !has_proofs {
                continue;
            }
            for (number, call, fields) in calls(message, &fields) {
                let extra = fields.value(call, EXTRA_CONTENT).unwrap_or_default();
                if proofs::may_hold_mark(extra) {
                    let path = format!("{path}.tool_calls[{number}]");
                    self.cut_inside(call, &fields, &[Some(EXTRA_CONTENT)], &path);
                }
            }
        }
    }

    /// Cuts fields out of an object that is a slice of the body and stands at `path`.
    fn cut_inside(&mut self, object: &[u8], fields: &Fields, names: &[Option<&str>], path: &str) {
        let base = self.span(object).start;
        let is_cut = |name: &str| names.contains(&Some(name));
        let said = names.iter().flatten().filter(|name| fields.value(object, name).is_some());
        self.changes.extend(said.map(|name| Change::dropped(format!("{path}.{name}"))));
        let places = fields.places(object);
        self.splice.cut_items(places.map(|(name, span)| (is_cut(&name), base + span.start..base + span.end)));
    }

    /// Calls the role `developer` `system`, and calls of tools by ids of nine characters, for targets that know only
    /// that. The messages are looked at for such targets alone.
    pub(super) fn history(&mut self) {
        let role = self.target.has_quirk(quirks::NO_DEVELOPER_ROLE);
        let ids = self.target.has_quirk(quirks::NINE_CHARACTER_TOOL_IDS);
        let Some((_, list)) = self.find("messages").filter(|_| role || ids) else { return };
        for (index, message, fields) in objects(list) {
            if role && fields.value(message, "role") == Some(br#""developer""#) {
                self.exchange(message, &fields, "role", r#""system""#);
                self.changes.push(Change::emulated(format!("messages[{index}].role")));
            }
            if ids {
                self.shorten(message, &fields, "tool_call_id", &format!("messages[{index}]"));
                for (number, call, fields) in calls(message, &fields) {
                    self.shorten(call, &fields, "id", &format!("messages[{index}].tool_calls[{number}]"));
                }
            }
        }
    }

    /// Puts an id of nine characters in the place of one that the target refuses.
    fn shorten(&mut self, object: &[u8], fields: &Fields, name: &str, path: &str) {
        let id: Option<String> = fields.value(object, name).and_then(|id| serde_json::from_slice(id).ok());
        if let Some(short) = id.and_then(|id| nine_characters(&id)) {
            self.exchange(object, fields, name, &String::from_utf8_lossy(&quoted(&short)));
            self.changes.push(Change::emulated(format!("{path}.{name}")));
        }
    }

    /// Replaces a value of an object that is a slice of the body.
    fn exchange(&mut self, object: &[u8], fields: &Fields, name: &str, with: &str) {
        let Some(value) = fields.value(object, name) else { return };
        let span = self.span(value);
        self.splice.replace(span, with.to_owned());
    }
}

/// The objects of a list that is a slice of the body, each with its number and its fields.
fn objects(list: &[u8]) -> impl Iterator<Item = (usize, &[u8], Fields)> {
    let items: Vec<&RawValue> = serde_json::from_slice(list).unwrap_or_default();
    items.into_iter().enumerate().filter_map(|(number, item)| {
        let object = item.get().as_bytes();
        Some((number, object, Fields::scan(object, MAX_DEPTH).ok()?))
    })
}

/// The same of the calls of a message.
fn calls<'b>(message: &'b [u8], fields: &Fields) -> impl Iterator<Item = (usize, &'b [u8], Fields)> {
    objects(fields.value(message, "tool_calls").unwrap_or_default())
}
