//! Reads messages: the same in a request's history and in an answer. Calls have ids only where a newer server gave them:
//! the others are told apart by their order.

use serde_json::value::RawValue;
use types::conversation::{Content, MediaSource, Message, Role};

use crate::DecodeError;
use crate::calls::OpenCalls;
use crate::media::media;
use crate::object::{Object, Path};

/// The messages of a request, one for one, so that a place in the conversation is a place in the request.
pub(super) fn messages(list: Vec<&RawValue>, root: &Path<'_>) -> Result<Vec<Message>, DecodeError> {
    let parent = Path::Field(root, "messages");
    let mut open = OpenCalls::default();
    let mut messages = Vec::with_capacity(list.len());
    for (index, raw) in list.into_iter().enumerate() {
        let path = Path::Item(&parent, index);
        let mut object = Object::read(raw.get(), &path)?;
        let (role, content) = match object.require_text("role")?.as_str() {
            "assistant" => (Role::Assistant, said(&mut object, &format!("call_{index}"))?),
            "system" => (Role::System, shown(&mut object)?),
            "tool" => (Role::User, vec![result(&mut object, &mut open)?]),
            "user" => (Role::User, shown(&mut object)?),
            _ => {
                return Err(
                    Path::Field(&path, "role").wrong("must be `user`, `assistant`, `system` or `tool`")
                );
            }
        };
        for block in &content {
            if let Content::ToolCall { name, id, .. } = block {
                open.add(name, id);
            }
        }
        messages.push(Message { role, content, name: None });
    }
    Ok(messages)
}

/// What the model said: reasoning, words, calls. Calls without an id get one that begins with `prefix`.
pub(super) fn said(object: &mut Object<'_, '_>, prefix: &str) -> Result<Vec<Content>, DecodeError> {
    let mut content = Vec::new();
    if let Some(text) = object.take_text("thinking")?.filter(|text| !text.is_empty()) {
        content.push(Content::Thinking { text, signature: None });
    }
    content.extend(shown(object)?);
    let parent = Path::Field(object.path(), "tool_calls");
    for (index, raw) in object.take_list("tool_calls")?.into_iter().enumerate() {
        let path = Path::Item(&parent, index);
        content.push(call(raw, &path, || format!("{prefix}_{index}"))?);
    }
    Ok(content)
}

/// A call of a tool.
pub(super) fn call(
    raw: &RawValue,
    path: &Path<'_>,
    id: impl FnOnce() -> String,
) -> Result<Content, DecodeError> {
    let inside = Path::Field(path, "function");
    let mut object = Object::read(raw.get(), path)?;
    // There are no others than functions.
    object.take("type")?;
    let given = object.take_text("id")?.filter(|id| !id.is_empty());
    let Some(raw) = object.take("function")? else { return Err(inside.wrong("is missing")) };
    let mut function = Object::read(raw.get(), &inside)?;
    // Calls stand in their order.
    function.take("index")?;
    let name = function.require_text("name")?;
    let arguments = function.take("arguments")?.map_or_else(|| "{}".to_owned(), |raw| raw.get().to_owned());
    Ok(Content::ToolCall { id: given.unwrap_or_else(id), name, arguments, signature: None, cache: None })
}

/// Words, and pictures beside them.
fn shown(object: &mut Object<'_, '_>) -> Result<Vec<Content>, DecodeError> {
    let text = object.take_text("content")?.filter(|text| !text.is_empty());
    let mut content: Vec<Content> = text.map(Content::text).into_iter().collect();
    let images: Option<Vec<String>> = object.take_as("images", "must be an array of strings in base64")?;
    let images = images.into_iter().flatten().map(MediaSource::Base64);
    content.extend(images.map(|source| Content::Image(media(None, source))));
    Ok(content)
}

/// A tool's answer, to the first call that is still `open`: of its id, else of its name, else of any.
fn result(object: &mut Object<'_, '_>, open: &mut OpenCalls) -> Result<Content, DecodeError> {
    let id = object.take_text("tool_call_id")?.filter(|id| !id.is_empty());
    let name = object.take_text("tool_name")?;
    let found = match (&id, &name) {
        (Some(id), _) => open.take_id(id),
        (None, Some(name)) => open.take_named(name),
        (None, None) => open.take_first(),
    };
    let call_id = id.or(found).or(name).unwrap_or_else(|| "call".to_owned());
    Ok(Content::ToolResult { call_id, content: shown(object)?, is_error: false, cache: None })
}
