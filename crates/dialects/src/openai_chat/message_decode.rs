//! Reads messages and what they are made of. Requests and answers share the assistant's part.

use serde_json::value::RawValue;
use types::Json;
use types::conversation::{CacheMark, Content, Media, MediaSource, Message, Role};

use super::proofs::ExtraContent;
use crate::DecodeError;
use crate::calls::OpenCalls;
use crate::media::{audio_mime, is_base64, media, media_at};
use crate::object::{Object, Path, keep};

/// The prefix of [`Content::Opaque`]'s kind for a field of the message itself.
pub(super) const MESSAGE_FIELD: &str = "message.";
/// [`Content::Opaque`]'s kind for a call that is not of a function.
pub(super) const OTHER_CALL: &str = "tool_call";

/// The messages of a request, one for one, so that a place in the conversation is a place in the request.
pub(super) fn messages(list: Vec<&RawValue>, root: &Path<'_>) -> Result<Vec<Message>, DecodeError> {
    let parent = Path::Field(root, "messages");
    let read = list.into_iter().enumerate().map(|(index, raw)| message(raw, &Path::Item(&parent, index)));
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

fn message(raw: &RawValue, path: &Path<'_>) -> Result<Message, DecodeError> {
    let mut object = Object::read(raw.get(), path)?;
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
    for (index, raw) in object.take_list("tool_calls")?.into_iter().enumerate() {
        content.push(tool_call(raw, &Path::Item(&path, index))?);
    }
    if let Some(raw) = object.take("function_call")? {
        let path = Path::Field(object.path(), "function_call");
        content.push(called(Object::read(raw.get(), &path)?, String::new(), None)?);
    }
    Ok(content)
}

/// `thinking_blocks` with their signatures where a caller kept them, and the bare text of the reasoning where it is not
/// theirs.
fn thinking(object: &mut Object<'_, '_>) -> Result<Vec<Content>, DecodeError> {
    let text = [reasoning_text(object, "reasoning_content")?, reasoning_text(object, "reasoning")?];
    let text = text.into_iter().flatten().find(|text| !text.is_empty());
    let parent = Path::Field(object.path(), "thinking_blocks");
    let blocks = object.take_list("thinking_blocks")?;
    let blocks = blocks.into_iter().enumerate().map(|(index, raw)| part(raw, &Path::Item(&parent, index)));
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
    Ok(object.take(name)?.and_then(|raw| serde_json::from_str(raw.get()).ok()))
}

fn content(object: &mut Object<'_, '_>) -> Result<Vec<Content>, DecodeError> {
    let Some(raw) = object.take("content")? else { return Ok(Vec::new()) };
    let path = Path::Field(object.path(), "content");
    if let Ok(text) = serde_json::from_str::<String>(raw.get()) {
        return Ok(if text.is_empty() { Vec::new() } else { vec![Content::text(text)] });
    }
    let parts: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|_| path.wrong("must be a string or an array"))?;
    parts.into_iter().enumerate().map(|(index, raw)| part(raw, &Path::Item(&path, index))).collect()
}

/// One part of a message's content.
pub(super) fn part(raw: &RawValue, path: &Path<'_>) -> Result<Content, DecodeError> {
    if let Ok(text) = serde_json::from_str::<String>(raw.get()) {
        return Ok(Content::text(text));
    }
    let mut object = Object::read(raw.get(), path)?;
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
            None => opaque(&kind, raw, object),
        },
        "file" => match file(&mut object)? {
            Some(media) => Content::Document(media),
            None => opaque(&kind, raw, object),
        },
        _ => opaque(&kind, raw, object),
    })
}

/// A part that is kept whole. What it calls itself is not taken for one of the kinds above.
fn opaque(kind: &str, raw: &RawValue, read: Object<'_, '_>) -> Content {
    read.kept();
    Content::Opaque { kind: format!("part.{kind}"), json: keep(raw) }
}

/// A string, or Mistral's list of text parts.
fn thinking_text(object: &mut Object<'_, '_>) -> Result<String, DecodeError> {
    let Some(raw) = object.take("thinking")? else { return Ok(String::new()) };
    let path = Path::Field(object.path(), "thinking");
    if let Ok(text) = serde_json::from_str(raw.get()) {
        return Ok(text);
    }
    let parts: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|_| path.wrong("must be a string or an array"))?;
    let mut text = String::new();
    for (index, raw) in parts.into_iter().enumerate() {
        let path = Path::Item(&path, index);
        text.push_str(&Object::read(raw.get(), &path)?.take_text("text")?.unwrap_or_default());
    }
    Ok(text)
}

fn image(object: &mut Object<'_, '_>) -> Result<Media, DecodeError> {
    let path = Path::Field(object.path(), "image_url");
    let Some(raw) = object.take("image_url")? else { return Err(path.wrong("is missing")) };
    let mut media = if let Ok(url) = serde_json::from_str::<String>(raw.get()) {
        media_at(url)
    } else {
        let mut image = Object::read(raw.get(), &path)?;
        Media { detail: image.take_text("detail")?, ..media_at(image.require_text("url")?) }
    };
    media.cache = cache_mark(object)?;
    Ok(media)
}

/// Sound; `None` for the bare base64 text that Mistral takes, which says nothing of its format.
fn audio(object: &mut Object<'_, '_>) -> Result<Option<Media>, DecodeError> {
    let path = Path::Field(object.path(), "input_audio");
    let Some(raw) = object.take("input_audio")? else { return Err(path.wrong("is missing")) };
    if raw.get().starts_with('"') {
        return Ok(None);
    }
    let mut audio = Object::read(raw.get(), &path)?;
    let format = audio.take_text("format")?;
    let mut media =
        media(format.map(|format| audio_mime(&format)), MediaSource::Base64(audio.require_text("data")?));
    media.cache = cache_mark(object)?;
    Ok(Some(media))
}

/// A file by its bytes or its id; `None` where it is given in a way this gateway does not know.
fn file(object: &mut Object<'_, '_>) -> Result<Option<Media>, DecodeError> {
    let path = Path::Field(object.path(), "file");
    let Some(raw) = object.take("file")? else { return Err(path.wrong("is missing")) };
    let mut file = Object::read(raw.get(), &path)?;
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

fn tool_call(raw: &RawValue, path: &Path<'_>) -> Result<Content, DecodeError> {
    let mut object = Object::read(raw.get(), path)?;
    object.take_text("type")?;
    // Where the call stood in a stream that the client has put together.
    object.take("index")?;
    let Some(function) = object.take("function")? else {
        object.kept();
        return Ok(Content::Opaque { kind: OTHER_CALL.to_owned(), json: keep(raw) });
    };
    let id = object.take_text("id")?.unwrap_or_default();
    let function_path = Path::Field(path, "function");
    let cache = cache_mark(&mut object)?;
    let mut call = called(Object::read(function.get(), &function_path)?, id, cache)?;
    if let Content::ToolCall { signature, .. } = &mut call {
        *signature = proof(&mut object)?;
    }
    Ok(call)
}

/// The proof of a call. What else may stand there is no business of this gateway's.
fn proof(object: &mut Object<'_, '_>) -> Result<Option<String>, DecodeError> {
    let extra = object.take("extra_content")?;
    let extra: Option<ExtraContent<'_>> = extra.and_then(|extra| serde_json::from_str(extra.get()).ok());
    Ok(extra.and_then(|extra| extra.proof()))
}

fn called(
    mut function: Object<'_, '_>,
    id: String,
    cache: Option<CacheMark>,
) -> Result<Content, DecodeError> {
    let name = function.require_text("name")?;
    let arguments = arguments(function.take("arguments")?);
    Ok(Content::ToolCall { id, name, arguments, signature: None, cache })
}

/// Arguments as JSON text. Some providers send the object itself; nothing at all means no arguments.
pub(super) fn arguments(raw: Option<&RawValue>) -> String {
    let text = raw.map_or_else(String::new, |raw| {
        serde_json::from_str::<String>(raw.get()).unwrap_or_else(|_| raw.get().to_owned())
    });
    if text.trim().is_empty() { "{}".to_owned() } else { text }
}

/// The `cache_control` mark of a part or tool, as gateways in front of Anthropic's models take it.
pub(super) fn cache_mark(object: &mut Object<'_, '_>) -> Result<Option<CacheMark>, DecodeError> {
    let path = Path::Field(object.path(), "cache_control");
    let Some(raw) = object.take("cache_control")? else { return Ok(None) };
    let mut mark = Object::read(raw.get(), &path)?;
    // There is but one type.
    mark.take("type")?;
    let ttl = mark.take_text("ttl")?;
    Ok(Some(if ttl.as_deref() == Some("1h") { CacheMark::OneHour } else { CacheMark::FiveMinutes }))
}
