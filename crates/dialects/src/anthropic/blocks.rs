//! Reads content blocks: the same in a request's history and in an answer.

use types::Json;
use types::conversation::{CacheMark, Content, Media, MediaSource, Role};

use super::peek::{Version, not_in_new_version};
use super::wire::{Object, own_kind, wrong};
use super::{cited, ids};
use crate::citations;
use crate::object::keep_part;
use crate::outline::Part;
use crate::{DecodeError, proofs};

/// Where blocks stand and what was left over of them.
#[derive(Debug)]
pub(super) struct Reader {
    /// Whose blocks they are.
    pub(super) role: Role,
    /// The version they are in.
    pub(super) version: Version,
    /// Fields of blocks that the canonical conversation has no word for, by place.
    pub(super) leftovers: Vec<(String, Json)>,
    /// Whether what a text cites is read too.
    cites: bool,
}

impl Reader {
    /// A reader of an answer's blocks.
    pub(super) const fn of_answer() -> Self {
        let (role, version) = (Role::Assistant, Version::V20230601);
        Self { role, version, leftovers: Vec::new(), cites: true }
    }

    /// A reader of blocks of this role in a request of this version.
    pub(super) const fn new(role: Role, version: Version) -> Self {
        Self { role, version, leftovers: Vec::new(), cites: false }
    }

    /// Reads content: a text or a list of blocks.
    pub(super) fn content(&mut self, part: Part<'_>, path: &str) -> Result<Vec<Content>, DecodeError> {
        if let Some(text) = part.text() {
            return Ok(vec![Content::text(text)]);
        }
        let blocks = part.list().ok_or_else(|| wrong(path, "must be a string or a list of blocks"))?;
        let mut content = Vec::new();
        for (index, block) in blocks.enumerate() {
            let read = self.block(block, format!("{path}[{index}]"))?;
            let cited =
                if self.cites { citations::of_text(&read, block.written(), cited::read) } else { Vec::new() };
            content.push(read);
            content.extend(citations::block(&cited));
        }
        proofs::move_to_calls(&mut content);
        Ok(content)
    }

    fn block(&mut self, part: Part<'_>, path: String) -> Result<Content, DecodeError> {
        let mut object = Object::parse(part, path)?;
        let kind = object.required_text("type")?;
        self.check_version(&kind, &mut object)?;
        let content = match kind.as_str() {
            "text" => Content::Text {
                text: object.required_text("text")?,
                cache: cache(&mut object, &mut self.leftovers)?,
            },
            "thinking" => Content::Thinking {
                text: object.required_text("thinking")?,
                signature: object.text("signature")?.filter(|signature| !signature.is_empty()),
            },
            "redacted_thinking" => Content::RedactedThinking { data: object.required_text("data")? },
            "tool_use" => self.tool_use(&mut object)?,
            "tool_result" => self.tool_result(&mut object)?,
            "image" | "document" => match self.media(&mut object)? {
                Some(media) if kind == "image" => Content::Image(media),
                Some(media) => Content::Document(media),
                None => return Ok(opaque(&kind, part)),
            },
            _ => return Ok(opaque(&kind, part)),
        };
        object.leftovers(&mut self.leftovers);
        Ok(content)
    }

    /// What version `2026-10-21` refuses inside messages.
    fn check_version(&self, kind: &str, object: &mut Object<'_>) -> Result<(), DecodeError> {
        if self.version == Version::V20230601 {
            return Ok(());
        }
        if kind == "document" && self.role == Role::Assistant {
            return Err(not_in_new_version(object.path("type")));
        }
        if kind == "text" && self.role == Role::User && !object.list("citations")?.is_empty() {
            return Err(not_in_new_version(object.path("citations")));
        }
        Ok(())
    }

    fn tool_result(&mut self, object: &mut Object<'_>) -> Result<Content, DecodeError> {
        let content = match object.take("content") {
            Some(content) => self.content(content, &object.path("content"))?,
            None => Vec::new(),
        };
        Ok(Content::ToolResult {
            call_id: ids::original(object.required_text("tool_use_id")?),
            content,
            is_error: object.value("is_error", "must be true or false")?.unwrap_or_default(),
            cache: cache(object, &mut self.leftovers)?,
        })
    }

    fn tool_use(&mut self, object: &mut Object<'_>) -> Result<Content, DecodeError> {
        // Who called it is only of interest beside a server tool, which is opaque itself.
        object.take("caller");
        Ok(Content::ToolCall {
            id: ids::original(object.required_text("id")?),
            name: object.required_text("name")?,
            arguments: object
                .take("input")
                .map_or_else(|| "{}".to_owned(), |input| input.written().to_owned()),
            signature: None,
            cache: cache(object, &mut self.leftovers)?,
        })
    }

    /// A picture or a document; none if its source is of a kind that passes through whole.
    fn media(&mut self, object: &mut Object<'_>) -> Result<Option<Media>, DecodeError> {
        let Some(mut source) = object.object("source")? else {
            return Err(wrong(object.path("source"), "is required"));
        };
        let kind = source.required_text("type")?;
        let mime = source.text("media_type")?;
        let place = match kind.as_str() {
            "base64" => MediaSource::Base64(source.required_text("data")?),
            "file" => MediaSource::File(source.required_text("file_id")?),
            "text" => MediaSource::Text(source.required_text("data")?),
            "url" => MediaSource::Url(source.required_text("url")?),
            _ => return Ok(None),
        };
        source.leftovers(&mut self.leftovers);
        let (title, cache) = (object.text("title")?, cache(object, &mut self.leftovers)?);
        Ok(Some(Media { mime, source: place, title, detail: None, cache }))
    }
}

fn opaque(kind: &str, part: Part<'_>) -> Content {
    Content::Opaque { kind: own_kind(kind), json: keep_part(part) }
}

/// Takes a block's or tool's prompt-cache marker out.
pub(super) fn cache(
    object: &mut Object<'_>,
    leftovers: &mut Vec<(String, Json)>,
) -> Result<Option<CacheMark>, DecodeError> {
    let Some(mut control) = object.object("cache_control")? else { return Ok(None) };
    // There is but one type.
    control.take("type");
    let mark = match control.text("ttl")?.as_deref() {
        None | Some("5m") => CacheMark::FiveMinutes,
        Some("1h") => CacheMark::OneHour,
        Some(_) => return Err(wrong(control.path("ttl"), "must be `5m` or `1h`")),
    };
    control.leftovers(leftovers);
    Ok(Some(mark))
}
