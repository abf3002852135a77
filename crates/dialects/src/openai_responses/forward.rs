//! Passes answers of this language through: every byte stays but the model's name.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memmem;
use serde_json::{Map, Value};
use types::{Fault, FaultKind, Frame, Refusal, ServiceTier, StreamEvent};

use super::answer::{ReadEnding, is_search};
use super::error::{Failure, cancelled, encode_in_stream, fault_of};
use super::usage::ReadUsage;
use crate::openai_family::error::{broken_off, fault_inside, fault_of_event, unreadable};
use crate::openai_family::{DONE, MAX_DEPTH, json_bytes};
use crate::outline::{Outline, Outlined, Part};
use crate::splice::{patch, quoted};
use crate::vocabulary::Said;
use crate::{Asked, Conduit, Splice, Tally};

/// What a count of tokens calls itself, which is passed on as it came.
const COUNT: &[u8] = b"\"response.input_tokens\"";

/// The way of an answer from an upstream of this language to a caller of it.
pub(super) struct Forwarder {
    /// The model's name as the caller knows it, in quotes.
    model: Bytes,
    said: Said,
    /// The event that began the answer, and the number of the next one.
    beginning: Bytes,
    sequence: u64,
    /// Searches of the web that have ended.
    searches: u64,
    tally: Tally,
    outline: Outline,
}

impl Forwarder {
    pub(super) fn new(asked: &Asked) -> Self {
        Self {
            model: quoted(asked.model.as_str()),
            said: Said::default(),
            beginning: Bytes::new(),
            sequence: 0,
            searches: 0,
            tally: Tally::default(),
            outline: Outline::default(),
        }
    }

    fn event(&mut self, event: &StreamEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let data = event.data.as_ref();
        // What follows the end can no longer fail an answer that is complete.
        if data.is_empty() || self.tally.is_complete || data.trim_ascii() == DONE {
            out.push(event.raw.clone());
            return Ok(());
        }
        self.read(data, MAX_DEPTH, |this, said| match said {
            Ok(said) => this.said(said, event, out),
            Err(_) if event.name.as_ref() == b"error" => Err(fault_of_event(data)),
            Err(error) => Err(unreadable(&error)),
        })
    }

    fn said(&mut self, said: Part<'_>, event: &StreamEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let kind = said.field("type").and_then(Part::text);
        let name = kind.as_deref().unwrap_or_else(|| std::str::from_utf8(&event.name).unwrap_or_default());
        match name {
            "error" | "response.failed" => return Err(failed(said, event)),
            "response.created" | "response.in_progress" | "response.queued" => {
                if self.beginning.is_empty() {
                    self.beginning = event.data.clone();
                }
            }
            "response.completed" | "response.done" | "response.incomplete" => self.finish(said)?,
            "response.output_item.added" | "response.output_item.done" => {
                if let Some(item) = said.field("item") {
                    self.item(item);
                    self.searches += u64::from(name.ends_with("done") && is_search(item.raw()));
                }
            }
            _ if kind.is_none() => {
                if let Some(fault) = fault_inside(&event.data) {
                    return Err(fault);
                }
            }
            name => self.piece(name, said),
        }
        if let Some(number) = said.field("sequence_number").and_then(|part| number(part.raw())) {
            self.sequence = number.saturating_add(1);
        }
        let response = said.field("response");
        if let Some(response) = response {
            self.identity(response);
        }
        match response.and_then(|response| response.field("model")) {
            Some(model) if self.is_other(model) => patch(event, model.span(), &self.model, out),
            Some(_) | None => out.push(event.raw.clone()),
        }
        Ok(())
    }

    /// Whether a name of the model's has to be replaced.
    fn is_other(&self, model: Part<'_>) -> bool {
        model.raw().starts_with(b"\"") && model.raw() != self.model
    }

    /// Counts a piece of an item.
    fn piece(&mut self, name: &str, said: Part<'_>) {
        self.said.refusal |= name == "response.refusal.delta";
        let is_piece = name.strip_suffix(".delta").is_some();
        let Some(piece) = said.field("delta").filter(|_| is_piece) else { return };
        let length = piece.raw().len().saturating_sub(2) as u64;
        self.tally.output_bytes += length;
        self.tally.has_content |= length > 0;
    }

    /// Notes what an item is. Messages and reasoning begin empty; everything else is something by itself.
    fn item(&mut self, item: Part<'_>) {
        let kind = item.field("type").and_then(Part::text).unwrap_or_default();
        self.said.tool_call |= matches!(kind.as_ref(), "function_call" | "custom_tool_call");
        self.said.refusal |= kind == "message" && refuses(item);
        self.tally.has_content |= !matches!(kind.as_ref(), "message" | "reasoning");
    }

    /// Notes what the last event of a stream says of the answer.
    fn finish(&mut self, said: Part<'_>) -> Result<(), Fault> {
        if let Some(response) = said.field("response") {
            self.response(response)?;
        }
        self.tally.stop.get_or_insert(ReadEnding::Complete.reason(self.said));
        self.tally.has_content = true;
        self.tally.is_complete = true;
        Ok(())
    }

    /// Notes what an answer says of itself.
    fn response(&mut self, response: Part<'_>) -> Result<(), Fault> {
        let status = response.field("status").and_then(Part::text);
        match status.as_deref() {
            Some("failed") => return Err(fault_of(response.raw())),
            Some("cancelled") => return Err(cancelled()),
            Some(_) | None => {}
        }
        let mut searches = 0;
        for item in response.field("output").into_iter().flat_map(Part::items) {
            self.item(item);
            searches += u64::from(is_search(item.raw()));
        }
        // Some servers leave the list of items out at the end.
        let searches = searches.max(self.searches);
        let reason = response.field("incomplete_details").and_then(|details| details.field("reason")?.text());
        self.tally.stop = Some(ReadEnding::of(status.as_deref(), reason.as_deref()).reason(self.said));
        let usage = response.field("usage").filter(|usage| usage.raw().starts_with(b"{"));
        if let Some(usage) = usage.and_then(ReadUsage::read) {
            let tier = response.field("service_tier").and_then(Part::text);
            let tier = tier.and_then(|word| ServiceTier::of_word(word.as_bytes()));
            self.tally.usage = Some(usage.to_usage(tier, searches));
        }
        Ok(())
    }

    fn whole(&mut self, body: &Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.read(body, MAX_DEPTH, |this, answer| {
            let answer = answer.map_err(|error| unreadable(&error))?;
            if answer.field("object").is_some_and(|object| object.raw() == COUNT) {
                this.tally.is_complete = true;
                out.push(body.clone());
                return Ok(());
            }
            let Some(output) = answer.field("output").filter(|output| output.raw().starts_with(b"[")) else {
                let silent = || Fault::new(FaultKind::Unreadable, "the provider's answer has no output");
                return Err(fault_inside(body).unwrap_or_else(silent));
            };
            this.response(answer)?;
            this.identity(answer);
            this.tally.output_bytes = output.raw().len() as u64;
            this.tally.has_content = true;
            this.tally.is_complete = true;
            let mut splice = Splice::default();
            if let Some(model) = answer.field("model").filter(|model| this.is_other(*model)) {
                splice.replace(model.span(), this.model.clone());
            }
            out.extend(splice.apply(body));
            Ok(())
        })
    }

    /// Notes the upstream's id and model from the first object that has them.
    fn identity(&mut self, response: Part<'_>) {
        let text = |name: &str| {
            let text = response.field(name)?.text()?;
            (!text.is_empty()).then(|| text.into_owned())
        };
        if self.tally.id.is_none() {
            self.tally.id = text("id");
        }
        if self.tally.model.is_none() {
            self.tally.model = text("model");
        }
    }

    /// The answer as it began, as one that has failed.
    fn failure(&self, refusal: &Refusal) -> Option<Vec<u8>> {
        let mut event: Map<String, Value> = serde_json::from_slice(&self.beginning).ok()?;
        let response = event.get_mut("response")?.as_object_mut()?;
        response.insert("status".to_owned(), "failed".into());
        response.insert("error".to_owned(), serde_json::to_value(Failure::of(refusal)).ok()?);
        response.insert("model".to_owned(), serde_json::from_slice(&self.model).ok()?);
        event.insert("type".to_owned(), "response.failed".into());
        event.insert("sequence_number".to_owned(), self.sequence.saturating_add(1).into());
        let mut out = b"event: response.failed\ndata: ".to_vec();
        out.extend(json_bytes(&event));
        out.extend(b"\n\n");
        Some(out)
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
        if self.tally.is_complete { Ok(()) } else { Err(broken_off()) }
    }

    /// An error, which client libraries raise, and behind it the answer as one that has failed.
    fn fail(&mut self, refusal: &Refusal) -> Option<Vec<u8>> {
        let mut out = encode_in_stream(refusal, self.sequence);
        out.extend(self.failure(refusal).into_iter().flatten());
        Some(out)
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

/// The fault that an event tells of.
fn failed(said: Part<'_>, event: &StreamEvent) -> Fault {
    let response = said.field("response").map_or(&event.data[..], Part::raw);
    fault_of(response)
}

/// Whether a message refuses. Its parts lie deeper than is looked at by itself.
fn refuses(message: Part<'_>) -> bool {
    let content = message.field("content").map(Part::raw).unwrap_or_default();
    memmem::find(content, b"refusal").is_some() && has_refusal(content)
}

fn has_refusal(parts: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Typed<'a> {
        #[serde(borrow)]
        r#type: Cow<'a, str>,
    }
    let parts: Vec<Typed<'_>> = serde_json::from_slice(parts).unwrap_or_default();
    parts.iter().any(|part| part.r#type == "refusal")
}

fn number(raw: &[u8]) -> Option<u64> {
    std::str::from_utf8(raw).ok()?.parse().ok()
}
