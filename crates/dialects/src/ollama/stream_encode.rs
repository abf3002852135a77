//! Writes a stream: a line for each piece, a call in one line once all of it is known, and the counts in the last.

use types::conversation::{Delta, Event, Opening, StopReason};
use types::{Json, Usage};

use super::answer::{LineOut, call, created_at, logprob_list, stop_word};
use super::usage::UsageOut;
use super::wire::MessageOut;
use crate::{Asked, Encoder, shape};

/// Writes a stream.
#[derive(Debug)]
pub(super) struct StreamEncoder {
    asked: Asked,
    created: Option<u64>,
    /// The calls that are not complete yet.
    open: Vec<OpenCall>,
    /// How many calls have been written.
    calls: usize,
    stop: Option<StopReason>,
    usage: Usage,
    ended: bool,
}

#[derive(Debug)]
struct OpenCall {
    block: u32,
    id: String,
    name: String,
    arguments: String,
}

impl StreamEncoder {
    /// A writer of the answer to this request.
    pub(super) fn new(asked: &Asked) -> Self {
        Self {
            asked: asked.clone(),
            created: None,
            open: Vec::new(),
            calls: 0,
            stop: None,
            usage: Usage::default(),
            ended: false,
        }
    }

    fn extend(&mut self, block: u32, delta: &Delta, out: &mut Vec<u8>) {
        let message = match delta {
            Delta::Text(text) | Delta::Refusal(text) if !text.is_empty() => {
                MessageOut { content: text.into(), ..assistant() }
            }
            Delta::Thinking(text) if !text.is_empty() => MessageOut { thinking: text.into(), ..assistant() },
            Delta::Arguments(piece) => {
                if let Some(call) = self.open.iter_mut().find(|call| call.block == block) {
                    call.arguments.push_str(piece);
                }
                return;
            }
            Delta::Refusal(_) | Delta::Signature(_) | Delta::Text(_) | Delta::Thinking(_) => return,
        };
        self.line(message, None, None, out);
    }

    fn close(&mut self, block: u32, out: &mut Vec<u8>) {
        let Some(at) = self.open.iter().position(|call| call.block == block) else { return };
        let OpenCall { id, name, arguments, .. } = self.open.remove(at);
        let calls = call(self.calls, &id, &name, &arguments);
        self.calls += 1;
        self.line(MessageOut { tool_calls: calls.into_iter().collect(), ..assistant() }, None, None, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        while let Some(block) = self.open.first().map(|call| call.block) {
            self.close(block, out);
        }
        let last = (stop_word(self.stop), self.usage.into());
        self.line(assistant(), None, Some(last), out);
    }

    /// Writes a line, which is the last where it says how the answer ended.
    fn line(
        &self,
        message: MessageOut<'_>,
        logprobs: Option<Json>,
        last: Option<(&'static str, UsageOut)>,
        out: &mut Vec<u8>,
    ) {
        let (done_reason, usage) = last.unzip();
        let line = LineOut {
            model: self.asked.model.as_str(),
            created_at: created_at(self.created, &self.asked),
            message,
            done: done_reason.is_some(),
            logprobs,
            done_reason,
            usage,
        };
        shape::write_line(out, &line);
        out.push(b'\n');
    }
}

impl Encoder for StreamEncoder {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { created, .. } => self.created = *created,
            Event::Open { choice: 0, block, opening: Opening::ToolCall { id, name, .. } } => {
                let (id, name) = (id.clone(), name.clone());
                self.open.push(OpenCall { block: *block, id, name, arguments: String::new() });
            }
            Event::Delta { choice: 0, block, delta } => self.extend(*block, delta, out),
            Event::Close { choice: 0, block } => self.close(*block, out),
            Event::Logprobs { choice: 0, json } => {
                if let Some(list) = logprob_list(json) {
                    self.line(assistant(), Some(list), None, out);
                }
            }
            Event::Finish { choice: 0, reason, .. } => self.stop = Some(*reason),
            Event::Usage(usage) => self.usage = *usage,
            Event::End => self.end(out),
            // The wire has one answer per request and no sign of life; failures are written as errors.
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

fn assistant() -> MessageOut<'static> {
    MessageOut { role: "assistant", ..MessageOut::default() }
}
