//! Passes an answer through to a caller of the same language: the bytes as they came, but for the model's name.

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use types::{Fault, FaultKind, Frame, SseEvent};

use super::answer::stop_reason;
use super::error::{broke_off, fault_in_answer};
use super::usage::WireUsage;
use crate::splice::quoted;
use crate::{Asked, Conduit, Fields, Span, Splice, Tally};

/// Deeper than any answer a provider sends.
const MAX_DEPTH: usize = 256;

/// Passes an answer through.
#[derive(Debug)]
pub(super) struct Forwarder {
    /// The name the answer gives the model, as JSON.
    model: Bytes,
    usage: WireUsage,
    tally: Tally,
}

#[derive(Deserialize)]
struct Typed {
    r#type: Option<String>,
}

#[derive(Deserialize)]
struct BlockStart {
    content_block: Typed,
}

#[derive(Deserialize)]
struct BlockDelta<'a> {
    #[serde(borrow)]
    delta: Pieces<'a>,
}

/// What a delta can say, as the bytes it is said in.
#[derive(Deserialize)]
struct Pieces<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    partial_json: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct MessageDelta {
    delta: Option<Stop>,
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Stop {
    stop_reason: Option<String>,
}

impl Forwarder {
    /// The way of the answer to this request.
    pub(super) fn new(asked: &Asked) -> Self {
        Self { model: quoted(asked.model.as_str()), usage: WireUsage::default(), tally: Tally::default() }
    }

    fn event(&mut self, event: SseEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        // Some relays end the stream in the other dialect's way.
        if event.data.as_ref() == b"[DONE]" {
            return Ok(());
        }
        // What follows the end can no longer fail an answer that is complete.
        if event.data.is_empty() || self.tally.is_complete {
            out.push(event.raw);
            return Ok(());
        }
        if event.name.is_empty() {
            return self.unnamed(event, out);
        }
        self.named(&event.name.clone(), event, out)
    }

    /// An event without its name line, which callers need to see it at all.
    fn unnamed(&mut self, event: SseEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let name = read::<Typed>(&event.data)?.and_then(|typed| typed.r#type).unwrap_or_default();
        let at = out.len();
        // A byte-order mark counts only in front of everything, and a name ends with its line.
        let can_be_named = event.raw.starts_with(b"data")
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        self.named(name.as_bytes(), event, out)?;
        if can_be_named {
            out.insert(at, format!("event: {name}\n").into());
        }
        Ok(())
    }

    fn named(&mut self, name: &[u8], event: SseEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        match name {
            b"content_block_delta" => self.delta(&event.data)?,
            b"content_block_start" => {
                let opens = read::<BlockStart>(&event.data)?.and_then(|start| start.content_block.r#type);
                self.tally.has_content |= !matches!(opens.as_deref(), None | Some("text" | "thinking"));
            }
            b"message_start" => return self.start(&event, out),
            b"message_delta" => self.finish(&event.data)?,
            b"message_stop" => self.tally.is_complete = true,
            b"error" => return Err(fault_in_answer(&event.data)),
            _ => {}
        }
        out.push(event.raw);
        Ok(())
    }

    fn delta(&mut self, data: &[u8]) -> Result<(), Fault> {
        let Some(BlockDelta { delta }) = read(data)? else { return Ok(()) };
        let pieces = [delta.text, delta.thinking, delta.partial_json];
        let length: usize = pieces.into_iter().flatten().map(text_length).sum();
        self.tally.output_bytes += length as u64;
        self.tally.has_content |= length > 0;
        Ok(())
    }

    fn start(&mut self, event: &SseEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let outer = Fields::scan(&event.data, MAX_DEPTH).map_err(|_| unreadable())?;
        let Ok(Some(message)) = outer.find(&event.data, "message") else {
            out.push(event.raw.clone());
            return Ok(());
        };
        let inside = event.data.slice(message.clone());
        let fields = Fields::scan(&inside, MAX_DEPTH).map_err(|_| unreadable())?;
        self.note(&inside, &fields);
        match fields.find(&inside, "model") {
            Ok(Some(model)) if inside.get(model.clone()) != Some(&self.model) => {
                let span = message.start + model.start..message.start + model.end;
                self.patch(event, span, out);
            }
            Ok(_) | Err(_) => out.push(event.raw.clone()),
        }
        Ok(())
    }

    /// Puts the caller's name for the model in place of `span` of the event's data.
    fn patch(&self, event: &SseEvent, span: Span, out: &mut Vec<Bytes>) {
        let mut splice = Splice::default();
        if let Some(at) = memmem::find(&event.raw, &event.data) {
            splice.replace(at + span.start..at + span.end, self.model.clone());
            out.extend(splice.apply(&event.raw));
            return;
        }
        // The data came on several lines: it is written anew, line by line.
        splice.replace(span, self.model.clone());
        let data = splice.apply(&event.data).concat();
        let mut written = Vec::with_capacity(event.raw.len());
        if !event.name.is_empty() {
            written.extend_from_slice(b"event: ");
            written.extend_from_slice(&event.name);
            written.push(b'\n');
        }
        for line in data.split(|byte| *byte == b'\n') {
            written.extend_from_slice(b"data: ");
            written.extend_from_slice(line);
            written.push(b'\n');
        }
        written.push(b'\n');
        out.push(written.into());
    }

    fn finish(&mut self, data: &[u8]) -> Result<(), Fault> {
        let Some(MessageDelta { delta, usage }) = read(data)? else { return Ok(()) };
        if let Some(usage) = usage {
            self.usage.update(usage);
            self.tally.usage = Some(self.usage.canonical());
        }
        if let Some(word) = delta.and_then(|stop| stop.stop_reason) {
            self.tally.stop = Some(stop_reason(&word));
            self.tally.has_content = true;
        }
        Ok(())
    }

    fn whole(&mut self, body: &Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let fields = Fields::scan(body, MAX_DEPTH).map_err(|_| unreadable())?;
        let content = fields.value(body, "content");
        let error = fields.value(body, "error").filter(|error| *error != b"null");
        if content.is_none() && error.is_some() {
            return Err(fault_in_answer(body));
        }
        self.note(body, &fields);
        self.tally.output_bytes = content.map_or(0, |content| content.len() as u64);
        self.tally.has_content = true;
        self.tally.is_complete = true;
        let mut splice = Splice::default();
        if let Ok(Some(span)) = fields.find(body, "model")
            && body.get(span.clone()) != Some(&self.model)
        {
            splice.replace(span, self.model.clone());
        }
        out.extend(splice.apply(body));
        Ok(())
    }

    /// Notes what a message says of itself.
    fn note(&mut self, message: &[u8], fields: &Fields) {
        let text = |name| fields.value(message, name).and_then(|value| serde_json::from_slice(value).ok());
        self.tally.id = text("id");
        self.tally.model = text("model");
        self.tally.stop = text("stop_reason").map(|word: String| stop_reason(&word));
        let usage = fields.value(message, "usage").and_then(|value| serde_json::from_slice(value).ok());
        if let Some(usage) = usage {
            self.usage.update(usage);
            self.tally.usage = Some(self.usage.canonical());
        }
    }
}

impl Conduit for Forwarder {
    fn push(&mut self, frame: Frame, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        match frame {
            Frame::Event(event) => self.event(event, out),
            Frame::Whole(body) => self.whole(&body, out),
        }
    }

    fn end(&mut self, _out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if self.tally.is_complete { Ok(()) } else { Err(broke_off()) }
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

/// Reads what an event says; none where it has another shape, a fault where it is not JSON at all.
fn read<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<Option<T>, Fault> {
    match serde_json::from_slice(data) {
        Ok(read) => Ok(Some(read)),
        Err(_) if Fields::scan(data, MAX_DEPTH).is_ok() => Ok(None),
        Err(_) => Err(unreadable()),
    }
}

/// How long the text is that `raw` spells, near enough for an estimate.
fn text_length(raw: &RawValue) -> usize {
    raw.get().bytes().filter(|byte| *byte != b'\\').count().saturating_sub(2)
}

fn unreadable() -> Fault {
    Fault::new(FaultKind::Unreadable, "the provider's answer is not a JSON object")
}
