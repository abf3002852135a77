//! Writes the messages: system prompts in front, turns that alternate, tool results first.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use types::conversation::{CacheMark, Change, Content, Media, MediaSource, Message};

use super::request_encode::Writer;
use super::wire::{Block, Source};
use super::{ids, wire};
use crate::calls::{broken_input, input};
use crate::media::{image_mime, is_base64, is_textual, is_web};
use crate::turns::{Standing, TurnBlock, Turns, may_say};
use crate::{EncodeError, proofs};

impl<'a> TurnBlock<'a> for Block<'a> {
    fn of_text(text: &'a str) -> Self {
        Self::Text { text, cache_control: None, citations: Vec::new() }
    }

    fn text(&mut self) -> Option<&mut &'a str> {
        if let Self::Text { text, .. } = self { Some(text) } else { None }
    }

    fn is_call(&self) -> bool {
        matches!(self, Self::ToolUse { .. })
    }

    fn standing(&self) -> Standing {
        if matches!(self, Self::ToolResult { .. }) { Standing::First } else { Standing::Later }
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
        let blocks = message.content.iter().enumerate();
        blocks
            .filter_map(|(at, content)| {
                let path = format!("messages[{index}].content[{at}]");
                if may_say(message.role, content) {
                    self.block(content, path)
                } else {
                    self.dropped(path);
                    None
                }
            })
            .collect()
    }

    fn block(&mut self, content: &'a Content, path: String) -> Option<Block<'a>> {
        match content {
            Content::Text { text, cache } => self.text(text, *cache, &path),
            Content::Refusal(text) => {
                self.changes.push(Change::emulated(path.as_str()));
                self.text(text, None, &path)
            }
            Content::Image(media) => self.image(media, path),
            Content::Document(media) => self.document(media, path),
            Content::Thinking { text, signature: Some(signature) } if !proofs::is_marked(signature) => {
                Some(Block::Thinking { thinking: text, signature: signature.into() })
            }
            // A signature cannot be made up, and the wire takes no thinking without one.
            Content::Thinking { text, .. } => {
                if !text.is_empty() {
                    self.dropped(path);
                }
                None
            }
            Content::RedactedThinking { data } => Some(Block::RedactedThinking { data }),
            Content::ToolCall { id, name, arguments, signature, cache } => {
                // Proofs on calls are other languages' own.
                if signature.is_some() {
                    self.dropped(format!("{path}.signature"));
                }
                let input = input(arguments).or_else(|| {
                    self.changes.push(Change::rewritten(path.as_str()));
                    broken_input(arguments)
                })?;
                let sent_name = self.tool_name(name);
                if sent_name != *name {
                    self.changes.push(Change::emulated(path.as_str()));
                }
                Some(Block::ToolUse {
                    id: ids::fit(id),
                    name: sent_name,
                    input,
                    cache_control: self.mark(*cache, &path),
                })
            }
            Content::ToolResult { call_id, content, is_error, cache } => {
                let inner = content.iter().enumerate();
                let inner =
                    inner.filter_map(|(at, content)| self.inner(content, format!("{path}.content[{at}]")));
                Some(Block::ToolResult {
                    tool_use_id: ids::fit(call_id),
                    content: inner.collect(),
                    is_error: *is_error,
                    cache_control: self.mark(*cache, &path),
                })
            }
            Content::Opaque { kind, json } if wire::is_own(kind) => Some(Block::Opaque(json)),
            Content::Audio(_) | Content::Opaque { .. } => {
                self.dropped(path);
                None
            }
        }
    }

    /// A block inside a tool's result.
    fn inner(&mut self, content: &'a Content, path: String) -> Option<Block<'a>> {
        match content {
            Content::Text { .. } | Content::Image(_) | Content::Document(_) | Content::Opaque { .. } => {
                self.block(content, path)
            }
            Content::Audio(_)
            | Content::RedactedThinking { .. }
            | Content::Refusal(_)
            | Content::Thinking { .. }
            | Content::ToolCall { .. }
            | Content::ToolResult { .. } => {
                self.dropped(path);
                None
            }
        }
    }

    fn image(&mut self, media: &'a Media, path: String) -> Option<Block<'a>> {
        if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
            self.dropped(format!("{path}.detail"));
        }
        let source = match &media.source {
            source if !self.is_sayable(source) => None,
            MediaSource::Base64(data) => {
                let media_type = image_mime(media.mime.as_deref(), data);
                media_type.map(|media_type| Source::Base64 { media_type, data })
            }
            MediaSource::File(file_id) => Some(Source::File { file_id }),
            MediaSource::Text(_) => None,
            MediaSource::Url(url) => Some(Source::Url { url }),
        };
        let Some(source) = source else {
            self.dropped(path);
            return None;
        };
        Some(Block::Image { source, cache_control: self.mark(media.cache, &path) })
    }

    fn document(&mut self, media: &'a Media, path: String) -> Option<Block<'a>> {
        let source = match &media.source {
            source if !self.is_sayable(source) => None,
            MediaSource::Base64(data) => match media.mime.as_deref() {
                None | Some(PDF) => Some(Source::Base64 { media_type: PDF, data }),
                Some(mime) => decoded(mime, data).map(|text| {
                    self.changes.push(Change::emulated(path.as_str()));
                    Source::Text { media_type: "text/plain", data: text.into() }
                }),
            },
            MediaSource::File(file_id) => Some(Source::File { file_id }),
            MediaSource::Text(data) => Some(Source::Text { media_type: "text/plain", data: data.into() }),
            MediaSource::Url(url) => Some(Source::Url { url }),
        };
        let Some(source) = source else {
            self.dropped(path);
            return None;
        };
        let title = media.title.as_deref();
        Some(Block::Document { source, title, cache_control: self.mark(media.cache, &path) })
    }

    /// Whether the provider can come by these bytes: another's files it does not have, and it fetches from the web
    /// only.
    fn is_sayable(&self, source: &MediaSource) -> bool {
        match source {
            _ if self.is_own() => true,
            MediaSource::Base64(data) => is_base64(data),
            MediaSource::File(_) => false,
            MediaSource::Text(_) => true,
            MediaSource::Url(url) => is_web(url),
        }
    }

    /// Text; the wire refuses blank ones.
    fn text(&mut self, text: &'a str, cache: Option<CacheMark>, path: &str) -> Option<Block<'a>> {
        (!text.trim().is_empty()).then(|| Block::Text {
            text,
            cache_control: self.mark(cache, path),
            citations: Vec::new(),
        })
    }
}

/// The one kind of document the wire takes as base64.
const PDF: &str = "application/pdf";

/// The text of a document that is text, whatever kind of it; the wire takes only PDF in base64.
fn decoded(mime: &str, base64: &str) -> Option<String> {
    let bytes = is_textual(mime).then(|| STANDARD.decode(base64).ok()).flatten()?;
    String::from_utf8(bytes).ok().filter(|text| !text.trim().is_empty())
}
