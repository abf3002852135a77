//! Writes messages: one text each, pictures beside it, every tool's answer a message of its own.

use std::borrow::Cow;

use types::conversation::{CacheMark, Change, Content, Media, MediaSource, Message};

use super::request_encode::Writer;
use super::wire::{CallOut, CalledOut, MessageOut};
use crate::calls::{broken_input, input};
use crate::media::{is_base64, text_of};
use crate::quirks;
use crate::turns::{may_say, role_word};

impl<'a> Writer<'a> {
    /// The messages.
    pub(super) fn messages(&mut self) -> Vec<MessageOut<'a>> {
        let mut written = Vec::with_capacity(self.asked.messages.len());
        for (index, message) in self.asked.messages.iter().enumerate() {
            if message.name.is_some() {
                self.dropped(format!("messages[{index}].name"));
            }
            self.message(message, index, &mut written);
        }
        written
    }

    fn message(&mut self, message: &'a Message, index: usize, written: &mut Vec<MessageOut<'a>>) {
        let role = role_word(message.role);
        let new = || MessageOut { role, ..MessageOut::default() };
        let mut current = new();
        for (at, content) in message.content.iter().enumerate() {
            let path = format!("messages[{index}].content[{at}]");
            if !self.is_own() && !may_say(message.role, content) {
                self.dropped(path);
            } else if let Content::ToolResult { call_id, content, is_error, cache } = content {
                let before = std::mem::replace(&mut current, new());
                written.extend(says_something(before));
                self.mark(*cache, &path);
                if *is_error {
                    self.dropped(format!("{path}.is_error"));
                }
                written.push(self.result(call_id, content, &path));
            } else {
                self.block(content, &path, &mut current);
            }
        }
        written.extend(says_something(current));
    }

    /// Adds a block to a message.
    fn block(&mut self, content: &'a Content, path: &str, message: &mut MessageOut<'a>) {
        match content {
            Content::Text { text, cache } => {
                self.mark(*cache, path);
                self.text(text.into(), path, message);
            }
            Content::Refusal(text) => {
                self.changes.push(Change::emulated(path));
                self.text(text.into(), path, message);
            }
            Content::Image(media) => self.image(media, path, message),
            Content::Document(media) => self.document(media, path, message),
            Content::Thinking { text, signature } => {
                if signature.is_some() {
                    self.dropped(format!("{path}.signature"));
                }
                message.thinking.to_mut().push_str(text);
            }
            Content::ToolCall { id, name, arguments, signature, cache } => {
                self.mark(*cache, path);
                if signature.is_some() {
                    self.dropped(format!("{path}.signature"));
                }
                message.tool_calls.extend(self.call(id, name, arguments, path));
            }
            Content::Audio(_)
            | Content::Opaque { .. }
            | Content::RedactedThinking { .. }
            | Content::ToolResult { .. } => self.dropped(path),
        }
    }

    /// Adds a text; the wire has one in each message.
    fn text(&mut self, text: Cow<'a, str>, path: &str, message: &mut MessageOut<'a>) {
        if message.content.is_empty() {
            message.content = text;
        } else if !text.is_empty() {
            self.changes.push(Change::emulated(path));
            let joined = message.content.to_mut();
            joined.push('\n');
            joined.push_str(&text);
        }
    }

    /// Adds a picture by its bytes: the wire has no addresses.
    fn image(&mut self, media: &'a Media, path: &str, message: &mut MessageOut<'a>) {
        match &media.source {
            MediaSource::Base64(data)
                if self.is_own() || (is_base64(data) && !self.target.has_quirk(quirks::NO_IMAGE)) =>
            {
                self.mark(media.cache, path);
                if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
                    self.dropped(format!("{path}.detail"));
                }
                message.images.push(data);
            }
            MediaSource::Base64(_) | MediaSource::File(_) | MediaSource::Text(_) | MediaSource::Url(_) => {
                self.dropped(path);
            }
        }
    }

    /// Adds a document as its text, if it is one.
    fn document(&mut self, media: &'a Media, path: &str, message: &mut MessageOut<'a>) {
        let Some(text) = text_of(media) else {
            self.dropped(path);
            return;
        };
        self.mark(media.cache, path);
        self.changes.push(Change::emulated(path));
        self.text(text, path, message);
    }

    fn call(&mut self, id: &'a str, name: &'a str, arguments: &'a str, path: &str) -> Option<CallOut<'a>> {
        let object = input(arguments).or_else(|| {
            self.changes.push(Change::rewritten(path));
            broken_input(arguments)
        });
        self.called.insert(id, name);
        Some(CallOut { id, function: CalledOut { index: None, name: name.into(), arguments: object? } })
    }

    /// A tool's answer, as the message that it is on the wire.
    fn result(&mut self, call_id: &'a str, content: &'a [Content], path: &str) -> MessageOut<'a> {
        let mut message = MessageOut { role: "tool", tool_call_id: Some(call_id), ..MessageOut::default() };
        message.tool_name = self.called.get(call_id).copied().map(Cow::Borrowed);
        for (at, content) in content.iter().enumerate() {
            self.block(content, &format!("{path}.content[{at}]"), &mut message);
        }
        message
    }

    /// The wire has no prompt-cache marks.
    fn mark(&mut self, mark: Option<CacheMark>, path: &str) {
        if mark.is_some() {
            self.dropped(format!("{path}.cache_control"));
        }
    }
}

/// The message, if anything is said in it.
fn says_something(message: MessageOut<'_>) -> Option<MessageOut<'_>> {
    let is_empty = message.content.is_empty()
        && message.thinking.is_empty()
        && message.images.is_empty()
        && message.tool_calls.is_empty();
    (!is_empty).then_some(message)
}
