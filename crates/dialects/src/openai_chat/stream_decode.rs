//! Reads a stream: numbers the blocks of each choice in the order they open, and says when each begins and ends.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use types::conversation::{Content, Delta, Event, Opening, StopReason};
use types::{Fault, Json, StreamEvent};

use super::answer::stop_reason;
use super::chunk::{Chunk, ChunkChoice, ChunkDelta};
use super::cited;
use super::event::{Kind, kind};
use super::message_decode;
use super::stream_tools::Tools;
use crate::Decoder;
use crate::citations::{self, Citation};
use crate::object::{Path, keep};
use crate::openai_family::error::{
    broken_off, empty_stream, fault_inside, fault_of_event, is_truthy, unreadable,
};
use crate::outline::Part;
use crate::vocabulary::Said;

/// The most choices of one stream that are told apart; `OpenAI`'s own limit for `n`.
const MAX_CHOICES: u32 = 128;

/// What is known of a stream so far.
#[derive(Default)]
pub(super) struct StreamDecoder {
    has_started: bool,
    is_done: bool,
    id: String,
    choices: Vec<OpenChoice>,
    /// The sources that are named beside the answer; some providers name them again in every chunk.
    sources: Vec<Citation>,
}

impl Decoder for StreamDecoder {
    fn push(&mut self, event: &StreamEvent, events: &mut Vec<Event>) -> Result<(), Fault> {
        match kind(event)? {
            Kind::Comment => {
                events.push(Event::Ping);
                return Ok(());
            }
            Kind::Done | Kind::Object if self.is_done => return Ok(()),
            Kind::Done => return self.complete(events),
            Kind::Object => {}
        }
        let data = event.data.as_ref();
        let text = std::str::from_utf8(data).map_err(|error| unreadable(&error))?;
        let chunk: Chunk<'_> = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
        if chunk.error.is_some_and(|error| is_truthy(error.get().as_bytes())) {
            return Err(fault_inside(data).unwrap_or_else(|| fault_of_event(data)));
        }
        self.start(&chunk, events);
        for (position, choice) in (0..).zip(chunk.choices.iter().flatten()) {
            self.choice(position, choice, events)?;
        }
        let sources = chunk.sources();
        if !sources.is_empty() {
            self.sources = sources;
        }
        if let Some(usage) = chunk.usage() {
            events.push(Event::Usage(usage));
        }
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Fault> {
        // Some providers send no `[DONE]`: a reason for the end is as good.
        let has_finished = self.choices.iter().any(|choice| choice.reason.is_some());
        match (self.is_done, has_finished) {
            (true, _) => Ok(()),
            (false, true) => self.complete(events),
            (false, false) => Err(broken_off()),
        }
    }
}

impl StreamDecoder {
    /// Begins the answer with the first chunk that says something: Azure's first one is empty.
    fn start(&mut self, chunk: &Chunk<'_>, events: &mut Vec<Event>) {
        let id = chunk.id.as_deref().filter(|id| !id.is_empty());
        let says_something =
            id.is_some() || chunk.choices.as_ref().is_some_and(|choices| !choices.is_empty());
        if self.has_started || !says_something {
            return;
        }
        self.has_started = true;
        id.unwrap_or_default().clone_into(&mut self.id);
        let model = chunk.model.as_deref().filter(|model| !model.is_empty());
        events.push(Event::Start {
            id: id.map(str::to_owned),
            model: model.map(str::to_owned),
            created: chunk.created,
        });
    }

    fn choice(
        &mut self,
        position: u32,
        choice: &ChunkChoice<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let index = choice.index.unwrap_or(position).min(MAX_CHOICES - 1);
        if self.choices.len() <= index as usize {
            self.choices.resize_with(index as usize + 1, OpenChoice::default);
        }
        let Some(open) = self.choices.get_mut(index as usize) else { return Ok(()) };
        let mut blocks = Blocks { choice: index, answer: &self.id, state: &mut open.blocks, events };
        if let Some(delta) = choice.delta.as_ref().or(choice.message.as_ref()) {
            blocks.delta(delta, &mut open.tools);
            open.is_used |= blocks.state.next > 0 || blocks.state.said.tool_call;
        }
        if let Some(logprobs) = choice.logprobs {
            blocks.events.push(Event::Logprobs { choice: index, json: keep(logprobs) });
        }
        let word = choice.finish_reason.as_deref().unwrap_or_default();
        if let Some(reason) = stop_reason(word)? {
            blocks.close_all(&mut open.tools);
            open.is_used = true;
            open.finish(reason, choice.stop_reason.as_deref());
        }
        Ok(())
    }

    /// The stream is complete: closes what is open and says why each choice ended. The reasons come only now
    /// because some providers go on, or correct themselves, behind the first.
    fn complete(&mut self, events: &mut Vec<Event>) -> Result<(), Fault> {
        self.is_done = true;
        if !self.choices.iter().any(|choice| choice.is_used) {
            return Err(empty_stream());
        }
        for (index, open) in (0..).zip(&mut self.choices) {
            let mut blocks = Blocks { choice: index, answer: &self.id, state: &mut open.blocks, events };
            blocks.close_all(&mut open.tools);
            blocks.own_fields(&self.sources);
            let stop_sequence = open.stop_sequence.take();
            let reason = match &stop_sequence {
                Some(_) => StopReason::StopSequence,
                None => open.blocks.said.refine(open.reason.unwrap_or(StopReason::EndTurn)),
            };
            events.push(Event::Finish { choice: index, reason, stop_sequence });
        }
        events.push(Event::End);
        Ok(())
    }
}

/// One choice so far.
#[derive(Default)]
struct OpenChoice {
    is_used: bool,
    blocks: BlockState,
    tools: Tools,
    reason: Option<StopReason>,
    stop_sequence: Option<String>,
}

impl OpenChoice {
    /// Notes a reason. A plain stop does not replace a reason that says more.
    fn finish(&mut self, reason: StopReason, stop_sequence: Option<&str>) {
        if self.reason.is_none() || reason != StopReason::EndTurn {
            self.reason = Some(reason);
        }
        // vLLM names the text it stopped at.
        if reason == StopReason::EndTurn {
            self.stop_sequence = stop_sequence.map(str::to_owned);
        }
    }
}

/// Where the numbering of blocks stands.
#[derive(Default)]
pub(super) struct BlockState {
    next: u32,
    /// The block of words that is open: at most one at a time.
    open: Option<(u32, Words)>,
    /// The reasoning of the open block, to know a repetition of it.
    thought: String,
    /// What is spoken, which is told when all of it is there.
    audio: Map<String, Value>,
    /// What is drawn, which is told at the end too.
    images: Vec<Json>,
    /// What the text cites, which is told when it has ended.
    cited: Vec<Citation>,
    has_cited: bool,
    pub(super) said: Said,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    Refusal,
    Text,
    Thinking,
}

/// The blocks of one choice, and where their events go.
pub(super) struct Blocks<'a> {
    pub(super) choice: u32,
    /// The upstream's id for the answer.
    pub(super) answer: &'a str,
    pub(super) state: &'a mut BlockState,
    pub(super) events: &'a mut Vec<Event>,
}

impl Blocks<'_> {
    fn delta(&mut self, delta: &ChunkDelta<'_>, tools: &mut Tools) {
        if let Some(text) = delta.reasoning() {
            self.words(Words::Thinking, text);
        }
        for block in delta.thinking_blocks.iter().flatten() {
            self.thinking_block(block.thinking.as_deref(), block.signature.as_deref(), block.data.as_deref());
        }
        if let Some(content) = delta.content {
            self.content(content);
        }
        if let Some(text) = delta.refusal.as_deref() {
            self.words(Words::Refusal, text);
        }
        self.state.cited.extend(delta.annotations.iter().flatten().map(cited::read));
        self.state.images.extend(delta.images.iter().flatten().cloned());
        for (name, value) in delta.audio.iter().flatten() {
            match (self.state.audio.get_mut(name), value) {
                (Some(Value::String(text)), Value::String(piece)) if name != "id" => text.push_str(piece),
                (_, value) => drop(self.state.audio.insert(name.clone(), value.clone())),
            }
        }
        for fragment in delta.tool_calls.iter().flatten().chain(&delta.function_call()) {
            tools.take(fragment, self);
        }
    }

    /// A string, or a list of parts as Mistral sends them.
    fn content(&mut self, content: &RawValue) {
        if let Ok(text) = serde_json::from_str::<Cow<'_, str>>(content.get()) {
            return self.words(Words::Text, &text);
        }
        let parts: Vec<&RawValue> = serde_json::from_str(content.get()).unwrap_or_default();
        for part in parts {
            match message_decode::part(Part::unread(part.get()), &Path::Root) {
                Ok(Content::Text { text, .. }) => self.words(Words::Text, &text),
                Ok(Content::Refusal(text)) => self.words(Words::Refusal, &text),
                Ok(Content::Thinking { text, signature }) => {
                    self.words(Words::Thinking, &text);
                    self.thinking_block(None, signature.as_deref(), None);
                }
                Ok(Content::Opaque { kind, json }) => self.whole(Opening::Opaque { kind, json }),
                Ok(Content::RedactedThinking { data }) => self.whole(Opening::RedactedThinking { data }),
                // Pictures and the like have no place in an answer's content.
                Ok(
                    Content::Audio(_)
                    | Content::Document(_)
                    | Content::Image(_)
                    | Content::ToolCall { .. }
                    | Content::ToolResult { .. },
                )
                | Err(_) => {}
            }
        }
    }

    /// A piece of words. Another kind than the open block's ends that block and begins one.
    fn words(&mut self, kind: Words, text: &str) {
        if text.is_empty() {
            return;
        }
        let block = self.words_block(kind);
        let delta = match kind {
            Words::Refusal => Delta::Refusal(text.to_owned()),
            Words::Text => Delta::Text(text.to_owned()),
            Words::Thinking => {
                self.state.thought.push_str(text);
                Delta::Thinking(text.to_owned())
            }
        };
        self.events.push(Event::Delta { choice: self.choice, block, delta });
    }

    fn words_block(&mut self, kind: Words) -> u32 {
        if let Some((block, open)) = self.state.open
            && open == kind
        {
            return block;
        }
        let opening = match kind {
            Words::Refusal => Opening::Refusal,
            Words::Text => Opening::Text,
            Words::Thinking => Opening::Thinking,
        };
        self.state.said.refusal |= kind == Words::Refusal;
        let block = self.open(opening);
        self.state.open = Some((block, kind));
        block
    }

    /// A block of reasoning with its proof. Its text may repeat what the deltas before it said.
    fn thinking_block(&mut self, text: Option<&str>, signature: Option<&str>, data: Option<&str>) {
        if let Some(data) = data {
            self.whole(Opening::RedactedThinking { data: data.to_owned() });
        }
        if let Some(text) = text
            && !self.state.thought.ends_with(text)
        {
            self.words(Words::Thinking, text);
        }
        if let Some(signature) = signature.filter(|signature| !signature.is_empty()) {
            let block = self.words_block(Words::Thinking);
            let delta = Delta::Signature(signature.to_owned());
            self.events.push(Event::Delta { choice: self.choice, block, delta });
            // The proof stands at the end of its block.
            self.close_words();
        }
    }

    /// Begins a block of its own; the words before it end here.
    pub(super) fn open(&mut self, opening: Opening) -> u32 {
        self.close_words();
        let block = self.state.next;
        self.state.next += 1;
        self.events.push(Event::Open { choice: self.choice, block, opening });
        block
    }

    /// A block that is complete as it begins.
    fn whole(&mut self, opening: Opening) {
        let block = self.open(opening);
        self.events.push(Event::Close { choice: self.choice, block });
    }

    /// Parts of an answer that only this language has, and the sources beside it, unless its text has cited its own.
    fn own_fields(&mut self, sources: &[Citation]) {
        if !self.state.has_cited && self.state.cited.is_empty() {
            self.state.cited.extend_from_slice(sources);
        }
        self.cite();
        let audio = std::mem::take(&mut self.state.audio);
        let images = std::mem::take(&mut self.state.images);
        let audio = Json::of(&audio).filter(|_| !audio.is_empty()).map(|json| ("audio", json));
        let images = Json::of(&images).filter(|_| !images.is_empty()).map(|json| ("images", json));
        for (name, json) in audio.into_iter().chain(images) {
            if let Content::Opaque { kind, json } = message_decode::message_field((name.to_owned(), json)) {
                self.whole(Opening::Opaque { kind, json });
            }
        }
    }

    fn close_words(&mut self) {
        self.state.thought.clear();
        if let Some((block, words)) = self.state.open.take() {
            self.events.push(Event::Close { choice: self.choice, block });
            if words == Words::Text {
                self.cite();
            }
        }
    }

    /// Tells what the text in front cites.
    fn cite(&mut self) {
        let cited = std::mem::take(&mut self.state.cited);
        if let Some(events) = citations::events(&cited, self.choice, self.state.next) {
            self.state.next += 1;
            self.state.has_cited = true;
            self.events.extend(events);
        }
    }

    fn close_all(&mut self, tools: &mut Tools) {
        self.close_words();
        tools.close(self);
    }
}
