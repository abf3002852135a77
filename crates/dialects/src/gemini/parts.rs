//! Reads parts: the same in a request's history and in an answer.

use std::borrow::Cow;

use serde_json::value::RawValue;
use types::conversation::{Content, Media, MediaSource};

use super::proofs::Signature;
use super::results;
use super::wire::{listed, object, own_kind};
use crate::DecodeError;
use crate::media::is_web;
use crate::object::{Object, Path, keep};

/// Whose parts are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    /// A model that is answering: its pictures are no content other languages' answers have.
    Answering,
    /// Somebody in the history.
    InHistory,
}

/// What was left over of parts, and what has to be known of them together.
#[derive(Debug)]
pub(super) struct Reader {
    speaker: Speaker,
    /// The functions that the results are of, in order.
    pub(super) results: Vec<String>,
}

/// How the address of a file begins that is kept at the provider.
const KEPT_FILES: [&str; 2] = ["/v1beta/files/", "/v1/files/"];

impl Reader {
    pub(super) const fn new(speaker: Speaker) -> Self {
        Self { speaker, results: Vec::new() }
    }

    /// Reads the parts of a content, or the text that some callers give in their place.
    pub(super) fn parts(&mut self, raw: &RawValue, path: &Path<'_>) -> Result<Vec<Content>, DecodeError> {
        let mut content = Vec::new();
        for (index, part) in listed(raw, path)?.into_iter().enumerate() {
            self.part(part, &Path::Item(path, index), &mut content)?;
        }
        Ok(content)
    }

    /// Reads one part: a block, and behind a text the block that has its proof.
    pub(super) fn part(
        &mut self,
        raw: &RawValue,
        path: &Path<'_>,
        content: &mut Vec<Content>,
    ) -> Result<(), DecodeError> {
        let mut part = object(raw, path)?;
        let signature = part.take_text("thoughtSignature")?.and_then(|said| Signature::read(&said));
        let is_thought = part.take_as("thought", "must be a boolean")?.unwrap_or(false);
        if let Some(Signature::Redacted(data)) = signature {
            content.push(Content::RedactedThinking { data });
            return Ok(());
        }
        let signature = signature.and_then(Signature::into_proof);
        if let Some(text) = part.take_text("text")? {
            content.extend(said(text, is_thought, signature));
        } else if let Some(call) = part.take("functionCall")? {
            content.push(function_call(call, signature, &Path::Field(path, "functionCall"))?);
        } else if let Some(result) = part.take("functionResponse")? {
            content.push(self.function_response(result, &Path::Field(path, "functionResponse"))?);
        } else if let Some(media) = media(&mut part)? {
            if self.speaker == Speaker::Answering || is_thought || is_film(&media) {
                part.kept();
                content.push(opaque("media", raw));
                return Ok(());
            }
            content.push(media);
        } else {
            let kind = part.names().next().map(str::to_owned);
            part.kept();
            match (kind, signature) {
                (Some(kind), _) => content.push(opaque(&kind, raw)),
                (None, None) => {}
                (None, signature) => content.push(Content::Thinking { text: String::new(), signature }),
            }
            return Ok(());
        }
        Ok(())
    }

    fn function_response(&mut self, raw: &RawValue, path: &Path<'_>) -> Result<Content, DecodeError> {
        let mut result = object(raw, path)?;
        self.results.push(result.require_text("name")?);
        let call_id = result.take_text("id")?.unwrap_or_default();
        let mut content = Vec::new();
        let mut is_error = false;
        if let Some(response) = result.take("response")? {
            let answered = results::read(response, &Path::Field(path, "response"))?;
            is_error = answered.is_error;
            content.push(Content::text(answered.text));
        }
        if let Some(parts) = result.take("parts")? {
            content.extend(self.parts(parts, &Path::Field(path, "parts"))?);
        }
        Ok(Content::ToolResult { call_id, content, is_error, cache: None })
    }
}

/// The text of a part, and the proof that came with it. That of a text becomes a block of its own, which goes back onto
/// the text.
fn said(text: String, is_thought: bool, signature: Option<String>) -> impl Iterator<Item = Content> {
    let (first, second) = match (is_thought, signature) {
        (true, signature) => (Content::Thinking { text, signature }, None),
        (false, None) => (Content::text(text), None),
        (false, signature) => {
            (Content::text(text), Some(Content::Thinking { text: String::new(), signature }))
        }
    };
    std::iter::once(first).chain(second)
}

fn function_call(raw: &RawValue, signature: Option<String>, path: &Path<'_>) -> Result<Content, DecodeError> {
    let mut call = object(raw, path)?;
    let args = call.take("args")?;
    Ok(Content::ToolCall {
        id: call.take_text("id")?.unwrap_or_default(),
        name: call.require_text("name")?,
        arguments: args.map_or_else(|| "{}".to_owned(), |args| args.get().to_owned()),
        signature,
        cache: None,
    })
}

/// A picture, a sound or a document; `None` where the part is none or one of a kind that passes through whole.
fn media(part: &mut Object<'_, '_>) -> Result<Option<Content>, DecodeError> {
    let path = part.path();
    let (raw, field, is_inline) = if let Some(raw) = part.take("inlineData")? {
        (raw, "inlineData", true)
    } else if let Some(raw) = part.take("fileData")? {
        (raw, "fileData", false)
    } else {
        return Ok(None);
    };
    let inside = Path::Field(path, field);
    let mut given = object(raw, &inside)?;
    let wrong = |name: &str| Path::Field(&inside, name).wrong("is missing");
    let mime = given.take_text("mimeType")?;
    let source = if is_inline {
        MediaSource::Base64(given.take_text("data")?.ok_or_else(|| wrong("data"))?)
    } else {
        at(given.take_text("fileUri")?.ok_or_else(|| wrong("fileUri"))?)
    };
    let title = given.take_text("displayName")?;
    let kind = kind(mime.as_deref(), &source);
    let media = Media { mime, source, title, detail: None, cache: None };
    Ok(Some(match kind {
        Kind::Audio => Content::Audio(media),
        Kind::Document => Content::Document(media),
        Kind::Image => Content::Image(media),
    }))
}

/// Where a file is. One that is kept at the provider, or in its cloud, is of use to the provider alone.
fn at(uri: String) -> MediaSource {
    let is_kept = !is_web(&uri) || KEPT_FILES.iter().any(|path| uri.contains(path));
    if is_kept { MediaSource::File(uri) } else { MediaSource::Url(uri) }
}

enum Kind {
    Audio,
    Document,
    Image,
}

/// Whether a part is a film, which no other language knows.
fn is_film(content: &Content) -> bool {
    let Content::Document(Media { mime: Some(mime), .. }) = content else { return false };
    mime.starts_with("video/")
}

/// What a file is, by its MIME type.
fn kind(mime: Option<&str>, source: &MediaSource) -> Kind {
    let guessed = match source {
        MediaSource::Url(url) | MediaSource::File(url) => crate::media::mime_of_name(url),
        MediaSource::Base64(_) | MediaSource::Text(_) => None,
    };
    let mime: Cow<'_, str> = mime.or(guessed).unwrap_or_default().into();
    match mime.split_once('/') {
        Some(("audio", _)) => Kind::Audio,
        Some(("image", _)) => Kind::Image,
        Some(_) | None => Kind::Document,
    }
}

fn opaque(kind: &str, raw: &RawValue) -> Content {
    Content::Opaque { kind: own_kind(kind), json: keep(raw) }
}
