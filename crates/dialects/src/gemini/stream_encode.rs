//! Writes a stream: pieces as they come, calls whole, and last the reasons and the usage. It has no terminator; as an
//! array it has its bracket.

use std::collections::BTreeMap;

use types::conversation::{Delta, Event, Opening, StopReason};
use types::{Json, Usage};

use super::answer::{AnswerOut, CandidateOut, answer_id};
use super::chunk::finish_reason;
use super::cited::{Grounded, Said};
use super::usage::WriteUsage;
use super::wire::{self, CallOut, PartOut, args};
use super::{logprobs, proofs};
use crate::extras::Named;
use crate::shape::write_line;
use crate::{Asked, Encoder, citations};

/// Writes a stream.
#[derive(Debug)]
pub(super) struct StreamEncoder {
    asked: Asked,
    id: String,
    /// The blocks that are open.
    blocks: Vec<OpenBlock>,
    /// The text of each candidate, and where its last block begins.
    texts: BTreeMap<u32, (String, usize)>,
    /// What each candidate cites; told with its end, since clients keep the last that they are told.
    grounded: BTreeMap<u32, Grounded>,
    /// How the candidates ended, in the order they did.
    ends: Vec<(u32, StopReason)>,
    usage: Option<Usage>,
    has_written: bool,
    is_done: bool,
}

#[derive(Debug)]
struct OpenBlock {
    choice: u32,
    block: u32,
    kind: Kind,
    /// Whether it is complete and only waits for a call that began before it: calls keep their order.
    is_closed: bool,
}

impl OpenBlock {
    const fn is_call(&self) -> bool {
        matches!(self.kind, Kind::Call { .. })
    }
}

#[derive(Debug)]
enum Kind {
    /// Text, or a refusal, which is a text here.
    Text,
    /// Reasoning; its proof is told at its end.
    Thinking { has_text: bool, signature: String },
    /// A call, which is told whole.
    Call { id: String, name: String, arguments: String, signature: Option<String> },
}

impl StreamEncoder {
    /// A writer of the answer to this request.
    pub(super) fn new(asked: &Asked) -> Self {
        Self {
            asked: asked.clone(),
            id: answer_id(None, asked).into_owned(),
            blocks: Vec::new(),
            texts: BTreeMap::new(),
            grounded: BTreeMap::new(),
            ends: Vec::new(),
            usage: None,
            has_written: false,
            is_done: false,
        }
    }

    /// Writes one piece of the answer.
    fn piece(
        &mut self,
        candidates: Vec<CandidateOut<'_>>,
        usage_metadata: Option<WriteUsage>,
        out: &mut Vec<u8>,
    ) {
        let (model_version, response_id) = (self.asked.model.as_str(), self.id.as_str());
        let piece = AnswerOut { candidates, usage_metadata, model_version, response_id };
        let (before, after) = wire::around(self.asked.form, !self.has_written);
        out.extend_from_slice(before);
        write_line(out, &piece);
        out.extend_from_slice(after);
        self.has_written = true;
    }

    fn part(&mut self, choice: u32, part: PartOut<'_>, out: &mut Vec<u8>) {
        self.piece(vec![CandidateOut::saying(choice as usize, vec![part])], None, out);
    }

    fn open(&mut self, choice: u32, block: u32, opening: &Opening, out: &mut Vec<u8>) {
        let kind = match opening {
            Opening::Text => {
                let (text, last) = self.texts.entry(choice).or_default();
                *last = text.len();
                Kind::Text
            }
            Opening::Refusal => Kind::Text,
            Opening::Thinking => Kind::Thinking { has_text: false, signature: String::new() },
            Opening::ToolCall { id, name, signature } => Kind::Call {
                id: id.clone(),
                name: name.clone(),
                arguments: String::new(),
                signature: signature.clone(),
            },
            Opening::RedactedThinking { data } => {
                return self.part(choice, PartOut::redacted(data), out);
            }
            Opening::Opaque { kind, json } => return self.opaque(choice, kind, json, out),
        };
        self.blocks.push(OpenBlock { choice, block, kind, is_closed: false });
    }

    /// What only this language has; other languages' blocks are left out.
    fn opaque(&mut self, choice: u32, kind: &str, json: &Json, out: &mut Vec<u8>) {
        if let Some(said) = citations::of(kind, json) {
            let (text, last) = self.texts.get(&choice).map_or(("", 0), |(text, last)| (text.as_str(), *last));
            self.grounded.entry(choice).or_default().add(&said, Said { text, last });
        } else if let Some(field) = wire::candidate_field(kind) {
            let sources = Named(vec![(field, json)]);
            let candidate = CandidateOut::saying(choice as usize, vec![PartOut::text("")]);
            self.piece(vec![CandidateOut { sources, ..candidate }], None, out);
        } else if wire::is_own(kind) {
            self.part(choice, PartOut::Opaque(json), out);
        }
    }

    fn extend(&mut self, choice: u32, block: u32, delta: &Delta, out: &mut Vec<u8>) {
        if let Delta::Text(text) = delta {
            self.texts.entry(choice).or_default().0.push_str(text);
        }
        let open = self.blocks.iter_mut().find(|open| (open.choice, open.block) == (choice, block));
        let Some(open) = open else { return };
        let part = match (delta, &mut open.kind) {
            (Delta::Text(text) | Delta::Refusal(text), Kind::Text) if !text.is_empty() => PartOut::text(text),
            (Delta::Thinking(text), Kind::Thinking { has_text, .. }) if !text.is_empty() => {
                *has_text = true;
                PartOut::thought(text, None)
            }
            (Delta::Signature(piece), Kind::Thinking { signature, .. }) => return signature.push_str(piece),
            (Delta::Arguments(piece), Kind::Call { arguments, .. }) => return arguments.push_str(piece),
            (_, _) => return, // Empty, or of another kind than its block.
        };
        self.part(choice, part, out);
    }

    fn close(&mut self, choice: u32, block: u32, out: &mut Vec<u8>) {
        let known = self.blocks.iter_mut().find(|open| (open.choice, open.block) == (choice, block));
        let Some(known) = known else { return };
        known.is_closed = true;
        while let Some(at) = self.next_told(choice) {
            let told = self.blocks.remove(at);
            self.tell(choice, told.kind, out);
        }
    }

    /// The first complete block of this candidate that no call stands in front of.
    fn next_told(&self, choice: u32) -> Option<usize> {
        let mut waits = false;
        self.blocks.iter().position(|open| {
            let is_told = open.choice == choice && open.is_closed && !(waits && open.is_call());
            waits |= open.choice == choice && open.is_call();
            is_told
        })
    }

    fn tell(&mut self, choice: u32, kind: Kind, out: &mut Vec<u8>) {
        match kind {
            Kind::Text => {}
            Kind::Thinking { signature, .. } if signature.is_empty() => {}
            Kind::Thinking { has_text: true, signature } => {
                self.part(choice, PartOut::thought("", Some(proofs::written(&signature))), out);
            }
            Kind::Thinking { has_text: false, signature } => {
                self.part(choice, PartOut::proof(&signature), out);
            }
            Kind::Call { id, name, arguments, signature } => {
                let call = CallOut { id: Some(&id), name: name.into(), args: args(&arguments).0 };
                let part = PartOut::call(call, signature.as_deref().map(proofs::written));
                self.part(choice, part, out);
            }
        }
    }

    fn logprobs(&mut self, choice: u32, json: &Json, out: &mut Vec<u8>) {
        if let Some(result) = logprobs::written(json) {
            let candidate = CandidateOut::saying(choice as usize, vec![PartOut::text("")]);
            self.piece(vec![CandidateOut { logprobs_result: Some(result), ..candidate }], None, out);
        }
    }

    /// The last piece: why each candidate ended, and what all of it used.
    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_done, true) {
            return;
        }
        if self.ends.is_empty() {
            // An upstream may end without saying why; callers wait for a reason.
            self.ends.push((0, StopReason::EndTurn));
        }
        let (ends, grounded) = (std::mem::take(&mut self.ends), std::mem::take(&mut self.grounded));
        let candidates = ends.iter().map(|(choice, reason)| CandidateOut {
            finish_reason: Some(finish_reason(*reason)),
            grounding_metadata: grounded.get(choice).and_then(Grounded::written),
            ..CandidateOut::saying(*choice as usize, vec![PartOut::text("")])
        });
        let usage = self.usage.as_ref().map(WriteUsage::from);
        self.piece(candidates.collect(), usage, out);
        out.extend_from_slice(wire::end(self.asked.form));
    }
}

impl Encoder for StreamEncoder {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, .. } => self.id = answer_id(id.as_deref(), &self.asked).into_owned(),
            Event::Open { choice, block, opening } => self.open(*choice, *block, opening, out),
            Event::Delta { choice, block, delta } => self.extend(*choice, *block, delta, out),
            Event::Close { choice, block } => self.close(*choice, *block, out),
            Event::Logprobs { choice, json } => self.logprobs(*choice, json, out),
            Event::Finish { choice, reason, .. } => {
                if self.ends.iter().all(|(ended, _)| ended != choice) {
                    self.ends.push((*choice, *reason));
                }
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.end(out),
            // Clients take every line for data, and failures are written as errors.
            Event::Failed(_) | Event::Ping => {}
        }
    }
}
