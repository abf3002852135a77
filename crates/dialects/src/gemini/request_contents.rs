//! Writes the contents: the system instruction apart, turns that alternate, results of functions first.

use std::borrow::Cow;
use std::collections::HashMap;

use types::conversation::{CacheMark, Change, Content, Media, MediaSource, Message, Role};

use super::request_encode::Writer;
use super::wire::{Blob, CallOut, ContentOut, FileData, Fit, PartOut, ResultOut, Said, args, is_own};
use super::{ids, proofs, results};
use crate::media::{image_mime, is_base64, is_web, mime_of_name};
use crate::turns::{self, Order, Standing};
use crate::{EncodeError, quirks};

const MODEL: &str = "model";
const USER: &str = "user";

/// The functions that calls are of, by the calls' ids.
type Called<'a> = HashMap<&'a str, &'a str>;

impl<'a> Writer<'a> {
    /// The system instruction and the turns.
    pub(super) fn contents(&mut self) -> Result<(Vec<PartOut<'a>>, Vec<ContentOut<'a>>), EncodeError> {
        let called = called(&self.asked.messages);
        let mut system = Vec::new();
        let mut turns: Vec<ContentOut<'a>> = Vec::new();
        let mut order = Order::new();
        for (index, message) in self.asked.messages.iter().enumerate() {
            let mut parts = self.parts(message, index, &called);
            if message.name.is_some() {
                self.dropped(format!("messages[{index}].name"));
            }
            let role = match message.role {
                Role::Assistant => MODEL,
                Role::User => USER,
                Role::Developer | Role::System if turns.is_empty() => {
                    system.extend(parts);
                    continue;
                }
                Role::Developer | Role::System => {
                    if !parts.is_empty() {
                        self.changes.push(Change::emulated(format!("messages[{index}]")));
                        parts.insert(0, PartOut::text(turns::SYSTEM_BEGINS));
                        parts.push(PartOut::text(turns::SYSTEM_ENDS));
                    }
                    USER
                }
            };
            if parts.is_empty() {
                continue;
            }
            let last = turns.last_mut().filter(|last| last.role == Some(role));
            if last.is_none() {
                order = Order::new();
            }
            let is_moved = order.take(parts.iter().map(standing));
            match last {
                // Results have to come together, in one turn behind the calls.
                Some(last) => last.parts.extend(parts),
                None => turns.push(ContentOut { role: Some(role), parts }),
            }
            if role == USER && is_moved {
                self.changes.push(Change::rewritten(format!("messages[{index}]")));
            }
        }
        for turn in turns.iter_mut().filter(|turn| turn.role == Some(USER)) {
            turns::results_first(&mut turn.parts, standing);
        }
        self.complete(&mut system, &mut turns)?;
        Ok((system, turns))
    }

    /// What the wire demands of the turns as a whole.
    fn complete(
        &mut self,
        system: &mut Vec<PartOut<'a>>,
        turns: &mut Vec<ContentOut<'a>>,
    ) -> Result<(), EncodeError> {
        if turns.is_empty() && !system.is_empty() {
            // A prompt that is all system: the wire wants at least one turn.
            self.changes.push(Change::rewritten("messages[0].role"));
            turns.push(ContentOut { role: Some(USER), parts: std::mem::take(system) });
        }
        let Some(last) = turns.last() else {
            return Err(EncodeError::nothing_sayable());
        };
        if last.role == Some(MODEL) && self.target.has_quirk(quirks::NO_PREFILL) {
            let index = self.asked.messages.len().saturating_sub(1);
            self.changes.push(Change::rewritten(format!("messages[{index}]")));
            turns.push(ContentOut { role: Some(USER), parts: vec![PartOut::text(quirks::GO_ON)] });
        }
        Ok(())
    }

    fn parts(&mut self, message: &'a Message, index: usize, called: &Called<'a>) -> Vec<PartOut<'a>> {
        let mut parts = Vec::with_capacity(message.content.len());
        // What results show beside their words, where only the turn around them can.
        let mut shown = Vec::new();
        let mut is_first_call = true;
        for (at, content) in message.content.iter().enumerate() {
            let path = format!("messages[{index}].content[{at}]");
            match content {
                Content::ToolCall { id, name, arguments, signature, cache } => {
                    self.unmarked(*cache, &path);
                    let (args, fit) = args(arguments);
                    if fit == Fit::Wrapped {
                        self.changes.push(Change::rewritten(path.as_str()));
                    }
                    let proof = self.call_proof(signature.as_deref(), is_first_call, &path);
                    is_first_call = false;
                    let sent = self.tool_name(name);
                    if sent != *name {
                        self.changes.push(Change::emulated(path.as_str()));
                    }
                    parts.push(PartOut::call(CallOut { id: ids::given(id), name: sent, args }, proof));
                }
                Content::ToolResult { call_id, content, is_error, cache } => {
                    self.unmarked(*cache, &path);
                    let name = called.get(call_id.as_str()).copied();
                    let result = Answered { call_id, name, content, is_error: *is_error };
                    parts.push(self.result(&result, &path, &mut shown));
                }
                Content::Thinking { text, signature } => {
                    self.thinking(text, signature.as_deref(), path, &mut parts);
                }
                Content::Audio(_)
                | Content::Document(_)
                | Content::Image(_)
                | Content::Opaque { .. }
                | Content::RedactedThinking { .. }
                | Content::Refusal(_)
                | Content::Text { .. } => parts.extend(self.part(content, &path)),
            }
        }
        parts.extend(shown);
        parts
    }

    /// A part that stands by itself.
    fn part(&mut self, content: &'a Content, path: &str) -> Option<PartOut<'a>> {
        match content {
            Content::Text { text, cache } => {
                self.unmarked(*cache, path);
                (self.is_own() || !text.is_empty()).then(|| PartOut::text(text))
            }
            Content::Refusal(text) => {
                self.changes.push(Change::emulated(path));
                Some(PartOut::text(text))
            }
            Content::Audio(_) | Content::Document(_) | Content::Image(_)
                if self.target.has_quirk(quirks::NO_IMAGE) =>
            {
                self.lose(path)
            }
            Content::Audio(media) => self.media(media, "audio/wav", path),
            Content::Document(media) => self.media(media, "application/pdf", path),
            Content::Image(media) => {
                if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
                    self.dropped(format!("{path}.detail"));
                }
                self.media(media, "image/png", path)
            }
            Content::Opaque { kind, json } if is_own(kind) => Some(PartOut::Opaque(json)),
            Content::Opaque { .. }
            | Content::RedactedThinking { .. }
            | Content::Thinking { .. }
            | Content::ToolCall { .. }
            | Content::ToolResult { .. } => self.lose(path),
        }
    }

    /// Reasoning goes back to those who made it; of a text's proof, onto the text.
    fn thinking(
        &mut self,
        text: &'a str,
        signature: Option<&'a str>,
        path: String,
        parts: &mut Vec<PartOut<'a>>,
    ) {
        let proof = signature.filter(|proof| proofs::own(proof).is_some());
        match proof {
            Some(proof) if text.is_empty() => {
                if !parts.last_mut().is_some_and(|last| last.prove(proof)) {
                    parts.push(PartOut::proof(proof));
                }
            }
            Some(proof) => parts.push(PartOut::thought(text, Some(proofs::written(proof)))),
            None if self.is_own() && signature.is_none() => parts.push(PartOut::thought(text, None)),
            // Another model's reasoning, or an empty place of it.
            None => {
                if !text.is_empty() {
                    self.dropped(path);
                }
            }
        }
    }

    /// The proof that is written on a call. Models that want one on the first call of every turn are told not to look
    /// for it where another model has called.
    fn call_proof(&mut self, signature: Option<&'a str>, is_first: bool, path: &str) -> Option<Cow<'a, str>> {
        if let Some(own) = signature.and_then(proofs::own) {
            return Some(own.into());
        }
        if signature.is_some() {
            self.changes.push(Change::dropped(format!("{path}.signature")));
        }
        (is_first && self.target.has_quirk(quirks::CALL_PROOFS)).then(|| {
            self.changes.push(Change::emulated(path));
            proofs::NONE_NEEDED.into()
        })
    }

    fn result(&mut self, result: &Answered<'a>, path: &str, shown: &mut Vec<PartOut<'a>>) -> PartOut<'a> {
        let mut text = String::new();
        let mut inside = Vec::new();
        let takes_parts = self.is_own() || self.target.has_quirk(quirks::RESULT_PARTS);
        for (at, content) in result.content.iter().enumerate() {
            let path = format!("{path}.content[{at}]");
            if let Content::Text { text: piece, cache } = content {
                self.unmarked(*cache, &path);
                if !text.is_empty() {
                    text.push('\n');
                }
                text.push_str(piece);
                continue;
            }
            let Some(part) = self.part(content, &path) else { continue };
            if takes_parts {
                inside.push(part);
                continue;
            }
            self.changes.push(Change::emulated(path));
            let id = result.call_id;
            shown.extend([PartOut::text(format!("Attached to the result of tool call {id}:")), part]);
        }
        if result.name.is_none() {
            self.changes.push(Change::emulated(path));
        }
        let name = self.tool_name(result.name.unwrap_or(LOST_NAME));
        let response = results::written(&text, result.is_error);
        let result = ResultOut { id: ids::given(result.call_id), name, response, parts: inside };
        PartOut::Said(Said { function_response: Some(result), ..Said::default() })
    }

    /// A file: its bytes, or where it is. `usual` is what it is where nothing says so.
    fn media(&mut self, media: &'a Media, usual: &'static str, path: &str) -> Option<PartOut<'a>> {
        self.unmarked(media.cache, path);
        let declared = media.mime.as_deref();
        let display_name = media.title.as_deref();
        let inline = |mime_type, data| {
            let inline_data = Some(Blob { mime_type, data, display_name });
            Some(PartOut::Said(Said { inline_data, ..Said::default() }))
        };
        match &media.source {
            MediaSource::Base64(data) if self.is_own() || is_base64(data) => {
                let mime = if usual.starts_with("image/") { image_mime(declared, data) } else { declared };
                inline(mime.unwrap_or(usual), data.into())
            }
            MediaSource::Text(text) => {
                self.changes.push(Change::emulated(path));
                Some(PartOut::text(text))
            }
            MediaSource::File(file_uri) | MediaSource::Url(file_uri) if self.is_reachable(&media.source) => {
                let mime_type = declared.or_else(|| mime_of_name(file_uri));
                let file_data = Some(FileData { mime_type, file_uri, display_name });
                Some(PartOut::Said(Said { file_data, ..Said::default() }))
            }
            MediaSource::Base64(_) | MediaSource::File(_) | MediaSource::Url(_) => self.lose(path),
        }
    }

    /// Whether the provider can come by a file: another's it does not have, and it fetches from the web only.
    fn is_reachable(&self, source: &MediaSource) -> bool {
        match source {
            _ if self.is_own() => true,
            MediaSource::Url(url) => is_web(url),
            MediaSource::Base64(_) | MediaSource::File(_) | MediaSource::Text(_) => false,
        }
    }

    /// The wire has no prompt-cache marks: what begins alike is cached unasked.
    fn unmarked(&mut self, mark: Option<CacheMark>, path: &str) {
        if mark.is_some() {
            self.dropped(format!("{path}.cache_control"));
        }
    }

    fn lose(&mut self, path: &str) -> Option<PartOut<'a>> {
        self.dropped(path);
        None
    }
}

/// The name of a function whose call is no longer in the history.
const LOST_NAME: &str = "tool";

/// What a function answered.
struct Answered<'a> {
    call_id: &'a str,
    /// The function's name, where its call is known.
    name: Option<&'a str>,
    content: &'a [Content],
    is_error: bool,
}

fn called(messages: &[Message]) -> Called<'_> {
    let content = messages.iter().flat_map(|message| &message.content);
    content
        .filter_map(|content| match content {
            Content::ToolCall { id, name, .. } => Some((id.as_str(), name.as_str())),
            Content::Audio(_)
            | Content::Document(_)
            | Content::Image(_)
            | Content::Opaque { .. }
            | Content::RedactedThinking { .. }
            | Content::Refusal(_)
            | Content::Text { .. }
            | Content::Thinking { .. }
            | Content::ToolResult { .. } => None,
        })
        .collect()
}

/// Where a part belongs in a turn of the user's: the wire wants the results of functions in front.
fn standing(part: &PartOut<'_>) -> Standing {
    let is_result = matches!(part, PartOut::Said(Said { function_response: Some(_), .. }));
    if is_result { Standing::First } else { Standing::Later }
}
