//! Reads a stream. Blocks of this language never interleave: at most one is open.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use types::conversation::{Delta, Event, Opening};
use types::{Fault, FaultKind, Json, StreamEvent};

use super::answer::stop_reason;
use super::error::{broke_off, fault_in_answer};
use super::usage::WireUsage;
use super::wire::own_kind;
use super::{cited, ids};
use crate::surrogates::Length;
use crate::{Decoder, citations};

/// Reads a stream.
#[derive(Debug, Default)]
pub(super) struct StreamDecoder {
    usage: WireUsage,
    /// The number of the next block.
    next: u32,
    open: Option<OpenBlock>,
    started: bool,
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
    /// A block that is kept whole: gathered until it ends.
    Opaque { kind: String, block: Map<String, Value>, input: String },
    /// Text or reasoning, so many characters of it so far, and what it cites.
    Plain { block: u32, length: Length, cited: Vec<Box<RawValue>> },
    /// A tool call. `whole` is what its opening already told of the arguments.
    Tool { block: u32, whole: Option<String>, has_arguments: bool },
}

#[derive(Deserialize)]
struct WireEvent<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    index: Option<u32>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct WireMessage<'a> {
    id: Option<String>,
    model: Option<String>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Typed {
    r#type: String,
}

/// The fields of the blocks whose opening is understood.
#[derive(Deserialize)]
struct WireBlock<'a> {
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    id: Option<String>,
    name: Option<String>,
    data: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

/// The fields of every kind of delta.
#[derive(Default, Deserialize)]
struct WireDelta {
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    partial_json: Option<String>,
    citation: Option<Box<RawValue>>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
}

impl Decoder for StreamDecoder {
    fn push(&mut self, event: &StreamEvent, events: &mut Vec<Event>) -> Result<(), Fault> {
        if event.data.is_empty() {
            events.push(Event::Ping);
            return Ok(());
        }
        // Some relays end the stream in the other dialect's way.
        if self.ended || event.data.as_ref() == b"[DONE]" {
            return Ok(());
        }
        let text = std::str::from_utf8(&event.data).map_err(|_| unreadable())?;
        let wire: WireEvent<'_> = read(text.as_bytes())?;
        match wire.r#type.as_ref() {
            "message_start" => self.start(&wire, events)?,
            "content_block_start" => self.open(&wire, events)?,
            "content_block_delta" => self.extend(&wire, events)?,
            "content_block_stop" => self.close(events),
            "message_delta" => self.finish(&wire, events)?,
            "message_stop" => {
                self.start(&wire, events)?;
                self.close(events);
                self.ended = true;
                events.push(Event::End);
            }
            "ping" => events.push(Event::Ping),
            "error" => return Err(fault_in_answer(&event.data)),
            _ => {} // An event of tomorrow says nothing the canonical stream has a word for.
        }
        Ok(())
    }

    fn end(&mut self, _events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended { Ok(()) } else { Err(broke_off()) }
    }
}

impl StreamDecoder {
    fn start(&mut self, wire: &WireEvent<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        let message: WireMessage<'_> =
            wire.message.map(|raw| read(raw.get().as_bytes())).transpose()?.unwrap_or_default();
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Start { id: message.id, model: message.model, created: None });
        }
        self.count(message.usage, events);
        Ok(())
    }

    /// Takes a report of usage in. One that cannot be read is none: the answer is worth more than its report.
    fn count(&mut self, usage: Option<&RawValue>, events: &mut Vec<Event>) {
        if let Some(usage) = usage.and_then(|raw| serde_json::from_str(raw.get()).ok()) {
            self.usage.update(usage);
            events.push(Event::Usage(self.usage.canonical()));
        }
    }

    fn open(&mut self, wire: &WireEvent<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        self.close(events);
        let Some(raw) = wire.content_block else { return Ok(()) };
        let Typed { r#type: kind } = read(raw.get().as_bytes())?;
        let index = wire.index.unwrap_or_default();
        if !matches!(kind.as_str(), "text" | "thinking" | "redacted_thinking" | "tool_use") {
            let block = read(raw.get().as_bytes())?;
            let kind = OpenKind::Opaque { kind, block, input: String::new() };
            self.open = Some(OpenBlock { index, kind });
            return Ok(());
        }
        let block: WireBlock<'_> = read(raw.get().as_bytes())?;
        let number = self.next;
        let opening = match kind.as_str() {
            "text" => Opening::Text,
            "thinking" => Opening::Thinking,
            "redacted_thinking" => Opening::RedactedThinking { data: block.data.unwrap_or_default() },
            _ => Opening::ToolCall {
                id: ids::original(block.id.unwrap_or_default()),
                name: block.name.unwrap_or_default(),
                signature: None,
            },
        };
        let whole = block.input.map(RawValue::get).filter(|input| *input != "{}" && *input != "null");
        let kind = match opening {
            Opening::ToolCall { .. } => {
                OpenKind::Tool { block: number, whole: whole.map(str::to_owned), has_arguments: false }
            }
            Opening::Opaque { .. }
            | Opening::RedactedThinking { .. }
            | Opening::Refusal
            | Opening::Text
            | Opening::Thinking => {
                let mut length = Length::default();
                length.add(block.text.as_deref().unwrap_or_default());
                OpenKind::Plain { block: number, length, cited: Vec::new() }
            }
        };
        self.next += 1;
        self.open = Some(OpenBlock { index, kind });
        events.push(Event::Open { choice: 0, block: number, opening });
        let said = [
            block.text.map(Delta::Text),
            block.thinking.map(Delta::Thinking),
            block.signature.map(Delta::Signature),
        ];
        push_deltas(number, said, events);
        Ok(())
    }

    fn extend(&mut self, wire: &WireEvent<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        let Some(open) = self.open.as_mut().filter(|open| wire.index.is_none_or(|index| index == open.index))
        else {
            return Ok(());
        };
        let Some(raw) = wire.delta else { return Ok(()) };
        let block = match &mut open.kind {
            OpenKind::Opaque { block, input, .. } => {
                gather(block, input, read(raw.get().as_bytes())?);
                return Ok(());
            }
            OpenKind::Plain { block, .. } | OpenKind::Tool { block, .. } => *block,
        };
        let delta: WireDelta = read(raw.get().as_bytes())?;
        let arguments = delta.partial_json.filter(|piece| !piece.is_empty());
        if let (OpenKind::Tool { has_arguments, .. }, Some(_)) = (&mut open.kind, &arguments) {
            *has_arguments = true;
        }
        if let OpenKind::Plain { length, cited, .. } = &mut open.kind {
            length.add(delta.text.as_deref().unwrap_or_default());
            cited.extend(delta.citation);
        }
        let said = [
            delta.text.map(Delta::Text),
            delta.thinking.map(Delta::Thinking),
            delta.signature.map(Delta::Signature),
            arguments.map(Delta::Arguments),
        ];
        push_deltas(block, said, events);
        Ok(())
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        let Some(open) = self.open.take() else { return };
        let block = match open.kind {
            OpenKind::Plain { block, length, cited } => {
                events.push(Event::Close { choice: 0, block });
                let cited: Vec<_> = cited.iter().map(|raw| cited::read(raw, length.letters())).collect();
                if let Some(said) = citations::events(&cited, 0, self.next) {
                    self.next += 1;
                    events.extend(said);
                }
                return;
            }
            OpenKind::Tool { block, whole, has_arguments } => {
                if !has_arguments {
                    let delta = Delta::Arguments(whole.unwrap_or_else(|| "{}".to_owned()));
                    events.push(Event::Delta { choice: 0, block, delta });
                }
                block
            }
            OpenKind::Opaque { kind, block: mut fields, input } => {
                if let Ok(input) = serde_json::from_str::<Value>(&input) {
                    fields.insert("input".to_owned(), input);
                }
                let Some(json) = Json::of(&fields) else { return };
                let block = self.next;
                self.next += 1;
                let opening = Opening::Opaque { kind: own_kind(&kind), json };
                events.push(Event::Open { choice: 0, block, opening });
                block
            }
        };
        events.push(Event::Close { choice: 0, block });
    }

    fn finish(&mut self, wire: &WireEvent<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        self.close(events);
        let delta: WireDelta =
            wire.delta.map(|raw| read(raw.get().as_bytes())).transpose()?.unwrap_or_default();
        if let Some(word) = delta.stop_reason {
            let reason = stop_reason(&word);
            events.push(Event::Finish { choice: 0, reason, stop_sequence: delta.stop_sequence });
        }
        self.count(wire.usage, events);
        Ok(())
    }
}

/// Reads JSON of the upstream's.
fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(json).map_err(|_| unreadable())
}

fn unreadable() -> Fault {
    Fault::new(FaultKind::Unreadable, "an event of the provider's stream cannot be read")
}

fn push_deltas(block: u32, said: impl IntoIterator<Item = Option<Delta>>, events: &mut Vec<Event>) {
    for delta in said.into_iter().flatten() {
        let length = match &delta {
            Delta::Arguments(text)
            | Delta::Refusal(text)
            | Delta::Signature(text)
            | Delta::Text(text)
            | Delta::Thinking(text) => text.len(),
        };
        if length > 0 {
            events.push(Event::Delta { choice: 0, block, delta });
        }
    }
}

/// Adds a delta to a block that is kept whole: pieces of its input to `input`, texts to texts, the rest as it is.
fn gather(block: &mut Map<String, Value>, input: &mut String, delta: Map<String, Value>) {
    for (name, value) in delta {
        match (name.as_str(), value) {
            ("type", _) => {}
            ("partial_json", Value::String(piece)) => input.push_str(&piece),
            (_, value) => match (block.get_mut(&name), value) {
                (Some(Value::String(text)), Value::String(piece)) => text.push_str(&piece),
                (_, value) => drop(block.insert(name, value)),
            },
        }
    }
}
