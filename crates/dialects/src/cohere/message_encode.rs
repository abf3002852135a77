//! Writes messages: content in parts, every tool's answer a message of its own.

use std::borrow::Cow;

use types::conversation::{CacheMark, Change, Content, Media, MediaSource, Message};

use super::request_encode::Writer;
use super::wire::{CallOut, ImageOut, MessageOut, Part, is_own};
use crate::media::{data_url, image_mime, is_base64, is_web, text_of};
use crate::quirks;
use crate::tool_answers::{ToolAnswers, attached};
use crate::turns::{may_say, role_word};

impl<'a> Writer<'a> {
    /// The messages.
    pub(super) fn messages(&mut self) -> Vec<MessageOut<'a>> {
        let mut written = Vec::with_capacity(self.asked.messages.len());
        let messages = &self.asked.messages;
        let answers = ToolAnswers::of(messages);
        for (index, message) in messages.iter().enumerate() {
            self.message(message, (index, &answers), &mut written);
            for (index, at) in answers.behind(index) {
                // Something stands in front of it, and comes behind it now: it has to follow the call.
                let path = format!("messages[{index}].content[{at}]");
                self.changes.push(Change::rewritten(path.as_str()));
                let content = messages.get(index).and_then(|message| message.content.get(at));
                written.extend(content.and_then(|content| self.tool_answer(content, &path)));
            }
        }
        self.show(&mut written);
        written
    }

    /// Shows what the answers of tools in front have shown: it waits for the last of them, because nothing may stand
    /// between a call and its answers.
    fn show(&mut self, written: &mut Vec<MessageOut<'a>>) {
        let content = std::mem::take(&mut self.shown);
        written.extend(says_something(MessageOut { role: "user", content, ..MessageOut::default() }));
    }

    /// Writes a message that is no tool's answer, if anything is said in it.
    fn say(&mut self, message: MessageOut<'a>, written: &mut Vec<MessageOut<'a>>) {
        if let Some(message) = says_something(message) {
            self.show(written);
            written.push(message);
        }
    }

    fn message(
        &mut self,
        message: &'a Message,
        (index, answers): (usize, &ToolAnswers),
        written: &mut Vec<MessageOut<'a>>,
    ) {
        if message.name.is_some() {
            self.dropped(format!("messages[{index}].name"));
        }
        let role = role_word(message.role);
        let new = || MessageOut { role, ..MessageOut::default() };
        let has_calls = message.content.iter().any(|content| matches!(content, Content::ToolCall { .. }));
        let mut current = new();
        for (at, content) in message.content.iter().enumerate() {
            let path = format!("messages[{index}].content[{at}]");
            if answers.has((index, at)) {
                continue;
            }
            if !self.is_own() && !may_say(message.role, content) {
                self.dropped(path);
                continue;
            }
            match content {
                Content::ToolResult { .. } => {
                    let before = std::mem::replace(&mut current, new());
                    self.say(before, written);
                    written.extend(self.tool_answer(content, &path));
                }
                // With calls, the wire has it as the plan they were made by.
                Content::Thinking { text, signature } if has_calls => {
                    self.proof(signature.is_some(), &path);
                    current.tool_plan.to_mut().push_str(text);
                }
                Content::ToolCall { id, name, arguments, signature, cache } => {
                    self.mark(*cache, &path);
                    self.proof(signature.is_some(), &path);
                    current.tool_calls.push(CallOut::new(id, name, arguments));
                }
                Content::Audio(_)
                | Content::Document(_)
                | Content::Image(_)
                | Content::Opaque { .. }
                | Content::RedactedThinking { .. }
                | Content::Refusal(_)
                | Content::Text { .. }
                | Content::Thinking { .. } => {
                    let part = self.part(content, &path);
                    current.content.extend(part);
                }
            }
        }
        self.say(current, written);
    }

    /// A part of a message's content.
    fn part(&mut self, content: &'a Content, path: &str) -> Option<Part<'a>> {
        let part = match content {
            Content::Text { text, cache } => {
                self.mark(*cache, path);
                Some(Part::Text { text: text.into() })
            }
            Content::Refusal(text) => {
                self.changes.push(Change::emulated(path));
                Some(Part::Text { text: text.into() })
            }
            Content::Thinking { text, signature } => {
                self.proof(signature.is_some(), path);
                Some(Part::Thinking { thinking: text })
            }
            Content::Image(media) => self.image(media, path),
            Content::Document(media) => self.document(media, path),
            Content::Opaque { kind, json } => is_own(kind).then_some(Part::Opaque(json)),
            Content::Audio(_)
            | Content::RedactedThinking { .. }
            | Content::ToolCall { .. }
            | Content::ToolResult { .. } => None,
        };
        if part.is_none() {
            self.dropped(path);
        }
        part
    }

    /// A picture by its address or its bytes.
    fn image(&mut self, media: &'a Media, path: &str) -> Option<Part<'a>> {
        if self.target.has_quirk(quirks::NO_IMAGE) && !self.is_own() {
            return None;
        }
        let url = match &media.source {
            MediaSource::Url(url) if self.is_own() || is_web(url) => Cow::Borrowed(url.as_str()),
            MediaSource::Base64(data) if self.is_own() || is_base64(data) => {
                let mime = image_mime(media.mime.as_deref(), data).unwrap_or_default();
                Cow::Owned(data_url(mime, data))
            }
            MediaSource::Base64(_) | MediaSource::File(_) | MediaSource::Text(_) | MediaSource::Url(_) => {
                return None;
            }
        };
        self.mark(media.cache, path);
        Some(Part::ImageUrl { image_url: ImageOut { url, detail: media.detail.as_deref() } })
    }

    /// A document as its text, if it is one.
    fn document(&mut self, media: &'a Media, path: &str) -> Option<Part<'a>> {
        let text = text_of(media)?;
        self.mark(media.cache, path);
        self.changes.push(Change::emulated(path));
        Some(Part::Text { text })
    }

    fn tool_answer(&mut self, content: &'a Content, path: &str) -> Option<MessageOut<'a>> {
        let Content::ToolResult { call_id, content, is_error, cache } = content else { return None };
        self.mark(*cache, path);
        if *is_error {
            self.dropped(format!("{path}.is_error"));
        }
        Some(self.result(call_id, content, path))
    }

    /// A tool's answer, as the message that it is on the wire: it holds text alone, and pictures are shown behind it.
    fn result(&mut self, call_id: &'a str, content: &'a [Content], path: &str) -> MessageOut<'a> {
        let mut parts = Vec::with_capacity(content.len());
        let mut shown = Vec::new();
        for (at, content) in content.iter().enumerate() {
            let path = format!("{path}.content[{at}]");
            match content {
                Content::Image(_) => {
                    if let Some(part) = self.part(content, &path) {
                        self.changes.push(Change::emulated(path));
                        shown.push(part);
                    }
                }
                Content::Text { .. } | Content::Document(_) | Content::Opaque { .. } => {
                    parts.extend(self.part(content, &path));
                }
                Content::Audio(_)
                | Content::RedactedThinking { .. }
                | Content::Refusal(_)
                | Content::Thinking { .. }
                | Content::ToolCall { .. }
                | Content::ToolResult { .. } => self.dropped(path),
            }
        }
        if !shown.is_empty() {
            self.shown.push(Part::Text { text: attached(call_id).into() });
            self.shown.append(&mut shown);
        }
        if parts.is_empty() {
            // The wire wants an answer, however little it says.
            self.changes.push(Change::emulated(path));
            parts.push(Part::Text { text: NOTHING.into() });
        }
        MessageOut { role: "tool", content: parts, tool_call_id: Some(call_id), ..MessageOut::default() }
    }

    /// The wire has no prompt-cache marks.
    fn mark(&mut self, mark: Option<CacheMark>, path: &str) {
        if mark.is_some() {
            self.dropped(format!("{path}.cache_control"));
        }
    }

    /// The wire has no proofs of reasoning and calls.
    fn proof(&mut self, is_there: bool, path: &str) {
        if is_there {
            self.dropped(format!("{path}.signature"));
        }
    }
}

/// What a tool answered that answered nothing.
const NOTHING: &str = "(no output)";

/// The message, if anything is said in it.
fn says_something(message: MessageOut<'_>) -> Option<MessageOut<'_>> {
    let is_empty =
        message.content.is_empty() && message.tool_plan.is_empty() && message.tool_calls.is_empty();
    (!is_empty).then_some(message)
}
