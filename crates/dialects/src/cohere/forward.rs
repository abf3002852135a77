//! Passes an answer through to a caller of the same language: the bytes as they came. The wire names no model.

use std::borrow::Cow;

use bytes::Bytes;
use types::{Fault, Frame, StreamEvent};

use super::MAX_DEPTH;
use super::answer::{not_an_answer, stop_reason};
use super::error::{broke_off, failure, not_json};
use super::usage::WireUsage;
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
        // What follows the end can no longer fail an answer that is complete.
        if !event.data.is_empty() && !self.tally.is_complete {
            self.read(&event.data, MAX_DEPTH, |this, said| this.note(said.map_err(|_| not_json())?))?;
        }
        out.push(event.raw.clone());
        Ok(())
    }

    /// Takes notice of what an event says.
    fn note(&mut self, said: Part<'_>) -> Result<(), Fault> {
        let kind = said.field("type").and_then(Part::text).unwrap_or_default();
        let delta = said.field("delta");
        match kind.as_ref() {
            "message-start" => self.tally.id = said.field("id").and_then(Part::text).map(Cow::into_owned),
            "message-end" => {
                if let Some(delta) = delta {
                    self.end(delta)?;
                }
                self.tally.has_content = true;
                self.tally.is_complete = true;
            }
            "tool-call-start" => self.tally.has_content = true,
            "content-delta" | "tool-call-delta" | "tool-plan-delta" => {
                let length = delta.and_then(|delta| delta.field("message")).map_or(0, text_length);
                self.tally.output_bytes += length as u64;
                self.tally.has_content |= length > 0;
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, ended: Part<'_>) -> Result<(), Fault> {
        let word = ended.field("finish_reason").and_then(Part::text).unwrap_or_default();
        let message = ended.field("error").and_then(Part::text).map(Cow::into_owned);
        if let Some(fault) = failure(&word, message) {
            return Err(fault);
        }
        self.tally.stop = Some(stop_reason(&word));
        if let Some(usage) = ended.field("usage").and_then(WireUsage::read) {
            self.tally.usage = Some(usage.canonical());
        }
        Ok(())
    }

    fn whole(&mut self, body: &Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.read(body, MAX_DEPTH, |this, answer| {
            let answer = answer.map_err(|_| not_json())?;
            let Some(message) = answer.field("message").filter(|message| message.raw().starts_with(b"{"))
            else {
                return Err(not_an_answer());
            };
            this.end(answer)?;
            this.tally.id = answer.field("id").and_then(Part::text).map(Cow::into_owned);
            this.tally.output_bytes = message.raw().len() as u64;
            this.tally.has_content = true;
            this.tally.is_complete = true;
            Ok(())
        })?;
        out.push(body.clone());
        Ok(())
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

/// How long the text of a piece is, near enough for an estimate.
fn text_length(message: Part<'_>) -> usize {
    let content = message.field("content");
    let texts = [
        content.and_then(|content| content.field("text")),
        content.and_then(|content| content.field("thinking")),
        message.field("tool_plan"),
    ];
    let quoted = texts.into_iter().flatten().map(|text| (text, 2));
    // Arguments stand one level deeper than the outline looks.
    let function = message.field("tool_calls").and_then(|call| call.field("function"));
    let wrapped = function.map(|function| (function, br#"{"arguments":""}"#.len()));
    let length = |(text, around): (Part<'_>, usize)| {
        text.raw().iter().filter(|byte| **byte != b'\\').count().saturating_sub(around)
    };
    quoted.chain(wrapped).map(length).sum()
}
