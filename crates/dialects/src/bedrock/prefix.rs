//! Prompt-cache marks where the caller set none, for models that take them: behind the tools, the prompt and what the
//! user said last.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::prefix::{Marker, Marks, Message, last_turns};
use crate::{quirks, shape};

/// The marks of this language.
pub(super) const MARKS: Marks = Marks { name: "cachePoint", needs: Some(quirks::CACHE_CONTROL), set };

/// A mark.
const POINT: &str = r#"{"cachePoint":{"type":"default"}}"#;

#[derive(Deserialize)]
struct ToolConfig<'a> {
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
}

fn set(marker: &mut Marker<'_>) {
    let config = marker
        .field("toolConfig")
        .filter(|_| marker.takes_on_tools)
        .and_then(shape::object::<ToolConfig<'_>>);
    let tools = config.and_then(|config| config.tools).map(|tools| tools.get().as_bytes());
    let messages = marker.messages();
    let last = last_turns(&messages, |role| role == "user");
    let said = last.into_iter().filter_map(Message::content);
    for list in tools.into_iter().chain(marker.field("system")).chain(said) {
        marker.item(list, POINT);
    }
}
