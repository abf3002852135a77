//! Reads contents, and puts together what belongs together in them.

use serde_json::value::RawValue;
use types::conversation::{Content, Message, Role};

use super::parts::Reader;
use super::wire::{listed, object};
use super::{ids, proofs};
use crate::DecodeError;
use crate::object::{Object, Path};

/// The system instruction, which may be a bare text, and the contents.
pub(super) fn messages(
    request: &mut Object<'_, '_>,
    reader: &mut Reader,
) -> Result<(Vec<Message>, IsApart), DecodeError> {
    let mut messages = Vec::new();
    let path = Path::Field(request.path(), "systemInstruction");
    if let Some(raw) = request.take("systemInstruction")? {
        let content = if let Ok(text) = serde_json::from_str::<String>(raw.get()) {
            vec![Content::text(text)]
        } else {
            let mut said = object(raw, &path)?;
            // Whatever it is called, it is the system's.
            said.take("role")?;
            content(&mut said, reader)?
        };
        messages.push(Message { role: Role::System, content, name: None });
    }
    let is_apart = IsApart(!messages.is_empty());
    let path = Path::Field(request.path(), "contents");
    let Some(raw) = request.take("contents")? else { return Err(path.wrong("is missing")) };
    for (index, raw) in listed(raw, &path)?.into_iter().enumerate() {
        messages.push(message(raw, &Path::Item(&path, index), reader)?);
    }
    ids::identify(&mut messages, std::mem::take(&mut reader.results));
    join_thoughts(&mut messages);
    Ok((messages, is_apart))
}

/// Whether the first message is the system instruction.
pub(super) struct IsApart(pub(super) bool);

fn message(raw: &RawValue, path: &Path<'_>, reader: &mut Reader) -> Result<Message, DecodeError> {
    let mut said = object(raw, path)?;
    let role = match said.take_text("role")?.as_deref() {
        // Results had a role of their own once.
        None | Some("" | "user" | "function") => Role::User,
        Some("model") => Role::Assistant,
        Some("system") => Role::System,
        Some(_) => return Err(Path::Field(path, "role").wrong("must be user or model")),
    };
    Ok(Message { role, content: content(&mut said, reader)?, name: None })
}

fn content(said: &mut Object<'_, '_>, reader: &mut Reader) -> Result<Vec<Content>, DecodeError> {
    let path = Path::Field(said.path(), "parts");
    said.take("parts")?.map_or_else(|| Ok(Vec::new()), |raw| reader.parts(raw, &path))
}

/// Puts reasoning together that another language's proof is for: callers keep a streamed answer in pieces, even as a
/// content for each, and the proof is for all of the text. The pieces stay where they are, empty.
fn join_thoughts(messages: &mut [Message]) {
    let mut run: Vec<&mut Content> = Vec::new();
    for message in messages {
        let is_model = message.role == Role::Assistant;
        for content in &mut message.content {
            match content {
                Content::Thinking { signature: None, .. } if is_model => run.push(content),
                Content::Thinking { signature: Some(proof), .. }
                    if is_model && proofs::own(proof).is_none() =>
                {
                    run.push(content);
                    join(std::mem::take(&mut run));
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
                | Content::ToolResult { .. } => run.clear(),
            }
        }
    }
}

/// Moves all of a run's text, and the proof at its end, to where it begins.
fn join(run: Vec<&mut Content>) {
    let mut whole = String::new();
    let mut proof = None;
    let mut first = None;
    for piece in run {
        if let Content::Thinking { text, signature } = piece {
            whole.push_str(&std::mem::take(text));
            proof = signature.take();
            first.get_or_insert(piece);
        }
    }
    if let Some(first) = first {
        *first = Content::Thinking { text: whole, signature: proof };
    }
}
