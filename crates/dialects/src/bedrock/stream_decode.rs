//! Reads a stream. Blocks of this language never interleave, and most begin without an event of their own: with their
//! first piece.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use types::conversation::{Delta, Event, Opening};
use types::{Fault, Json, StreamEvent};

use super::answer::{failed, has_failed, stop_reason};
use super::blocks::SERVER_TOOL;
use super::cited;
use super::error::{broke_off, fault_in_stream, is_failure, not_json};
use super::usage::{WireUsage, tier_of_word};
use super::wire::own_kind;
use crate::surrogates::Length;
use crate::{Decoder, citations};

/// Reads a stream.
#[derive(Debug, Default)]
pub(super) struct StreamDecoder {
    /// The number of the next block.
    next: u32,
    open: Option<OpenBlock>,
    started: bool,
    stopped: bool,
    ended: bool,
}

/// The block that is being read.
#[derive(Debug)]
struct OpenBlock {
    /// Its number on the wire.
    index: u32,
    kind: OpenKind,
}

#[derive(Debug)]
enum OpenKind {
    /// A block of the provider's own tools, kept whole: gathered until it ends.
    Opaque { kind: &'static str, fields: Map<String, Value>, input: String, content: Vec<Value> },
    /// Text, so many characters of it so far, and what it cites.
    Text { block: u32, length: Length, cited: Vec<Box<RawValue>> },
    /// Reasoning.
    Thinking { block: u32 },
    /// A tool call.
    Tool { block: u32, has_arguments: bool },
}

#[derive(Deserialize)]
struct Start<'a> {
    #[serde(rename = "contentBlockIndex", default)]
    index: u32,
    #[serde(borrow, default)]
    start: Opened<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opened<'a> {
    #[serde(borrow)]
    tool_use: Option<ToolUse<'a>>,
    tool_result: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct ToolUse<'a> {
    #[serde(rename = "toolUseId")]
    id: String,
    name: String,
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Piece {
    #[serde(rename = "contentBlockIndex", default)]
    index: u32,
    #[serde(default)]
    delta: Said,
}

/// The members of every kind of piece.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    text: Option<String>,
    citation: Option<Box<RawValue>>,
    tool_use: Option<Input>,
    tool_result: Option<Vec<Value>>,
    reasoning_content: Option<Reasoning>,
}

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    input: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reasoning {
    text: Option<String>,
    signature: Option<String>,
    redacted_content: Option<String>,
}

#[derive(Deserialize)]
struct Stop {
    #[serde(rename = "stopReason", default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    service_tier: Option<Value>,
}

impl Decoder for StreamDecoder {
    fn push(&mut self, event: &StreamEvent, events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        if is_failure(event) {
            return Err(fault_in_stream(&event.name, &event.data));
        }
        if event.data.is_empty() {
            events.push(Event::Ping);
            return Ok(());
        }
        let text = std::str::from_utf8(&event.data).map_err(|_| not_json())?;
        match event.name.as_ref() {
            b"messageStart" => self.start(events),
            b"contentBlockStart" => self.open(read(text)?, events),
            b"contentBlockDelta" => self.extend(read(text)?, events),
            b"contentBlockStop" => self.close(events),
            b"messageStop" => self.stop(&read(text)?, events)?,
            b"metadata" => self.metadata(&read(text)?, events),
            _ => {} // An event of tomorrow says nothing the canonical stream has a word for.
        }
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Fault> {
        if !self.ended && !self.stopped {
            return Err(broke_off());
        }
        // Only what it cost is missing behind the end of the message.
        if !std::mem::replace(&mut self.ended, true) {
            events.push(Event::End);
        }
        Ok(())
    }
}

impl StreamDecoder {
    fn start(&mut self, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Start { id: None, model: None, created: None });
        }
    }

    fn open(&mut self, start: Start<'_>, events: &mut Vec<Event>) {
        self.close(events);
        let Opened { tool_use, tool_result } = start.start;
        let kind = match (tool_use, tool_result) {
            (Some(call), _) if call.r#type.as_deref() == Some(SERVER_TOOL) => {
                let fields = [("toolUseId", call.id), ("name", call.name)];
                let fields = fields.map(|(name, text)| (name.to_owned(), Value::String(text)));
                let mut fields = Map::from_iter(fields);
                fields.insert("type".to_owned(), SERVER_TOOL.into());
                OpenKind::Opaque { kind: "toolUse", fields, input: String::new(), content: Vec::new() }
            }
            (Some(call), _) => {
                let opening = Opening::ToolCall { id: call.id, name: call.name, signature: None };
                OpenKind::Tool { block: self.begin(opening, events), has_arguments: false }
            }
            (None, Some(fields)) => {
                OpenKind::Opaque { kind: "toolResult", fields, input: String::new(), content: Vec::new() }
            }
            // A picture, or a block of tomorrow.
            (None, None) => return,
        };
        self.open = Some(OpenBlock { index: start.index, kind });
    }

    fn extend(&mut self, piece: Piece, events: &mut Vec<Event>) {
        if self.open.as_ref().is_some_and(|open| open.index != piece.index) {
            self.close(events);
        }
        let Said { text, citation, tool_use, tool_result, reasoning_content } = piece.delta;
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            let block = self.text(piece.index, events);
            if let Some(OpenBlock { kind: OpenKind::Text { length, .. }, .. }) = &mut self.open {
                length.add(&text);
            }
            events.push(Event::Delta { choice: 0, block, delta: Delta::Text(text) });
        }
        if let Some(OpenBlock { kind: OpenKind::Text { cited, .. }, .. }) = &mut self.open {
            cited.extend(citation);
        }
        if let Some(reasoning) = reasoning_content {
            self.reason(piece.index, reasoning, events);
        }
        let Some(open) = &mut self.open else { return };
        match &mut open.kind {
            OpenKind::Opaque { input, content, .. } => {
                input.push_str(&tool_use.map(|call| call.input).unwrap_or_default());
                content.extend(tool_result.into_iter().flatten());
            }
            OpenKind::Tool { block, has_arguments } => {
                let Some(call) = tool_use.filter(|call| !call.input.is_empty()) else { return };
                *has_arguments = true;
                events.push(Event::Delta { choice: 0, block: *block, delta: Delta::Arguments(call.input) });
            }
            OpenKind::Text { .. } | OpenKind::Thinking { .. } => {}
        }
    }

    /// The block of text that a piece goes on with or begins.
    fn text(&mut self, index: u32, events: &mut Vec<Event>) -> u32 {
        if let Some(OpenBlock { kind: OpenKind::Text { block, .. }, .. }) = &self.open {
            return *block;
        }
        self.close(events);
        let block = self.begin(Opening::Text, events);
        self.open = Some(OpenBlock {
            index,
            kind: OpenKind::Text { block, length: Length::default(), cited: Vec::new() },
        });
        block
    }

    fn reason(&mut self, index: u32, reasoning: Reasoning, events: &mut Vec<Event>) {
        let said = [reasoning.text.map(Delta::Thinking), reasoning.signature.map(Delta::Signature)];
        for delta in said.into_iter().flatten() {
            let block = self.thinking(index, events);
            events.push(Event::Delta { choice: 0, block, delta });
        }
        if let Some(data) = reasoning.redacted_content {
            self.close(events);
            let block = self.begin(Opening::RedactedThinking { data }, events);
            events.push(Event::Close { choice: 0, block });
        }
    }

    /// The block of reasoning that a piece goes on with or begins.
    fn thinking(&mut self, index: u32, events: &mut Vec<Event>) -> u32 {
        if let Some(OpenBlock { kind: OpenKind::Thinking { block }, .. }) = self.open {
            return block;
        }
        self.close(events);
        let block = self.begin(Opening::Thinking, events);
        self.open = Some(OpenBlock { index, kind: OpenKind::Thinking { block } });
        block
    }

    /// Begins a block.
    fn begin(&mut self, opening: Opening, events: &mut Vec<Event>) -> u32 {
        self.start(events);
        let block = self.next;
        self.next += 1;
        events.push(Event::Open { choice: 0, block, opening });
        block
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        let Some(open) = self.open.take() else { return };
        let block = match open.kind {
            OpenKind::Text { block, length, cited } => {
                events.push(Event::Close { choice: 0, block });
                let cited: Vec<_> = cited.iter().map(|raw| cited::read(raw, length.letters())).collect();
                if let Some(said) = citations::events(&cited, 0, self.next) {
                    self.next += 1;
                    events.extend(said);
                }
                return;
            }
            OpenKind::Thinking { block } => block,
            OpenKind::Tool { block, has_arguments } => {
                if !has_arguments {
                    let delta = Delta::Arguments("{}".to_owned());
                    events.push(Event::Delta { choice: 0, block, delta });
                }
                block
            }
            OpenKind::Opaque { kind, mut fields, input, content } => {
                if kind == "toolUse" {
                    let input = serde_json::from_str(&input).unwrap_or_else(|_| json!({}));
                    fields.insert("input".to_owned(), input);
                } else {
                    fields.insert("content".to_owned(), Value::Array(content));
                }
                let Some(json) = Json::of(&Map::from_iter([(kind.to_owned(), Value::Object(fields))])) else {
                    return;
                };
                self.begin(Opening::Opaque { kind: own_kind(kind), json }, events)
            }
        };
        events.push(Event::Close { choice: 0, block });
    }

    fn stop(&mut self, stop: &Stop, events: &mut Vec<Event>) -> Result<(), Fault> {
        if has_failed(&stop.reason) {
            return Err(failed(&stop.reason));
        }
        self.start(events);
        self.close(events);
        if !std::mem::replace(&mut self.stopped, true) {
            let reason = stop_reason(&stop.reason);
            events.push(Event::Finish { choice: 0, reason, stop_sequence: None });
        }
        Ok(())
    }

    fn metadata(&mut self, metadata: &Metadata<'_>, events: &mut Vec<Event>) {
        // A report that cannot be read is none: the answer is worth more than its report.
        let usage = metadata.usage.and_then(|raw| serde_json::from_str::<WireUsage>(raw.get()).ok());
        let tier = metadata.service_tier.as_ref().and_then(|tier| tier_of_word(tier.get("type")?.as_str()?));
        events.extend(usage.map(|usage| Event::Usage(usage.canonical(tier))));
        if self.stopped {
            self.ended = true;
            events.push(Event::End);
        }
    }
}

/// Reads JSON of the upstream's.
fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Fault> {
    serde_json::from_str(json).map_err(|_| not_json())
}
