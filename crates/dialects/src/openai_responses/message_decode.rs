//! Reads items and the parts they are made of. Requests and answers share them.
//!
//! Items follow each other flatly; the canonical conversation has messages. What the model has said between two turns
//! of others becomes one message, so that a call stands beside its siblings and before all their results.

use serde_json::value::RawValue;
use types::Json;
use types::conversation::{Content, Media, MediaSource, Message, Role};

use super::ID;
use super::cited;
use crate::DecodeError;
use crate::citations::{self, Citation};
use crate::extras::says_nothing;
use crate::media::{audio_mime, is_base64, media, media_at};
use crate::object::{Object, Path, keep};
use crate::openai_family::shared;
use crate::proofs::{self, Proof};

/// In front of [`Content::Opaque`]'s kind for an item that is kept whole.
const ITEM: &str = "openai_responses.item.";
/// In front of it for a part of a message that is kept whole.
const PART: &str = "openai_responses.part.";

/// Whether an opaque block stands for the conversation before it.
pub(super) fn is_compaction(kind: &str) -> bool {
    kind.strip_prefix(ITEM) == Some("compaction")
}

/// Whether an opaque block stands for another item, by its id.
pub(super) fn is_reference(kind: &str) -> bool {
    kind.strip_prefix(ITEM) == Some("item_reference")
}

/// What stands between the parts of a summary where they become one text.
pub(super) const BETWEEN_PARTS: &str = "\n\n";

/// Whether an opaque block is an item of this language.
pub(super) fn is_item(kind: &str) -> bool {
    kind.starts_with(ITEM) || kind == shared::CUSTOM_CALL
}

/// Whether an opaque block is a part of a message of this language.
pub(super) fn is_part(kind: &str) -> bool {
    kind.starts_with(PART)
}

/// Whether an opaque block is a call, of whatever kind, that waits for an answer.
pub(super) fn is_call(kind: &str) -> bool {
    kind == shared::CUSTOM_CALL
}

/// What an item is.
pub(super) enum Item {
    /// A message of someone's.
    Message { role: Role, content: Vec<Content> },
    /// Something that the model has said or done beside its words.
    Model(Content),
    /// What the model is told by a tool.
    Told(Content),
}

/// The messages that these items make, which stand at `parent`.
pub(super) fn messages(items: Vec<&RawValue>, parent: &Path<'_>) -> Result<Vec<Message>, DecodeError> {
    let mut gathered = Gathered::default();
    for (index, raw) in items.into_iter().enumerate() {
        gathered.add(item(raw, &Path::Item(parent, index))?);
    }
    for message in &mut gathered.messages {
        proofs::move_to_calls(&mut message.content);
    }
    Ok(gathered.messages)
}

/// The messages so far.
#[derive(Default)]
struct Gathered {
    messages: Vec<Message>,
    /// What the last item was.
    last: Last,
}

/// What the last item was, as far as the next may join it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    /// A message of the model's.
    Said,
    /// Something else of the model's.
    Done,
    /// A tool's answer.
    Told,
    #[default]
    Other,
}

impl Gathered {
    fn add(&mut self, item: Item) {
        let (role, mut content, now) = match item {
            Item::Message { role: Role::Assistant, content } => (Role::Assistant, content, Last::Said),
            Item::Message { role, content } => (role, content, Last::Other),
            Item::Model(content) => (Role::Assistant, vec![content], Last::Done),
            Item::Told(content) => (Role::User, vec![content], Last::Told),
        };
        let joins = match (self.last, now) {
            // Two messages stay two: nothing else would tell where the second begins.
            (Last::Done, Last::Said | Last::Done) | (Last::Said, Last::Done) | (Last::Told, Last::Told) => {
                true
            }
            (Last::Done | Last::Other | Last::Said | Last::Told, _) => false,
        };
        self.last = now;
        match self.messages.last_mut().filter(|_| joins) {
            Some(last) => last.content.append(&mut content),
            None => self.messages.push(Message { role, content, name: None }),
        }
    }
}

/// One item.
pub(super) fn item(raw: &RawValue, path: &Path<'_>) -> Result<Item, DecodeError> {
    let mut object = Object::read(raw.get(), path)?;
    let kind = object.take_text("type")?;
    let read = match kind.as_deref() {
        Some("message") | None => message(&mut object)?,
        Some("function_call") => Item::Model(function_call(&mut object)?),
        Some("custom_tool_call") => {
            // Its other fields have no word in the family's other language.
            for known in ["call_id", "id", "input", "name", "status"] {
                object.take(known)?;
            }
            let kind = shared::CUSTOM_CALL.to_owned();
            return Ok(Item::Model(Content::Opaque { kind, json: keep(raw) }));
        }
        Some("custom_tool_call_output" | "function_call_output") => {
            Item::Told(function_call_output(&mut object)?)
        }
        Some("reasoning") => Item::Model(reasoning(&mut object)?),
        Some(kind) => {
            let block = Content::Opaque { kind: format!("{ITEM}{kind}"), json: keep(raw) };
            object.kept();
            let is_told = kind.ends_with("_output") || kind.ends_with("_response");
            return Ok(if is_told { Item::Told(block) } else { Item::Model(block) });
        }
    };
    // Where the provider files an item, and how far it had come, is of no use to anyone else.
    object.take("id")?;
    object.take("status")?;
    Ok(read)
}

fn message(object: &mut Object<'_, '_>) -> Result<Item, DecodeError> {
    let role = match object.require_text("role")?.as_str() {
        "assistant" => Role::Assistant,
        "developer" => Role::Developer,
        "system" => Role::System,
        "user" => Role::User,
        _ => {
            let words = "must be assistant, developer, system or user";
            return Err(Path::Field(object.path(), "role").wrong(words));
        }
    };
    let mut content = content(object, "content")?;
    if content.is_empty() {
        // An item is a block at least, so that places can be counted.
        content.push(Content::text(""));
    }
    Ok(Item::Message { role, content })
}

/// A text, or a list of parts.
fn content(object: &mut Object<'_, '_>, name: &str) -> Result<Vec<Content>, DecodeError> {
    let Some(raw) = object.take(name)? else { return Ok(Vec::new()) };
    let path = Path::Field(object.path(), name);
    if let Ok(text) = serde_json::from_str::<String>(raw.get()) {
        return Ok(vec![Content::text(text)]);
    }
    let parts: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|_| path.wrong("must be a string or an array"))?;
    let mut content = Vec::with_capacity(parts.len());
    for (index, raw) in parts.into_iter().enumerate() {
        content.push(part(raw, &Path::Item(&path, index))?);
    }
    Ok(content)
}

/// One part of a message or of a tool's answer.
fn part(raw: &RawValue, path: &Path<'_>) -> Result<Content, DecodeError> {
    let mut object = Object::read(raw.get(), path)?;
    let kind = object.require_text("type")?;
    let opaque = |object: Object<'_, '_>| {
        object.kept();
        Content::Opaque { kind: format!("{PART}{kind}"), json: keep(raw) }
    };
    let content = match kind.as_str() {
        "input_text" | "output_text" | "text" => Content::text(object.require_text("text")?),
        "refusal" => Content::Refusal(object.require_text("refusal")?),
        "input_image" => match image(&mut object)? {
            Some(media) => Content::Image(media),
            None => return Ok(opaque(object)),
        },
        "input_file" => match file(&mut object)? {
            Some(media) => Content::Document(media),
            None => return Ok(opaque(object)),
        },
        "input_audio" => Content::Audio(audio(&mut object)?),
        _ => return Ok(opaque(object)),
    };
    Ok(content)
}

/// A picture by its address or its id.
fn image(object: &mut Object<'_, '_>) -> Result<Option<Media>, DecodeError> {
    let detail = object.take_text("detail")?;
    let source = match (object.take_text("image_url")?, object.take_text("file_id")?) {
        (Some(url), _) => media_at(url),
        (None, Some(id)) => media(None, MediaSource::File(id)),
        (None, None) => return Ok(None),
    };
    Ok(Some(Media { detail, ..source }))
}

/// A file by its bytes, its id or its address.
fn file(object: &mut Object<'_, '_>) -> Result<Option<Media>, DecodeError> {
    let title = object.take_text("filename")?;
    let (data, id, url) =
        (object.take_text("file_data")?, object.take_text("file_id")?, object.take_text("file_url")?);
    let source = match (data, id, url) {
        // Some clients give the bytes without saying that they do.
        (Some(data), _, _) if is_base64(&data) => media(None, MediaSource::Base64(data)),
        (Some(data), _, _) => media_at(data),
        (None, Some(id), _) => media(None, MediaSource::File(id)),
        (None, None, Some(url)) => media_at(url),
        (None, None, None) => return Ok(None),
    };
    Ok(Some(Media { title, ..source }))
}

fn audio(object: &mut Object<'_, '_>) -> Result<Media, DecodeError> {
    let path = Path::Field(object.path(), "input_audio");
    let Some(raw) = object.take("input_audio")? else { return Err(path.wrong("is missing")) };
    let mut audio = Object::read(raw.get(), &path)?;
    let mime = audio.take_text("format")?.map(|format| audio_mime(&format));
    Ok(media(mime, MediaSource::Base64(audio.require_text("data")?)))
}

fn function_call(object: &mut Object<'_, '_>) -> Result<Content, DecodeError> {
    let arguments = object.take_text("arguments")?.filter(|text| !text.trim().is_empty());
    Ok(Content::ToolCall {
        id: object.require_text("call_id")?,
        name: object.require_text("name")?,
        arguments: arguments.unwrap_or_else(|| "{}".to_owned()),
        signature: None,
        cache: None,
    })
}

fn function_call_output(object: &mut Object<'_, '_>) -> Result<Content, DecodeError> {
    let call_id = object.require_text("call_id")?;
    let content = content(object, "output")?;
    Ok(Content::ToolResult { call_id, content, is_error: false, cache: None })
}

/// Reasoning: its text where the provider shows it, else the summary of it, and what proves it.
fn reasoning(object: &mut Object<'_, '_>) -> Result<Content, DecodeError> {
    let (whole, summary) = (texts(object, "content")?, texts(object, "summary")?);
    let text = if whole.is_empty() { summary } else { whole }.join(BETWEEN_PARTS);
    let proof = object.take_text("encrypted_content")?.filter(|proof| !proof.is_empty());
    let Some(proof) = proof else { return Ok(Content::Thinking { text, signature: None }) };
    Ok(thought(text, &proof))
}

/// Reasoning with its proof, as the canonical conversation has it.
pub(super) fn thought(text: String, proof: &str) -> Content {
    let signature = match proofs::read(ID, proof) {
        Proof::Foreign(marked) => marked.to_owned(),
        Proof::Own(own) => proofs::marked(ID, own),
        Proof::Redacted(data) => return Content::RedactedThinking { data: data.to_owned() },
        Proof::Signature(signature) => signature.to_owned(),
    };
    Content::Thinking { text, signature: Some(signature) }
}

/// The texts of a list of parts that each have one.
fn texts(object: &mut Object<'_, '_>, name: &str) -> Result<Vec<String>, DecodeError> {
    let path = Path::Field(object.path(), name);
    let mut texts = Vec::new();
    for (index, raw) in object.take_list(name)?.into_iter().enumerate() {
        let place = Path::Item(&path, index);
        let mut part = Object::read(raw.get(), &place)?;
        // Which list it stands in says the same.
        part.take("type")?;
        texts.extend(part.take_text("text")?);
    }
    Ok(texts)
}

/// What an item of an answer says. Text has its citations behind it.
pub(super) fn answered(raw: &RawValue, path: &Path<'_>) -> Result<Vec<Content>, DecodeError> {
    match item(raw, path)? {
        Item::Model(content) | Item::Told(content) => Ok(vec![content]),
        Item::Message { content, .. } => {
            let mut cited = citations(raw).into_iter();
            let mut parts = Vec::with_capacity(content.len());
            for content in content {
                let cited = cited.next().unwrap_or_default();
                // What a message says nothing in is nothing to tell.
                if !matches!(&content, Content::Text { text, .. } if text.is_empty()) {
                    parts.push(content);
                    parts.extend(citations::block(&cited));
                }
            }
            Ok(parts)
        }
    }
}

/// The citations of each part of a message, as far as its parts can be read.
fn citations(message: &RawValue) -> Vec<Vec<Citation>> {
    let of_part = |part: &RawValue| -> Option<Vec<Citation>> {
        let mut part = Object::read(part.get(), &Path::Root).ok()?;
        Some(cited(&part.take_list("annotations").ok()?))
    };
    let read = |raw: &RawValue| -> Option<Vec<Vec<Citation>>> {
        let mut message = Object::read(raw.get(), &Path::Root).ok()?;
        let parts = message.take_list("content").ok()?;
        Some(parts.into_iter().map(|part| of_part(part).unwrap_or_default()).collect())
    };
    read(message).unwrap_or_default()
}

/// The citations that these annotations are.
pub(super) fn cited(annotations: &[&RawValue]) -> Vec<Citation> {
    annotations.iter().map(|raw| cited::read(raw)).collect()
}

/// The log probabilities of the first text of an answer's item, if it has any.
pub(super) fn logprobs(item: &RawValue) -> Option<Json> {
    let mut item = Object::read(item.get(), &Path::Root).ok()?;
    let parts = item.take_list("content").ok()?;
    let listed = parts.into_iter().find_map(|part| {
        let listed = Object::read(part.get(), &Path::Root).ok()?.take("logprobs").ok()??;
        (!says_nothing(listed.get())).then_some(listed)
    })?;
    wrapped_logprobs(listed)
}

/// A list of log probabilities in the canonical form.
pub(super) fn wrapped_logprobs(listed: &RawValue) -> Option<Json> {
    Json::parse(format!(r#"{{"content":{},"refusal":null}}"#, listed.get()))
}

/// [`types::conversation::Tool::Opaque`]'s kind for a tool of this language.
pub(super) fn own_tool(kind: &str) -> String {
    if kind == shared::CUSTOM { kind.to_owned() } else { format!("{TOOL}{kind}") }
}

/// In front of the kind of a tool that is kept whole.
const TOOL: &str = "openai_responses.tool.";
