//! Passes answers of this language through: every byte stays but the model's name and usage nobody asked for.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use types::conversation::Delivery;
use types::{Fault, FaultKind, Frame, ServiceTier, StreamEvent};

use super::answer::stop_reason;
use super::event::{Kind, kind};
use super::usage::ReadUsage;
use crate::openai_family::MAX_DEPTH;
use crate::openai_family::error::{
    broken_off, empty_stream, fault_inside, fault_of_event, is_truthy, unreadable,
};
use crate::outline::{Outline, Outlined, Part};
use crate::splice::{patch, quoted};
use crate::vocabulary::Said;
use crate::{Asked, Conduit, Span, Splice, Tally};

/// The way of an answer from an upstream of this language to a caller of it.
pub(super) struct Forwarder {
    /// The model's name as the caller knows it, in quotes.
    model: Bytes,
    include_usage: bool,
    /// What the first choice has said so far.
    said: Said,
    /// Whether any choice has come to its end.
    has_finished: bool,
    tally: Tally,
    outline: Outline,
}

impl Forwarder {
    pub(super) fn new(asked: &Asked) -> Self {
        let include_usage = match asked.delivery {
            Delivery::Stream { include_usage } => include_usage,
            Delivery::Whole => true,
        };
        Self {
            model: quoted(asked.model.as_str()),
            include_usage,
            said: Said::default(),
            has_finished: false,
            tally: Tally::default(),
            outline: Outline::default(),
        }
    }

    fn event(&mut self, event: &StreamEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        // What follows the end can no longer fail an answer that is complete.
        if self.tally.is_complete {
            out.push(event.raw.clone());
            return Ok(());
        }
        match kind(event)? {
            Kind::Object => {}
            Kind::Done if !self.tally.has_content => return Err(empty_stream()),
            kind @ (Kind::Comment | Kind::Done) => {
                self.tally.is_complete = kind == Kind::Done;
                out.push(event.raw.clone());
                return Ok(());
            }
        }
        self.read(&event.data, MAX_DEPTH, |this, chunk| {
            this.chunk(chunk.map_err(|error| unreadable(&error))?, event, out)
        })
    }

    fn chunk(&mut self, chunk: Part<'_>, event: &StreamEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if chunk.field("error").is_some_and(|error| is_truthy(error.raw())) {
            return Err(fault_inside(&event.data).unwrap_or_else(|| fault_of_event(&event.data)));
        }
        let has_usage = self.usage(chunk);
        let choices = chunk.field("choices");
        let is_usage_only = has_usage && choices.is_some_and(|choices| is_empty_list(choices.raw()));
        if let Some(choices) = choices {
            self.choices(choices);
        }
        self.identity(chunk);
        if !is_usage_only || self.include_usage {
            match self.model_span(chunk) {
                Some(span) => patch(event, span, &self.model, out),
                None => out.push(event.raw.clone()),
            }
        }
        Ok(())
    }

    fn whole(&mut self, body: &Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.read(body, MAX_DEPTH, |this, answer| {
            let answer = answer.map_err(|error| unreadable(&error))?;
            let choices = answer.field("choices").filter(|choices| choices.raw().starts_with(b"["));
            let Some(choices) = choices else {
                return Err(fault_inside(body).unwrap_or_else(|| {
                    Fault::new(FaultKind::Unreadable, "the provider's answer has no choices")
                }));
            };
            this.usage(answer);
            this.choices(choices);
            this.identity(answer);
            this.tally.has_content = true;
            this.tally.is_complete = true;
            let mut splice = Splice::default();
            if let Some(span) = this.model_span(answer) {
                splice.replace(span, this.model.clone());
            }
            out.extend(splice.apply(body));
            Ok(())
        })
    }

    /// Notes the usage, wherever the upstream put it; the last one counts. Says whether `usage` itself held any.
    fn usage(&mut self, answer: Part<'_>) -> bool {
        let usage = answer.field("usage").filter(|usage| usage.raw().starts_with(b"{"));
        let wrapped = || answer.field("x_groq")?.field("usage");
        if let Some(read) = usage.and_then(ReadUsage::read).or_else(|| wrapped().and_then(ReadUsage::read)) {
            let tier = answer.field("service_tier").and_then(Part::text);
            let tier = tier.and_then(|word| ServiceTier::of_word(word.as_bytes()));
            self.tally.usage = Some(read.to_usage(tier));
        }
        usage.is_some()
    }

    /// Notes the upstream's id and model from the first event that has them.
    fn identity(&mut self, answer: Part<'_>) {
        let text = |name: &str| {
            let text = answer.field(name)?.text()?;
            (!text.is_empty()).then(|| text.into_owned())
        };
        if self.tally.id.is_none() {
            self.tally.id = text("id");
        }
        if self.tally.model.is_none() {
            self.tally.model = text("model");
        }
    }

    /// Where the model's name has to be replaced.
    fn model_span(&self, answer: Part<'_>) -> Option<Span> {
        let model = answer.field("model")?;
        let differs = model.raw().starts_with(b"\"") && model.raw() != self.model;
        differs.then(|| model.span())
    }

    /// Counts what the choices say. One whose parts have forms that nobody foresaw has content: whether it ends is
    /// read all the same.
    fn choices(&mut self, choices: Part<'_>) {
        for (position, choice) in choices.items().enumerate() {
            let part = |name| choice.field(name).filter(|part| part.raw() != b"null");
            let seen = part("delta").or_else(|| part("message")).map(Seen::of).unwrap_or_default();
            self.tally.output_bytes += seen.bytes;
            self.tally.has_content |= seen.bytes > 0 || seen.said.tool_call || seen.more;
            let index = choice.field("index").and_then(|index| serde_json::from_slice(index.raw()).ok());
            let is_first = index.unwrap_or(position) == 0;
            if is_first {
                self.said.tool_call |= seen.said.tool_call;
                self.said.refusal |= seen.said.refusal;
            }
            let word = choice.field("finish_reason").and_then(Part::text);
            let Some(Ok(Some(reason))) = word.as_deref().map(stop_reason) else { continue };
            self.tally.has_content = true;
            self.has_finished = true;
            if is_first {
                self.tally.stop = Some(self.said.refine(reason));
            }
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
        // Some providers send no `[DONE]`: a reason for the end is as good.
        self.tally.is_complete |= self.has_finished;
        if self.tally.is_complete { Ok(()) } else { Err(broken_off()) }
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

fn is_empty_list(value: &[u8]) -> bool {
    value.strip_prefix(b"[").is_some_and(|rest| rest.trim_ascii() == b"]")
}

/// What a delta or message says, by its lengths only.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// About how many bytes of content: escapes count as they are written.
    bytes: u64,
    said: Said,
    /// Whether it has content that is not counted, or a form that nobody foresaw.
    more: bool,
}

impl Seen {
    fn of(said: Part<'_>) -> Self {
        let mut seen = Self { more: !said.raw().starts_with(b"{"), ..Self::default() };
        let mut reasoning = 0;
        for (name, value) in said.fields() {
            let length = length(value.raw());
            match name {
                b"content" => seen.bytes += length,
                // Two words for the same text.
                b"reasoning" | b"reasoning_content" => reasoning = length.max(reasoning),
                b"refusal" => {
                    seen.bytes += length;
                    seen.said.refusal |= length > 0;
                }
                b"thinking_blocks" => seen.more |= length > 0,
                b"tool_calls" => match serde_json::from_slice::<Option<Vec<SeenCall<'_>>>>(value.raw()) {
                    Ok(calls) => calls.into_iter().flatten().for_each(|call| seen.call(call.function)),
                    Err(_) => seen.more = true,
                },
                // A call in the language's oldest form.
                b"function_call" => match serde_json::from_slice::<Option<SeenFunction<'_>>>(value.raw()) {
                    Ok(None) => {}
                    Ok(function) => seen.call(function),
                    Err(_) => seen.more = true,
                },
                _ => {}
            }
        }
        seen.bytes += reasoning;
        seen
    }

    fn call(&mut self, function: Option<SeenFunction<'_>>) {
        self.said.tool_call = true;
        let arguments = function.and_then(|function| function.arguments);
        self.bytes += arguments.map_or(0, |arguments| length(arguments.get().as_bytes()));
    }
}

#[derive(Deserialize)]
struct SeenCall<'a> {
    #[serde(borrow, default)]
    function: Option<SeenFunction<'a>>,
}

#[derive(Deserialize)]
struct SeenFunction<'a> {
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

/// The length of a value without its quotes or brackets.
fn length(value: &[u8]) -> u64 {
    if value == b"null" { 0 } else { value.len().saturating_sub(2) as u64 }
}
