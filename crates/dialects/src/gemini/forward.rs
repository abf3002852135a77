//! Passes an answer through to a caller of the same language: the bytes as they came, but for the model's name. A caller
//! that reads an array gets the same pieces as its items.

use std::borrow::Cow;

use bytes::Bytes;
use types::conversation::{Delivery, StopReason};
use types::{Fault, Frame, StreamEvent, StreamForm};

use super::MAX_DEPTH;
use super::chunk::{later, stop_reason};
use super::error::{broke_off, fault_in_answer, unreadable};
use super::usage::{ReadUsage, searches};
use super::wire;
use crate::outline::{Outline, Outlined, Part};
use crate::splice::{patch, quoted};
use crate::vocabulary::Said;
use crate::{Asked, Conduit, Span, Splice, Tally};

/// Passes an answer through.
#[derive(Debug)]
pub(super) struct Forwarder {
    /// The name the answer gives the model, as JSON.
    model: Bytes,
    delivery: Delivery,
    form: StreamForm,
    has_written: bool,
    /// Whether any candidate has come to its end: what follows may still belong to the answer.
    has_finished: bool,
    has_calls: bool,
    reason: Option<StopReason>,
    usage: Option<ReadUsage>,
    searches: u64,
    tally: Tally,
    outline: Outline,
    /// The same of the contents in it.
    contents: Outline,
}

impl Forwarder {
    /// The way of the answer to this request.
    pub(super) fn new(asked: &Asked) -> Self {
        Self {
            model: quoted(asked.model.as_str()),
            delivery: asked.delivery,
            form: asked.form,
            has_written: false,
            has_finished: false,
            has_calls: false,
            reason: None,
            usage: None,
            searches: 0,
            tally: Tally::default(),
            outline: Outline::default(),
            contents: Outline::default(),
        }
    }

    fn event(&mut self, event: &StreamEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if event.name.as_ref() == b"error" {
            return Err(fault_in_answer(&event.data));
        }
        if event.data.is_empty() {
            if self.form == StreamForm::Events {
                out.push(event.raw.clone());
            }
            return Ok(());
        }
        let model = self.note(&event.data)?;
        if self.form == StreamForm::Events {
            match model {
                Some(span) => patch(event, span, &self.model, out),
                None => out.push(event.raw.clone()),
            }
            return Ok(());
        }
        let (before, after) = wire::around(self.form, !std::mem::replace(&mut self.has_written, true));
        push(out, Bytes::from_static(before));
        out.extend(self.renamed(model, &event.data));
        push(out, Bytes::from_static(after));
        Ok(())
    }

    fn whole(&mut self, body: &Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let model = self.note(body)?;
        self.tally.has_content = true;
        self.has_finished = true;
        out.extend(self.renamed(model, body));
        Ok(())
    }

    /// The text with the model's name as the caller knows it.
    fn renamed(&self, model: Option<Span>, text: &Bytes) -> Vec<Bytes> {
        let mut splice = Splice::default();
        if let Some(span) = model {
            splice.replace(span, self.model.clone());
        }
        splice.apply(text)
    }

    /// Notes what a piece of the answer says, and finds where it names the model by another name.
    fn note(&mut self, data: &[u8]) -> Result<Option<Span>, Fault> {
        self.read(data, MAX_DEPTH, |this, piece| {
            let piece = piece.map_err(|error| unreadable(&error))?;
            let text = |name| piece.field(name)?.text().map(Cow::into_owned);
            for (name, value) in piece.fields() {
                match name {
                    b"candidates" => this.candidates(value),
                    b"error" if value.raw() != b"null" => return Err(fault_in_answer(data)),
                    b"promptFeedback" => this.feedback(value),
                    b"usageMetadata" => {
                        this.usage = ReadUsage::read(value).or(this.usage);
                    }
                    _ => {}
                }
            }
            if this.tally.id.is_none() {
                this.tally.id = text("responseId");
                this.tally.model = text("modelVersion");
            }
            let candidates = piece.field("candidates").into_iter().flat_map(Part::items);
            let grounding = candidates.filter_map(|candidate| candidate.field("groundingMetadata"));
            let model = this.tally.model.as_deref().unwrap_or_default();
            let told: u64 = grounding.map(|grounding| searches(grounding.raw(), model)).sum();
            this.searches = this.searches.max(told);
            this.tally.usage = this.usage.map(|usage| usage.canonical(this.searches));
            let model = piece.field("modelVersion").filter(|model| model.raw() != this.model);
            Ok(model.map(Part::span))
        })
    }

    fn candidates(&mut self, candidates: Part<'_>) {
        for (position, candidate) in candidates.items().enumerate() {
            if let Some(content) = candidate.field("content") {
                self.content(content.raw());
            }
            let reason = candidate.field("finishReason").and_then(|reason| stop_reason(reason.raw()));
            let Some(reason) = reason else { continue };
            self.tally.has_content = true;
            self.has_finished = true;
            if position == 0 {
                let reason = later(self.reason, reason);
                self.reason = Some(reason);
                let said = Said { tool_call: self.has_calls, refusal: false };
                self.tally.stop = Some(said.refine(reason));
            }
        }
    }

    /// Counts what the parts of a content say, which lie deeper than the outline of the whole goes.
    fn content(&mut self, content: &[u8]) {
        let mut outline = std::mem::take(&mut self.contents);
        if let Ok(content) = outline.read(content, MAX_DEPTH) {
            content.field("parts").into_iter().flat_map(Part::items).for_each(|part| self.part(part));
        }
        self.contents = outline;
    }

    fn part(&mut self, part: Part<'_>) {
        for (name, value) in part.fields() {
            let length = match name {
                b"text" => value.raw().len().saturating_sub(2),
                b"codeExecutionResult" | b"executableCode" | b"functionCall" => value.raw().len(),
                b"thought" | b"thoughtSignature" => continue,
                // A picture's bytes say nothing of its tokens.
                _ => {
                    self.tally.has_content = true;
                    continue;
                }
            };
            self.has_calls |= name == b"functionCall";
            self.tally.output_bytes += length as u64;
            self.tally.has_content |= length > 0;
        }
    }

    /// The prompt was refused: there will be no candidate.
    fn feedback(&mut self, feedback: Part<'_>) {
        if feedback.field("blockReason").and_then(|reason| stop_reason(reason.raw())).is_some() {
            self.tally.has_content = true;
            self.has_finished = true;
            self.tally.stop = Some(StopReason::Filtered);
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

    fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if !self.has_finished {
            return Err(broke_off());
        }
        self.tally.is_complete = true;
        if self.delivery.is_stream() {
            push(out, Bytes::from_static(wire::end(self.form)));
        }
        Ok(())
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

fn push(out: &mut Vec<Bytes>, piece: Bytes) {
    if !piece.is_empty() {
        out.push(piece);
    }
}
