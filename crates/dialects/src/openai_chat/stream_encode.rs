//! Writes a stream: the role first, pieces as they come, the reason, the usage where asked for, `[DONE]`.

use serde::Serialize;
use types::conversation::{Delivery, Delta, Event, Opening, StopReason};
use types::{Json, Usage};

use super::answer::finish_reason;
use super::answer_id;
use super::cited;
use super::message_decode::{MESSAGE_FIELD, is_call, written_call};
use super::proofs::ExtraContent;
use super::usage::WriteUsage;
use super::wire::ThinkingBlock;
use crate::extras::Named;
use crate::openai_family::json_bytes;
use crate::shape::write_line;
use crate::vocabulary::Said;
use crate::{Asked, Calls, Encoder, citations};

/// The most choices that are told apart; `OpenAI`'s own limit for `n`.
const MAX_CHOICES: u32 = 128;

/// What has been written so far.
pub(super) struct StreamEncoder {
    asked: Asked,
    include_usage: bool,
    /// Everything of a chunk up to its choices, the same in all of them.
    head: Vec<u8>,
    choices: Vec<WrittenChoice>,
    usage: Option<Usage>,
    is_done: bool,
}

/// One choice so far.
#[derive(Default)]
struct WrittenChoice {
    has_role: bool,
    has_finished: bool,
    said: Said,
    next_tool: u32,
    blocks: Vec<(u32, Block)>,
    /// The characters of the last text, and of those in front of it.
    text: u64,
    before: u64,
}

/// An open block.
enum Block {
    /// Words need no state.
    Words,
    /// Reasoning is gathered, because its proof goes out with the whole text.
    Thinking { text: String, signature: String },
    /// A tool call under its own number.
    Tool { number: u32, has_arguments: bool },
}

impl StreamEncoder {
    pub(super) fn new(asked: &Asked) -> Self {
        let include_usage = matches!(asked.delivery, Delivery::Stream { include_usage: true });
        let mut encoder = Self {
            asked: asked.clone(),
            include_usage,
            head: Vec::new(),
            choices: Vec::new(),
            usage: None,
            is_done: false,
        };
        encoder.start(None, None);
        encoder
    }

    fn start(&mut self, id: Option<&str>, created: Option<u64>) {
        #[derive(Serialize)]
        struct Head<'a> {
            id: String,
            object: &'static str,
            created: u64,
            model: &'a str,
        }
        let head = json_bytes(&Head {
            id: answer_id(id, &self.asked),
            object: "chat.completion.chunk",
            created: created.unwrap_or(self.asked.at.as_secs()),
            model: self.asked.model.as_str(),
        });
        self.head = head.strip_suffix(b"}").unwrap_or(&head).to_vec();
    }

    /// Writes a chunk with this value of `choices`.
    fn chunk(&self, choices: &impl Serialize, usage: Option<&Usage>, out: &mut Vec<u8>) {
        out.extend(b"data: ");
        out.extend(&self.head);
        out.extend(b",\"choices\":");
        write_line(out, choices);
        if self.include_usage {
            out.extend(b",\"usage\":");
            out.extend(json_bytes(&usage.map(WriteUsage::from)));
        }
        out.extend(b"}\n\n");
    }

    fn delta(&mut self, choice: u32, delta: &impl Serialize, out: &mut Vec<u8>) {
        self.role(choice, out);
        self.chunk(&[WrittenChunk { index: choice, delta, logprobs: None, finish_reason: None }], None, out);
    }

    /// The first chunk of a choice says who speaks.
    fn role(&mut self, choice: u32, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.choice(choice).has_role, true) {
            return;
        }
        let delta = RoleDelta { role: "assistant", content: "", refusal: None };
        self.chunk(&[WrittenChunk { index: choice, delta, logprobs: None, finish_reason: None }], None, out);
    }

    #[expect(clippy::expect_used, reason = "the resize makes the list longer than the index")]
    fn choice(&mut self, index: u32) -> &mut WrittenChoice {
        let index = index.min(MAX_CHOICES - 1) as usize;
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, WrittenChoice::default);
        }
        self.choices.get_mut(index).expect("the choice was just made")
    }

    fn open(&mut self, choice: u32, block: u32, opening: &Opening, out: &mut Vec<u8>) {
        let written = match opening {
            Opening::Refusal | Opening::Text => Block::Words,
            Opening::Thinking => Block::Thinking { text: String::new(), signature: String::new() },
            Opening::RedactedThinking { data } => {
                self.thinking_block(choice, ThinkingBlock::RedactedThinking { data }, out);
                Block::Words
            }
            Opening::Opaque { kind, json } => {
                self.opaque(choice, kind, json, out);
                Block::Words
            }
            Opening::ToolCall { name, .. } if self.asked.calls == Calls::Function => {
                let number = self.next_tool(choice);
                self.function(choice, number, ToolFunction { name: Some(name), arguments: "" }, out);
                Block::Tool { number, has_arguments: false }
            }
            Opening::ToolCall { id, name, signature } => {
                let number = self.next_tool(choice);
                let function = ToolFunction { name: Some(name), arguments: "" };
                let extra_content = signature.as_deref().map(ExtraContent::told);
                let kind = Some("function");
                let call = ToolDelta { index: number, id: Some(id), kind, function, extra_content };
                self.delta(choice, &ToolCalls { tool_calls: [call] }, out);
                Block::Tool { number, has_arguments: false }
            }
        };
        let state = self.choice(choice);
        if matches!(opening, Opening::Text) {
            state.before += std::mem::take(&mut state.text);
        }
        state.said.refusal |= matches!(opening, Opening::Refusal);
        state.blocks.push((block, written));
    }

    /// The number of the next tool call: tools are counted on their own, whatever else the answer holds.
    fn next_tool(&mut self, choice: u32) -> u32 {
        let state = self.choice(choice);
        state.said.tool_call = true;
        let number = state.next_tool;
        state.next_tool += 1;
        number
    }

    /// Parts of an answer that only this language has; other languages' are left out.
    fn opaque(&mut self, choice: u32, kind: &str, json: &Json, out: &mut Vec<u8>) {
        if let Some(name) = kind.strip_prefix(MESSAGE_FIELD) {
            return self.delta(choice, &Named(vec![(name, json)]), out);
        }
        if let Some(said) = citations::of(kind, json) {
            let before = self.choice(choice).before;
            let annotations: Vec<Json> = said.iter().filter_map(|one| cited::written(one, before)).collect();
            if !annotations.is_empty() {
                self.delta(choice, &Annotations { annotations }, out);
            }
        }
        if is_call(kind)
            && let Some(call) = written_call(kind, json)
            && let Some(mut call) = call.to::<serde_json::Map<String, serde_json::Value>>()
        {
            call.insert("index".to_owned(), self.next_tool(choice).into());
            self.delta(choice, &ToolCalls { tool_calls: [call] }, out);
        }
    }

    fn thinking_block(&mut self, choice: u32, block: ThinkingBlock<'_>, out: &mut Vec<u8>) {
        self.delta(choice, &ThinkingBlocks { thinking_blocks: [block] }, out);
    }

    fn piece(&mut self, choice: u32, block: u32, delta: &Delta, out: &mut Vec<u8>) {
        let open = self.choice(choice).blocks.iter_mut().find(|(number, _)| *number == block);
        match (delta, open.map(|(_, open)| open)) {
            (Delta::Text(text), _) => {
                self.choice(choice).text += citations::length(text);
                self.delta(choice, &WordsDelta::Content(text), out);
            }
            (Delta::Refusal(text), _) => self.delta(choice, &WordsDelta::Refusal(text), out),
            (Delta::Thinking(piece), open) => {
                if let Some(Block::Thinking { text, .. }) = open {
                    text.push_str(piece);
                }
                self.delta(choice, &WordsDelta::ReasoningContent(piece), out);
            }
            (Delta::Signature(piece), Some(Block::Thinking { signature, .. })) => signature.push_str(piece),
            (Delta::Arguments(piece), Some(Block::Tool { number, has_arguments })) => {
                *has_arguments |= !piece.is_empty();
                let number = *number;
                self.arguments(choice, number, piece, out);
            }
            // A delta of another kind than its block: the upstream's fault, and nothing to say.
            (Delta::Signature(_) | Delta::Arguments(_), Some(_) | None) => {}
        }
    }

    fn arguments(&mut self, choice: u32, number: u32, piece: &str, out: &mut Vec<u8>) {
        if !piece.is_empty() {
            let function = ToolFunction { name: None, arguments: piece };
            if self.asked.calls == Calls::Function {
                return self.function(choice, number, function, out);
            }
            let call = ToolDelta { index: number, id: None, kind: None, function, extra_content: None };
            self.delta(choice, &ToolCalls { tool_calls: [call] }, out);
        }
    }

    /// A piece of a call for a caller that knows functions only, and of those one.
    fn function(&mut self, choice: u32, number: u32, function_call: ToolFunction<'_>, out: &mut Vec<u8>) {
        if number == 0 {
            self.delta(choice, &FunctionCallDelta { function_call }, out);
        }
    }

    fn close(&mut self, choice: u32, block: u32, out: &mut Vec<u8>) {
        let blocks = &mut self.choice(choice).blocks;
        let Some(at) = blocks.iter().position(|(number, _)| *number == block) else { return };
        match blocks.swap_remove(at).1 {
            Block::Words | Block::Tool { has_arguments: true, .. } => {}
            // No arguments are an empty object: callers parse what they are given.
            Block::Tool { number, has_arguments: false } => self.arguments(choice, number, "{}", out),
            Block::Thinking { text, signature } => {
                if !signature.is_empty() {
                    let block = ThinkingBlock::Thinking { thinking: &text, signature: Some(&signature) };
                    self.thinking_block(choice, block, out);
                }
            }
        }
    }

    fn finish(&mut self, choice: u32, reason: StopReason, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.choice(choice).has_finished, true) {
            return;
        }
        self.role(choice, out);
        let finish_reason = Some(finish_reason(reason, self.choice(choice).said, self.asked.calls));
        let delta = NoDelta {};
        self.chunk(&[WrittenChunk { index: choice, delta, logprobs: None, finish_reason }], None, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_done, true) {
            return;
        }
        // An upstream may end without saying why; callers wait for a reason.
        let begun = |(index, choice): (u32, &WrittenChoice)| choice.has_role.then_some(index);
        let begun: Vec<u32> = (0..).zip(&self.choices).filter_map(begun).collect();
        for choice in begun {
            self.finish(choice, StopReason::EndTurn, out);
        }
        if self.include_usage
            && let Some(usage) = &self.usage
        {
            self.chunk(&[(); 0], Some(usage), out);
        }
        out.extend(b"data: [DONE]\n\n");
    }
}

impl Encoder for StreamEncoder {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, created, .. } => {
                self.start(id.as_deref(), *created);
                self.role(0, out);
            }
            Event::Open { choice, block, opening } => self.open(*choice, *block, opening, out),
            Event::Delta { choice, block, delta } => self.piece(*choice, *block, delta, out),
            Event::Close { choice, block } => self.close(*choice, *block, out),
            Event::Logprobs { choice, json } => {
                self.role(*choice, out);
                let delta = NoDelta {};
                let logprobs = Some(json);
                self.chunk(
                    &[WrittenChunk { index: *choice, delta, logprobs, finish_reason: None }],
                    None,
                    out,
                );
            }
            Event::Finish { choice, reason, .. } => self.finish(*choice, *reason, out),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Ping => out.extend(b": ping\n\n"),
            Event::End => self.end(out),
            // The conduit hands failures on by another way; nothing follows.
            Event::Failed(_) => {}
        }
    }
}

#[derive(Serialize)]
struct WrittenChunk<'a, D> {
    index: u32,
    delta: D,
    logprobs: Option<&'a Json>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize)]
struct RoleDelta {
    role: &'static str,
    content: &'static str,
    refusal: Option<&'static str>,
}

#[derive(Serialize)]
struct NoDelta {}

/// Words under the name of their kind.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum WordsDelta<'a> {
    Content(&'a str),
    ReasoningContent(&'a str),
    Refusal(&'a str),
}

#[derive(Serialize)]
struct Annotations {
    annotations: Vec<Json>,
}

#[derive(Serialize)]
struct ThinkingBlocks<'a> {
    thinking_blocks: [ThinkingBlock<'a>; 1],
}

#[derive(Serialize)]
struct FunctionCallDelta<'a> {
    function_call: ToolFunction<'a>,
}

#[derive(Serialize)]
struct ToolCalls<T> {
    tool_calls: [T; 1],
}

#[derive(Serialize)]
struct ToolDelta<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: ToolFunction<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<ExtraContent<'a>>,
}

#[derive(Serialize)]
struct ToolFunction<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}
