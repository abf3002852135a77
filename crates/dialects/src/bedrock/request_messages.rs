//! Writes the messages: system prompts apart, turns that alternate, tool results first.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use types::conversation::{CacheMark, Change, Content, Media, MediaSource, Message};

use super::blocks::ERROR;
use super::formats::{audio_format, document_format, document_name, image_format};
use super::request_encode::Writer;
use super::wire::{
    self, Block, BytesOut, CachePoint, DocumentOut, DocumentSource, MediaOut, ReasoningOut, ToolResultOut,
    ToolUseOut,
};
use crate::calls::{broken_input, input};
use crate::media::{image_mime, is_textual};
use crate::turns::{Standing, TurnBlock, Turns, may_say};
use crate::{EncodeError, names, proofs};

/// The longest id of a call.
const MAX_ID: usize = 64;

impl<'a> TurnBlock<'a> for Block<'a> {
    fn of_text(text: &'a str) -> Self {
        Self::Text(text)
    }

    fn text(&mut self) -> Option<&mut &'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn is_call(&self) -> bool {
        matches!(self, Self::ToolUse(_))
    }

    /// A cache point stays behind its block.
    fn standing(&self) -> Standing {
        if matches!(self, Self::CachePoint(_)) {
            Standing::Behind
        } else if matches!(self, Self::ToolResult(_)) {
            Standing::First
        } else {
            Standing::Later
        }
    }
}

impl<'a> Writer<'a> {
    /// The system prompt and the turns.
    pub(super) fn messages(&mut self) -> Result<Turns<Block<'a>>, EncodeError> {
        let mut turns = Turns::new(self.target);
        for (index, message) in self.asked.messages.iter().enumerate() {
            let content = self.content(message, index);
            if message.name.is_some() {
                self.dropped(format!("messages[{index}].name"));
            }
            turns.add(message.role, index, content, &mut self.changes);
        }
        turns.complete(self.asked.messages.len(), self.target, &mut self.changes)?;
        Ok(turns)
    }

    fn content(&mut self, message: &'a Message, index: usize) -> Vec<Block<'a>> {
        let mut blocks = Vec::new();
        for (at, content) in message.content.iter().enumerate() {
            let path = format!("messages[{index}].content[{at}]");
            if may_say(message.role, content) {
                self.block(content, &path, &mut blocks);
            } else {
                self.dropped(path);
            }
        }
        blocks
    }

    /// Appends a block, and the cache point behind it.
    fn block(&mut self, content: &'a Content, path: &str, blocks: &mut Vec<Block<'a>>) {
        // The cache point of what stands inside: the wire has a place for it behind the result alone.
        let mut inside = None;
        let (block, cache) = match content {
            // The wire refuses blank texts.
            Content::Text { text, .. } | Content::Refusal(text) if text.trim().is_empty() => return,
            Content::Thinking { text, signature: None } if text.is_empty() => return,
            Content::Text { text, cache } => (Some(Block::Text(text)), *cache),
            Content::Refusal(text) => {
                self.changes.push(Change::emulated(path));
                (Some(Block::Text(text)), None)
            }
            Content::Audio(media) => (self.audio(media), media.cache),
            Content::Image(media) => (self.image(media, path), media.cache),
            Content::Document(media) => (self.document(media, path), media.cache),
            // What another language's provider has proven this one refuses.
            Content::Thinking { signature: Some(signature), .. } if proofs::is_marked(signature) => {
                (None, None)
            }
            Content::Thinking { text, signature } => (self.thinking(text, signature.as_deref()), None),
            Content::RedactedThinking { data } => {
                let redacted = ReasoningOut::RedactedContent(data);
                (wire::is_blob(data).then_some(Block::ReasoningContent(redacted)), None)
            }
            Content::ToolCall { id, name, arguments, signature, cache } => {
                // Proofs on calls are other languages' own.
                if signature.is_some() {
                    self.dropped(format!("{path}.signature"));
                }
                (self.tool_use(id, name, arguments, path), *cache)
            }
            Content::ToolResult { call_id, content, is_error, cache } => {
                let result = self.tool_result(call_id, content, *is_error, path);
                inside = result.1;
                (Some(result.0), *cache)
            }
            Content::Opaque { kind, json } => (wire::is_own(kind).then_some(Block::Opaque(json)), None),
        };
        let Some(block) = block else {
            self.dropped(path);
            return;
        };
        blocks.push(block);
        let point = self.mark(cache, path).map(CachePoint::from);
        blocks.extend(point.or(inside).map(Block::CachePoint));
    }

    /// The mark of the tool or block that stands at `path`, if the target takes it.
    pub(super) fn mark(&mut self, mark: Option<CacheMark>, path: &str) -> Option<CacheMark> {
        let mark = mark?;
        if self.takes_marks() && self.surplus_marks == 0 {
            return Some(mark);
        }
        self.surplus_marks = self.surplus_marks.saturating_sub(1);
        self.dropped(format!("{path}.cache_control"));
        None
    }

    /// Reasoning; the wire takes none without a proof from those who prove it, and a model of another provider has none.
    fn thinking(&self, text: &'a str, signature: Option<&'a str>) -> Option<Block<'a>> {
        let is_sayable = signature.is_some() || self.is_own();
        is_sayable.then_some(Block::ReasoningContent(ReasoningOut::ReasoningText { text, signature }))
    }

    fn tool_use(&mut self, id: &'a str, name: &'a str, arguments: &'a str, path: &str) -> Option<Block<'a>> {
        let input = input(arguments).or_else(|| {
            self.changes.push(Change::rewritten(path));
            broken_input(arguments)
        })?;
        let sent_name = self.tool_name(name);
        if sent_name != name {
            self.changes.push(Change::emulated(path));
        }
        Some(Block::ToolUse(ToolUseOut { tool_use_id: fit_id(id), name: sent_name, input }))
    }

    /// A tool's answer, and the last cache point that stood in it.
    fn tool_result(
        &mut self,
        call_id: &'a str,
        content: &'a [Content],
        is_error: bool,
        path: &str,
    ) -> (Block<'a>, Option<CachePoint>) {
        let mut inner = Vec::new();
        for (at, content) in content.iter().enumerate() {
            let path = format!("{path}.content[{at}]");
            match content {
                Content::Text { .. } | Content::Image(_) | Content::Document(_) | Content::Opaque { .. } => {
                    self.block(content, &path, &mut inner);
                }
                Content::Audio(_)
                | Content::RedactedThinking { .. }
                | Content::Refusal(_)
                | Content::Thinking { .. }
                | Content::ToolCall { .. }
                | Content::ToolResult { .. } => self.dropped(path),
            }
        }
        if inner.is_empty() {
            // The wire wants an answer, however little it says.
            self.changes.push(Change::emulated(path));
            inner.push(Block::Text(NOTHING));
        }
        let mut last = None;
        inner.retain(|block| {
            let Block::CachePoint(point) = block else { return true };
            last = Some(*point);
            false
        });
        let status = is_error.then_some(ERROR);
        (Block::ToolResult(ToolResultOut { tool_use_id: fit_id(call_id), content: inner, status }), last)
    }

    fn audio(&self, media: &'a Media) -> Option<Block<'a>> {
        let MediaSource::Base64(bytes) = &media.source else { return None };
        let format = media.mime.as_deref().and_then(audio_format).filter(|_| self.is_sayable(bytes))?;
        Some(Block::Audio(MediaOut { format, source: BytesOut { bytes } }))
    }

    /// A picture by its bytes: the wire has no addresses, and the gateway fetches nothing.
    fn image(&mut self, media: &'a Media, path: &str) -> Option<Block<'a>> {
        let MediaSource::Base64(bytes) = &media.source else { return None };
        let mime = image_mime(media.mime.as_deref(), bytes).filter(|_| self.is_sayable(bytes));
        let format = mime.and_then(image_format)?;
        if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
            self.dropped(format!("{path}.detail"));
        }
        Some(Block::Image(MediaOut { format, source: BytesOut { bytes } }))
    }

    fn document(&mut self, media: &'a Media, path: &str) -> Option<Block<'a>> {
        let title = media.title.as_deref();
        let mime = media.mime.as_deref();
        let (format, source) = match &media.source {
            MediaSource::Text(text) if self.is_own() => {
                (document_format(mime, None, "").unwrap_or(PLAIN), DocumentSource::Text(text))
            }
            // Only some models take text as it is; all take the bytes of a file.
            MediaSource::Text(text) => {
                self.changes.push(Change::emulated(path));
                (PLAIN, DocumentSource::Bytes(STANDARD.encode(text).into()))
            }
            MediaSource::Base64(bytes) if self.is_sayable(bytes) => {
                let known = document_format(mime, title, bytes);
                let textual = || mime.is_some_and(is_textual).then_some(PLAIN);
                (known.or_else(textual)?, DocumentSource::Bytes(Cow::Borrowed(bytes)))
            }
            MediaSource::Base64(_) | MediaSource::File(_) | MediaSource::Url(_) => return None,
        };
        let name = document_name(title, &self.documents);
        if title.is_some_and(|title| title != name) {
            self.changes.push(Change::emulated(format!("{path}.title")));
        }
        self.documents.push(name.clone());
        Some(Block::Document(DocumentOut { format, name, source }))
    }

    /// Whether these bytes are base64; what came in this language is said as it came.
    fn is_sayable(&self, bytes: &str) -> bool {
        self.is_own() || wire::is_blob(bytes)
    }
}

/// The kind of a document that is text.
const PLAIN: &str = "txt";
/// What a tool answered that answered nothing.
const NOTHING: &str = "(no output)";

/// A call's id as the wire takes it. The same id always becomes the same.
fn fit_id(id: &str) -> Cow<'_, str> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | ':' | '-');
    if !id.is_empty() && id.len() <= MAX_ID && id.chars().all(fits) {
        return Cow::Borrowed(id);
    }
    names::fit(id, MAX_ID)
}
