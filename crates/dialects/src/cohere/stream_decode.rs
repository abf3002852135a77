//! Reads a stream: parts and calls, each with a start, pieces and an end, one after the other.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use types::conversation::{Delta, Event, Opening};
use types::{Fault, Json, StreamEvent};

use super::answer::stop_reason;
use super::cited;
use super::error::{broke_off, failure, not_json};
use super::usage::WireUsage;
use crate::Decoder;
use crate::citations::{self, Citation};

/// Reads a stream.
#[derive(Debug, Default)]
pub(super) struct StreamDecoder {
    /// The number of the next block.
    next: u32,
    open: Option<Block>,
    /// The number that the upstream gave the last text.
    text: Option<u64>,
    /// What the text cites, which is told when it has ended.
    cited: Vec<Citation>,
    started: bool,
    ended: bool,
}

/// The block that is being read.
#[derive(Clone, Copy, Debug)]
struct Block {
    number: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// What the model is about to do, which has no start and no end of its own.
    Plan,
    Text,
    Thinking,
    Tool {
        has_arguments: bool,
    },
}

#[derive(Deserialize)]
struct WireEvent<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    id: Option<String>,
    index: Option<u64>,
    #[serde(borrow)]
    delta: Option<WireDelta<'a>>,
}

#[derive(Deserialize)]
struct WireDelta<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    finish_reason: Option<String>,
    error: Option<String>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Said {
    content: Option<Part>,
    tool_calls: Option<Call>,
    tool_plan: Option<String>,
    citations: Option<Json>,
}

#[derive(Deserialize)]
struct Part {
    r#type: Option<String>,
    text: Option<String>,
    thinking: Option<String>,
}

#[derive(Deserialize)]
struct Call {
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Default, Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<String>,
}

impl Decoder for StreamDecoder {
    fn push(&mut self, event: &StreamEvent, events: &mut Vec<Event>) -> Result<(), Fault> {
        // Behind the end stands `[DONE]`.
        if self.ended {
            return Ok(());
        }
        if event.data.is_empty() {
            events.push(Event::Ping);
            return Ok(());
        }
        let text = std::str::from_utf8(&event.data).map_err(|_| not_json())?;
        let wire: WireEvent<'_> = read(text)?;
        let delta = wire.delta.as_ref();
        let said = || delta.and_then(|delta| delta.message).map(|raw| read::<Said>(raw.get()));
        match wire.r#type.as_ref() {
            "message-start" => self.start(wire.id, events),
            "content-start" | "content-delta" => {
                self.content(said().transpose()?.unwrap_or_default(), wire.index, events);
            }
            "tool-plan-delta" => self.plan(said().transpose()?.unwrap_or_default(), events),
            "tool-call-start" => self.call(said().transpose()?.unwrap_or_default(), events),
            "tool-call-delta" => self.arguments(said().transpose()?.unwrap_or_default(), events),
            "citation-start" => {
                let said = said().transpose()?.unwrap_or_default();
                let is_in_text = |place: &Json| {
                    cited::part(place).is_none_or(|part| self.text.is_none_or(|text| text == part))
                };
                let read = |place: &Json| cited::read(place, is_in_text(place));
                let cited: Vec<Citation> = said.citations.iter().flat_map(read).collect();
                self.cited.extend(cited);
            }
            "content-end" | "tool-call-end" => self.close(events),
            "message-end" => self.finish(wire.delta, events)?,
            _ => {} // Events of tomorrow say nothing the canonical stream has a word for.
        }
        Ok(())
    }

    fn end(&mut self, _events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended { Ok(()) } else { Err(broke_off()) }
    }
}

impl StreamDecoder {
    fn start(&mut self, id: Option<String>, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Start { id, model: None, created: None });
        }
    }

    /// A start or a piece of content; what it is shows in which text it has.
    fn content(&mut self, said: Said, index: Option<u64>, events: &mut Vec<Event>) {
        let Some(part) = said.content else { return };
        if part.r#type.is_some() {
            self.close(events);
        }
        let thought = part.thinking.filter(|text| !text.is_empty()).map(Delta::Thinking);
        let text = part.text.filter(|text| !text.is_empty()).map(Delta::Text);
        if let Some(delta) = thought {
            let block = self.block(Kind::Thinking, Opening::Thinking, events);
            events.push(Event::Delta { choice: 0, block, delta });
        }
        if let Some(delta) = text {
            self.text = index;
            let block = self.block(Kind::Text, Opening::Text, events);
            events.push(Event::Delta { choice: 0, block, delta });
        }
    }

    fn plan(&mut self, said: Said, events: &mut Vec<Event>) {
        let Some(text) = said.tool_plan.filter(|text| !text.is_empty()) else { return };
        let block = self.block(Kind::Plan, Opening::Thinking, events);
        events.push(Event::Delta { choice: 0, block, delta: Delta::Thinking(text) });
    }

    fn call(&mut self, said: Said, events: &mut Vec<Event>) {
        let Some(call) = said.tool_calls else { return };
        self.close(events);
        let Function { name, arguments } = call.function.unwrap_or_default();
        let opening = Opening::ToolCall {
            id: call.id.unwrap_or_default(),
            name: name.unwrap_or_default(),
            signature: None,
        };
        let number = self.begin(opening, events);
        self.open = Some(Block { number, kind: Kind::Tool { has_arguments: false } });
        self.extend(arguments, events);
    }

    fn arguments(&mut self, said: Said, events: &mut Vec<Event>) {
        let function = said.tool_calls.and_then(|call| call.function);
        self.extend(function.and_then(|function| function.arguments), events);
    }

    fn extend(&mut self, piece: Option<String>, events: &mut Vec<Event>) {
        let Some(Block { number, kind: Kind::Tool { has_arguments } }) = &mut self.open else { return };
        if let Some(piece) = piece.filter(|piece| !piece.is_empty()) {
            *has_arguments = true;
            events.push(Event::Delta { choice: 0, block: *number, delta: Delta::Arguments(piece) });
        }
    }

    /// The block that a piece goes on with or begins.
    fn block(&mut self, kind: Kind, opening: Opening, events: &mut Vec<Event>) -> u32 {
        if let Some(open) = self.open.filter(|open| open.kind == kind) {
            return open.number;
        }
        self.close(events);
        let number = self.begin(opening, events);
        self.open = Some(Block { number, kind });
        number
    }

    fn begin(&mut self, opening: Opening, events: &mut Vec<Event>) -> u32 {
        self.start(None, events);
        self.cite(events);
        let block = self.next;
        self.next += 1;
        events.push(Event::Open { choice: 0, block, opening });
        block
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        let Some(Block { number: block, kind }) = self.open.take() else { return };
        if kind == (Kind::Tool { has_arguments: false }) {
            events.push(Event::Delta { choice: 0, block, delta: Delta::Arguments("{}".to_owned()) });
        }
        events.push(Event::Close { choice: 0, block });
    }

    /// Tells what the text in front cites.
    fn cite(&mut self, events: &mut Vec<Event>) {
        if let Some(said) = citations::events(&std::mem::take(&mut self.cited), 0, self.next) {
            self.next += 1;
            events.extend(said);
        }
    }

    fn finish(&mut self, delta: Option<WireDelta<'_>>, events: &mut Vec<Event>) -> Result<(), Fault> {
        self.start(None, events);
        self.close(events);
        self.cite(events);
        if let Some(delta) = delta {
            let word = delta.finish_reason.unwrap_or_default();
            if let Some(fault) = failure(&word, delta.error) {
                return Err(fault);
            }
            let reason = stop_reason(&word);
            events.push(Event::Finish { choice: 0, reason, stop_sequence: None });
            // A report that cannot be read is none: the answer is worth more than its report.
            let usage = delta.usage.and_then(|raw| serde_json::from_str::<WireUsage>(raw.get()).ok());
            events.extend(usage.map(|usage| Event::Usage(usage.canonical())));
        }
        self.ended = true;
        events.push(Event::End);
        Ok(())
    }
}

/// Reads JSON of the upstream's.
fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Fault> {
    serde_json::from_str(json).map_err(|_| not_json())
}
