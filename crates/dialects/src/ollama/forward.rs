//! Passes an answer through to a caller of the same language: the bytes as they came, but for the model's name.

use std::borrow::Cow;

use bytes::Bytes;
use types::{Fault, Frame, StreamEvent};

use super::MAX_DEPTH;
use super::answer::stop_reason;
use super::error::{broke_off, fault_inside, not_json};
use super::usage::WireUsage;
use crate::outline::{Outline, Outlined, Part};
use crate::splice::{patch, quoted};
use crate::{Asked, Conduit, Splice, Tally};

/// Passes an answer through.
#[derive(Debug)]
pub(super) struct Forwarder {
    /// The name the answer gives the model, as JSON.
    model: Bytes,
    has_call: bool,
    tally: Tally,
    outline: Outline,
}

impl Forwarder {
    /// The way of the answer to this request.
    pub(super) fn new(asked: &Asked) -> Self {
        let (tally, outline) = <(Tally, Outline)>::default();
        Self { model: quoted(asked.model.as_str()), has_call: false, tally, outline }
    }

    fn event(&mut self, event: &StreamEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        // What follows the end can no longer fail an answer that is complete.
        if event.data.is_empty() || self.tally.is_complete {
            out.push(event.raw.clone());
            return Ok(());
        }
        self.read(&event.data, MAX_DEPTH, |this, line| {
            let line = line.map_err(|_| not_json())?;
            this.note(line, &event.data)?;
            match line.field("model").filter(|model| model.raw() != this.model) {
                Some(model) => patch(event, model.span(), &this.model, out),
                None => out.push(event.raw.clone()),
            }
            Ok(())
        })
    }

    fn whole(&mut self, body: &Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.read(body, MAX_DEPTH, |this, answer| {
            let answer = answer.map_err(|_| not_json())?;
            this.note(answer, body)?;
            if answer.field("message").is_none() {
                return Err(not_json());
            }
            this.tally.usage = WireUsage::read(answer).canonical();
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

    /// Takes notice of what a line says.
    fn note(&mut self, line: Part<'_>, bytes: &[u8]) -> Result<(), Fault> {
        if line.field("error").is_some_and(|error| error.raw() != b"null") {
            return Err(fault_inside(bytes));
        }
        if self.tally.model.is_none() {
            self.tally.model = line.field("model").and_then(Part::text).map(Cow::into_owned);
        }
        if let Some(message) = line.field("message") {
            let calls = message.field("tool_calls").filter(|calls| calls.items().next().is_some());
            self.has_call |= calls.is_some();
            let length = text_length(message.field("content"))
                + text_length(message.field("thinking"))
                + calls.map_or(0, |calls| calls.raw().len());
            self.tally.output_bytes += length as u64;
            self.tally.has_content |= length > 0;
        }
        if let Some(word) = line.field("done_reason").and_then(Part::text) {
            self.tally.stop = Some(stop_reason(&word, self.has_call));
        }
        if line.field("done").is_some_and(|done| done.raw() == b"true") {
            self.tally.has_content = true;
            self.tally.is_complete = true;
            self.tally.usage = WireUsage::read(line).canonical();
        }
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

/// How long a text is, near enough for an estimate.
fn text_length(text: Option<Part<'_>>) -> usize {
    let Some(text) = text.filter(|text| text.raw().starts_with(b"\"")) else { return 0 };
    text.raw().iter().filter(|byte| **byte != b'\\').count().saturating_sub(2)
}
