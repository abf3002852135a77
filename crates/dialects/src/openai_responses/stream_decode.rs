//! Reads a stream: says of every item what of it is new, whatever its upstream leaves out: names of events, numbers,
//! pieces, or the list of items at the end.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use types::conversation::{Delta, Event, Opening};
use types::{Fault, StreamEvent};

use super::answer::{Response, is_search};
use super::cited;
use super::error::fault_of;
use super::stream_items::Items;
use crate::Decoder;
use crate::openai_family::error::{broken_off, fault_inside, fault_of_event, unreadable};
use crate::openai_family::{DONE, answered_text, lenient};

/// What is known of a stream so far.
#[derive(Default)]
pub(super) struct StreamDecoder {
    has_started: bool,
    is_done: bool,
    items: Items,
    /// Searches of the web that have ended.
    searches: u64,
}

/// One event as upstreams send it: every field may be missing, null or of another kind.
#[derive(Deserialize)]
struct WireEvent<'a> {
    #[serde(borrow, default, rename = "type", deserialize_with = "lenient")]
    kind: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "lenient")]
    output_index: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    content_index: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    summary_index: Option<u64>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    delta: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    arguments: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    annotation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    logprobs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
}

impl WireEvent<'_> {
    fn number(&self) -> u64 {
        self.output_index.unwrap_or_default()
    }

    fn place(&self) -> (u64, u64) {
        (self.number(), self.content_index.unwrap_or_default())
    }

    fn delta(&self) -> &str {
        self.delta.as_deref().unwrap_or_default()
    }
}

impl Decoder for StreamDecoder {
    fn push(&mut self, event: &StreamEvent, events: &mut Vec<Event>) -> Result<(), Fault> {
        let data = event.data.as_ref();
        if data.is_empty() {
            events.push(Event::Ping);
            return Ok(());
        }
        // Some relays end the stream in another language's way.
        if self.is_done || data.trim_ascii() == DONE {
            return Ok(());
        }
        let text = answered_text(data)?;
        let wire: WireEvent<'_> = match serde_json::from_str(text) {
            Ok(wire) => wire,
            Err(_) if event.name.as_ref() == b"error" => return Err(fault_of_event(data)),
            Err(error) => return Err(unreadable(&error)),
        };
        let name = std::str::from_utf8(&event.name).unwrap_or_default();
        let kind = wire.kind.as_deref().unwrap_or(name);
        match kind {
            "error" => return Err(fault_of(text.as_bytes())),
            "response.failed" => {
                return Err(fault_of(wire.response.map_or(text.as_ref(), RawValue::get).as_bytes()));
            }
            "response.completed" | "response.done" | "response.incomplete" => {
                return self.complete(&wire, events);
            }
            "response.created" | "response.in_progress" | "response.queued" => self.start(&wire, events)?,
            // An error of a relay's that is no event of the language.
            _ if wire.kind.is_none() => {
                if let Some(fault) = fault_inside(data) {
                    return Err(fault);
                }
            }
            kind => self.item_event(kind, &wire, events),
        }
        Ok(())
    }

    fn end(&mut self, _events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.is_done { Ok(()) } else { Err(broken_off()) }
    }
}

impl StreamDecoder {
    fn start(&mut self, wire: &WireEvent<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        let Some(raw) = wire.response.filter(|_| !self.has_started) else { return Ok(()) };
        let Response { id, model, created, .. } = Response::read(raw.get())?;
        self.has_started = true;
        events.push(Event::Start { id, model, created });
        Ok(())
    }

    /// An event about an item. One of tomorrow says nothing the canonical stream has a word for.
    fn item_event(&mut self, kind: &str, wire: &WireEvent<'_>, events: &mut Vec<Event>) {
        let items = &mut self.items;
        let (number, place) = (wire.number(), wire.place());
        match kind {
            "response.output_item.added" => {
                if let Some(item) = wire.item {
                    items.add(number, item, events);
                }
            }
            "response.output_item.done" => {
                if let Some(item) = wire.item {
                    items.finish(number, item, events);
                    self.searches += u64::from(is_search(item.get().as_bytes()));
                }
            }
            "response.output_text.delta" => {
                items.text(place, wire.delta(), events);
                items.logprobs(wire.logprobs, events);
            }
            "response.output_text.done" => {
                let text = wire.text.as_deref().unwrap_or_default().to_owned();
                items.whole(place, Opening::Text, Delta::Text(text), events);
                items.whole_logprobs(wire.logprobs, events);
            }
            "response.output_text.annotation.added" => {
                items.cite(place, wire.annotation.map(cited::read));
            }
            "response.refusal.delta" => items.refusal(place, wire.delta(), events),
            "response.refusal.done" => {
                let text = wire.refusal.as_deref().unwrap_or_default().to_owned();
                items.whole(place, Opening::Refusal, Delta::Refusal(text), events);
            }
            "response.function_call_arguments.delta" => items.arguments(number, wire.delta(), events),
            "response.function_call_arguments.done" if items.is_begun(number) => {
                let text = wire.arguments.as_deref().unwrap_or_default().to_owned();
                let opening = Opening::ToolCall { id: String::new(), name: String::new(), signature: None };
                items.whole((number, 0), opening, Delta::Arguments(text), events);
            }
            // The second name is Open Responses'.
            "response.reasoning_text.delta" | "response.reasoning.delta" => {
                items.thought(number, wire.delta(), events);
            }
            "response.reasoning_summary_text.delta" => {
                let part = wire.summary_index.unwrap_or_default();
                items.summary((number, part), wire.delta(), events);
            }
            _ => {}
        }
    }

    /// The last event tells everything again, but at some servers the items.
    fn complete(&mut self, wire: &WireEvent<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        let response = Response::read(wire.response.map_or("{}", RawValue::get))?;
        self.start(wire, events)?;
        for (number, item) in (0..).zip(response.output.into_iter().flatten()) {
            self.items.finish(number, item, events);
        }
        self.items.close_all(events);
        self.is_done = true;
        let reason = response.ending.reason(self.items.said);
        events.push(Event::Finish { choice: 0, reason, stop_sequence: None });
        events.extend(response.usage.map(|mut usage| {
            usage.units.web_search = usage.units.web_search.max(self.searches);
            Event::Usage(usage)
        }));
        events.push(Event::End);
        Ok(())
    }
}
