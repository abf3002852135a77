//! Prompt-cache marks in a request whose caller set none, for targets that want them: behind the tools, the prompt and
//! the last two things the user said. The next turn begins with all of that, and has a mark at the later of the two
//! again, so that what one turn has written into the cache the next one reads. Marks are spliced in: every other byte
//! stays.

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use types::conversation::{Change, Target};

use crate::{Encoded, Fields, Splice, quirks, shape};

/// How many of the user's turns are marked. With the tools and the prompt these are the four marks that providers take.
const TURNS: usize = 2;

/// Deeper than anything that is written.
const WRITTEN_DEPTH: usize = 1024;

/// A mark that is a field of what it stands behind.
const FIELD: &str = r#","cache_control":{"type":"ephemeral"}"#;

/// How a language sets marks.
pub(crate) struct Marks {
    /// The field that is a mark, or that holds one.
    pub(crate) name: &'static str,
    /// The quirk without which a target refuses marks, if the language by itself does not promise them.
    pub(crate) needs: Option<&'static str>,
    /// Sets them.
    pub(crate) set: fn(&mut Marker<'_>),
}

impl Marks {
    /// Sets marks in a request, if this target wants them and nobody has set any, and tells what was added.
    pub(crate) fn set(
        &self,
        body: &[u8],
        fields: &Fields,
        target: &Target,
        splice: &mut Splice,
    ) -> Option<Change> {
        if !self.are_wanted(target) || has_field(body, self.name) {
            return None;
        }
        let takes_on_tools = !target.has_quirk(quirks::NO_TOOL_CACHE);
        let mut marker = Marker { body, fields, splice, takes_on_tools, is_marked: false };
        (self.set)(&mut marker);
        marker.is_marked.then(|| Change::emulated(self.name))
    }

    /// The same in a request that has just been written.
    pub(crate) fn set_in(&self, mut encoded: Encoded, target: &Target) -> Encoded {
        if !self.are_wanted(target) {
            return encoded;
        }
        let body = Bytes::from(encoded.body.concat());
        let mut splice = Splice::default();
        if let Ok(fields) = Fields::scan(&body, WRITTEN_DEPTH) {
            encoded.changes.extend(self.set(&body, &fields, target, &mut splice));
        }
        encoded.body = splice.apply(&body);
        encoded
    }

    fn are_wanted(&self, target: &Target) -> bool {
        target.has_quirk(quirks::PROMPT_CACHE) && self.needs.is_none_or(|quirk| target.has_quirk(quirk))
    }
}

/// Whether any object in the body has a field of this name. One in a tool's own schema counts too: better no mark than
/// one too many.
fn has_field(body: &[u8], name: &str) -> bool {
    let name = format!("\"{name}\"");
    memmem::find_iter(body, &name).any(|at| {
        let rest = body.get(at + name.len()..).unwrap_or_default();
        rest.trim_ascii_start().starts_with(b":")
    })
}

/// What is looked at of a message.
#[derive(Deserialize)]
pub(crate) struct Message<'a> {
    pub(crate) role: String,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    /// What is said, as it is written.
    pub(crate) fn content(&self) -> Option<&'a [u8]> {
        self.content.map(|content| content.get().as_bytes())
    }
}

/// What is looked at of a part of a message, or of a tool.
#[derive(Deserialize)]
struct Part {
    r#type: Option<String>,
    text: Option<String>,
    defer_loading: Option<bool>,
}

/// Sets the marks of one request.
pub(crate) struct Marker<'a> {
    body: &'a [u8],
    fields: &'a Fields,
    splice: &'a mut Splice,
    /// Whether the target takes marks behind tools.
    pub(crate) takes_on_tools: bool,
    is_marked: bool,
}

/// The last message of each of the last turns that are not the model's own.
pub(crate) fn last_turns<'m, 'a>(
    messages: &'m [Message<'a>],
    is_user: impl Fn(&str) -> bool,
) -> Vec<&'m Message<'a>> {
    let next = messages.iter().skip(1).map(Some).chain([None]);
    let ends = messages
        .iter()
        .zip(next)
        .filter(|(message, next)| is_user(&message.role) && next.is_none_or(|next| !is_user(&next.role)));
    let mut last: Vec<_> = ends.map(|(message, _)| message).collect();
    last.drain(..last.len().saturating_sub(TURNS));
    last
}

fn items(list: &[u8]) -> Vec<&RawValue> {
    serde_json::from_slice(list).unwrap_or_default()
}

impl<'a> Marker<'a> {
    /// The value of a field of the request.
    pub(crate) fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.value(self.body, name)
    }

    /// The messages, as far as they can be read.
    pub(crate) fn messages(&self) -> Vec<Message<'a>> {
        let list = self.field("messages").map(items).unwrap_or_default();
        list.into_iter().filter_map(|item| shape::object(item.get().as_bytes())).collect()
    }

    /// Marks the last of the tools that the model sees from the start.
    pub(crate) fn tools(&mut self) {
        if let Some(list) = self.field("tools") {
            self.last_item(list, |tool| tool.defer_loading != Some(true));
        }
    }

    /// Marks what is said: a text, which becomes a part, or the last part that is of one of these types.
    pub(crate) fn content(&mut self, content: &'a [u8], types: &[&str]) {
        if !content.starts_with(b"\"") {
            return self.last_item(content, |part| {
                let is_of_type = part.r#type.as_deref().is_some_and(|of| types.contains(&of));
                is_of_type && part.text.as_ref().is_none_or(|text| !text.trim().is_empty())
            });
        }
        let text: Option<String> = serde_json::from_slice(content).ok();
        if text.is_some_and(|text| !text.trim().is_empty()) {
            let (start, end) = self.ends(content);
            self.splice.replace(start..start, r#"[{"type":"text","text":"#);
            self.insert(end, format!("{FIELD}}}]"));
        }
    }

    /// Puts a mark that is an item of its own behind the last item of a list.
    pub(crate) fn item(&mut self, list: &'a [u8], mark: &str) {
        if !items(list).is_empty() {
            let (_, end) = self.ends(list);
            self.insert(end - 1, format!(",{mark}"));
        }
    }

    /// Marks the last item of a list that can be marked.
    fn last_item(&mut self, list: &'a [u8], can_be: impl Fn(&Part) -> bool) {
        let fits = |item: &&RawValue| shape::object(item.get().as_bytes()).is_some_and(|part| can_be(&part));
        if let Some(item) = items(list).into_iter().rev().find(fits) {
            let (_, end) = self.ends(item.get().as_bytes());
            self.insert(end - 1, FIELD);
        }
    }

    fn insert(&mut self, at: usize, mark: impl Into<Bytes>) {
        self.splice.replace(at..at, mark);
        self.is_marked = true;
    }

    /// Where in the body a value begins and ends that is borrowed from it: its address says so.
    fn ends(&self, value: &[u8]) -> (usize, usize) {
        let start = value.as_ptr().addr() - self.body.as_ptr().addr();
        (start, start + value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks what becomes of a request that is passed on; `<` and `>` stand around what is added.
    #[track_caller]
    fn check(language: &str, expect: &str, told: &[Change]) {
        let sent: String = {
            let pieces = expect.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, kept)| kept));
            pieces.collect()
        };
        let body = Bytes::from(sent);
        let fields = Fields::scan(&body, 64).unwrap();
        let quirks: Vec<String> = ["prompt_cache", "cache_control"].map(str::to_owned).into();
        let target =
            Target { model: "m".into(), max_output_tokens: None, quirks: quirks.into(), strict: true };
        let dialect = crate::by_name(language).unwrap();
        let encoded = dialect.adapt_request(&body, &fields, &target).unwrap();
        let body = encoded.body.concat();
        assert_eq!(std::str::from_utf8(&body).unwrap(), expect.replace(['<', '>'], ""));
        assert_eq!(encoded.changes, told);
        let plain = Target { quirks: vec!["cache_control".to_owned()].into(), ..target };
        assert!(
            dialect.adapt_request(&body.into(), &fields, &plain).is_ok_and(|plain| plain.changes.is_empty())
        );
    }

    #[test]
    fn marks_stand_behind_what_the_next_turn_begins_with() {
        let told = [Change::emulated("cache_control")];
        check(
            "anthropic",
            r#"{"model":"m", "system":<[{"type":"text","text":>"a"<,"cache_control":{"type":"ephemeral"}}]>,"messages":[
              {"role":"user","content":"0"},{"role":"assistant","content":"1"},
              {"role":"user","content":[{"type":"text","text":"x"},{"type":"image","source":{} <,"cache_control":{"type":"ephemeral"}>},{"type":"text","text":" "}]},
              {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"}]},
              {"role":"user","content":<[{"type":"text","text":>"2"<,"cache_control":{"type":"ephemeral"}}]>}],
              "tools":[{"name":"a"<,"cache_control":{"type":"ephemeral"}>},{"name":"b","defer_loading":true}]}"#,
            &told,
        );
        check(
            "openai_chat",
            r#"{"model":"m","messages":[{"role":"developer","content":"0"},
              {"role":"system","content":<[{"type":"text","text":>"1"<,"cache_control":{"type":"ephemeral"}}]>},
              {"role":"user","content":[{"type":"text","text":"2"<,"cache_control":{"type":"ephemeral"}>},{"type":"image_url"}]},
              {"role":"assistant","content":null},{"role":"tool","content":"3"},
              {"role":"tool","content":<[{"type":"text","text":>"4"<,"cache_control":{"type":"ephemeral"}}]>},
              {"role":"assistant","content":"5"}]}"#,
            &told,
        );
        check(
            "bedrock",
            r#"{"system":[{"text":"a"}<,{"cachePoint":{"type":"default"}}>],"messages":[{"role":"user","content":[{"text":"b"} <,{"cachePoint":{"type":"default"}}>]}],
              "toolConfig":{"tools":[{"toolSpec":{}}<,{"cachePoint":{"type":"default"}}>]}}"#,
            &[Change::emulated("cachePoint")],
        );
    }

    #[test]
    fn a_caller_s_own_marks_are_all_there_are() {
        check(
            "anthropic",
            r#"{"model":"m","messages":[],"cache_control" :{"type":"ephemeral"},"system":"a"}"#,
            &[],
        );
        check("anthropic", r#"{"model":"m","messages":[{"role":"user","content":" "}],"system":""}"#, &[]);
        check(
            "bedrock",
            r#"{"system":[{"text":"a"},{"cachePoint":{"type":"default"}}],"messages":[{"role":"user","content":[{"text":"b"}]}]}"#,
            &[],
        );
        check("openai_responses", r#"{"model":"m","input":"a"}"#, &[]);
    }
}
