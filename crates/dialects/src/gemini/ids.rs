//! Ids of calls. Most models of this language give none: a call and its result belong together by the function's name
//! and their order. Others need ids, so calls get some here, which are left out again on their way back.

use std::collections::HashSet;

use types::conversation::{Content, Message};

use crate::calls::OpenCalls;

/// In front of an id that was made here.
const MADE: &str = "tgcall_";

/// An id for a call of an answer. It holds the answer's id, so that the calls of two turns do not meet under one id.
pub(super) fn of_answer(answer: &str, candidate: u32, number: u32) -> String {
    let answer: String = answer.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{MADE}{answer}_{candidate}_{number}")
}

/// The id if the upstream gave it, and not this gateway.
pub(super) fn given(id: &str) -> Option<&str> {
    (!id.is_empty() && !id.starts_with(MADE)).then_some(id)
}

/// Gives the calls of a history ids that have none, and their results the ids of their calls: that of the call with the
/// result's id, else, where no call has had it, of the first of its name that is still open. `names` are those of the results, in order.
pub(super) fn identify(messages: &mut [Message], names: Vec<String>) {
    let mut names = names.into_iter();
    let mut open = OpenCalls::default();
    let mut answered: HashSet<String> = HashSet::new();
    for (index, message) in messages.iter_mut().enumerate() {
        for (place, content) in message.content.iter_mut().enumerate() {
            match content {
                Content::ToolCall { id, name, .. } => {
                    if id.is_empty() {
                        *id = format!("{MADE}{index}_{place}");
                    }
                    open.add(name, id);
                }
                Content::ToolResult { call_id, .. } => {
                    let name = names.next().unwrap_or_default();
                    let by_id = open.take_id(call_id);
                    let is_again = by_id.is_none() && answered.contains(call_id);
                    let by_name = || if is_again { None } else { open.take_named(&name) };
                    if let Some(id) = by_id.or_else(by_name) {
                        answered.insert(id.clone());
                        *call_id = id;
                    } else if call_id.is_empty() {
                        *call_id = format!("{MADE}{index}_{place}");
                    }
                }
                Content::Audio(_)
                | Content::Document(_)
                | Content::Image(_)
                | Content::Opaque { .. }
                | Content::RedactedThinking { .. }
                | Content::Refusal(_)
                | Content::Text { .. }
                | Content::Thinking { .. } => {}
            }
        }
    }
}
