//! Writes messages as items, and says of everything the language has no word for what became of it.

use std::borrow::Cow;
use std::collections::HashSet;

use types::conversation::{CacheMark, Change, Content, Media, MediaSource, Message, Role, Target};

use super::ID;
use super::message_decode::{is_item, is_part};
use super::wire::{
    Call, Output, Part, ReasoningText, WireAudio, WireFile, WireItem, WireMessage, WireReasoning,
};
use crate::media::{audio_format, data_url, image_mime, is_base64, is_web};
use crate::object::Path;
use crate::openai_family::shared;
use crate::openai_family::{MAX_NAME, MAX_USER};
use crate::{ToolNames, citations, names, proofs, quirks};

/// The longest id of a call.
const MAX_ID: usize = 64;

/// The items written so far.
pub(super) struct Writer<'c> {
    pub(super) target: &'c Target,
    /// Whether the caller speaks this language too, so that its opaque items are understood.
    pub(super) is_own: bool,
    pub(super) changes: Vec<Change>,
    pub(super) items: Vec<WireItem<'c>>,
    /// The tools that got other names.
    pub(super) tool_names: ToolNames,
    /// The ids of the calls of tools that are no functions.
    custom_calls: HashSet<String>,
}

impl<'c> Writer<'c> {
    pub(super) fn new(target: &'c Target, is_own: bool) -> Self {
        let (changes, items, tool_names) = (Vec::new(), Vec::new(), ToolNames::default());
        Self { target, is_own, changes, items, tool_names, custom_calls: HashSet::new() }
    }

    /// Writes `messages`, the first of which is number `first`.
    pub(super) fn write(&mut self, messages: &'c [Message], first: usize) {
        let path = Path::Field(&Path::Root, "messages");
        for (index, message) in messages.iter().enumerate() {
            self.message(message, &Path::Item(&path, first + index));
        }
        let is_open = messages.last().is_some_and(|last| last.role == Role::Assistant)
            && matches!(self.items.last(), Some(WireItem::Message(_)));
        if is_open && self.target.has_quirk(quirks::NO_PREFILL) {
            let index = first + messages.len().saturating_sub(1);
            self.changes.push(Change::rewritten(Path::Item(&path, index).to_string()));
            let content = vec![Part::InputText { text: Cow::Borrowed(quirks::GO_ON) }].into();
            self.items.push(WireItem::Message(WireMessage {
                role: "user",
                content,
                ..WireMessage::default()
            }));
        }
    }

    fn message(&mut self, message: &'c Message, path: &Path<'_>) {
        if message.name.is_some() {
            self.changes.push(Change::dropped(format!("{path}.name")));
        }
        let role = match message.role {
            Role::Assistant => "assistant",
            Role::Developer if self.target.has_quirk(quirks::NO_DEVELOPER_ROLE) => {
                self.changes.push(Change::emulated(format!("{path}.role")));
                "system"
            }
            Role::Developer => "developer",
            Role::System => "system",
            Role::User => "user",
        };
        let path = Path::Field(path, "content");
        let mut parts = Vec::new();
        for (index, content) in message.content.iter().enumerate() {
            let path = Path::Item(&path, index);
            if is_of_message(content) {
                parts.extend(self.part(content, message.role, &path));
            } else {
                self.flush(role, &mut parts);
                let item = self.item(content, &path);
                self.items.extend(item);
            }
        }
        // What was empty from the start stays; what became empty by losses goes.
        let is_blank = |content: &Content| matches!(content, Content::Text { text, .. } if text.is_empty());
        if parts.is_empty() && message.content.iter().all(is_blank) {
            let content = parts.into();
            return self.items.push(WireItem::Message(WireMessage {
                role,
                content,
                ..WireMessage::default()
            }));
        }
        self.flush(role, &mut parts);
    }

    /// Ends the message whose parts these are.
    fn flush(&mut self, role: &'static str, parts: &mut Vec<Part<'c>>) {
        if !parts.is_empty() {
            let content = std::mem::take(parts).into();
            self.items.push(WireItem::Message(WireMessage { role, content, ..WireMessage::default() }));
        }
    }

    /// What is an item of its own.
    fn item(&mut self, content: &'c Content, path: &Path<'_>) -> Option<WireItem<'c>> {
        match content {
            Content::ToolCall { .. } => self.call(content, path),
            Content::ToolResult { .. } => self.output(content, path),
            Content::Thinking { text, signature } => self.thinking(text, signature.as_deref(), path),
            Content::Opaque { kind, json } if kind == shared::CUSTOM_CALL => {
                self.custom_calls.extend(shared::call_id(json));
                match shared::flat_call(json) {
                    Some(call) => Some(WireItem::Raw(Cow::Owned(call))),
                    None => self.lose(path),
                }
            }
            Content::Opaque { kind, json } if self.is_own && is_item(kind) => {
                Some(WireItem::Raw(Cow::Borrowed(json)))
            }
            Content::RedactedThinking { data } if self.is_own => {
                let encrypted_content = Some(proofs::of_redacted(data).into());
                let item = WireReasoning { encrypted_content, ..WireReasoning::summarised("") };
                Some(WireItem::Reasoning(item))
            }
            Content::Audio(_)
            | Content::Document(_)
            | Content::Image(_)
            | Content::Opaque { .. }
            | Content::RedactedThinking { .. }
            | Content::Refusal(_)
            | Content::Text { .. } => self.lose(path),
        }
    }

    fn call(&mut self, content: &'c Content, path: &Path<'_>) -> Option<WireItem<'c>> {
        let Content::ToolCall { id, name, arguments, signature, cache } = content else { return None };
        self.unmark(*cache, path);
        self.proof_of_call(signature.as_deref(), path);
        let (call_id, sent_name) = (self.call_id(id), self.tool_name(name));
        if call_id != *id || sent_name != *name {
            self.changes.push(Change::emulated(path.to_string()));
        }
        let arguments = if arguments.is_empty() { "{}" } else { arguments };
        let arguments = Cow::Borrowed(arguments);
        Some(WireItem::Call(Call { call_id, name: sent_name, arguments, ..Call::default() }))
    }

    /// What a tool has answered.
    fn output(&mut self, content: &'c Content, path: &Path<'_>) -> Option<WireItem<'c>> {
        let Content::ToolResult { call_id, content, is_error, cache } = content else { return None };
        self.unmark(*cache, path);
        if *is_error {
            self.changes.push(Change::dropped(format!("{path}.is_error")));
        }
        let inner = Path::Field(path, "content");
        let part = |(index, content)| self.part(content, Role::User, &Path::Item(&inner, index));
        let parts: Vec<Part<'c>> = content.iter().enumerate().filter_map(part).collect();
        let is_custom = self.custom_calls.contains(call_id);
        let kind = if is_custom { "custom_tool_call_output" } else { "function_call_output" };
        let sent_id = self.call_id(call_id);
        if sent_id != *call_id {
            self.changes.push(Change::emulated(path.to_string()));
        }
        Some(WireItem::Output(Output { kind, call_id: sent_id, output: parts.into() }))
    }

    /// What proves a call goes on in front of it within this language. Its providers prove none.
    fn proof_of_call(&mut self, proof: Option<&'c str>, path: &Path<'_>) {
        match proof {
            None => {}
            Some(proof) if self.is_own => {
                let encrypted_content = Some(proofs::of_call(proof).into());
                let item = WireReasoning { encrypted_content, ..WireReasoning::summarised("") };
                self.items.push(WireItem::Reasoning(item));
            }
            Some(_) => self.changes.push(Change::dropped(format!("{path}.signature"))),
        }
    }

    /// Reasoning goes back with the provider's own proof of it, or to those who want it without.
    fn thinking(
        &mut self,
        text: &'c str,
        signature: Option<&'c str>,
        path: &Path<'_>,
    ) -> Option<WireItem<'c>> {
        if self.is_own || signature.is_some_and(|signature| proofs::own(ID, signature).is_some()) {
            let encrypted_content = signature.map(written_proof);
            let item = WireReasoning { encrypted_content, ..WireReasoning::summarised(text) };
            return Some(WireItem::Reasoning(item));
        }
        let wants_text = self.target.has_quirk(quirks::REASONING_CONTENT)
            || self.target.has_quirk(quirks::REASONING_FIELD);
        if !wants_text || text.is_empty() {
            return if text.is_empty() && signature.is_none() { None } else { self.lose(path) };
        }
        if signature.is_some() {
            self.changes.push(Change::dropped(format!("{path}.signature")));
        }
        let content = vec![ReasoningText::of(text)];
        Some(WireItem::Reasoning(WireReasoning { content, ..WireReasoning::summarised("") }))
    }

    /// One part of a message, or `None` where there is nothing to say or no way to say it.
    fn part(&mut self, content: &'c Content, role: Role, path: &Path<'_>) -> Option<Part<'c>> {
        match content {
            Content::Text { text, .. } if text.is_empty() => None,
            Content::Text { text, cache } => {
                self.unmark(*cache, path);
                let text = Cow::Borrowed(text.as_str());
                Some(if role == Role::Assistant { Part::output_text(text) } else { Part::InputText { text } })
            }
            Content::Refusal(refusal) if role == Role::Assistant => {
                Some(Part::Refusal { refusal: Cow::Borrowed(refusal) })
            }
            Content::Document(Media { source: MediaSource::Text(text), cache, .. }) => {
                self.unmark(*cache, path);
                self.changes.push(Change::emulated(path.to_string()));
                Some(Part::InputText { text: Cow::Borrowed(text) })
            }
            Content::Opaque { kind, json } if self.is_own && is_part(kind) => Some(Part::Raw(json)),
            Content::Audio(media) | Content::Document(media) | Content::Image(media)
                if self.target.has_quirk(quirks::NO_IMAGE) || role == Role::Assistant =>
            {
                self.unmark(media.cache, path);
                self.lose(path)
            }
            Content::Image(media) => self.image(media, path),
            Content::Document(media) => self.document(media, path),
            Content::Audio(media) => self.audio(media, path),
            Content::Opaque { .. }
            | Content::RedactedThinking { .. }
            | Content::Refusal(_)
            | Content::Thinking { .. }
            | Content::ToolCall { .. }
            | Content::ToolResult { .. } => self.lose(path),
        }
    }

    fn image(&mut self, media: &'c Media, path: &Path<'_>) -> Option<Part<'c>> {
        self.unmark(media.cache, path);
        // Many servers demand a word.
        let detail = media.detail.as_deref().or_else(|| (!self.is_own).then_some("auto"));
        let (image_url, file_id) = match &media.source {
            MediaSource::Base64(data) if self.is_own || is_base64(data) => {
                let mime = image_mime(media.mime.as_deref(), data).unwrap_or("image/png");
                (Some(Cow::Owned(data_url(mime, data))), None)
            }
            MediaSource::Url(url) if self.is_own || is_web(url) => (Some(Cow::Borrowed(url.as_str())), None),
            MediaSource::File(id) if self.is_own => (None, Some(id.as_str())),
            // Another provider's file id means nothing here.
            MediaSource::Base64(_) | MediaSource::File(_) | MediaSource::Text(_) | MediaSource::Url(_) => {
                return self.lose(path);
            }
        };
        Some(Part::InputImage { image_url, file_id, detail })
    }

    fn document(&mut self, media: &'c Media, path: &Path<'_>) -> Option<Part<'c>> {
        self.unmark(media.cache, path);
        let filename = media.title.as_deref();
        let file = match &media.source {
            MediaSource::Base64(data) => {
                let file_data = Some(data_url(media.mime.as_deref().unwrap_or("application/pdf"), data));
                // A file without a name is refused.
                WireFile {
                    file_data,
                    filename: Some(filename.unwrap_or("document.pdf")),
                    ..WireFile::default()
                }
            }
            MediaSource::File(id) if self.is_own => {
                WireFile { file_id: Some(id), filename, ..WireFile::default() }
            }
            MediaSource::Url(url) if self.is_own || is_web(url) => {
                WireFile { file_url: Some(url), filename, ..WireFile::default() }
            }
            MediaSource::File(_) | MediaSource::Text(_) | MediaSource::Url(_) => return self.lose(path),
        };
        Some(Part::InputFile(file))
    }

    fn audio(&mut self, media: &'c Media, path: &Path<'_>) -> Option<Part<'c>> {
        self.unmark(media.cache, path);
        let MediaSource::Base64(data) = &media.source else { return self.lose(path) };
        let format = audio_format(media.mime.as_deref());
        Some(Part::InputAudio { input_audio: WireAudio { data, format } })
    }

    /// The language caches by itself and takes no marks: what was marked goes without.
    pub(super) fn unmark(&mut self, mark: Option<CacheMark>, path: &Path<'_>) {
        if mark.is_some() {
            self.changes.push(Change::dropped(format!("{path}.cache_control")));
        }
    }

    /// The id as the language takes it. Call and result are mapped alike, so they still belong together.
    fn call_id(&self, id: &'c str) -> Cow<'c, str> {
        if self.is_own || id.len() <= MAX_ID { Cow::Borrowed(id) } else { names::fit(id, MAX_ID) }
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

    /// The caller's end user, by another name where its own is longer than the language takes.
    pub(super) fn end_user(&mut self, user: Option<&'c str>) -> Option<Cow<'c, str>> {
        let user = user?;
        if self.is_own || user.len() <= MAX_USER {
            return Some(Cow::Borrowed(user));
        }
        self.changes.push(Change::rewritten("user"));
        Some(Cow::Owned(names::opaque_user(user)))
    }

    fn lose<T>(&mut self, path: &Path<'_>) -> Option<T> {
        self.changes.push(Change::dropped(path.to_string()));
        None
    }
}

/// A proof as callers of this language keep it: their own without a mark, others' with one.
pub(super) fn written_proof(canonical: &str) -> Cow<'_, str> {
    match proofs::own(ID, canonical) {
        Some(own) if !proofs::is_marked(own) => Cow::Borrowed(own),
        Some(_) | None if proofs::is_marked(canonical) => Cow::Borrowed(canonical),
        Some(_) | None => Cow::Owned(proofs::of_signature(canonical)),
    }
}

/// Whether a block is a part of a message rather than an item of its own.
fn is_of_message(content: &Content) -> bool {
    match content {
        Content::Audio(_)
        | Content::Document(_)
        | Content::Image(_)
        | Content::Refusal(_)
        | Content::Text { .. } => true,
        Content::Opaque { kind, json } => citations::of(kind, json).is_none() && !is_item(kind),
        Content::RedactedThinking { .. }
        | Content::Thinking { .. }
        | Content::ToolCall { .. }
        | Content::ToolResult { .. } => false,
    }
}
