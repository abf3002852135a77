//! Reads a stream, of which a whole answer is one of a single piece: numbers the blocks of each candidate, and says
//! when each begins and ends. Nothing on the wire says that a stream is complete but the end of its body behind a
//! reason.

use std::collections::HashSet;

use serde_json::value::RawValue;
use types::conversation::{Content, Delta, Event, Opening, StopReason};
use types::{Fault, FaultKind, Json, StreamEvent};

use super::chunk::{Candidate, Chunk, Feedback, has_failed, later, stop_reason};
use super::cited;
use super::error::{broke_off, failed, fault_in_answer, unreadable};
use super::parts::{Reader, Speaker};
use super::usage::searches;
use super::{ids, logprobs, wire};
use crate::Decoder;
use crate::citations::{self, Citation};
use crate::object::{Path, keep};
use crate::surrogates;
use crate::vocabulary::Said;

/// The most candidates that are told apart: many more than the language has.
const MAX_CANDIDATES: u32 = 128;

/// What is known of a stream so far.
#[derive(Default)]
pub(super) struct StreamDecoder {
    has_started: bool,
    is_done: bool,
    id: String,
    searches: u64,
    candidates: Vec<Open>,
}

/// One candidate so far.
#[derive(Default)]
struct Open {
    next: u32,
    /// The block of words that is open: at most one at a time.
    words: Option<(u32, Words)>,
    /// The text so far, and where its last block begins.
    text: String,
    last_text: usize,
    /// What it says of its sources, which is told at its end: places are counted in all of the text.
    sources: Vec<(&'static str, Json)>,
    /// Whether the last block is a text.
    ends_in_text: bool,
    /// The proof of that text. It waits, since what the text cites comes at the end and belongs behind the text.
    proof: Option<String>,
    calls: u32,
    reason: Option<StopReason>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    Text,
    Thinking,
}

impl Decoder for StreamDecoder {
    fn push(&mut self, event: &StreamEvent, events: &mut Vec<Event>) -> Result<(), Fault> {
        if event.data.is_empty() {
            events.push(Event::Ping);
            return Ok(());
        }
        if event.name.as_ref() == b"error" {
            return Err(fault_in_answer(&event.data));
        }
        self.piece(&event.data, events)
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Fault> {
        match (self.is_done, self.has_finished()) {
            (true, _) => Ok(()),
            (false, true) => {
                self.complete(events);
                Ok(())
            }
            (false, false) => Err(broke_off()),
        }
    }
}

impl StreamDecoder {
    /// Takes one piece of the answer.
    pub(super) fn piece(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), Fault> {
        let text = std::str::from_utf8(data).map_err(|error| unreadable(&error))?;
        let chunk: Chunk<'_> = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
        if chunk.error.is_some() {
            return Err(fault_in_answer(data));
        }
        self.start(&chunk, events);
        let model = chunk.model_version.as_deref().unwrap_or_default();
        let grounding = chunk.candidates.iter().flatten().filter_map(Candidate::grounding);
        let told: u64 = grounding.map(|grounding| searches(grounding.get().as_bytes(), model)).sum();
        self.searches = self.searches.max(told);
        let usage = chunk.usage().map(|usage| Event::Usage(usage.canonical(self.searches)));
        for (position, candidate) in (0..).zip(chunk.candidates.iter().flatten()) {
            let read = self.candidate(position, candidate, events);
            // What failed has used something too.
            read.inspect_err(|_| events.extend(usage.clone()))?;
        }
        if let Some(feedback) = chunk.prompt_feedback.as_ref().filter(|feedback| feedback.blocks()) {
            self.blocked(feedback, events);
        }
        events.extend(usage);
        Ok(())
    }

    /// Whether any candidate has come to its end.
    pub(super) fn has_finished(&self) -> bool {
        self.candidates.iter().any(|candidate| candidate.reason.is_some())
    }

    /// Whether there was anything of an answer.
    pub(super) fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// Closes what is open and says why each candidate ended. The reasons come only now, because a stream may go on
    /// behind the first.
    pub(super) fn complete(&mut self, events: &mut Vec<Event>) {
        self.is_done = true;
        for (choice, open) in (0..).zip(&mut self.candidates) {
            open.close(choice, events);
            open.cite(choice, events);
            open.prove(choice, events);
            let said = Said { tool_call: open.calls > 0, refusal: false };
            let reason = said.refine(open.reason.unwrap_or(StopReason::EndTurn));
            events.push(Event::Finish { choice, reason, stop_sequence: None });
        }
        events.push(Event::End);
    }

    fn start(&mut self, chunk: &Chunk<'_>, events: &mut Vec<Event>) {
        if std::mem::replace(&mut self.has_started, true) {
            return;
        }
        chunk.response_id.as_deref().unwrap_or_default().clone_into(&mut self.id);
        let text = |said: &Option<std::borrow::Cow<'_, str>>| said.as_deref().map(str::to_owned);
        events.push(Event::Start {
            id: text(&chunk.response_id),
            model: text(&chunk.model_version),
            created: None,
        });
    }

    #[expect(clippy::expect_used, reason = "the resize makes the list longer than the index")]
    fn open(&mut self, index: u32) -> (u32, &mut Open) {
        let index = index.min(MAX_CANDIDATES - 1);
        if self.candidates.len() <= index as usize {
            self.candidates.resize_with(index as usize + 1, Open::default);
        }
        (index, self.candidates.get_mut(index as usize).expect("the candidate was just made"))
    }

    fn candidate(
        &mut self,
        position: u32,
        candidate: &Candidate<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let answer = std::mem::take(&mut self.id);
        let (choice, open) = self.open(candidate.index.unwrap_or(position));
        let mut reader = Reader::new(Speaker::Answering);
        let mut content = Vec::new();
        for raw in candidate.content.iter().flat_map(|said| said.parts.iter().flatten()) {
            reader.part(raw, &Path::Root, &mut content).map_err(|error| unreadable(&error))?;
        }
        for content in content {
            open.say(choice, content, &answer, events);
        }
        for (name, raw) in candidate.sources() {
            open.sources.push((name, keep(raw)));
        }
        if let Some(json) = candidate.logprobs_result.and_then(logprobs::read) {
            events.push(Event::Logprobs { choice, json });
        }
        let written = candidate.finish_reason.map_or("null", RawValue::get);
        if has_failed(written.as_bytes()) {
            return Err(failed(written));
        }
        let reason = stop_reason(written.as_bytes());
        if let Some(reason) = reason {
            open.close(choice, events);
            open.reason = Some(later(open.reason, reason));
        }
        self.id = answer;
        Ok(())
    }

    /// The prompt was refused: an answer without a candidate.
    fn blocked(&mut self, feedback: &Feedback<'_>, events: &mut Vec<Event>) {
        let (choice, open) = self.open(0);
        if let Some(message) = feedback.block_reason_message.as_deref().filter(|message| !message.is_empty())
        {
            open.block(choice, Opening::Refusal, Some(Delta::Refusal(message.to_owned())), events);
        }
        open.reason = Some(StopReason::Filtered);
    }
}

impl Open {
    fn say(&mut self, choice: u32, content: Content, answer: &str, events: &mut Vec<Event>) {
        if let Content::Thinking { text, signature: Some(proof) } = &content
            && text.is_empty()
            && self.ends_in_text
            && self.proof.is_none()
        {
            self.close(choice, events);
            self.proof = Some(proof.clone());
            return;
        }
        match content {
            Content::Text { text, .. } => self.words(choice, Words::Text, Delta::Text(text), events),
            Content::Thinking { text, signature } => {
                self.words(choice, Words::Thinking, Delta::Thinking(text), events);
                if let Some(proof) = signature {
                    let block = self.words_block(choice, Words::Thinking, events);
                    events.push(Event::Delta { choice, block, delta: Delta::Signature(proof) });
                    // The proof stands at the end of its block.
                    self.close(choice, events);
                }
            }
            Content::ToolCall { id, name, arguments, signature, .. } => {
                let id = if id.is_empty() { ids::of_answer(answer, choice, self.calls) } else { id };
                self.calls += 1;
                let opening = Opening::ToolCall { id, name, signature };
                self.block(choice, opening, Some(Delta::Arguments(arguments)), events);
            }
            Content::RedactedThinking { data } => {
                self.block(choice, Opening::RedactedThinking { data }, None, events);
            }
            Content::Opaque { kind, json } => {
                self.block(choice, Opening::Opaque { kind, json }, None, events);
            }
            // An answering model's are opaque here, and it refuses by the reason of its end.
            Content::Audio(_)
            | Content::Document(_)
            | Content::Image(_)
            | Content::Refusal(_)
            | Content::ToolResult { .. } => {}
        }
    }

    /// A piece of words; an empty one ends words of another kind all the same.
    fn words(&mut self, choice: u32, kind: Words, delta: Delta, events: &mut Vec<Event>) {
        let is_empty = match &delta {
            Delta::Text(text) | Delta::Thinking(text) => text.is_empty(),
            Delta::Arguments(_) | Delta::Refusal(_) | Delta::Signature(_) => false,
        };
        if is_empty {
            if self.words.is_some_and(|(_, open)| open != kind) {
                self.close(choice, events);
            }
            return;
        }
        let block = self.words_block(choice, kind, events);
        if let Delta::Text(text) = &delta {
            self.text.push_str(text);
        }
        events.push(Event::Delta { choice, block, delta });
    }

    /// Tells what the text cites, and what else there is about its sources.
    fn cite(&mut self, choice: u32, events: &mut Vec<Event>) {
        let sources = std::mem::take(&mut self.sources);
        if sources.is_empty() {
            return;
        }
        surrogates::settle(&mut self.text, self.last_text);
        let (mut cited, mut own): (Vec<Citation>, Vec<_>) = (Vec::new(), Vec::new());
        // Some streams tell again with each piece what they have told.
        let (mut told, mut places) = (HashSet::new(), HashSet::new());
        for (name, json) in sources {
            if !told.insert((name, json.as_str().to_owned())) {
                continue;
            }
            let mut said = cited::read(name, &json, cited::Said { text: &self.text, last: self.last_text });
            let is_own = said.is_empty() || cited::says_more(&json);
            said.retain(|one| places.insert((one.source.clone(), one.title.clone(), one.start, one.end)));
            if is_own {
                own.push(Opening::Opaque { kind: wire::candidate_kind(name), json });
                cited.extend(said);
            } else {
                cited.extend(said.into_iter().map(Citation::shared));
            }
        }
        if let Some(said) = citations::events(&cited, choice, self.next) {
            self.next += 1;
            events.extend(said);
        }
        for opening in own {
            self.block(choice, opening, None, events);
        }
    }

    fn words_block(&mut self, choice: u32, kind: Words, events: &mut Vec<Event>) -> u32 {
        if let Some((block, open)) = self.words
            && open == kind
        {
            return block;
        }
        let opening = match kind {
            Words::Text => Opening::Text,
            Words::Thinking => Opening::Thinking,
        };
        if kind == Words::Text {
            surrogates::settle(&mut self.text, self.last_text);
            self.last_text = self.text.len();
        }
        let block = self.begin(choice, opening, events);
        self.words = Some((block, kind));
        block
    }

    /// A block that is complete.
    fn block(&mut self, choice: u32, opening: Opening, delta: Option<Delta>, events: &mut Vec<Event>) {
        let block = self.begin(choice, opening, events);
        events.extend(delta.map(|delta| Event::Delta { choice, block, delta }));
        events.push(Event::Close { choice, block });
    }

    fn begin(&mut self, choice: u32, opening: Opening, events: &mut Vec<Event>) -> u32 {
        self.close(choice, events);
        self.prove(choice, events);
        self.ends_in_text = opening == Opening::Text;
        let block = self.next;
        self.next += 1;
        events.push(Event::Open { choice, block, opening });
        block
    }

    /// Tells the proof that waits.
    fn prove(&mut self, choice: u32, events: &mut Vec<Event>) {
        if let Some(proof) = self.proof.take() {
            self.block(choice, Opening::Thinking, Some(Delta::Signature(proof)), events);
        }
    }

    /// Ends the words that are open.
    fn close(&mut self, choice: u32, events: &mut Vec<Event>) {
        if let Some((block, _)) = self.words.take() {
            events.push(Event::Close { choice, block });
        }
    }
}

/// An answer that says nothing of what it should.
pub(super) fn no_candidates() -> Fault {
    Fault::new(FaultKind::Unreadable, "the provider's answer has no candidates")
}
