//! Reads messages and what they are made of. Requests and answers share the assistant's part.

use std::borrow::Cow;

use types::Json;
use types::conversation::{CacheMark, Content, Media, MediaSource, Message, Role};

use super::proofs::ExtraContent;
use crate::DecodeError;
use crate::calls::OpenCalls;
use crate::media::{audio_mime, is_base64, media, media_at};
use crate::object::{Object, Path, keep_part};
use crate::openai_family::shared;
use crate::outline::Part;

/// The prefix of [`Content::Opaque`]'s kind for a field of the message itself.
pub(super) const MESSAGE_FIELD: &str = "message.";
/// [`Content::Opaque`]'s kind for a call that is not of a function.
pub(super) const OTHER_CALL: &str = "tool_call";

/// Whether an opaque block is a call.
pub(super) fn is_call(kind: &str) -> bool {
    kind == OTHER_CALL || kind == shared::CUSTOM_CALL
}

/// A call of whatever kind as it is written.
pub(super) fn written_call<'a>(kind: &str, json: &'a Json) -> Option<Cow<'a, Json>> {
    if kind == shared::CUSTOM_CALL {
        shared::nested_call(json).map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(json))
    }
}

/// The messages of a request, one for one, so that a place in the conversation is a place in the request.
pub(super) fn messages<'a>(
    list: impl Iterator<Item = Part<'a>>,
    parent: &Path<'_>,
) -> Result<Vec<Message>, DecodeError> {
    let read = list.enumerate().map(|(index, part)| message(part, &Path::Item(parent, index)));
    let mut messages = read.collect::<Result<Vec<_>, _>>()?;
    identify(&mut messages);
    Ok(messages)
}

/// Gives the calls of functions ids, and their results the ids of their calls: a function is called by name alone.
fn identify(messages: &mut [Message]) {
    let mut open = OpenCalls::default();
    for (index, message) in messages.iter_mut().enumerate() {
        for (place, content) in message.content.iter_mut().enumerate() {
            match content {
                Content::ToolCall { id, name, .. } if id.is_empty() => {
                    *id = format!("call_{index}_{place}");
                    open.add(name, id);
                }
                Content::ToolResult { call_id, .. } if call_id.is_empty() => {
                    let name = message.name.take().unwrap_or_default();
                    *call_id = open.take_named(&name).unwrap_or_else(|| format!("call_{index}_{place}"));
                }
                Content::Audio(_)
                | Content::Document(_)
                | Content::Image(_)
                | Content::Opaque { .. }
                | Content::RedactedThinking { .. }
                | Content::Refusal(_)
                | Content::Text { .. }
                | Content::Thinking { .. }
                | Content::ToolCall { .. }
                | Content::ToolResult { .. } => {}
            }
        }
    }
}

fn message(part: Part<'_>, path: &Path<'_>) -> Result<Message, DecodeError> {
    let mut object = Object::of(part, path)?;
    let word = object.require_text("role")?;
    let name = object.take_text("name")?;
    let (role, mut content) = match word.as_str() {
        "assistant" => (Role::Assistant, assistant(&mut object)?),
        "developer" => (Role::Developer, content(&mut object)?),
        "function" if name.is_none() => return Err(Path::Field(path, "name").wrong("is missing")),
        "function" => (Role::User, vec![tool_result(&mut object, String::new())?]),
        "system" => (Role::System, content(&mut object)?),
        "tool" => {
            let call_id = object.require_text("tool_call_id")?;
            (Role::User, vec![tool_result(&mut object, call_id)?])
        }
        "user" => (Role::User, content(&mut object)?),
        _ => {
            let words = "must be assistant, developer, function, system, tool or user";
            return Err(Path::Field(path, "role").wrong(words));
        }
    };
    content.extend(object.rest().filter(|(_, json)| !is_empty(json)).map(message_field));
    Ok(Message { role, content, name })
}

/// A field of a message that only this language knows.
pub(super) fn message_field((name, json): (String, Json)) -> Content {
    Content::Opaque { kind: format!("{MESSAGE_FIELD}{name}"), json }
}

/// Whether a value says nothing: clients send answers back with all their empty fields.
pub(super) fn is_empty(json: &Json) -> bool {
    matches!(json.as_str(), "[]" | "{}" | "\"\"" | "false")
}

/// What an assistant message says: reasoning first, then words, then calls, as the model produced them.
pub(super) fn assistant(object: &mut Object<'_, '_>) -> Result<Vec<Content>, DecodeError> {
    let mut content = thinking(object)?;
    content.extend(self::content(object)?);
    if let Some(text) = object.take_text("refusal")?.filter(|text| !text.is_empty()) {
        content.push(Content::Refusal(text));
    }
    let path = Path::Field(object.path(), "tool_calls");
    for (index, call) in object.take_parts("tool_calls")?.enumerate() {
        content.push(tool_call(call, &Path::Item(&path, index))?);
    }
    if let Some(call) = object.take_part("function_call")? {
        let path = Path::Field(object.path(), "function_call");
        content.push(called(Object::of(call, &path)?, String::new(), None)?);
    }
    Ok(content)
}

/// `thinking_blocks` with their signatures where a caller kept them, and the bare text of the reasoning where it is not
/// theirs.
fn thinking(object: &mut Object<'_, '_>) -> Result<Vec<Content>, DecodeError> {
    let text = [reasoning_text(object, "reasoning_content")?, reasoning_text(object, "reasoning")?];
    let text = text.into_iter().flatten().find(|text| !text.is_empty());
    let parent = Path::Field(object.path(), "thinking_blocks");
    let blocks = object.take_parts("thinking_blocks")?;
    let blocks = blocks.enumerate().map(|(index, block)| part(block, &Path::Item(&parent, index)));
    let mut blocks: Vec<Content> = blocks.collect::<Result<_, _>>()?;
    let of_blocks: String = blocks.iter().filter_map(thought).collect();
    let is_theirs =
        |text: &str| of_blocks.contains(text) || (!of_blocks.is_empty() && text.contains(&of_blocks));
    let bare = text.filter(|text| !is_theirs(text));
    blocks.extend(bare.map(|text| Content::Thinking { text, signature: None }));
    Ok(blocks)
}

fn thought(content: &Content) -> Option<&str> {
    if let Content::Thinking { text, .. } = content { Some(text) } else { None }
}

/// The text of a reasoning field. Some upstreams put an object there: that is no text.
fn reasoning_text(object: &mut Object<'_, '_>, name: &str) -> Result<Option<String>, DecodeError> {
    Ok(object.take_part(name)?.and_then(Part::text).map(Cow::into_owned))
}

fn content(object: &mut Object<'_, '_>) -> Result<Vec<Content>, DecodeError> {
    let Some(content) = object.take_part("content")? else { return Ok(Vec::new()) };
    let path = Path::Field(object.path(), "content");
    if let Some(text) = content.text() {
        return Ok(if text.is_empty() { Vec::new() } else { vec![Content::text(text)] });
    }
    let parts = content.list().ok_or_else(|| path.wrong("must be a string or an array"))?;
    parts.enumerate().map(|(index, one)| part(one, &Path::Item(&path, index))).collect()
}

/// One part of a message's content.
pub(super) fn part(part: Part<'_>, path: &Path<'_>) -> Result<Content, DecodeError> {
    if let Some(text) = part.text() {
        return Ok(Content::text(text));
    }
    let mut object = Object::of(part, path)?;
    let kind = object.require_text("type")?;
    Ok(match kind.as_str() {
        "text" => Content::Text { text: object.require_text("text")?, cache: cache_mark(&mut object)? },
        "refusal" => Content::Refusal(object.require_text("refusal")?),
        "thinking" => Content::Thinking {
            text: thinking_text(&mut object)?,
            signature: object.take_text("signature")?.filter(|signature| !signature.is_empty()),
        },
        "redacted_thinking" => Content::RedactedThinking { data: object.require_text("data")? },
        "image_url" => Content::Image(image(&mut object)?),
        "input_audio" => match audio(&mut object)? {
            Some(media) => Content::Audio(media),
            None => opaque(&kind, part, object),
        },
        "file" => match file(&mut object)? {
            Some(media) => Content::Document(media),
            None => opaque(&kind, part, object),
        },
        _ => opaque(&kind, part, object),
    })
}

/// A part that is kept whole. What it calls itself is not taken for one of the kinds above.
fn opaque(kind: &str, part: Part<'_>, read: Object<'_, '_>) -> Content {
    read.kept();
    Content::Opaque { kind: format!("part.{kind}"), json: keep_part(part) }
}

/// A string, or Mistral's list of text parts.
fn thinking_text(object: &mut Object<'_, '_>) -> Result<String, DecodeError> {
    let Some(thinking) = object.take_part("thinking")? else { return Ok(String::new()) };
    let path = Path::Field(object.path(), "thinking");
    if let Some(text) = thinking.text() {
        return Ok(text.into_owned());
    }
    let parts = thinking.list().ok_or_else(|| path.wrong("must be a string or an array"))?;
    let mut text = String::new();
    for (index, part) in parts.enumerate() {
        let path = Path::Item(&path, index);
        text.push_str(&Object::of(part, &path)?.take_text("text")?.unwrap_or_default());
    }
    Ok(text)
}

fn image(object: &mut Object<'_, '_>) -> Result<Media, DecodeError> {
    let path = Path::Field(object.path(), "image_url");
    let Some(said) = object.take_part("image_url")? else { return Err(path.wrong("is missing")) };
    let mut media = if let Some(url) = said.text() {
        media_at(url.into_owned())
    } else {
        let mut image = Object::of(said, &path)?;
        Media { detail: image.take_text("detail")?, ..media_at(image.require_text("url")?) }
    };
    media.cache = cache_mark(object)?;
    Ok(media)
}

/// Sound; `None` for the bare base64 text that Mistral takes, which says nothing of its format.
fn audio(object: &mut Object<'_, '_>) -> Result<Option<Media>, DecodeError> {
    let path = Path::Field(object.path(), "input_audio");
    let Some(said) = object.take_part("input_audio")? else { return Err(path.wrong("is missing")) };
    if said.raw().starts_with(b"\"") {
        return Ok(None);
    }
    let mut audio = Object::of(said, &path)?;
    let format = audio.take_text("format")?;
    let mut media =
        media(format.map(|format| audio_mime(&format)), MediaSource::Base64(audio.require_text("data")?));
    media.cache = cache_mark(object)?;
    Ok(Some(media))
}

/// A file by its bytes or its id; `None` where it is given in a way this gateway does not know.
fn file(object: &mut Object<'_, '_>) -> Result<Option<Media>, DecodeError> {
    let path = Path::Field(object.path(), "file");
    let Some(said) = object.take_part("file")? else { return Err(path.wrong("is missing")) };
    let mut file = Object::of(said, &path)?;
    let source = match (file.take_text("file_data")?, file.take_text("file_id")?) {
        // Some clients give the bytes without saying that they do.
        (Some(data), _) if is_base64(&data) => media(None, MediaSource::Base64(data)),
        (Some(data), _) => media_at(data),
        (None, Some(id)) => media(None, MediaSource::File(id)),
        (None, None) => {
            file.kept();
            return Ok(None);
        }
    };
    Ok(Some(Media { title: file.take_text("filename")?, cache: cache_mark(object)?, ..source }))
}

fn tool_result(object: &mut Object<'_, '_>, call_id: String) -> Result<Content, DecodeError> {
    let content = content(object)?;
    Ok(Content::ToolResult { call_id, content, is_error: false, cache: cache_mark(object)? })
}

fn tool_call(part: Part<'_>, path: &Path<'_>) -> Result<Content, DecodeError> {
    let mut object = Object::of(part, path)?;
    object.take_text("type")?;
    // Where the call stood in a stream that the client has put together.
    object.take("index")?;
    let Some(function) = object.take_part("function")? else {
        let kind = if object.take("custom")?.is_some() { shared::CUSTOM_CALL } else { OTHER_CALL };
        object.kept();
        return Ok(Content::Opaque { kind: kind.to_owned(), json: keep_part(part) });
    };
    let id = object.take_text("id")?.unwrap_or_default();
    let function_path = Path::Field(path, "function");
    let cache = cache_mark(&mut object)?;
    let mut call = called(Object::of(function, &function_path)?, id, cache)?;
    if let Content::ToolCall { signature, .. } = &mut call {
        *signature = proof(&mut object)?;
    }
    Ok(call)
}

/// The proof of a call. What else may stand there is no business of this gateway's.
fn proof(object: &mut Object<'_, '_>) -> Result<Option<String>, DecodeError> {
    let extra = object.take_part("extra_content")?;
    let extra: Option<ExtraContent<'_>> = extra.and_then(|extra| serde_json::from_str(extra.written()).ok());
    Ok(extra.and_then(|extra| extra.proof()))
}

fn called(
    mut function: Object<'_, '_>,
    id: String,
    cache: Option<CacheMark>,
) -> Result<Content, DecodeError> {
    let name = function.require_text("name")?;
    let arguments = arguments(function.take_part("arguments")?);
    Ok(Content::ToolCall { id, name, arguments, signature: None, cache })
}

/// Arguments as JSON text. Some providers send the object itself; nothing at all means no arguments.
pub(super) fn arguments(said: Option<Part<'_>>) -> String {
    let text = said.map_or_else(String::new, |said| {
        said.text().map_or_else(|| said.written().to_owned(), Cow::into_owned)
    });
    if text.trim().is_empty() { "{}".to_owned() } else { text }
}

/// The `cache_control` mark of a part or tool, as gateways in front of Anthropic's models take it.
pub(super) fn cache_mark(object: &mut Object<'_, '_>) -> Result<Option<CacheMark>, DecodeError> {
    let path = Path::Field(object.path(), "cache_control");
    let Some(mark) = object.take_part("cache_control")? else { return Ok(None) };
    let mut mark = Object::of(mark, &path)?;
    // There is but one type.
    mark.take("type")?;
    let ttl = mark.take_text("ttl")?;
    Ok(Some(if ttl.as_deref() == Some("1h") { CacheMark::OneHour } else { CacheMark::FiveMinutes }))
}
