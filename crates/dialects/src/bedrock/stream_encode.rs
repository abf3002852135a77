//! Writes a stream: frames, blocks one after the other with numbers of their own, `messageStop`, and what it cost last.

use serde::Serialize;
use types::conversation::{Delta, Opening, StopReason};
use types::{Json, Usage};

use super::answer::{Metrics, stop_word};
use super::cited;
use super::usage::UsageOut;
use super::wire::is_blob;
use crate::calls::is_without;
use crate::frames::{self, FrameKind};
use crate::in_turn::Blocks;
use crate::vocabulary::Said;
use crate::{citations, shape};

/// The blocks as they are written.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The number of the next block on the wire.
    next: u32,
    current: Current,
    /// Whether a text has ended and its block has not: what it cites comes behind it.
    may_cite: bool,
    said: Said,
}

/// The block being written.
#[derive(Debug, Default)]
enum Current {
    /// One the wire has no word for, or none.
    #[default]
    Nothing,
    /// Text or reasoning; the wire tells a signature in one piece, at the end.
    Plain { signature: String, is_written: bool, is_text: bool },
    /// A call of a tool.
    Tool { has_arguments: bool },
}

#[derive(Serialize)]
struct Role {
    role: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockStart<'a> {
    content_block_index: u32,
    start: Start<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Start<'a> {
    tool_use: ToolUseStart<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolUseStart<'a> {
    tool_use_id: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockDelta<'a> {
    content_block_index: u32,
    delta: Piece<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Piece<'a> {
    Citation(&'a Json),
    ReasoningContent(Reasoning<'a>),
    Text(&'a str),
    ToolUse { input: &'a str },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Reasoning<'a> {
    RedactedContent(&'a str),
    Signature(&'a str),
    Text(&'a str),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockStop {
    content_block_index: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageStop {
    stop_reason: &'static str,
}

#[derive(Serialize)]
struct Metadata {
    usage: UsageOut,
    metrics: Metrics,
}

impl Blocks for Frames {
    fn start(&mut self, _id: Option<&str>, out: &mut Vec<u8>) {
        write(out, "messageStart", &Role { role: "assistant" });
    }

    fn open(&mut self, opening: &Opening, out: &mut Vec<u8>) {
        if let Opening::Opaque { kind, json } = opening
            && let Some(said) = citations::of(kind, json)
        {
            for citation in said.iter().filter(|_| self.may_cite).filter_map(cited::written) {
                self.piece(Piece::Citation(&citation), out);
            }
            return;
        }
        if matches!(opening, Opening::Opaque { .. }) {
            // Another language's, or one that no event tells of.
            self.current = Current::Nothing;
            return;
        }
        self.release(out);
        self.current = match opening {
            Opening::Refusal | Opening::Text | Opening::Thinking => {
                self.said.refusal |= *opening == Opening::Refusal;
                let is_text = *opening == Opening::Text;
                Current::Plain { signature: String::new(), is_written: false, is_text }
            }
            Opening::RedactedThinking { data } if is_blob(data) => {
                self.piece(Piece::ReasoningContent(Reasoning::RedactedContent(data)), out);
                Current::Plain { signature: String::new(), is_written: true, is_text: false }
            }
            Opening::ToolCall { id, name, .. } => {
                self.said.tool_call = true;
                let start = Start { tool_use: ToolUseStart { tool_use_id: id, name } };
                let start = BlockStart { content_block_index: self.next, start };
                write(out, "contentBlockStart", &start);
                Current::Tool { has_arguments: false }
            }
            Opening::Opaque { .. } | Opening::RedactedThinking { .. } => Current::Nothing,
        };
    }

    fn extend(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        let piece = match (delta, &mut self.current) {
            (Delta::Signature(piece), Current::Plain { signature, .. }) => {
                signature.push_str(piece);
                return;
            }
            (Delta::Text(text) | Delta::Refusal(text), Current::Plain { is_written, .. })
                if !text.is_empty() =>
            {
                *is_written = true;
                Piece::Text(text)
            }
            (Delta::Thinking(text), Current::Plain { is_written, .. }) if !text.is_empty() => {
                *is_written = true;
                Piece::ReasoningContent(Reasoning::Text(text))
            }
            // Nothing in front of the first piece: the end of the block says `{}`.
            (Delta::Arguments(input), Current::Tool { has_arguments: false }) if is_without(input) => return,
            (Delta::Arguments(input), Current::Tool { has_arguments }) if !input.is_empty() => {
                *has_arguments = true;
                Piece::ToolUse { input }
            }
            (_, _) => return, // Empty, or of another kind than its block.
        };
        self.piece(piece, out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.current) {
            Current::Plain { signature, .. } if !signature.is_empty() => {
                self.piece(Piece::ReasoningContent(Reasoning::Signature(&signature)), out);
            }
            Current::Plain { is_written: true, is_text: true, .. } => {
                self.may_cite = true;
                return;
            }
            Current::Plain { is_written: true, .. } | Current::Tool { has_arguments: true } => {}
            Current::Tool { has_arguments: false } => self.piece(Piece::ToolUse { input: "{}" }, out),
            Current::Nothing | Current::Plain { is_written: false, .. } => return,
        }
        self.stop(out);
    }

    fn end(&mut self, stop: Option<StopReason>, usage: Usage, out: &mut Vec<u8>) {
        self.release(out);
        write(out, "messageStop", &MessageStop { stop_reason: stop_word(stop, self.said) });
        write(out, "metadata", &Metadata { usage: usage.into(), metrics: Metrics::default() });
    }
}

impl Frames {
    /// Ends the block of a text that cites nothing more.
    fn release(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.may_cite) {
            self.stop(out);
        }
    }

    fn stop(&mut self, out: &mut Vec<u8>) {
        write(out, "contentBlockStop", &BlockStop { content_block_index: self.next });
        self.next += 1;
    }

    fn piece(&self, delta: Piece<'_>, out: &mut Vec<u8>) {
        write(out, "contentBlockDelta", &BlockDelta { content_block_index: self.next, delta });
    }
}

fn write(out: &mut Vec<u8>, name: &str, payload: &impl Serialize) {
    frames::write(out, FrameKind::Event, name, |out| shape::write(out, payload));
}
