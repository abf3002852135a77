//! Reads messages: the same in a request's history and in an answer.

use serde_json::value::RawValue;
use types::conversation::{Content, Media, Message, Role};

use super::wire::own_kind;
use crate::DecodeError;
use crate::media::media_at;
use crate::object::{Object, Path, keep};

/// The messages of a request, one for one, so that a place in the conversation is a place in the request.
pub(super) fn messages(list: Vec<&RawValue>, root: &Path<'_>) -> Result<Vec<Message>, DecodeError> {
    let parent = Path::Field(root, "messages");
    let mut messages = Vec::with_capacity(list.len());
    for (index, raw) in list.into_iter().enumerate() {
        let path = Path::Item(&parent, index);
        let mut object = Object::read(raw.get(), &path)?;
        let (role, content) = match object.require_text("role")?.as_str() {
            "assistant" => (Role::Assistant, said(&mut object)?),
            "system" => (Role::System, content(&mut object)?),
            "tool" => (Role::User, vec![result(&mut object)?]),
            "user" => (Role::User, content(&mut object)?),
            _ => {
                let words = "must be `user`, `assistant`, `system` or `tool`";
                return Err(Path::Field(&path, "role").wrong(words));
            }
        };
        messages.push(Message { role, content, name: None });
    }
    Ok(messages)
}

/// What the model said: reasoning, words, calls.
fn said(object: &mut Object<'_, '_>) -> Result<Vec<Content>, DecodeError> {
    said_from(object).map(|(content, _)| content)
}

/// The same, and the number of the block that is the first part of the message's content.
pub(super) fn said_from(object: &mut Object<'_, '_>) -> Result<(Vec<Content>, usize), DecodeError> {
    let plan = object.take_text("tool_plan")?.filter(|plan| !plan.is_empty());
    let thought = plan.map(|text| Content::Thinking { text, signature: None });
    let mut content: Vec<Content> = thought.into_iter().collect();
    let first = content.len();
    content.extend(self::content(object)?);
    let parent = Path::Field(object.path(), "tool_calls");
    for (index, raw) in object.take_list("tool_calls")?.into_iter().enumerate() {
        content.push(call(raw, &Path::Item(&parent, index))?);
    }
    Ok((content, first))
}

/// A text or a list of parts.
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

fn part(raw: &RawValue, path: &Path<'_>) -> Result<Content, DecodeError> {
    let mut object = Object::read(raw.get(), path)?;
    let kind = object.require_text("type")?;
    let content = match kind.as_str() {
        "document" => document(&mut object)?,
        "image_url" => image(&mut object)?,
        "text" => Content::text(object.require_text("text")?),
        "thinking" => Content::Thinking { text: object.require_text("thinking")?, signature: None },
        _ => {
            object.kept();
            return Ok(Content::Opaque { kind: own_kind(&kind), json: keep(raw) });
        }
    };
    Ok(content)
}

/// A document in a tool's answer: its text, or the object that it is.
fn document(object: &mut Object<'_, '_>) -> Result<Content, DecodeError> {
    let path = Path::Field(object.path(), "document");
    let Some(raw) = object.take("document")? else { return Err(path.wrong("is missing")) };
    let mut document = Object::read(raw.get(), &path)?;
    let Some(data) = document.take("data")? else {
        return Err(Path::Field(&path, "data").wrong("is missing"));
    };
    Ok(Content::text(serde_json::from_str(data.get()).unwrap_or_else(|_| data.get().to_owned())))
}

fn result(object: &mut Object<'_, '_>) -> Result<Content, DecodeError> {
    let call_id = object.require_text("tool_call_id")?;
    Ok(Content::ToolResult { call_id, content: content(object)?, is_error: false, cache: None })
}

fn image(object: &mut Object<'_, '_>) -> Result<Content, DecodeError> {
    let path = Path::Field(object.path(), "image_url");
    let Some(raw) = object.take("image_url")? else { return Err(path.wrong("is missing")) };
    let mut image = Object::read(raw.get(), &path)?;
    let (url, detail) = (image.require_text("url")?, image.take_text("detail")?);
    Ok(Content::Image(Media { detail, ..media_at(url) }))
}

/// A call of a tool.
fn call(raw: &RawValue, path: &Path<'_>) -> Result<Content, DecodeError> {
    let inside = Path::Field(path, "function");
    let mut object = Object::read(raw.get(), path)?;
    let id = object.require_text("id")?;
    // There are no others than functions.
    object.take("type")?;
    let Some(raw) = object.take("function")? else { return Err(inside.wrong("is missing")) };
    let mut function = Object::read(raw.get(), &inside)?;
    let name = function.require_text("name")?;
    let arguments = function.take_text("arguments")?.unwrap_or_default();
    let arguments = if crate::calls::is_without(&arguments) { "{}".to_owned() } else { arguments };
    Ok(Content::ToolCall { id, name, arguments, signature: None, cache: None })
}
