//! The items of a stream as they come: which canonical block each of their pieces belongs to, and what of them has been
//! told. Items may interleave; each is known by its number.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use types::Json;
use types::conversation::{Content, Delta, Event, Opening};

use super::message_decode::{BETWEEN_PARTS, answered, is_call, wrapped_logprobs};
use crate::citations::{self, Citation};
use crate::extras::says_nothing;
use crate::object::{Object, Path};
use crate::vocabulary::Said;

/// The items of an answer so far.
#[derive(Default)]
pub(super) struct Items {
    /// The number of the next block.
    next: u32,
    /// The block of the last text.
    last_text: Option<u32>,
    known: BTreeMap<u64, Item>,
    pub(super) said: Said,
    /// Whether log probabilities came with the pieces of text.
    has_logprobs: bool,
}

/// One item.
#[derive(Default)]
struct Item {
    /// The open and closed blocks of its parts, by the part's number.
    parts: BTreeMap<u64, Part>,
    /// The parts that are open, or cite what has not been told.
    unsettled: Vec<u64>,
    /// The part of the summary that came last.
    summary: Option<u64>,
    /// Whether its reasoning is told whole, so that its summary is of no use.
    is_whole: bool,
    is_done: bool,
}

/// One part of an item: the only one of a call or of reasoning.
struct Part {
    block: u32,
    kind: Kind,
    /// Whether anything of it has been told.
    has_content: bool,
    is_open: bool,
    /// What it cites, as far as that has not been told.
    citations: Vec<Citation>,
    /// How much of what it cites has been told.
    cited: usize,
}

/// [`Content::Opaque`]'s kind for what is cited by a text that is not the last: no language has a place for it.
const CITED_TOO_LATE: &str = "openai_responses.late.citations";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Call,
    Refusal,
    Text,
    Thought,
}

impl Items {
    /// An item begins. Calls are told at once; messages begin with their parts.
    pub(super) fn add(&mut self, number: u64, item: &RawValue, events: &mut Vec<Event>) {
        let Ok(mut object) = Object::read(item.get(), &Path::Root) else { return };
        let mut text = |name: &str| object.take_text(name).ok().flatten();
        match text("type").as_deref() {
            Some("function_call") => {
                let id = text("call_id").or_else(|| text("id")).unwrap_or_default();
                let name = text("name").unwrap_or_default();
                self.part(number, 0, Opening::ToolCall { id, name, signature: None }, events);
            }
            Some("reasoning") => {
                self.part(number, 0, Opening::Thinking, events);
            }
            Some(_) | None => {}
        }
    }

    /// A piece of a text.
    pub(super) fn text(&mut self, at: (u64, u64), piece: &str, events: &mut Vec<Event>) {
        self.piece(at, Opening::Text, Delta::Text(piece.to_owned()), events);
    }

    /// A piece of a refusal.
    pub(super) fn refusal(&mut self, at: (u64, u64), piece: &str, events: &mut Vec<Event>) {
        self.piece(at, Opening::Refusal, Delta::Refusal(piece.to_owned()), events);
    }

    /// A piece of reasoning as the model thought it.
    pub(super) fn thought(&mut self, number: u64, piece: &str, events: &mut Vec<Event>) {
        self.known.entry(number).or_default().is_whole = true;
        self.piece((number, 0), Opening::Thinking, Delta::Thinking(piece.to_owned()), events);
    }

    /// A piece of the summary of reasoning, of its part of this number.
    pub(super) fn summary(&mut self, (number, part): (u64, u64), piece: &str, events: &mut Vec<Event>) {
        let item = self.known.entry(number).or_default();
        if item.is_whole || piece.is_empty() {
            return;
        }
        let is_next = item.summary.replace(part).is_some_and(|last| last != part);
        let between = if is_next { BETWEEN_PARTS } else { "" };
        let delta = Delta::Thinking(format!("{between}{piece}"));
        self.piece((number, 0), Opening::Thinking, delta, events);
    }

    /// A piece of a call's arguments.
    pub(super) fn arguments(&mut self, number: u64, piece: &str, events: &mut Vec<Event>) {
        if self.is_begun(number) {
            let opening = Opening::ToolCall { id: String::new(), name: String::new(), signature: None };
            self.piece((number, 0), opening, Delta::Arguments(piece.to_owned()), events);
        }
    }

    /// Whether an item that is told in pieces has begun: arguments without a call are nobody's, and an item that is told
    /// whole in the end loses nothing.
    pub(super) fn is_begun(&self, number: u64) -> bool {
        self.known.get(&number).is_some_and(|item| item.parts.contains_key(&0))
    }

    /// All of a text, or of a call's arguments: told if nothing of it has been.
    pub(super) fn whole(&mut self, at: (u64, u64), opening: Opening, delta: Delta, events: &mut Vec<Event>) {
        let part = self.known.get(&at.0).and_then(|item| item.parts.get(&at.1));
        if part.is_none_or(|part| !part.has_content && part.is_open) {
            self.piece(at, opening, delta, events);
        }
    }

    /// Where a text took something from.
    pub(super) fn cite(&mut self, at: (u64, u64), cited: Option<Citation>) {
        let Some(item) = self.known.get_mut(&at.0) else { return };
        if let (Some(part), Some(cited)) = (item.parts.get_mut(&at.1), cited) {
            if part.citations.is_empty() {
                item.unsettled.push(at.1);
            }
            part.citations.push(cited);
        }
    }

    /// The log probabilities of the piece of text that has just come.
    pub(super) fn logprobs(&mut self, listed: Option<&RawValue>, events: &mut Vec<Event>) {
        let listed = listed.filter(|listed| !says_nothing(listed.get()));
        if let Some(json) = listed.and_then(wrapped_logprobs) {
            self.has_logprobs = true;
            events.push(Event::Logprobs { choice: 0, json });
        }
    }

    /// The same of a whole text, unless they came with its pieces.
    pub(super) fn whole_logprobs(&mut self, listed: Option<&RawValue>, events: &mut Vec<Event>) {
        if !self.has_logprobs {
            self.logprobs(listed, events);
        }
    }

    /// An item is complete: what of it has not been told is told now.
    pub(super) fn finish(&mut self, number: u64, item: &RawValue, events: &mut Vec<Event>) {
        if std::mem::replace(&mut self.known.entry(number).or_default().is_done, true) {
            return;
        }
        let places = self.places(number);
        let place = |count: usize| places.get(count).copied().unwrap_or(count as u64);
        let mut count = 0;
        for content in answered(item, &Path::Root).unwrap_or_default() {
            match content {
                Content::Text { text, .. } => {
                    self.whole((number, place(count)), Opening::Text, Delta::Text(text), events);
                    count += 1;
                }
                Content::Refusal(text) => {
                    self.whole((number, place(count)), Opening::Refusal, Delta::Refusal(text), events);
                    count += 1;
                }
                Content::ToolCall { id, name, arguments, .. } => {
                    let opening = Opening::ToolCall { id, name, signature: None };
                    self.whole((number, 0), opening, Delta::Arguments(arguments), events);
                }
                Content::Thinking { text, signature } => {
                    self.whole((number, 0), Opening::Thinking, Delta::Thinking(text), events);
                    if let Some(signature) = signature {
                        self.sign(number, signature, events);
                    }
                }
                Content::RedactedThinking { data } => {
                    self.alone(Opening::RedactedThinking { data }, events);
                }
                Content::Opaque { kind, json } => match citations::of(&kind, &json) {
                    Some(cited) => self.cite_all((number, place(count.saturating_sub(1))), cited),
                    None => self.opaque(kind, json, events),
                },
                // No model answers with these.
                Content::Audio(_) | Content::Document(_) | Content::Image(_) | Content::ToolResult { .. } => {
                }
            }
        }
        self.close(number, events);
    }

    /// The numbers of an item's parts, in order: some servers begin to count at one.
    fn places(&self, number: u64) -> Vec<u64> {
        self.known.get(&number).map(|item| item.parts.keys().copied().collect()).unwrap_or_default()
    }

    /// Ends what is open of an item, and tells what its texts cite.
    pub(super) fn close(&mut self, number: u64, events: &mut Vec<Event>) {
        let Some(item) = self.known.get_mut(&number) else { return };
        let mut cited = Vec::new();
        for part in std::mem::take(&mut item.unsettled) {
            let Some(part) = item.parts.get_mut(&part) else { continue };
            if std::mem::take(&mut part.is_open) {
                events.push(Event::Close { choice: 0, block: part.block });
            }
            part.cited += part.citations.len();
            cited.push((part.block, std::mem::take(&mut part.citations)));
        }
        for (block, citations) in cited {
            if let Some(Content::Opaque { kind, json }) = citations::block(&citations) {
                // They stand behind the text they belong to: behind another they would seem to be that one's.
                let is_last = self.last_text == Some(block);
                let kind = if is_last { kind } else { CITED_TOO_LATE.to_owned() };
                self.alone(Opening::Opaque { kind, json }, events);
            }
        }
    }

    /// Ends everything that is open.
    pub(super) fn close_all(&mut self, events: &mut Vec<Event>) {
        let numbers: Vec<u64> = self.known.keys().copied().collect();
        for number in numbers {
            self.close(number, events);
        }
    }

    fn piece(&mut self, at: (u64, u64), opening: Opening, delta: Delta, events: &mut Vec<Event>) {
        let is_empty = match &delta {
            Delta::Arguments(text)
            | Delta::Refusal(text)
            | Delta::Signature(text)
            | Delta::Text(text)
            | Delta::Thinking(text) => text.is_empty(),
        };
        // A text begins with its first word; a call or a thought is something by itself.
        if is_empty && matches!(opening, Opening::Text | Opening::Refusal) {
            return;
        }
        let kind = kind_of(&opening);
        let Some(part) = self.part(at.0, at.1, opening, events) else { return };
        if part.kind == kind && part.is_open && !is_empty {
            part.has_content = true;
            let block = part.block;
            events.push(Event::Delta { choice: 0, block, delta });
        }
    }

    /// What proves the reasoning of an item.
    fn sign(&mut self, number: u64, signature: String, events: &mut Vec<Event>) {
        if let Some(part) = self.part(number, 0, Opening::Thinking, events).filter(|part| part.is_open) {
            let block = part.block;
            events.push(Event::Delta { choice: 0, block, delta: Delta::Signature(signature) });
        }
    }

    fn cite_all(&mut self, at: (u64, u64), cited: Vec<Citation>) {
        let Some(item) = self.known.get_mut(&at.0) else { return };
        let part = item.parts.get_mut(&at.1);
        // They may have come one by one.
        if let Some(part) = part.filter(|part| part.cited + part.citations.len() < cited.len()) {
            item.unsettled.push(at.1);
            part.citations = cited.into_iter().skip(part.cited).collect();
        }
    }

    fn opaque(&mut self, kind: String, json: Json, events: &mut Vec<Event>) {
        self.said.tool_call |= is_call(&kind);
        self.alone(Opening::Opaque { kind, json }, events);
    }

    /// A block that is complete as it begins.
    fn alone(&mut self, opening: Opening, events: &mut Vec<Event>) {
        let block = self.next;
        self.next += 1;
        events.push(Event::Open { choice: 0, block, opening });
        events.push(Event::Close { choice: 0, block });
    }

    /// The part at this place, begun if it has not been. It ends those of its item that have begun before; what comes of
    /// one of these afterwards is a part of its own.
    fn part(
        &mut self,
        number: u64,
        part: u64,
        opening: Opening,
        events: &mut Vec<Event>,
    ) -> Option<&mut Part> {
        let item = self.known.entry(number).or_default();
        if item.parts.get(&part).is_none_or(|known| !known.is_open && !item.is_done) {
            self.close(number, events);
            let kind = kind_of(&opening);
            self.said.tool_call |= kind == Kind::Call;
            self.said.refusal |= kind == Kind::Refusal;
            let block = self.next;
            self.next += 1;
            if kind == Kind::Text {
                self.last_text = Some(block);
            }
            events.push(Event::Open { choice: 0, block, opening });
            let begun =
                Part { block, kind, has_content: false, is_open: true, citations: Vec::new(), cited: 0 };
            let item = self.known.entry(number).or_default();
            item.unsettled.push(part);
            item.parts.insert(part, begun);
        }
        self.known.get_mut(&number)?.parts.get_mut(&part)
    }
}

const fn kind_of(opening: &Opening) -> Kind {
    match opening {
        Opening::ToolCall { .. } => Kind::Call,
        Opening::Refusal => Kind::Refusal,
        Opening::Opaque { .. } | Opening::Text => Kind::Text,
        Opening::RedactedThinking { .. } | Opening::Thinking => Kind::Thought,
    }
}
