//! Writes a stream: blocks one after the other with numbers of their own, one `message_delta` with the final
//! usage, `message_stop` last. A block that opens while another is open waits until that one closes.

use std::collections::VecDeque;

use serde::Serialize;
use types::conversation::{Delta, Event, Opening, StopReason};
use types::{Json, Usage};

use super::answer::{MessageOut, message_id, stop_word};
use super::usage::UsageOut;
use super::wire::{Block, is_own};
use super::{cited, ids};
use crate::calls::{input, is_without};
use crate::vocabulary::Said;
use crate::{Asked, Encoder, citations, proofs, shape};

/// Writes a stream.
#[derive(Debug)]
pub(super) struct StreamEncoder {
    asked: Asked,
    started: bool,
    ended: bool,
    /// The number of the next block on the wire.
    next: u32,
    /// The block being written, and behind it those that wait.
    blocks: VecDeque<Waiting>,
    stop: Option<(StopReason, Option<String>)>,
    usage: Usage,
    said: Said,
}

/// The number of a block that no event is about.
const NO_EVENTS: u32 = u32::MAX;

/// A block that has not been written to its end.
#[derive(Debug)]
struct Waiting {
    block: u32,
    opening: Opening,
    /// What has not been written yet.
    pending: Vec<Delta>,
    /// The wire tells a signature in one piece, at the end.
    signature: String,
    /// What a text cites: it may be told behind the text's end.
    citations: Vec<Json>,
    /// Its number on the wire, once its opening is written; none for a block the wire has no word for.
    index: Option<u32>,
    has_arguments: bool,
    closed: bool,
}

#[derive(Serialize)]
struct MessageStart<'a> {
    r#type: &'static str,
    message: MessageOut<'a>,
}

#[derive(Serialize)]
struct BlockStart<'a> {
    r#type: &'static str,
    index: u32,
    content_block: Block<'a>,
}

#[derive(Serialize)]
struct BlockDelta<'a> {
    r#type: &'static str,
    index: u32,
    delta: DeltaOut<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum DeltaOut<'a> {
    #[serde(rename = "citations_delta")]
    Citation { citation: &'a Json },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
}

#[derive(Serialize)]
struct BlockStop {
    r#type: &'static str,
    index: u32,
}

#[derive(Serialize)]
struct MessageDelta<'a> {
    r#type: &'static str,
    delta: StopOut<'a>,
    usage: UsageOut,
}

#[derive(Serialize)]
struct StopOut<'a> {
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
}

impl StreamEncoder {
    /// A writer of the answer to this request.
    pub(super) fn new(asked: &Asked) -> Self {
        Self {
            asked: asked.clone(),
            started: false,
            ended: false,
            next: 0,
            blocks: VecDeque::new(),
            stop: None,
            usage: Usage::default(),
            said: Said::default(),
        }
    }

    fn start(&mut self, id: Option<&str>, out: &mut Vec<u8>) {
        if self.started {
            return;
        }
        self.started = true;
        let message = MessageOut {
            id: message_id(id, &self.asked),
            r#type: "message",
            role: "assistant",
            model: self.asked.model.as_str(),
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            // The input is not known yet; the message_delta tells it.
            usage: self.usage.into(),
        };
        write(out, "message_start", &MessageStart { r#type: "message_start", message });
    }

    fn open(&mut self, block: u32, opening: &Opening, out: &mut Vec<u8>) {
        self.start(None, out);
        if let Opening::Opaque { kind, json } = opening
            && let Some(said) = citations::of(kind, json)
        {
            if let Some(Waiting { opening: Opening::Text, citations, .. }) = self.blocks.back_mut() {
                citations.extend(said.iter().filter_map(cited::written));
            }
            return;
        }
        match opening {
            // Another language's.
            Opening::Opaque { kind, .. } if !is_own(kind) => return,
            Opening::Refusal => self.said.refusal = true,
            Opening::ToolCall { .. } => self.said.tool_call = true,
            Opening::Opaque { .. } | Opening::RedactedThinking { .. } | Opening::Text | Opening::Thinking => {
            }
        }
        if let Opening::ToolCall { signature: Some(proof), .. } = opening {
            // A call has no place for its proof: reasoning in front of it carries it.
            let carrier = Waiting::new(NO_EVENTS, Opening::Thinking);
            self.blocks.push_back(Waiting { signature: proofs::of_call(proof), closed: true, ..carrier });
        }
        self.blocks.push_back(Waiting::new(block, opening.clone()));
        self.advance(out);
    }

    fn extend(&mut self, block: u32, delta: &Delta, out: &mut Vec<u8>) {
        let Some(at) = self.blocks.iter().position(|waiting| waiting.block == block) else { return };
        let Some(waiting) = self.blocks.get_mut(at) else { return };
        if at == 0 {
            waiting.write_delta(delta, out);
        } else {
            waiting.keep(delta);
        }
    }

    fn close(&mut self, block: u32, out: &mut Vec<u8>) {
        if let Some(waiting) = self.blocks.iter_mut().find(|waiting| waiting.block == block) {
            waiting.closed = true;
        }
        self.advance(out);
    }

    /// Writes what can be written: blocks that are closed to their end, the first that is not as far as it is
    /// known.
    ///
    /// A text that nothing follows yet stays open, since what it cites comes behind it.
    fn advance(&mut self, out: &mut Vec<u8>) {
        let mut behind = self.blocks.len();
        while let Some(first) = self.blocks.front_mut() {
            behind = behind.saturating_sub(1);
            if first.index.is_none() && first.write_start(self.next, out) {
                self.next += 1;
            }
            for delta in std::mem::take(&mut first.pending) {
                first.write_delta(&delta, out);
            }
            let may_cite = first.opening == Opening::Text && behind == 0 && !self.ended;
            if !first.closed || may_cite {
                break;
            }
            first.write_stop(out);
            self.blocks.pop_front();
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.start(None, out);
        self.blocks.iter_mut().for_each(|waiting| waiting.closed = true);
        self.advance(out);
        let (stop, sequence) = match &self.stop {
            Some((reason, sequence)) => (Some(*reason), sequence.as_deref()),
            None => (None, None),
        };
        let delta = StopOut { stop_reason: stop_word(stop, self.said), stop_sequence: sequence };
        let last = MessageDelta { r#type: "message_delta", delta, usage: self.usage.into() };
        write(out, "message_delta", &last);
        out.extend_from_slice(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }
}

impl Encoder for StreamEncoder {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, .. } => self.start(id.as_deref(), out),
            Event::Open { choice: 0, block, opening } => self.open(*block, opening, out),
            Event::Delta { choice: 0, block, delta } => self.extend(*block, delta, out),
            Event::Close { choice: 0, block } => self.close(*block, out),
            Event::Finish { choice: 0, reason, stop_sequence } => {
                self.stop = Some((*reason, stop_sequence.clone()));
            }
            Event::Usage(usage) => self.usage = *usage,
            // `message_start` comes before everything else.
            Event::Ping if self.started && !self.ended => {
                out.extend_from_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
            }
            Event::End => self.end(out),
            // The wire has one answer per request and no log probabilities; failures are written as errors.
            Event::Open { .. }
            | Event::Delta { .. }
            | Event::Close { .. }
            | Event::Finish { .. }
            | Event::Logprobs { .. }
            | Event::Failed(_)
            | Event::Ping => {}
        }
    }
}

impl Waiting {
    const fn new(block: u32, opening: Opening) -> Self {
        Self {
            block,
            opening,
            pending: Vec::new(),
            signature: String::new(),
            citations: Vec::new(),
            index: None,
            has_arguments: false,
            closed: false,
        }
    }

    /// Writes the opening; false if the wire has no word for the block.
    fn write_start(&mut self, index: u32, out: &mut Vec<u8>) -> bool {
        let content_block = match &self.opening {
            Opening::Opaque { json, .. } => Block::Opaque(json),
            Opening::RedactedThinking { data } => Block::RedactedThinking { data },
            Opening::Refusal | Opening::Text => {
                Block::Text { text: "", cache_control: None, citations: Vec::new() }
            }
            Opening::Thinking => Block::Thinking { thinking: "", signature: "".into() },
            Opening::ToolCall { id, name, .. } => {
                let Some(input) = input("") else { return false };
                Block::ToolUse { id: ids::fit(id), name: name.into(), input, cache_control: None }
            }
        };
        write(
            out,
            "content_block_start",
            &BlockStart { r#type: "content_block_start", index, content_block },
        );
        self.index = Some(index);
        true
    }

    /// Puts a delta aside, joined to the one before where both are of a kind.
    fn keep(&mut self, delta: &Delta) {
        match (self.pending.last_mut(), delta) {
            (Some(Delta::Arguments(text)), Delta::Arguments(piece))
            | (Some(Delta::Refusal(text)), Delta::Refusal(piece))
            | (Some(Delta::Signature(text)), Delta::Signature(piece))
            | (Some(Delta::Text(text)), Delta::Text(piece))
            | (Some(Delta::Thinking(text)), Delta::Thinking(piece)) => text.push_str(piece),
            (_, delta) => self.pending.push(delta.clone()),
        }
    }

    fn write_delta(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        let Some(index) = self.index else { return };
        let delta = match (delta, &self.opening) {
            // Nothing in front of the first piece: the end of the block says `{}`.
            (Delta::Arguments(piece), Opening::ToolCall { .. })
                if !self.has_arguments && is_without(piece) =>
            {
                return;
            }
            (Delta::Arguments(piece), Opening::ToolCall { .. }) if !piece.is_empty() => {
                self.has_arguments = true;
                DeltaOut::InputJson { partial_json: piece }
            }
            (Delta::Text(text), Opening::Text) | (Delta::Refusal(text), Opening::Refusal)
                if !text.is_empty() =>
            {
                DeltaOut::Text { text }
            }
            (Delta::Thinking(thinking), Opening::Thinking) if !thinking.is_empty() => {
                DeltaOut::Thinking { thinking }
            }
            (Delta::Signature(piece), Opening::Thinking) => {
                self.signature.push_str(piece);
                return;
            }
            (_, _) => return, // Empty, or of another kind than its block.
        };
        write(out, "content_block_delta", &BlockDelta { r#type: "content_block_delta", index, delta });
    }

    fn write_stop(&mut self, out: &mut Vec<u8>) {
        let Some(index) = self.index else { return };
        for citation in &self.citations {
            let delta = DeltaOut::Citation { citation };
            write(out, "content_block_delta", &BlockDelta { r#type: "content_block_delta", index, delta });
        }
        let last = match &self.opening {
            Opening::ToolCall { .. } if !self.has_arguments => {
                Some(DeltaOut::InputJson { partial_json: "{}" })
            }
            Opening::Thinking if !self.signature.is_empty() => {
                Some(DeltaOut::Signature { signature: &self.signature })
            }
            Opening::Opaque { .. }
            | Opening::RedactedThinking { .. }
            | Opening::Refusal
            | Opening::Text
            | Opening::Thinking
            | Opening::ToolCall { .. } => None,
        };
        if let Some(delta) = last {
            write(out, "content_block_delta", &BlockDelta { r#type: "content_block_delta", index, delta });
        }
        write(out, "content_block_stop", &BlockStop { r#type: "content_block_stop", index });
    }
}

/// Writes one event. Its name stands on a line of its own: the official client ignores events without.
fn write(out: &mut Vec<u8>, name: &str, data: &impl Serialize) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    shape::write_line(out, data);
    out.extend_from_slice(b"\n\n");
}
