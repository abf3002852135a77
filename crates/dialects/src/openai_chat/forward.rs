//! Passes answers of this language through: every byte stays but the model's name and usage nobody asked for.

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use types::conversation::Delivery;
use types::{Fault, FaultKind, Frame, SseEvent, Usage};

use super::answer::{Said, refine, stop_reason};
use super::error::{broken_off, empty_stream, fault_inside, fault_of_event, is_truthy, unreadable};
use super::stream_decode::misnamed_error;
use super::usage::{ReadUsage, WrappedUsage};
use super::{DONE, MAX_DEPTH};
use crate::splice::quoted;
use crate::{Asked, Conduit, Fields, Splice, Tally};

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
        }
    }

    fn event(&mut self, event: &SseEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        // What follows the end can no longer fail an answer that is complete.
        if self.tally.is_complete {
            out.push(event.raw.clone());
            return Ok(());
        }
        if event.name.as_ref() == b"error" {
            return Err(fault_of_event(&event.data));
        }
        let data = event.data.as_ref();
        if data.is_empty() {
            if let Some(fault) = misnamed_error(event) {
                return Err(fault);
            }
            out.push(event.raw.clone());
            return Ok(());
        }
        if data.trim_ascii() == DONE {
            if !self.tally.has_content {
                return Err(empty_stream());
            }
            self.tally.is_complete = true;
            out.push(event.raw.clone());
            return Ok(());
        }
        let fields = Fields::scan(data, MAX_DEPTH).map_err(|error| unreadable(&error))?;
        if fields.value(data, "error").is_some_and(is_truthy) {
            return Err(fault_inside(data).unwrap_or_else(|| fault_of_event(data)));
        }
        let has_usage = self.usage(data, &fields);
        let choices = fields.value(data, "choices").unwrap_or_default();
        let is_usage_only = has_usage && is_empty_list(choices);
        self.choices(choices);
        self.identity(data, &fields);
        if !is_usage_only || self.include_usage {
            self.write(event, self.model_span(data, &fields), out);
        }
        Ok(())
    }

    fn whole(&mut self, body: &Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let fields = Fields::scan(body, MAX_DEPTH).map_err(|error| unreadable(&error))?;
        let choices = fields.value(body, "choices").filter(|choices| choices.starts_with(b"["));
        let Some(choices) = choices else {
            return Err(fault_inside(body).unwrap_or_else(|| {
                Fault::new(FaultKind::Unreadable, "the provider's answer has no choices")
            }));
        };
        self.usage(body, &fields);
        self.choices(choices);
        self.identity(body, &fields);
        self.tally.has_content = true;
        self.tally.is_complete = true;
        let mut splice = Splice::default();
        if let Some(span) = self.model_span(body, &fields) {
            splice.replace(span, self.model.clone());
        }
        out.extend(splice.apply(body));
        Ok(())
    }

    /// Notes the usage, wherever the upstream put it; the last one counts. Says whether `usage` itself held any.
    fn usage(&mut self, body: &[u8], fields: &Fields) -> bool {
        let usage = fields.value(body, "usage").filter(|usage| usage.starts_with(b"{"));
        if let Some(usage) = usage.and_then(read_usage) {
            self.tally.usage = Some(usage);
        } else if let Some(wrapped) = fields.value(body, "x_groq")
            && let Ok(WrappedUsage { usage: Some(usage) }) = serde_json::from_slice(wrapped)
        {
            self.tally.usage = Some(usage.to_usage());
        }
        usage.is_some()
    }

    /// Notes the upstream's id and model from the first event that has them.
    fn identity(&mut self, body: &[u8], fields: &Fields) {
        let text = |name: &str| {
            let text: String = serde_json::from_slice(fields.value(body, name)?).ok()?;
            (!text.is_empty()).then_some(text)
        };
        if self.tally.id.is_none() {
            self.tally.id = text("id");
        }
        if self.tally.model.is_none() {
            self.tally.model = text("model");
        }
    }

    /// Where the model's name has to be replaced.
    fn model_span(&self, body: &[u8], fields: &Fields) -> Option<crate::Span> {
        let value = fields.value(body, "model")?;
        let differs = value.starts_with(b"\"") && value != self.model;
        let start = value.as_ptr().addr() - body.as_ptr().addr();
        differs.then_some(start..start + value.len())
    }

    /// Counts what the choices say.
    fn choices(&mut self, choices: &[u8]) {
        if choices.is_empty() || is_empty_list(choices) {
            return;
        }
        let choices = serde_json::from_slice::<Vec<SeenChoice<'_>>>(choices).unwrap_or_else(|_| {
            self.tally.has_content = true;
            odd_choices(choices)
        });
        for (position, choice) in choices.iter().enumerate() {
            let seen = choice.delta.as_ref().or(choice.message.as_ref());
            let bytes = seen.map_or(0, SeenDelta::bytes);
            let calls = seen.is_some_and(SeenDelta::has_calls);
            let thinks = seen.is_some_and(|delta| length(delta.thinking_blocks) > 0);
            self.tally.output_bytes += bytes;
            self.tally.has_content |= bytes > 0 || calls || thinks;
            let is_first = choice.index.unwrap_or(position) == 0;
            if is_first {
                self.said.tool_call |= calls;
                self.said.refusal |= seen.is_some_and(|delta| length(delta.refusal) > 0);
            }
            // Read as text of its own: escapes are legal in it.
            let word: Option<String> =
                choice.finish_reason.and_then(|raw| serde_json::from_str(raw.get()).ok());
            let Some(Ok(Some(reason))) = word.as_deref().map(stop_reason) else { continue };
            self.tally.has_content = true;
            self.has_finished = true;
            if is_first {
                self.tally.stop = Some(refine(reason, self.said));
            }
        }
    }

    /// Writes the event, with the model's name replaced where it has to be.
    fn write(&self, event: &SseEvent, model: Option<crate::Span>, out: &mut Vec<Bytes>) {
        let Some(span) = model else { return out.push(event.raw.clone()) };
        let mut splice = Splice::default();
        // Data of one line lies in the raw event as it is.
        if let Some(at) = memmem::find(&event.raw, &event.data) {
            splice.replace(at + span.start..at + span.end, self.model.clone());
            out.extend(splice.apply(&event.raw));
            return;
        }
        splice.replace(span, self.model.clone());
        let data = splice.apply(&event.data).concat();
        let mut written = Vec::with_capacity(data.len() + 32);
        if !event.name.is_empty() {
            written.extend([b"event: ".as_slice(), &event.name, b"\n"].concat());
        }
        for line in data.split(|byte| *byte == b'\n') {
            written.extend([b"data: ".as_slice(), line, b"\n"].concat());
        }
        written.push(b'\n');
        out.push(written.into());
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

fn read_usage(value: &[u8]) -> Option<Usage> {
    serde_json::from_slice::<ReadUsage>(value).ok().map(|usage| usage.to_usage())
}

/// What is looked at of a choice.
#[derive(Deserialize)]
struct SeenChoice<'a> {
    #[serde(default)]
    index: Option<usize>,
    #[serde(borrow, default)]
    delta: Option<SeenDelta<'a>>,
    #[serde(borrow, default)]
    message: Option<SeenDelta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

/// Choices whose parts have forms that nobody foresaw: whether they end is read all the same.
fn odd_choices(choices: &[u8]) -> Vec<SeenChoice<'_>> {
    #[derive(Deserialize)]
    struct OddChoice<'a> {
        #[serde(borrow, default)]
        index: Option<&'a RawValue>,
        #[serde(borrow, default)]
        finish_reason: Option<&'a RawValue>,
    }
    let odd: Vec<OddChoice<'_>> = serde_json::from_slice(choices).unwrap_or_default();
    odd.into_iter()
        .map(|choice| SeenChoice {
            index: choice.index.and_then(|index| serde_json::from_str(index.get()).ok()),
            delta: None,
            message: None,
            finish_reason: choice.finish_reason,
        })
        .collect()
}

/// What is looked at of a delta or message: lengths only.
#[derive(Deserialize)]
struct SeenDelta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking_blocks: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<SeenCall<'a>>>,
    /// A call in the language's oldest form.
    #[serde(borrow, default)]
    function_call: Option<SeenFunction<'a>>,
}

impl<'a> SeenDelta<'a> {
    /// About how many bytes of content: escapes count as they are written.
    fn bytes(&self) -> u64 {
        let reasoning = length(self.reasoning_content).max(length(self.reasoning));
        let calls = self.calls().iter().filter_map(|call| call.function.as_ref());
        let arguments: u64 =
            calls.chain(&self.function_call).map(|function| length(function.arguments)).sum();
        length(self.content) + reasoning + length(self.refusal) + arguments
    }

    fn has_calls(&self) -> bool {
        !self.calls().is_empty() || self.function_call.is_some()
    }

    fn calls(&self) -> &[SeenCall<'a>] {
        self.tool_calls.as_deref().unwrap_or_default()
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
fn length(value: Option<&RawValue>) -> u64 {
    let text = value.map_or("", RawValue::get);
    if text == "null" { 0 } else { text.len().saturating_sub(2) as u64 }
}
