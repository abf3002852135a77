//! Writes a stream: parts and calls one after the other, each kind with numbers of its own, and the usage last.

use std::borrow::Cow;

use serde::Serialize;
use types::conversation::{Delta, Opening, StopReason};
use types::{Json, Usage};

use super::answer::{answer_id, stop_word};
use super::cited;
use super::usage::UsageOut;
use super::wire::CallOut;
use crate::calls::is_without;
use crate::citations::{self, Citation};
use crate::in_turn::Blocks;
use crate::{Asked, shape};

/// The blocks as they are written.
#[derive(Debug)]
pub(super) struct Events {
    asked: Asked,
    /// The number of the next part.
    parts: u32,
    /// The number of the next call.
    calls: u32,
    /// The number of the next citation.
    cited: u32,
    /// The last text, and the number of its part.
    text: String,
    text_part: u32,
    current: Current,
}

/// The block being written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Current {
    #[default]
    Nothing,
    Text,
    Thinking,
    Tool {
        has_arguments: bool,
    },
}

#[derive(Serialize)]
struct MessageStart<'a> {
    id: Cow<'a, str>,
    r#type: &'static str,
    delta: Within<Opened>,
}

/// A message at its start, with all that will come into it.
#[derive(Default, Serialize)]
struct Opened {
    role: &'static str,
    content: [(); 0],
    tool_plan: &'static str,
    tool_calls: [(); 0],
    citations: [(); 0],
}

#[derive(Serialize)]
struct Within<T> {
    message: T,
}

#[derive(Serialize)]
struct Numbered<T> {
    r#type: &'static str,
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<Within<T>>,
}

#[derive(Serialize)]
struct Content<'a> {
    content: Piece<'a>,
}

#[derive(Serialize)]
struct Piece<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
}

#[derive(Serialize)]
struct Cited {
    citations: Json,
}

#[derive(Serialize)]
struct Calls<T> {
    tool_calls: T,
}

#[derive(Serialize)]
struct Called<'a> {
    function: Arguments<'a>,
}

#[derive(Serialize)]
struct Arguments<'a> {
    arguments: &'a str,
}

#[derive(Serialize)]
struct MessageEnd {
    r#type: &'static str,
    delta: Ended,
}

#[derive(Serialize)]
struct Ended {
    finish_reason: &'static str,
    usage: UsageOut,
}

impl Events {
    /// The events of the answer to this request.
    pub(super) fn new(asked: &Asked) -> Self {
        Self {
            asked: asked.clone(),
            parts: 0,
            calls: 0,
            cited: 0,
            text: String::new(),
            text_part: 0,
            current: Current::Nothing,
        }
    }

    fn content(&self, name: &'static str, content: Piece<'_>, out: &mut Vec<u8>) {
        let delta = Some(Within { message: Content { content } });
        write(out, name, &Numbered { r#type: name, index: self.parts, delta });
    }

    /// Says what the last text cites.
    fn cite(&mut self, said: &[Citation], out: &mut Vec<u8>) {
        for citations in cited::written(said, self.text_part, &self.text) {
            let (index, delta) = (self.cited, Some(Within { message: Cited { citations } }));
            write(out, "citation-start", &Numbered { r#type: "citation-start", index, delta });
            write(out, "citation-end", &Numbered::<()> { r#type: "citation-end", index, delta: None });
            self.cited += 1;
        }
    }

    fn arguments(&self, arguments: &str, out: &mut Vec<u8>) {
        self.call("tool-call-delta", Called { function: Arguments { arguments } }, out);
    }

    fn call(&self, name: &'static str, tool_calls: impl Serialize, out: &mut Vec<u8>) {
        let delta = Some(Within { message: Calls { tool_calls } });
        write(out, name, &Numbered { r#type: name, index: self.calls, delta });
    }
}

impl Blocks for Events {
    fn start(&mut self, id: Option<&str>, out: &mut Vec<u8>) {
        let id = answer_id(id, &self.asked);
        let delta = Within { message: Opened { role: "assistant", ..Opened::default() } };
        write(out, "message-start", &MessageStart { id, r#type: "message-start", delta });
    }

    fn open(&mut self, opening: &Opening, out: &mut Vec<u8>) {
        self.current = match opening {
            Opening::Refusal | Opening::Text => {
                self.text.clear();
                self.text_part = self.parts;
                self.content(
                    "content-start",
                    Piece { r#type: Some("text"), text: Some(""), thinking: None },
                    out,
                );
                Current::Text
            }
            Opening::Thinking => {
                let piece = Piece { r#type: Some("thinking"), text: None, thinking: Some("") };
                self.content("content-start", piece, out);
                Current::Thinking
            }
            Opening::ToolCall { id, name, .. } => {
                let mut call = CallOut::new(id, name, "");
                call.function.arguments = Cow::Borrowed("");
                self.call("tool-call-start", call, out);
                Current::Tool { has_arguments: false }
            }
            Opening::Opaque { kind, json } => {
                self.cite(&citations::of(kind, json).unwrap_or_default(), out);
                Current::Nothing
            }
            Opening::RedactedThinking { .. } => Current::Nothing,
        };
    }

    fn extend(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        match (delta, &mut self.current) {
            (Delta::Text(text) | Delta::Refusal(text), Current::Text) if !text.is_empty() => {
                self.text.push_str(text);
                let piece = Piece { r#type: None, text: Some(text), thinking: None };
                self.content("content-delta", piece, out);
            }
            (Delta::Thinking(text), Current::Thinking) if !text.is_empty() => {
                let piece = Piece { r#type: None, text: None, thinking: Some(text) };
                self.content("content-delta", piece, out);
            }
            // Nothing in front of the first piece: the end of the block says `{}`.
            (Delta::Arguments(piece), Current::Tool { has_arguments: false }) if is_without(piece) => {}
            (Delta::Arguments(piece), Current::Tool { has_arguments }) if !piece.is_empty() => {
                *has_arguments = true;
                self.arguments(piece, out);
            }
            (_, _) => {} // Empty, of another kind than its block, or a proof, which the wire does not have.
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.current) {
            Current::Nothing => {}
            Current::Text | Current::Thinking => {
                let index = self.parts;
                write(out, "content-end", &Numbered::<()> { r#type: "content-end", index, delta: None });
                self.parts += 1;
            }
            Current::Tool { has_arguments } => {
                if !has_arguments {
                    self.arguments("{}", out);
                }
                let index = self.calls;
                write(out, "tool-call-end", &Numbered::<()> { r#type: "tool-call-end", index, delta: None });
                self.calls += 1;
            }
        }
    }

    fn end(&mut self, stop: Option<StopReason>, usage: Usage, out: &mut Vec<u8>) {
        let finish_reason = stop_word(stop, self.calls > 0);
        let delta = Ended { finish_reason, usage: usage.into() };
        write(out, "message-end", &MessageEnd { r#type: "message-end", delta });
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

/// Writes one event.
fn write(out: &mut Vec<u8>, name: &str, data: &impl Serialize) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    shape::write_line(out, data);
    out.extend_from_slice(b"\n\n");
}
