//! Passes an answer through to a caller of the same language: the bytes as they came. The wire names no model.

use bytes::Bytes;
use types::{Fault, Frame, StreamEvent};

use super::MAX_DEPTH;
use super::answer::{not_an_answer, stop_reason};
use super::error::{broke_off, fault_in_stream, is_failure, not_json};
use super::usage::{WireUsage, tier_of_word};
use crate::outline::{Outline, Outlined, Part};
use crate::{Conduit, Tally};

/// Passes an answer through.
#[derive(Debug, Default)]
pub(super) struct Forwarder {
    tally: Tally,
    outline: Outline,
}

impl Forwarder {
    fn event(&mut self, event: &StreamEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if is_failure(event) && !self.tally.is_complete {
            return Err(fault_in_stream(&event.name, &event.data));
        }
        if is_noted(&event.name) && !event.data.is_empty() && !self.tally.is_complete {
            self.read(&event.data, MAX_DEPTH, |this, said| {
                this.note(&event.name, said.map_err(|_| not_json())?);
                Ok(())
            })?;
        }
        out.push(event.raw.clone());
        Ok(())
    }

    /// Takes notice of what an event says.
    fn note(&mut self, name: &[u8], said: Part<'_>) {
        match name {
            b"contentBlockStart" => self.tally.has_content = true,
            b"contentBlockDelta" => {
                let length = said.field("delta").map_or(0, text_length);
                self.tally.output_bytes += length as u64;
                self.tally.has_content |= length > 0;
            }
            b"messageStop" => {
                self.stop(said);
                self.tally.has_content = true;
            }
            // Behind the end of the message: what it cost.
            b"metadata" => {
                self.usage(said);
                self.tally.is_complete = self.tally.stop.is_some();
            }
            _ => {}
        }
    }

    fn whole(&mut self, body: &Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.read(body, MAX_DEPTH, |this, answer| {
            let answer = answer.map_err(|_| not_json())?;
            let Some(message) = answer.field("output").and_then(|output| output.field("message")) else {
                return Err(not_an_answer());
            };
            this.stop(answer);
            this.usage(answer);
            this.tally.output_bytes = message.raw().len() as u64;
            this.tally.has_content = true;
            this.tally.is_complete = true;
            Ok(())
        })?;
        out.push(body.clone());
        Ok(())
    }

    fn stop(&mut self, said: Part<'_>) {
        let word = said.field("stopReason").and_then(Part::text);
        self.tally.stop = Some(stop_reason(word.as_deref().unwrap_or_default()));
    }

    fn usage(&mut self, said: Part<'_>) {
        let usage = said.field("usage").filter(|usage| usage.raw().starts_with(b"{"));
        if let Some(usage) = usage.and_then(WireUsage::read) {
            let tier = said.field("serviceTier").and_then(|tier| tier.field("type")?.text());
            self.tally.usage = Some(usage.canonical(tier.and_then(|word| tier_of_word(&word))));
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
        // Only what it cost may be missing behind the end of the message.
        if self.tally.is_complete || self.tally.stop.is_some() {
            self.tally.is_complete = true;
            return Ok(());
        }
        Err(broke_off())
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

/// Whether events with this name say something of the answer. The others are passed on, whatever they hold.
fn is_noted(name: &[u8]) -> bool {
    matches!(name, b"contentBlockStart" | b"contentBlockDelta" | b"messageStop" | b"metadata")
}

/// How long the text of a delta is, near enough for an estimate.
fn text_length(delta: Part<'_>) -> usize {
    let inside = |name| delta.field(name);
    let texts = [
        inside("text"),
        inside("toolUse").and_then(|call| call.field("input")),
        inside("reasoningContent").and_then(|reasoning| reasoning.field("text")),
    ];
    let length = |text: Part<'_>| text.raw().iter().filter(|byte| **byte != b'\\').count().saturating_sub(2);
    texts.into_iter().flatten().map(length).sum()
}
