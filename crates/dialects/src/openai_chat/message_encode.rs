//! Writes messages, and says of everything the language has no word for what became of it.

use std::borrow::Cow;

use types::conversation::{CacheMark, Change, Content, Media, MediaSource, Message, Role, Target};

use super::message_decode::{MESSAGE_FIELD, OTHER_CALL, written_call};
use super::proofs::ExtraContent;
use super::wire::{
    CacheControl, FunctionCall, Part, ThinkingBlock, WireAudio, WireContent, WireFile, WireImage,
    WireMessage, WireToolCall,
};
use crate::extras::Named;
use crate::media::{audio_format, data_url, image_mime, is_base64, is_web};
use crate::object::Path;
use crate::openai_family::shared;
use crate::tool_answers::{ToolAnswers, attached};
use crate::{ToolNames, quirks};

/// The messages written so far.
pub(super) struct Writer<'c> {
    pub(super) target: &'c Target,
    /// Whether the caller speaks this language too, so that its opaque parts are understood.
    pub(super) is_own: bool,
    pub(super) changes: Vec<Change>,
    pub(super) messages: Vec<WireMessage<'c>>,
    /// The tools that got other names.
    pub(super) tool_names: ToolNames,
    /// Pictures and files out of tool results, which only a user message can show. They wait until the last
    /// of the results, because nothing may stand between a call and its results.
    pending: Vec<Part<'c>>,
}

impl<'c> Writer<'c> {
    pub(super) fn new(target: &'c Target, is_own: bool) -> Self {
        let (changes, messages, pending) = (Vec::new(), Vec::new(), Vec::new());
        Self { target, is_own, changes, messages, tool_names: ToolNames::default(), pending }
    }

    /// Writes all of `messages`.
    pub(super) fn write(&mut self, messages: &'c [Message]) {
        let path = Path::Field(&Path::Root, "messages");
        let answers = ToolAnswers::of(messages);
        for (index, message) in messages.iter().enumerate() {
            self.message(message, &Path::Item(&path, index), |at| answers.has((index, at)));
            for (index, at) in answers.behind(index) {
                self.answer_in_front(messages, &path, (index, at));
            }
        }
        self.flush_pending();
        self.close_turn(messages, &path);
    }

    /// Gives the model a turn to answer where the target does not go on with an assistant message.
    fn close_turn(&mut self, messages: &[Message], path: &Path<'_>) {
        let is_open =
            self.messages.last().is_some_and(|last| last.role == "assistant" && last.tool_calls.is_empty());
        if is_open && self.target.has_quirk(quirks::NO_PREFILL) {
            let index = messages.len().saturating_sub(1);
            self.changes.push(Change::rewritten(Path::Item(path, index).to_string()));
            self.messages.push(plain("user", WireContent::Text(Cow::Borrowed(quirks::GO_ON))));
        }
    }

    /// A tool's answer that something stands in front of which comes behind it now: it has to follow the call.
    fn answer_in_front(&mut self, messages: &'c [Message], path: &Path<'_>, (index, at): (usize, usize)) {
        let content = messages.get(index).and_then(|message| message.content.get(at));
        let message = Path::Item(path, index);
        let path = Path::Field(&message, "content");
        let path = Path::Item(&path, at);
        self.changes.push(Change::rewritten(path.to_string()));
        if let Some(content) = content {
            self.tool_answer(content, &path);
        }
    }

    /// A message but for the blocks that have been written in another place.
    fn message(&mut self, message: &'c Message, path: &Path<'_>, is_written: impl Fn(usize) -> bool) {
        let (fields, content) = self.split_fields(message);
        let content_path = Path::Field(path, "content");
        let mut content: Vec<_> = content.collect();
        let count = content.len();
        content.retain(|(at, _)| !is_written(*at));
        let before = self.messages.len();
        let written = match message.role {
            Role::Assistant => self.assistant(&content, &content_path),
            Role::Developer | Role::System => {
                let role = self.application_role(message.role, path);
                self.words(&content, &content_path).map(|content| plain(role, content))
            }
            Role::User => self.user(&content, &content_path),
        };
        // What was empty from the start stays; what became empty by losses goes.
        let is_blank = |content: &Content| matches!(content, Content::Text { text, .. } if text.is_empty());
        let was_empty = content.len() == count
            && content.iter().all(|(_, content)| is_blank(content))
            && self.messages.len() == before;
        if let Some(written) = written.or_else(|| was_empty.then(|| self.empty(message.role))) {
            self.flush_pending();
            self.messages.push(written);
        }
        if let Some(last) = self.messages.get_mut(before..).and_then(<[_]>::last_mut) {
            last.name = message.name.as_deref();
            last.fields = fields;
        }
    }

    /// The fields of the message that only this language knows, and the rest of its content with its places.
    fn split_fields(
        &self,
        message: &'c Message,
    ) -> (Named<'c>, impl Iterator<Item = (usize, &'c Content)> + use<'c>) {
        let is_own = self.is_own;
        let field = move |content: &'c Content| {
            let Content::Opaque { kind, json } = content else { return None };
            kind.strip_prefix(MESSAGE_FIELD).filter(|_| is_own).map(|name| (name, json))
        };
        let fields = message.content.iter().filter_map(field).collect();
        let content = message.content.iter().enumerate();
        (Named(fields), content.filter(move |(_, content)| field(content).is_none()))
    }

    fn empty(&self, role: Role) -> WireMessage<'c> {
        let role = match role {
            Role::Assistant => "assistant",
            Role::Developer if !self.target.has_quirk(quirks::NO_DEVELOPER_ROLE) => "developer",
            Role::Developer | Role::System => "system",
            Role::User => "user",
        };
        plain(role, WireContent::Text(Cow::Borrowed("")))
    }

    fn application_role(&mut self, role: Role, path: &Path<'_>) -> &'static str {
        if role != Role::Developer {
            return "system";
        }
        if self.target.has_quirk(quirks::NO_DEVELOPER_ROLE) {
            self.changes.push(Change::emulated(format!("{path}.role")));
            return "system";
        }
        "developer"
    }

    /// What a person or an application says; `None` if nothing of it can be said.
    fn words(&mut self, content: &[(usize, &'c Content)], path: &Path<'_>) -> Option<WireContent<'c>> {
        let parts: Vec<_> = content
            .iter()
            .filter_map(|(index, content)| self.part(content, &Path::Item(path, *index)))
            .collect();
        (!parts.is_empty()).then(|| parts.into())
    }

    /// Tool results become messages of their own, before anything else the message says.
    fn user(&mut self, content: &[(usize, &'c Content)], path: &Path<'_>) -> Option<WireMessage<'c>> {
        let mut others = Vec::with_capacity(content.len());
        for (index, content) in content {
            if let Content::ToolResult { .. } = content {
                let path = Path::Item(path, *index);
                if !others.is_empty() {
                    self.changes.push(Change::rewritten(path.to_string()));
                }
                self.tool_answer(content, &path);
            } else {
                others.push((*index, *content));
            }
        }
        self.words(&others, path).map(|content| plain("user", content))
    }

    fn tool_answer(&mut self, content: &'c Content, path: &Path<'_>) {
        let Content::ToolResult { call_id, content, is_error, cache } = content else { return };
        if *is_error {
            self.changes.push(Change::dropped(format!("{path}.is_error")));
        }
        let cache = self.mark(*cache, path);
        self.tool_result(call_id, content, cache, path);
    }

    fn tool_result(
        &mut self,
        call_id: &'c str,
        content: &'c [Content],
        cache: Option<CacheControl>,
        path: &Path<'_>,
    ) {
        let content_path = Path::Field(path, "content");
        let (mut texts, mut shown) = (Vec::new(), Vec::new());
        for (index, content) in content.iter().enumerate() {
            let path = Path::Item(&content_path, index);
            match self.part(content, &path) {
                Some(part @ Part::Text { .. }) => texts.push(part),
                Some(part) => {
                    self.changes.push(Change::emulated(path.to_string()));
                    shown.push(part);
                }
                None => {}
            }
        }
        if let Some(Part::Text { cache_control, .. }) = texts.last_mut() {
            *cache_control = cache_control.or(cache);
        }
        if !shown.is_empty() {
            let text = Cow::Owned(attached(call_id));
            self.pending.push(Part::Text { text, cache_control: None });
            self.pending.append(&mut shown);
        }
        let tool_call_id = self.tool_call_id(call_id);
        if tool_call_id != call_id {
            self.changes.push(Change::emulated(path.to_string()));
        }
        let tool_call_id = Some(tool_call_id);
        self.messages.push(WireMessage { tool_call_id, ..plain("tool", texts.into()) });
    }

    fn flush_pending(&mut self) {
        if !self.pending.is_empty() {
            let parts = std::mem::take(&mut self.pending);
            self.messages.push(plain("user", WireContent::Parts(parts)));
        }
    }

    fn assistant(&mut self, content: &[(usize, &'c Content)], path: &Path<'_>) -> Option<WireMessage<'c>> {
        let mut message = WireMessage { role: "assistant", ..WireMessage::default() };
        let mut parts = Vec::new();
        for (index, content) in content {
            let path = Path::Item(path, *index);
            match content {
                Content::RedactedThinking { .. } | Content::Thinking { .. } => {
                    parts.extend(self.thinking(content, &mut message, &path));
                }
                Content::Refusal(text) => message.refusal.get_or_insert_default().push_str(text),
                Content::ToolCall { id, name, arguments, signature, cache } => {
                    let cache_control = self.mark(*cache, &path);
                    let (sent_id, sent_name) = (self.tool_call_id(id), self.tool_name(name));
                    if sent_id != *id || sent_name != *name {
                        self.changes.push(Change::emulated(path.to_string()));
                    }
                    let call = FunctionCall::new(sent_id, sent_name, arguments);
                    let wants_proof = self.target.has_quirk(quirks::EXTRA_CONTENT);
                    let proof = signature.as_deref().filter(|_| wants_proof);
                    let extra_content = proof.and_then(ExtraContent::returned);
                    if signature.is_some() && extra_content.is_none() {
                        self.changes.push(Change::dropped(format!("{path}.signature")));
                    }
                    let call = FunctionCall { extra_content, cache_control, ..call };
                    message.tool_calls.push(WireToolCall::Function(call));
                }
                Content::Opaque { kind, json }
                    if kind == shared::CUSTOM_CALL || (self.is_own && kind == OTHER_CALL) =>
                {
                    match written_call(kind, json) {
                        Some(call) => message.tool_calls.push(WireToolCall::Raw(call)),
                        None => {
                            self.lose(&path);
                        }
                    }
                }
                Content::Audio(_) | Content::Document(_) | Content::Image(_) | Content::ToolResult { .. } => {
                    self.lose(&path);
                }
                Content::Opaque { .. } | Content::Text { .. } => {
                    let part = self.part(content, &path);
                    if part.is_some() && !message.tool_calls.is_empty() {
                        // Words go in front of calls here.
                        self.changes.push(Change::rewritten(path.to_string()));
                    }
                    parts.extend(part);
                }
            }
        }
        let has_more = !message.tool_calls.is_empty() || message.refusal.is_some();
        if parts.is_empty()
            && !has_more
            && message.reasoning.is_none()
            && message.reasoning_content.is_none()
            && message.thinking_blocks.is_empty()
        {
            return None;
        }
        message.content = (!parts.is_empty() || !has_more).then(|| parts.into());
        Some(message)
    }

    /// Reasoning goes back only to those who want it: others refuse the field, and a proof is worth nothing
    /// to a provider that did not make it.
    fn thinking(
        &mut self,
        content: &'c Content,
        message: &mut WireMessage<'c>,
        path: &Path<'_>,
    ) -> Option<Part<'c>> {
        let block = ThinkingBlock::of(content)?.returned();
        let is_proven = block.is_proven();
        if is_proven && !block.is_foreign() && self.target.has_quirk(quirks::THINKING_BLOCKS) {
            if let (ThinkingBlock::Thinking { thinking, .. }, true) =
                (&block, self.target.has_quirk(quirks::REASONING_CONTENT))
            {
                message.reasoning_content.get_or_insert_default().push_str(thinking);
            }
            message.thinking_blocks.push(block);
            return None;
        }
        let ThinkingBlock::Thinking { thinking, .. } = block else { return self.lose(path) };
        if thinking.is_empty() && !is_proven {
            return None;
        }
        let mut part = None;
        if self.target.has_quirk(quirks::THINKING_PARTS) {
            part = Some(Part::thinking(thinking));
        } else if self.target.has_quirk(quirks::REASONING_FIELD) {
            message.reasoning.get_or_insert_default().push_str(thinking);
        } else if self.target.has_quirk(quirks::REASONING_CONTENT)
            || self.target.has_quirk(quirks::THINKING_BLOCKS)
        {
            message.reasoning_content.get_or_insert_default().push_str(thinking);
        } else {
            return self.lose(path);
        }
        if is_proven {
            self.changes.push(Change::dropped(format!("{path}.signature")));
        }
        part
    }

    /// One part of a message, or `None` where there is nothing to say or no way to say it.
    fn part(&mut self, content: &'c Content, path: &Path<'_>) -> Option<Part<'c>> {
        match content {
            Content::Text { text, .. } if text.is_empty() => None,
            Content::Text { text, cache } => {
                Some(Part::Text { text: Cow::Borrowed(text), cache_control: self.mark(*cache, path) })
            }
            Content::Document(Media { source: MediaSource::Text(text), cache, .. }) => {
                self.changes.push(Change::emulated(path.to_string()));
                Some(Part::Text { text: Cow::Borrowed(text), cache_control: self.mark(*cache, path) })
            }
            Content::Audio(_) | Content::Document(_) | Content::Image(_) | Content::Opaque { .. }
                if self.target.has_quirk(quirks::NO_IMAGE) =>
            {
                self.lose(path)
            }
            Content::Image(media) => self.image(media, path),
            Content::Document(media) => self.document(media, path),
            Content::Audio(media) => self.audio(media, path),
            Content::Opaque { json, .. } if self.is_own => Some(Part::Raw(json)),
            Content::Opaque { .. }
            | Content::RedactedThinking { .. }
            | Content::Refusal(_)
            | Content::Thinking { .. }
            | Content::ToolCall { .. }
            | Content::ToolResult { .. } => self.lose(path),
        }
    }

    fn image(&mut self, media: &'c Media, path: &Path<'_>) -> Option<Part<'c>> {
        let declared = media.mime.as_deref();
        let url = match &media.source {
            MediaSource::Base64(data) if self.is_own || is_base64(data) => {
                data_url(image_mime(declared, data).unwrap_or("image/png"), data).into()
            }
            MediaSource::Url(url) if self.is_own || is_web(url) => Cow::Borrowed(url.as_str()),
            MediaSource::Base64(_) | MediaSource::File(_) | MediaSource::Text(_) | MediaSource::Url(_) => {
                return self.lose(path);
            }
        };
        let image_url = WireImage { url, detail: media.detail.as_deref() };
        Some(Part::ImageUrl { image_url, cache_control: self.mark(media.cache, path) })
    }

    fn document(&mut self, media: &'c Media, path: &Path<'_>) -> Option<Part<'c>> {
        let title = media.title.as_deref();
        let file = match &media.source {
            MediaSource::Base64(data) => {
                let file_data = Some(data_url(media.mime.as_deref().unwrap_or("application/pdf"), data));
                // OpenAI refuses a file without a name.
                WireFile { file_data, file_id: None, filename: Some(title.unwrap_or("document.pdf")) }
            }
            // Another provider's file id means nothing here.
            MediaSource::File(id) if self.is_own => {
                WireFile { file_data: None, file_id: Some(id), filename: title }
            }
            MediaSource::Url(url) if self.is_own => {
                WireFile { file_data: Some(url.clone()), file_id: None, filename: title }
            }
            MediaSource::File(_) | MediaSource::Text(_) | MediaSource::Url(_) => return self.lose(path),
        };
        Some(Part::File { file, cache_control: self.mark(media.cache, path) })
    }

    fn audio(&mut self, media: &'c Media, path: &Path<'_>) -> Option<Part<'c>> {
        let MediaSource::Base64(data) = &media.source else { return self.lose(path) };
        let format = audio_format(media.mime.as_deref());
        Some(Part::InputAudio { input_audio: WireAudio { data, format } })
    }

    /// A cache mark where the target takes them. Where it does not, the text goes without.
    pub(super) fn mark(&mut self, mark: Option<CacheMark>, path: &Path<'_>) -> Option<CacheControl> {
        let mark = mark?;
        if self.target.has_quirk(quirks::CACHE_CONTROL) {
            return Some(mark.into());
        }
        self.changes.push(Change::dropped(format!("{path}.cache_control")));
        None
    }

    fn lose(&mut self, path: &Path<'_>) -> Option<Part<'c>> {
        self.changes.push(Change::dropped(path.to_string()));
        None
    }
}

fn plain<'a>(role: &'static str, content: WireContent<'a>) -> WireMessage<'a> {
    WireMessage { role, content: Some(content), ..WireMessage::default() }
}
