//! Passes an answer through to a caller of the same language: the bytes as they came, but for the model's name.

use std::borrow::Cow;

use bytes::Bytes;
use types::{Fault, FaultKind, Frame, StreamEvent};

use super::ANSWER_DEPTH;
use super::answer::stop_reason;
use super::error::{broke_off, fault_in_answer};
use super::usage::WireUsage;
use crate::outline::{Outline, Outlined, Part};
use crate::splice::{patch, quoted};
use crate::{Asked, Conduit, Splice, Tally};

/// Passes an answer through.
#[derive(Debug)]
pub(super) struct Forwarder {
    /// The name the answer gives the model, as JSON.
    model: Bytes,
    usage: WireUsage,
    tally: Tally,
    outline: Outline,
}

impl Forwarder {
    /// The way of the answer to this request.
    pub(super) fn new(asked: &Asked) -> Self {
        let (usage, tally, outline) = <(WireUsage, Tally, Outline)>::default();
        Self { model: quoted(asked.model.as_str()), usage, tally, outline }
    }

    fn event(&mut self, event: &StreamEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        // Some relays end the stream in the other dialect's way.
        if event.data.as_ref() == b"[DONE]" {
            return Ok(());
        }
        // What follows the end can no longer fail an answer that is complete.
        if event.data.is_empty() || self.tally.is_complete {
            out.push(event.raw.clone());
            return Ok(());
        }
        if event.name.as_ref() == b"error" {
            return Err(fault_in_answer(&event.data));
        }
        self.read(&event.data, ANSWER_DEPTH, |this, said| {
            let said = said.map_err(|_| unreadable())?;
            if event.name.is_empty() {
                return this.unnamed(event, said, out);
            }
            this.named(&event.name, event, said, out)
        })
    }

    /// An event without its name line, which callers need to see it at all.
    fn unnamed(&mut self, event: &StreamEvent, said: Part<'_>, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let name = said.field("type").and_then(Part::text).unwrap_or_default();
        let at = out.len();
        // A byte-order mark counts only in front of everything, and a name ends with its line.
        let can_be_named = event.raw.starts_with(b"data")
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        self.named(name.as_bytes(), event, said, out)?;
        if can_be_named {
            out.insert(at, format!("event: {name}\n").into());
        }
        Ok(())
    }

    fn named(
        &mut self,
        name: &[u8],
        event: &StreamEvent,
        said: Part<'_>,
        out: &mut Vec<Bytes>,
    ) -> Result<(), Fault> {
        match name {
            b"content_block_delta" => self.delta(said),
            b"content_block_start" => {
                let opens = said.field("content_block").and_then(|block| block.field("type")?.text());
                self.tally.has_content |= !matches!(opens.as_deref(), None | Some("text" | "thinking"));
            }
            b"message_start" => {
                self.start(event, said, out);
                return Ok(());
            }
            b"message_delta" => self.finish(said),
            b"message_stop" => self.tally.is_complete = true,
            b"error" => return Err(fault_in_answer(&event.data)),
            _ => {}
        }
        out.push(event.raw.clone());
        Ok(())
    }

    fn delta(&mut self, said: Part<'_>) {
        let Some(delta) = said.field("delta") else { return };
        let pieces =
            delta.fields().filter(|(name, _)| matches!(*name, b"partial_json" | b"text" | b"thinking"));
        let length: usize = pieces.map(|(_, piece)| text_length(piece.raw())).sum();
        self.tally.output_bytes += length as u64;
        self.tally.has_content |= length > 0;
    }

    fn start(&mut self, event: &StreamEvent, said: Part<'_>, out: &mut Vec<Bytes>) {
        let message = said.field("message");
        if let Some(message) = message {
            self.note(message);
        }
        match message.and_then(|message| message.field("model")) {
            Some(model) if model.raw() != self.model => patch(event, model.span(), &self.model, out),
            Some(_) | None => out.push(event.raw.clone()),
        }
    }

    fn finish(&mut self, said: Part<'_>) {
        self.usage(said);
        if let Some(word) = said.field("delta").and_then(|delta| delta.field("stop_reason")?.text()) {
            self.tally.stop = Some(stop_reason(&word));
            self.tally.has_content = true;
        }
    }

    fn whole(&mut self, body: &Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.read(body, ANSWER_DEPTH, |this, answer| {
            let answer = answer.map_err(|_| unreadable())?;
            let content = answer.field("content");
            let error = answer.field("error").filter(|error| error.raw() != b"null");
            if content.is_none() && error.is_some() {
                return Err(fault_in_answer(body));
            }
            this.note(answer);
            this.tally.output_bytes = content.map_or(0, |content| content.raw().len() as u64);
            this.tally.has_content = true;
            this.tally.is_complete = true;
            let mut splice = Splice::default();
            if let Some(model) = answer.field("model").filter(|model| model.raw() != this.model) {
                splice.replace(model.span(), this.model.clone());
            }
            out.extend(splice.apply(body));
            Ok(())
        })
    }

    /// Notes what a message says of itself.
    fn note(&mut self, message: Part<'_>) {
        let text = |name| message.field(name)?.text().map(Cow::into_owned);
        self.tally.id = text("id");
        self.tally.model = text("model");
        self.tally.stop = text("stop_reason").map(|word| stop_reason(&word));
        self.usage(message);
    }

    fn usage(&mut self, said: Part<'_>) {
        let usage = said.field("usage").filter(|usage| usage.raw().starts_with(b"{"));
        if let Some(usage) = usage.and_then(WireUsage::read) {
            self.usage.update(usage);
            self.tally.usage = Some(self.usage.canonical());
        }
    }
}

impl Outlined for Forwarder {
    fn outline(&mut self) -> &mut Outline {
        &mut self.outline
    }
}

impl Conduit for Forwarder {
    fn push(&mut self, frame: Frame, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        match frame {
            Frame::Event(event) => self.event(&event, out),
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

/// How long the text is that `raw` spells, near enough for an estimate.
fn text_length(raw: &[u8]) -> usize {
    if raw == b"null" {
        return 0;
    }
    raw.iter().filter(|byte| **byte != b'\\').count().saturating_sub(2)
}

fn unreadable() -> Fault {
    Fault::new(FaultKind::Unreadable, "the provider's answer is not a JSON object")
}
