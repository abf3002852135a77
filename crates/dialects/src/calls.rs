//! What every language has to say of calls of tools, however it writes them.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use types::Json;
use types::conversation::Content;

/// Whether a call comes without arguments: some providers say so by an empty text or by null.
pub(crate) fn is_without(arguments: &str) -> bool {
    matches!(arguments.trim(), "" | "null")
}

/// A call's arguments as an object, where a language wants one: none for what is no JSON object.
pub(crate) fn input(arguments: &str) -> Option<Json> {
    let text = if is_without(arguments) { "{}" } else { arguments };
    Json::parse(text).filter(|json| json.as_str().trim_start().starts_with('{'))
}

/// A model's broken arguments as the one thing an object can hold them in.
pub(crate) fn broken_input(arguments: &str) -> Option<Json> {
    Json::of(&BTreeMap::from([("arguments", arguments)]))
}

/// The names of the tools called in the history, each once. A result whose call is gone counts as one.
pub(crate) fn names_in_history<'a>(contents: impl Iterator<Item = &'a Content>) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut known = HashSet::new();
    let mut has_results = false;
    for content in contents {
        match content {
            Content::ToolCall { name, .. } if known.insert(name.as_str()) => names.push(name.as_str()),
            Content::ToolResult { .. } => has_results = true,
            Content::Audio(_)
            | Content::Document(_)
            | Content::Image(_)
            | Content::Opaque { .. }
            | Content::RedactedThinking { .. }
            | Content::Refusal(_)
            | Content::Text { .. }
            | Content::Thinking { .. }
            | Content::ToolCall { .. } => {}
        }
    }
    if names.is_empty() && has_results {
        names.push("tool");
    }
    names
}

/// The calls of a history whose results have not come yet, in order: some languages do not say which call a result
/// belongs to. A history may hold very many, so each is found without a search.
#[derive(Debug, Default)]
pub(crate) struct OpenCalls {
    /// Their ids; none of one that has its result.
    ids: VecDeque<Option<String>>,
    /// How many have left from the front.
    gone: usize,
    by_id: HashMap<String, VecDeque<usize>>,
    by_name: HashMap<String, VecDeque<usize>>,
}

impl OpenCalls {
    /// A call of this name waits for its result.
    pub(crate) fn add(&mut self, name: &str, id: &str) {
        let place = self.gone + self.ids.len();
        self.ids.push_back(Some(id.to_owned()));
        self.by_id.entry(id.to_owned()).or_default().push_back(place);
        self.by_name.entry(name.to_owned()).or_default().push_back(place);
    }

    /// The id of the first that waits, which has its result now.
    pub(crate) fn take_first(&mut self) -> Option<String> {
        while let Some(id) = self.ids.pop_front() {
            self.gone += 1;
            if id.is_some() {
                return id;
            }
        }
        None
    }

    /// The same of the first with this id.
    pub(crate) fn take_id(&mut self, id: &str) -> Option<String> {
        taken(&mut self.ids, self.gone, self.by_id.get_mut(id)?)
    }

    /// The same of the first of this name.
    pub(crate) fn take_named(&mut self, name: &str) -> Option<String> {
        taken(&mut self.ids, self.gone, self.by_name.get_mut(name)?)
    }
}

/// The id at the first of these places that still has one.
fn taken(ids: &mut VecDeque<Option<String>>, gone: usize, places: &mut VecDeque<usize>) -> Option<String> {
    while let Some(place) = places.pop_front() {
        let waiting = place.checked_sub(gone).and_then(|place| ids.get_mut(place));
        if let Some(id) = waiting.and_then(Option::take) {
            return Some(id);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_one_result() {
        let mut open = OpenCalls::default();
        for (name, id) in [("a", "1"), ("b", "2"), ("a", "3"), ("a", "2")] {
            open.add(name, id);
        }
        assert_eq!(open.take_named("a").as_deref(), Some("1"));
        assert_eq!(open.take_id("1"), None);
        assert_eq!(open.take_first().as_deref(), Some("2"));
        assert_eq!((open.take_named("b"), open.take_id("3").as_deref()), (None, Some("3")));
        assert_eq!((open.take_id("2").as_deref(), open.take_named("a")), (Some("2"), None));
        assert_eq!((open.take_first(), open.take_id("c"), open.take_named("c")), (None, None, None));
    }

    #[test]
    fn very_many_calls_take_as_long_as_they_are_and_not_its_square() {
        // What looks through all of them for each would take minutes.
        let ids: Vec<String> = (0..200_000).map(|number| number.to_string()).collect();
        let mut open = OpenCalls::default();
        for id in &ids {
            open.add("f", id);
        }
        assert!(ids.iter().rev().all(|id| open.take_id(id).as_ref() == Some(id)));
        assert_eq!(open.take_named("f"), None);
        let call = |name: &String| Content::ToolCall {
            id: String::new(),
            name: name.clone(),
            arguments: "{}".to_owned(),
            signature: None,
            cache: None,
        };
        let calls: Vec<_> = ids.iter().chain(&ids).map(call).collect();
        assert_eq!(names_in_history(calls.iter()).len(), ids.len());
    }
}
