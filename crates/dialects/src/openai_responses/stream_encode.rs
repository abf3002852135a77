//! Writes a stream: the answer begins, every item is added, told piece by piece and done, and the last event has all of
//! it again. Items may be under way at the same time; each event names its own.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use types::conversation::{Delta, Event, Opening, StopReason};
use types::{Json, Refusal, Usage};

use super::answer::{CUSTOM_ITEM, custom_call, item_id, listed_logprobs};
use super::answer_id;
use super::cited;
use super::echo::Echo;
use super::error::{Failure, encode_in_stream};
use super::message_decode::{is_item, is_part};
use super::message_encode::written_proof;
use super::resource::{Ending, Resource};
use super::stream_events::{
    Annotated, ArgumentsDone, At, InputDone, ItemEvent, PartEvent, Piece, RefusalDone, SummaryDone,
    TextDelta, TextDone, Whole, call, json, message, part_of_text, thought,
};
use super::wire::{Part, SummaryText};
use crate::openai_family::{json_bytes, shared};
use crate::{Asked, Encoder, citations, proofs};

/// What has been written so far.
pub(super) struct StreamEncoder {
    asked: Asked,
    echo: Echo,
    id: String,
    created: u64,
    has_started: bool,
    is_done: bool,
    /// The number of the next event.
    sequence: u64,
    /// The items by their numbers; none for one that is not done.
    items: Vec<Option<Json>>,
    /// The message under way: texts that follow each other are its parts.
    message: Option<Message>,
    blocks: Vec<(u32, Block)>,
    logprobs: Vec<Json>,
    stop: Option<StopReason>,
    has_refusal: bool,
    usage: Option<Usage>,
}

/// A message that is not done.
struct Message {
    number: usize,
    id: String,
    parts: Vec<PartState>,
    /// The texts among them that are said and not done.
    said: Vec<usize>,
    /// How many parts are not done.
    undone: usize,
}

/// A part of it.
enum PartState {
    Done(Json),
    /// Its text is complete; what it cites may still come.
    Said {
        text: String,
        annotations: Vec<Json>,
        logprobs: Vec<Json>,
    },
    Open,
}

/// An open block.
enum Block {
    Call { number: usize, id: String, call_id: String, name: String, arguments: String },
    Nothing,
    Refusal { part: usize, text: String },
    Text { part: usize, text: String },
    Thinking { number: usize, id: String, text: String, signature: String },
}

/// The arguments of a call without any.
const NO_ARGUMENTS: &str = "{}";

impl StreamEncoder {
    pub(super) fn new(asked: &Asked) -> Self {
        Self {
            asked: asked.clone(),
            echo: Echo::new(&asked.echo),
            id: answer_id(None, asked),
            created: asked.at.as_secs(),
            has_started: false,
            is_done: false,
            sequence: 0,
            items: Vec::new(),
            message: None,
            blocks: Vec::new(),
            logprobs: Vec::new(),
            stop: None,
            has_refusal: false,
            usage: None,
        }
    }

    /// Writes one event of these objects' members. Its name stands on a line of its own and in its data.
    fn event(&mut self, name: &'static str, objects: &[Vec<u8>], out: &mut Vec<u8>) {
        out.extend(b"event: ");
        out.extend(name.as_bytes());
        out.extend(format!("\ndata: {{\"type\":\"{name}\",\"sequence_number\":{}", self.sequence).as_bytes());
        for object in objects {
            out.push(b',');
            let members = object.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
            // What is kept as it came may stand on several lines; an event's data stands on one.
            out.extend(members.unwrap_or_default().iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
        }
        out.extend(b"}\n\n");
        self.sequence += 1;
    }

    /// An event about something in the answer.
    fn told(&mut self, name: &'static str, at: At<'_>, what: &impl Serialize, out: &mut Vec<u8>) {
        self.event(name, &[json_bytes(&at), json_bytes(what)], out);
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_started, true) {
            return;
        }
        let nothing: [(); 0] = [];
        for name in ["response.created", "response.in_progress"] {
            let begun = Resource::begun(&self.id, self.asked.model.as_str(), &self.echo, nothing);
            let response = Resource { created_at: self.created, ..begun };
            self.event(name, &[json_bytes(&Whole { response })], out);
        }
    }

    /// An item is added; it will be the answer's item of the number that is returned.
    fn add(&mut self, kind: &str, out: &mut Vec<u8>, item: impl FnOnce(&str) -> Json) -> (usize, String) {
        let number = self.items.len();
        let id = item_id(kind, &self.asked, number);
        self.items.push(None);
        let item = item(&id);
        let what = ItemEvent { output_index: number, item: &item };
        self.event("response.output_item.added", &[json_bytes(&what)], out);
        (number, id)
    }

    /// An item is done.
    fn done(&mut self, number: usize, item: Json, out: &mut Vec<u8>) {
        let what = ItemEvent { output_index: number, item: &item };
        self.event("response.output_item.done", &[json_bytes(&what)], out);
        if let Some(place) = self.items.get_mut(number) {
            *place = Some(item);
        }
    }

    fn open(&mut self, block: u32, opening: &Opening, out: &mut Vec<u8>) {
        self.start(out);
        if let Opening::Opaque { kind, json } = opening
            && let Some(cited) = citations::of(kind, json)
        {
            self.cite(&cited, out);
            return self.blocks.push((block, Block::Nothing));
        }
        if let Opening::Opaque { kind, .. } = opening
            && !is_item(kind)
            && !is_part(kind)
        {
            // Another language's.
            return self.blocks.push((block, Block::Nothing));
        }
        self.settle_parts(out);
        let written = match opening {
            Opening::Opaque { kind, json } if is_part(kind) => {
                self.raw_part(json, out);
                Block::Nothing
            }
            Opening::Text => Block::Text { part: self.open_part(&part_of_text(), out), text: String::new() },
            Opening::Refusal => {
                self.has_refusal = true;
                let part = Part::Refusal { refusal: Cow::Borrowed("") };
                Block::Refusal { part: self.open_part(&part, out), text: String::new() }
            }
            Opening::Opaque { .. }
            | Opening::RedactedThinking { .. }
            | Opening::Thinking
            | Opening::ToolCall { .. } => {
                self.close_message("completed", out);
                self.open_item(opening, out)
            }
        };
        self.blocks.push((block, written));
    }

    /// What is an item of its own.
    fn open_item(&mut self, opening: &Opening, out: &mut Vec<u8>) -> Block {
        match opening {
            Opening::ToolCall { id: call_id, name, signature } => {
                // A call has no place for its proof: reasoning in front of it carries it.
                if let Some(proof) = signature {
                    self.proof_alone(&proofs::of_call(proof), out);
                }
                let (number, id) = self.add("fc", out, |id| call(id, "in_progress", (call_id, name), ""));
                let (call_id, name) = (call_id.clone(), name.clone());
                Block::Call { number, id, call_id, name, arguments: String::new() }
            }
            Opening::Thinking => {
                let (number, id) = self.add("rs", out, |id| thought(id, "", None));
                Block::Thinking { number, id, text: String::new(), signature: String::new() }
            }
            Opening::RedactedThinking { data } => {
                self.proof_alone(&proofs::of_redacted(data), out);
                Block::Nothing
            }
            Opening::Opaque { kind, json } if kind == shared::CUSTOM_CALL => {
                self.custom_call(json, out);
                Block::Nothing
            }
            Opening::Opaque { kind, json } if is_item(kind) => {
                let (number, _) = self.add("item", out, |_| json.clone());
                self.done(number, json.clone(), out);
                Block::Nothing
            }
            // What is no item.
            Opening::Opaque { .. } | Opening::Refusal | Opening::Text => Block::Nothing,
        }
    }

    /// A call of a tool that takes a text of any form, complete.
    fn custom_call(&mut self, call: &Json, out: &mut Vec<u8>) {
        let id = item_id(CUSTOM_ITEM, &self.asked, self.items.len());
        let Some(whole) = custom_call(call, &id) else { return };
        let mut begun = whole.clone();
        begun.insert("status".to_owned(), "in_progress".into());
        let input = begun.insert("input".to_owned(), "".into());
        let input = input.as_ref().and_then(Value::as_str).unwrap_or_default();
        let id = whole.get("id").and_then(Value::as_str).unwrap_or_default();
        let (number, _) = self.add(CUSTOM_ITEM, out, |_| json(&begun));
        let at = At::item(id, number);
        if !input.is_empty() {
            self.told("response.custom_tool_call_input.delta", at, &Piece { delta: input }, out);
        }
        self.told("response.custom_tool_call_input.done", at, &InputDone { input }, out);
        self.done(number, json(&whole), out);
    }

    /// Reasoning that is a proof and nothing else.
    fn proof_alone(&mut self, proof: &str, out: &mut Vec<u8>) {
        let (number, id) = self.add("rs", out, |id| thought(id, "", None));
        self.done(number, thought(&id, "", Some(proof.into())), out);
    }

    /// Begins a part of the message under way, or of a new one.
    fn open_part(&mut self, part: &Part<'_>, out: &mut Vec<u8>) -> usize {
        if self.message.is_none() {
            let (number, id) = self.add("msg", out, |id| message(id, "in_progress", &[]));
            self.message = Some(Message { number, id, parts: Vec::new(), said: Vec::new(), undone: 0 });
        }
        let Some(message) = &mut self.message else { return 0 };
        let index = message.parts.len();
        message.parts.push(PartState::Open);
        message.undone += 1;
        let (number, id) = (message.number, message.id.clone());
        let what = PartEvent { part: json(part) };
        self.told("response.content_part.added", At::part(&id, number, index), &what, out);
        index
    }

    /// A part that is complete as it begins.
    fn raw_part(&mut self, part: &Json, out: &mut Vec<u8>) {
        let index = self.open_part(&Part::Raw(part), out);
        self.told_part("response.content_part.done", index, &PartEvent { part: part.clone() }, out);
        self.set_part(index, PartState::Done(part.clone()));
    }

    fn extend(&mut self, block: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some(at) = self.blocks.iter().position(|(number, _)| *number == block) else { return };
        // The block is taken out for as long as it is written about.
        let (number, mut open) = self.blocks.swap_remove(at);
        match (&mut open, delta) {
            (Block::Text { part, text }, Delta::Text(piece)) => {
                text.push_str(piece);
                let what = TextDelta { delta: piece, logprobs: &[] };
                self.told_part("response.output_text.delta", *part, &what, out);
            }
            (Block::Refusal { part, text }, Delta::Refusal(piece)) => {
                text.push_str(piece);
                self.told_part("response.refusal.delta", *part, &Piece { delta: piece }, out);
            }
            (Block::Thinking { number, id, text, .. }, Delta::Thinking(piece)) => {
                let at = At::summary(id, *number);
                if text.is_empty() && !piece.is_empty() {
                    let what = PartEvent { part: json(&SummaryText::of("")) };
                    self.told("response.reasoning_summary_part.added", at, &what, out);
                }
                if !piece.is_empty() {
                    text.push_str(piece);
                    self.told("response.reasoning_summary_text.delta", at, &Piece { delta: piece }, out);
                }
            }
            (Block::Thinking { signature, .. }, Delta::Signature(piece)) => signature.push_str(piece),
            (Block::Call { number, id, arguments, .. }, Delta::Arguments(piece)) if !piece.is_empty() => {
                arguments.push_str(piece);
                let at = At::item(id, *number);
                self.told("response.function_call_arguments.delta", at, &Piece { delta: piece }, out);
            }
            (_, _) => {} // Empty, or of another kind than its block.
        }
        self.blocks.push((number, open));
    }

    /// An event about a part of the message under way.
    fn told_part(&mut self, name: &'static str, part: usize, what: &impl Serialize, out: &mut Vec<u8>) {
        let Some(message) = &self.message else { return };
        let (number, id) = (message.number, message.id.clone());
        self.told(name, At::part(&id, number, part), what, out);
    }

    fn close(&mut self, block: u32, status: &'static str, out: &mut Vec<u8>) {
        let Some(at) = self.blocks.iter().position(|(number, _)| *number == block) else { return };
        match self.blocks.swap_remove(at).1 {
            Block::Nothing => {}
            Block::Text { part, text } => {
                let logprobs = std::mem::take(&mut self.logprobs);
                let what = TextDone { text: &text, logprobs: &logprobs };
                self.told_part("response.output_text.done", part, &what, out);
                self.set_part(part, PartState::Said { text, annotations: Vec::new(), logprobs });
            }
            Block::Refusal { part, text } => {
                self.told_part("response.refusal.done", part, &RefusalDone { refusal: &text }, out);
                let written = json(&Part::Refusal { refusal: Cow::Owned(text) });
                self.told_part("response.content_part.done", part, &PartEvent { part: written.clone() }, out);
                self.set_part(part, PartState::Done(written));
            }
            Block::Thinking { number, id, text, signature } => {
                if !text.is_empty() {
                    let at = At::summary(&id, number);
                    self.told("response.reasoning_summary_text.done", at, &SummaryDone { text: &text }, out);
                    let what = PartEvent { part: json(&SummaryText::of(&text)) };
                    self.told("response.reasoning_summary_part.done", at, &what, out);
                }
                let proof = (!signature.is_empty()).then(|| written_proof(&signature));
                self.done(number, thought(&id, &text, proof), out);
            }
            Block::Call { number, id, call_id, name, mut arguments } => {
                if arguments.is_empty() {
                    NO_ARGUMENTS.clone_into(&mut arguments);
                    let what = Piece { delta: NO_ARGUMENTS };
                    self.told("response.function_call_arguments.delta", At::item(&id, number), &what, out);
                }
                let what = ArgumentsDone { name: &name, arguments: &arguments };
                self.told("response.function_call_arguments.done", At::item(&id, number), &what, out);
                self.done(number, call(&id, status, (&call_id, &name), &arguments), out);
            }
        }
    }

    fn set_part(&mut self, part: usize, state: PartState) {
        let Some(message) = &mut self.message else { return };
        let Some(place) = message.parts.get_mut(part) else { return };
        match &state {
            PartState::Done(_) => message.undone -= 1,
            PartState::Said { .. } => message.said.push(part),
            PartState::Open => {}
        }
        *place = state;
    }

    /// They are the text's under way, or else the last one's as long as its part is not done.
    fn take_logprobs(&mut self, said: Vec<Json>) {
        let is_coming = self.blocks.iter().any(|(_, block)| matches!(block, Block::Text { .. }));
        let last = self.message.as_mut().and_then(|message| message.parts.last_mut());
        match last {
            Some(PartState::Said { logprobs, .. }) if !is_coming => logprobs.extend(said),
            _ => self.logprobs.extend(said),
        }
    }

    /// What the last text took from elsewhere.
    fn cite(&mut self, said: &[citations::Citation], out: &mut Vec<u8>) {
        let Some(message) = &mut self.message else { return };
        let last = message.parts.iter_mut().enumerate().next_back();
        let Some((part, PartState::Said { annotations, .. })) = last else { return };
        let first = annotations.len();
        let added: Vec<Json> = said.iter().filter_map(cited::written).collect();
        annotations.extend(added.iter().cloned());
        for (index, annotation) in added.iter().enumerate() {
            let what = Annotated { annotation_index: first + index, annotation };
            self.told_part("response.output_text.annotation.added", part, &what, out);
        }
    }

    /// Says that the texts that are complete are so, now that nothing more is told of them.
    fn settle_parts(&mut self, out: &mut Vec<u8>) {
        let said = self.message.as_mut().map(|message| std::mem::take(&mut message.said)).unwrap_or_default();
        for part in said {
            let place = self.message.as_mut().and_then(|message| message.parts.get_mut(part));
            let Some(place) = place.filter(|place| matches!(place, PartState::Said { .. })) else { continue };
            let PartState::Said { text, annotations, logprobs } = std::mem::replace(place, PartState::Open)
            else {
                continue;
            };
            let written = json(&Part::OutputText { text: Cow::Owned(text), annotations, logprobs });
            self.told_part("response.content_part.done", part, &PartEvent { part: written.clone() }, out);
            self.set_part(part, PartState::Done(written));
        }
    }

    /// Ends the message under way, unless a text of it is still coming.
    fn close_message(&mut self, status: &'static str, out: &mut Vec<u8>) {
        self.settle_parts(out);
        let Some(Message { number, id, parts, .. }) = self.message.take_if(|message| message.undone == 0)
        else {
            return;
        };
        let parts = parts.into_iter().filter_map(|part| match part {
            PartState::Done(json) => Some(json),
            PartState::Said { .. } | PartState::Open => None,
        });
        let parts: Vec<Json> = parts.collect();
        self.done(number, message(&id, status, &parts), out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_done, true) {
            return;
        }
        self.start(out);
        let ending = Ending::of(self.stop.unwrap_or(StopReason::EndTurn), self.has_refusal);
        let open: Vec<u32> = self.blocks.iter().map(|(number, _)| *number).collect();
        for block in open {
            self.close(block, ending.status, out);
        }
        self.close_message(ending.status, out);
        let output: Vec<&Json> = self.items.iter().flatten().collect();
        let resource = Resource {
            created_at: self.created,
            completed_at: ending.incomplete.is_none().then_some(self.created.max(self.asked.at.as_secs())),
            status: ending.status,
            incomplete_details: ending.incomplete,
            ..Resource::begun(&self.id, self.asked.model.as_str(), &self.echo, output)
                .with_usage(self.usage.as_ref())
        };
        let response = json_bytes(&Whole { response: resource });
        let name = if ending.incomplete.is_some() { "response.incomplete" } else { "response.completed" };
        self.event(name, &[response], out);
    }
}

impl Encoder for StreamEncoder {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, created, .. } => {
                self.id = answer_id(id.as_deref(), &self.asked);
                self.created = created.unwrap_or(self.created);
                self.start(out);
            }
            Event::Open { choice: 0, block, opening } => self.open(*block, opening, out),
            Event::Delta { choice: 0, block, delta } => self.extend(*block, delta, out),
            Event::Close { choice: 0, block } => self.close(*block, "completed", out),
            Event::Logprobs { choice: 0, json } => self.take_logprobs(listed_logprobs(json)),
            Event::Finish { choice: 0, reason, .. } => self.stop = Some(*reason),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Ping => out.extend(b": ping\n\n"),
            Event::End => self.end(out),
            // The wire has one answer per request; failures are told by another way.
            Event::Open { .. }
            | Event::Delta { .. }
            | Event::Close { .. }
            | Event::Logprobs { .. }
            | Event::Finish { .. }
            | Event::Failed(_) => {}
        }
    }

    /// An error, which client libraries raise, and behind it the answer as one that has failed.
    fn fail(&mut self, refusal: &Refusal) -> Option<Vec<u8>> {
        self.is_done = true;
        let mut out = Vec::new();
        self.start(&mut out);
        out.extend(encode_in_stream(refusal, self.sequence));
        self.sequence += 1;
        let output: Vec<&Json> = self.items.iter().flatten().collect();
        let resource = Resource {
            created_at: self.created,
            status: "failed",
            error: Some(Failure::of(refusal)),
            ..Resource::begun(&self.id, self.asked.model.as_str(), &self.echo, output)
                .with_usage(self.usage.as_ref())
        };
        let response = json_bytes(&Whole { response: resource });
        self.event("response.failed", &[response], &mut out);
        Some(out)
    }
}
