//! What a question shows: pictures, documents and sounds. A model that is asked about one it has not been given answers
//! all the same, so that such a question is refused rather than asked without.

use types::conversation::{Change, ChangeKind, Content, Conversation, Media, MediaSource, Message, Role};

use crate::Place;
use crate::media::{is_base64, is_web};

/// The first thing shown in the turn that is to be answered which these changes leave out, with its place and why, as a
/// clause. Earlier turns have been answered, and what a tool shows stands beside what it says.
pub(crate) fn unsaid<'c>(conversation: &Conversation, changes: &'c [Change]) -> Option<(Place<'c>, String)> {
    let mut dropped = changes.iter().filter(|change| change.kind == ChangeKind::Dropped).peekable();
    dropped.peek()?;
    let last = last_turn(&conversation.messages);
    dropped.map(|change| Place::of(&change.field)).find_map(|place| {
        let Place::Message { index, content: Some(at), rest: "" } = place else { return None };
        let message = conversation.messages.get(index).filter(|message| message.role == Role::User)?;
        let (what, media) = shown(message.content.get(at)?)?;
        (index >= last).then(|| (place, problem(what, media)))
    })
}

/// The number of the first message of the turn that is to be answered. What the answer shall begin with stands behind it.
fn last_turn(messages: &[Message]) -> usize {
    let is_answer = |message: &&Message| message.role == Role::Assistant;
    let begun = messages.iter().rev().take_while(is_answer).count();
    let asked = messages.iter().rev().skip(begun).take_while(|message| !is_answer(message)).count();
    messages.len() - begun - asked
}

fn shown(content: &Content) -> Option<(&'static str, &Media)> {
    match content {
        Content::Audio(media) => Some(("a sound", media)),
        Content::Document(media) => Some(("a document", media)),
        Content::Image(media) => Some(("a picture", media)),
        Content::Opaque { .. }
        | Content::RedactedThinking { .. }
        | Content::Refusal(_)
        | Content::Text { .. }
        | Content::Thinking { .. }
        | Content::ToolCall { .. }
        | Content::ToolResult { .. } => None,
    }
}

fn problem(what: &str, media: &Media) -> String {
    let form = match &media.source {
        MediaSource::Base64(data) if !is_base64(data) => {
            return format!("is {what} whose bytes are no base64");
        }
        MediaSource::Url(url) if !is_web(url) => {
            return format!("is {what} at an address that is none of the web and no `data:` URL in base64");
        }
        MediaSource::Base64(_) => "by its bytes",
        MediaSource::File(_) => "by the id of a file",
        MediaSource::Text(_) => "as text",
        MediaSource::Url(_) => "by its address",
    };
    let kind = media.mime.as_deref().map(|mime| format!(" of the type {mime}")).unwrap_or_default();
    format!("is {what}{kind} {form}, which the model's provider does not take")
}
