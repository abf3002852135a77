//! Reads a stream: each line goes on with reasoning or words, or has whole calls.

use serde::Deserialize;
use serde_json::value::RawValue;
use types::conversation::{Content, Delta, Event, Opening};
use types::{Fault, StreamEvent};

use super::answer::{CALL, logprobs, stop_reason};
use super::error::{broke_off, fault_inside, not_json, unreadable};
use super::message_decode::call;
use super::usage::WireUsage;
use crate::Decoder;
use crate::object::Path;

/// Reads a stream.
#[derive(Debug, Default)]
pub(super) struct StreamDecoder {
    /// The number of the next block.
    next: u32,
    open: Option<(Kind, u32)>,
    calls: u32,
    started: bool,
    ended: bool,
}

/// What the block that is being read is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
}

#[derive(Deserialize)]
struct Line<'a> {
    model: Option<String>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
    done: Option<bool>,
    done_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message<'a> {
    content: Option<String>,
    thinking: Option<String>,
    #[serde(borrow)]
    tool_calls: Option<Vec<&'a RawValue>>,
}

impl Decoder for StreamDecoder {
    fn push(&mut self, event: &StreamEvent, events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        if event.data.is_empty() {
            events.push(Event::Ping);
            return Ok(());
        }
        let text = std::str::from_utf8(&event.data).map_err(|_| not_json())?;
        let line: Line<'_> = serde_json::from_str(text).map_err(|_| not_json())?;
        if line.error.is_some() {
            return Err(fault_inside(&event.data));
        }
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Start { id: None, model: line.model, created: None });
        }
        if let Some(message) = line.message {
            self.message(message, events)?;
        }
        if let Some(json) = line.logprobs.and_then(logprobs) {
            events.push(Event::Logprobs { choice: 0, json });
        }
        if line.done == Some(true) {
            self.close(events);
            let reason = stop_reason(line.done_reason.as_deref().unwrap_or_default(), self.calls > 0);
            events.push(Event::Finish { choice: 0, reason, stop_sequence: None });
            // A count that cannot be read is no count.
            let usage = serde_json::from_str::<WireUsage>(text).unwrap_or_default();
            events.extend(usage.canonical().map(Event::Usage));
            self.ended = true;
            events.push(Event::End);
        }
        Ok(())
    }

    fn end(&mut self, _events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended { Ok(()) } else { Err(broke_off()) }
    }
}

impl StreamDecoder {
    fn message(&mut self, message: Message<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        if let Some(text) = message.thinking.filter(|text| !text.is_empty()) {
            let block = self.block(Kind::Thinking, Opening::Thinking, events);
            events.push(Event::Delta { choice: 0, block, delta: Delta::Thinking(text) });
        }
        if let Some(text) = message.content.filter(|text| !text.is_empty()) {
            let block = self.block(Kind::Text, Opening::Text, events);
            events.push(Event::Delta { choice: 0, block, delta: Delta::Text(text) });
        }
        for raw in message.tool_calls.into_iter().flatten() {
            self.call(raw, events)?;
        }
        Ok(())
    }

    /// The block that a piece goes on with or begins.
    fn block(&mut self, kind: Kind, opening: Opening, events: &mut Vec<Event>) -> u32 {
        if let Some((open, block)) = self.open
            && open == kind
        {
            return block;
        }
        self.close(events);
        let block = self.begin(opening, events);
        self.open = Some((kind, block));
        block
    }

    fn call(&mut self, raw: &RawValue, events: &mut Vec<Event>) -> Result<(), Fault> {
        let path = Path::Field(&Path::Root, "tool_calls");
        let number = self.calls;
        let read = call(raw, &path, || format!("{CALL}_{number}")).map_err(|error| unreadable(&error))?;
        let Content::ToolCall { id, name, arguments, .. } = read else { return Ok(()) };
        self.calls += 1;
        self.close(events);
        let block = self.begin(Opening::ToolCall { id, name, signature: None }, events);
        events.push(Event::Delta { choice: 0, block, delta: Delta::Arguments(arguments) });
        events.push(Event::Close { choice: 0, block });
        Ok(())
    }

    fn begin(&mut self, opening: Opening, events: &mut Vec<Event>) -> u32 {
        let block = self.next;
        self.next += 1;
        events.push(Event::Open { choice: 0, block, opening });
        block
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if let Some((_, block)) = self.open.take() {
            events.push(Event::Close { choice: 0, block });
        }
    }
}
