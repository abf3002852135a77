//! Reads content blocks: the same in a request's history and in an answer.

use serde_json::value::RawValue;
use types::conversation::{CacheMark, Content, Media, MediaSource};

use super::cited;
use super::formats::document_mime;
use super::wire::{list, member, own_kind, text};
use crate::DecodeError;
use crate::citations;
use crate::media::audio_mime;
use crate::object::{Object, Path, keep};

/// Reads a list of blocks. A cache point is a mark on the block before it.
pub(super) fn blocks(raw: &RawValue, path: &Path<'_>) -> Result<Vec<Content>, DecodeError> {
    let mut contents = Vec::new();
    for (index, raw) in list(raw, path)?.into_iter().enumerate() {
        let path = Path::Item(path, index);
        let (kind, value) = member(raw, &path)?;
        let inside = Path::Field(&path, &kind);
        let last = contents.last_mut().and_then(mark_of).filter(|mark| mark.is_none());
        match last {
            Some(mark) if kind == "cachePoint" => *mark = Some(cache_point(value, &inside)?),
            Some(_) | None => {
                contents.push(block(&kind, value, raw, &inside)?);
                // In a history, it is left over.
                if kind == "citationsContent" && path.leftovers().is_none() {
                    let cited = contents
                        .last()
                        .map(|text| citations::of_text(text, value.get(), cited::read))
                        .unwrap_or_default();
                    contents.extend(citations::block(&cited));
                }
            }
        }
    }
    Ok(contents)
}

/// Reads the block `raw`, whose one member is `value`.
fn block(kind: &str, value: &RawValue, raw: &RawValue, path: &Path<'_>) -> Result<Content, DecodeError> {
    let opaque = || Content::Opaque { kind: own_kind(kind), json: keep(raw) };
    let read = match kind {
        "text" => return text(value, path).map(Content::text),
        "audio" => media(value, path)?
            .map(|(format, media)| Content::Audio(Media { mime: Some(audio_mime(&format)), ..media })),
        "image" => media(value, path)?
            .map(|(format, media)| Content::Image(Media { mime: Some(format!("image/{format}")), ..media })),
        "citationsContent" => cited(value, path)?,
        "document" => document(value, path)?,
        "guardContent" => guarded(value, path)?,
        "reasoningContent" => reasoning(value, path)?,
        "toolResult" => tool_result(value, path)?,
        "toolUse" => tool_use(value, path)?,
        // Only inside a tool's answer.
        "json" => Some(Content::text(value.get())),
        _ => None,
    };
    Ok(read.unwrap_or_else(opaque))
}

/// A picture or sound by its bytes, and of which kind it is.
fn media(raw: &RawValue, path: &Path<'_>) -> Result<Option<(String, Media)>, DecodeError> {
    let mut object = Object::read(raw.get(), path)?;
    let format = object.require_text("format")?;
    let Some(source) = source(&mut object)? else {
        object.kept();
        return Ok(None);
    };
    Ok(Some((format, Media { mime: None, source, title: None, detail: None, cache: None })))
}

fn document(raw: &RawValue, path: &Path<'_>) -> Result<Option<Content>, DecodeError> {
    let mut object = Object::read(raw.get(), path)?;
    let title = Some(object.require_text("name")?);
    let format = object.take_text("format")?;
    let Some(source) = source(&mut object)? else {
        object.kept();
        return Ok(None);
    };
    let mime = format.as_deref().and_then(document_mime).map(str::to_owned);
    Ok(Some(Content::Document(Media { mime, source, title, detail: None, cache: None })))
}

/// Text with the places it was taken from; none where it has no text of its own.
fn cited(raw: &RawValue, path: &Path<'_>) -> Result<Option<Content>, DecodeError> {
    let mut object = Object::read(raw.get(), path)?;
    let parts = Path::Field(path, "content");
    let mut said = String::new();
    for (index, raw) in object.take_list("content")?.into_iter().enumerate() {
        let path = Path::Item(&parts, index);
        said.push_str(&Object::read(raw.get(), &path)?.take_text("text")?.unwrap_or_default());
    }
    if said.is_empty() {
        object.kept();
        return Ok(None);
    }
    Ok(Some(Content::text(said)))
}

/// Text that a guardrail is to look at. It is said all the same; that it is guarded is lost.
fn guarded(raw: &RawValue, path: &Path<'_>) -> Result<Option<Content>, DecodeError> {
    let (kind, value) = member(raw, path)?;
    if kind != "text" {
        return Ok(None);
    }
    let inside = Path::Field(path, &kind);
    let mut guarded = Object::read(value.get(), &inside)?;
    let said = guarded.require_text("text")?;
    guarded.kept();
    if let Some(leftovers) = path.leftovers() {
        leftovers.note(path.to_string(), keep(raw));
    }
    Ok(Some(Content::text(said)))
}

fn reasoning(raw: &RawValue, path: &Path<'_>) -> Result<Option<Content>, DecodeError> {
    let (kind, value) = member(raw, path)?;
    let path = Path::Field(path, &kind);
    match kind.as_ref() {
        "reasoningText" => {
            let mut object = Object::read(value.get(), &path)?;
            let text = object.take_text("text")?.unwrap_or_default();
            let signature = object.take_text("signature")?.filter(|signature| !signature.is_empty());
            Ok(Some(Content::Thinking { text, signature }))
        }
        "redactedContent" => text(value, &path).map(|data| Some(Content::RedactedThinking { data })),
        _ => Ok(None),
    }
}

/// A call of a tool; none where the provider called its own.
fn tool_use(raw: &RawValue, path: &Path<'_>) -> Result<Option<Content>, DecodeError> {
    let mut object = Object::read(raw.get(), path)?;
    if object.take_text("type")?.is_some_and(|kind| kind == SERVER_TOOL) {
        object.kept();
        return Ok(None);
    }
    let id = object.require_text("toolUseId")?;
    let name = object.require_text("name")?;
    let arguments = object.take("input")?.map_or_else(|| "{}".to_owned(), |input| input.get().to_owned());
    Ok(Some(Content::ToolCall { id, name, arguments, signature: None, cache: None }))
}

/// A tool's answer; none where the provider's own tool gave it.
fn tool_result(raw: &RawValue, path: &Path<'_>) -> Result<Option<Content>, DecodeError> {
    let mut object = Object::read(raw.get(), path)?;
    if object.take("type")?.is_some() {
        object.kept();
        return Ok(None);
    }
    let call_id = object.require_text("toolUseId")?;
    let is_error = object.take_text("status")?.is_some_and(|status| status == ERROR);
    let parts = Path::Field(path, "content");
    let content = match object.take("content")? {
        Some(raw) => blocks(raw, &parts)?,
        None => Vec::new(),
    };
    Ok(Some(Content::ToolResult { call_id, content, is_error, cache: None }))
}

/// Where the bytes are; none where they are not in the request.
fn source(object: &mut Object<'_, '_>) -> Result<Option<MediaSource>, DecodeError> {
    let path = Path::Field(object.path(), "source");
    let Some(raw) = object.take("source")? else { return Err(path.wrong("is missing")) };
    let (kind, value) = member(raw, &path)?;
    let path = Path::Field(&path, &kind);
    match kind.as_ref() {
        "bytes" => text(value, &path).map(MediaSource::Base64).map(Some),
        "text" => text(value, &path).map(MediaSource::Text).map(Some),
        _ => Ok(None),
    }
}

/// The type of a call that the provider makes and answers itself.
pub(super) const SERVER_TOOL: &str = "server_tool_use";
/// The status of a tool's answer that is a failure.
pub(super) const ERROR: &str = "error";

/// The place for a prompt-cache mark on a block, if it has one.
pub(super) fn mark_of(content: &mut Content) -> Option<&mut Option<CacheMark>> {
    match content {
        Content::Audio(media) | Content::Document(media) | Content::Image(media) => Some(&mut media.cache),
        Content::Text { cache, .. } | Content::ToolCall { cache, .. } | Content::ToolResult { cache, .. } => {
            Some(cache)
        }
        Content::Opaque { .. }
        | Content::RedactedThinking { .. }
        | Content::Refusal(_)
        | Content::Thinking { .. } => None,
    }
}

/// How long a cache point keeps what stands before it.
pub(super) fn cache_point(raw: &RawValue, path: &Path<'_>) -> Result<CacheMark, DecodeError> {
    let mut point = Object::read(raw.get(), path)?;
    // There is but one type.
    point.take("type")?;
    match point.take_text("ttl")?.as_deref() {
        None | Some("5m") => Ok(CacheMark::FiveMinutes),
        Some("1h") => Ok(CacheMark::OneHour),
        Some(_) => Err(Path::Field(path, "ttl").wrong("must be `5m` or `1h`")),
    }
}
