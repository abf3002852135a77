//! The tool calls of one choice of a stream, put together from fragments that come in every shape.

use std::borrow::Cow;

use serde::Serialize;
use types::Json;
use types::conversation::{Delta, Event, Opening};

use super::call_id;
use super::chunk::ChunkTool;
use super::proofs::ExtraContent;
use super::stream_decode::Blocks;
use crate::openai_family::shared;

/// The tool calls seen so far, in order.
#[derive(Default)]
pub(super) struct Tools {
    calls: Vec<Call>,
}

struct Call {
    /// The number the upstream gave it, where it numbers at all.
    index: Option<u64>,
    id: String,
    name: String,
    signature: Option<String>,
    progress: Progress,
}

enum Progress {
    /// Done.
    Closed,
    /// A custom tool's: gathered until it is whole.
    Custom { input: String },
    /// Its block is open.
    Open { block: u32, nesting: Nesting },
    /// Its name has not come yet; these are the arguments so far.
    Waiting { arguments: String },
}

/// How deep in a JSON object a text ends that comes in pieces.
#[derive(Default)]
struct Nesting {
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
    has_begun: bool,
}

impl Nesting {
    fn take(&mut self, piece: &str) {
        for byte in piece.bytes() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_in_string => self.is_escaped = true,
                b'"' => self.is_in_string = !self.is_in_string,
                b'{' | b'[' if !self.is_in_string => {
                    self.depth += 1;
                    self.has_begun = true;
                }
                b'}' | b']' if !self.is_in_string => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    const fn is_complete(&self) -> bool {
        self.has_begun && self.depth == 0
    }
}

impl Tools {
    /// Takes one fragment.
    pub(super) fn take(&mut self, fragment: &ChunkTool<'_>, blocks: &mut Blocks<'_>) {
        let at = self.find(fragment).unwrap_or_else(|| self.begin(fragment, blocks));
        let number = at;
        let Some(call) = self.calls.get_mut(at) else { return };
        if call.id.is_empty() {
            fragment.id.as_deref().unwrap_or_default().clone_into(&mut call.id);
        }
        if call.name.is_empty() {
            name(fragment).unwrap_or_default().clone_into(&mut call.name);
        }
        let proof = fragment.extra_content.as_ref().and_then(ExtraContent::proof);
        call.signature = proof.or_else(|| call.signature.take());
        let piece = piece(fragment);
        match &mut call.progress {
            Progress::Closed => {}
            Progress::Custom { input } => input.push_str(&piece),
            Progress::Open { block, nesting } => {
                nesting.take(&piece);
                send(*block, piece.into_owned(), blocks);
            }
            Progress::Waiting { arguments } => {
                arguments.push_str(&piece);
                if !call.name.is_empty() {
                    let arguments = std::mem::take(arguments);
                    call.open(number, blocks);
                    if let Progress::Open { block, nesting } = &mut call.progress {
                        nesting.take(&arguments);
                        send(*block, arguments, blocks);
                    }
                }
            }
        }
        blocks.state.said.tool_call = true;
    }

    /// The call that a fragment belongs to, if it has begun.
    fn find(&self, fragment: &ChunkTool<'_>) -> Option<usize> {
        let id = fragment.id.as_deref().filter(|id| !id.is_empty());
        let begins = name(fragment).is_some();
        // The last one counts: some providers number every call zero and tell them apart by id.
        let at = match (fragment.index, id) {
            (Some(index), _) => self.calls.iter().rposition(|call| call.index == Some(index)),
            (None, Some(id)) => self.calls.iter().rposition(|call| call.id == id),
            (None, None) if begins => None,
            (None, None) => self.calls.len().checked_sub(1),
        }?;
        let call = self.calls.get(at)?;
        let is_another = match id {
            Some(id) => begins && !call.id.is_empty() && id != call.id,
            // Some number every call zero and give none of them an id.
            None => begins && call.is_whole() && !piece(fragment).is_empty(),
        };
        (!is_another).then_some(at)
    }

    /// Begins another call. Those before it whose arguments are complete are over, though nothing has said so: a
    /// caller whose language has one call at a time need not wait for the end of the answer to see this one.
    fn begin(&mut self, fragment: &ChunkTool<'_>, blocks: &mut Blocks<'_>) -> usize {
        for call in &mut self.calls {
            if let Progress::Open { block, nesting } = &call.progress
                && nesting.is_complete()
            {
                blocks.events.push(Event::Close { choice: blocks.choice, block: *block });
                call.progress = Progress::Closed;
            }
        }
        let progress = match fragment.custom {
            Some(_) => Progress::Custom { input: String::new() },
            None => Progress::Waiting { arguments: String::new() },
        };
        let (id, name, signature) = (String::new(), String::new(), None);
        let call = Call { index: fragment.index, id, name, signature, progress };
        self.calls.push(call);
        self.calls.len() - 1
    }

    /// Closes every call that is open.
    pub(super) fn close(&mut self, blocks: &mut Blocks<'_>) {
        for (number, call) in self.calls.iter_mut().enumerate() {
            match std::mem::replace(&mut call.progress, Progress::Closed) {
                // A call that never got a name cannot be made.
                Progress::Closed | Progress::Waiting { .. } => {}
                Progress::Open { block, .. } => {
                    blocks.events.push(Event::Close { choice: blocks.choice, block });
                }
                Progress::Custom { input } => {
                    call.identify(number, blocks);
                    let Some(json) = custom_call(&call.id, &call.name, &input) else { continue };
                    let block = blocks.open(Opening::Opaque { kind: shared::CUSTOM_CALL.to_owned(), json });
                    blocks.events.push(Event::Close { choice: blocks.choice, block });
                }
            }
        }
    }
}

impl Call {
    /// Whether its arguments are complete.
    const fn is_whole(&self) -> bool {
        match &self.progress {
            Progress::Closed => true,
            Progress::Custom { .. } | Progress::Waiting { .. } => false,
            Progress::Open { nesting, .. } => nesting.is_complete(),
        }
    }

    fn open(&mut self, number: usize, blocks: &mut Blocks<'_>) {
        self.identify(number, blocks);
        let (id, name, signature) = (self.id.clone(), self.name.clone(), self.signature.take());
        let block = blocks.open(Opening::ToolCall { id, name, signature });
        self.progress = Progress::Open { block, nesting: Nesting::default() };
    }

    /// Gives a call an id where the upstream gave none.
    fn identify(&mut self, number: usize, blocks: &Blocks<'_>) {
        if self.id.is_empty() {
            self.id = call_id(blocks.answer, blocks.choice as usize, number);
        }
    }
}

fn send(block: u32, piece: String, blocks: &mut Blocks<'_>) {
    if !piece.is_empty() {
        let delta = Delta::Arguments(piece);
        blocks.events.push(Event::Delta { choice: blocks.choice, block, delta });
    }
}

fn name<'a>(fragment: &'a ChunkTool<'_>) -> Option<&'a str> {
    let function = fragment.function.as_ref().and_then(|function| function.name.as_deref());
    let custom = fragment.custom.as_ref().and_then(|custom| custom.name.as_deref());
    function.or(custom).filter(|name| !name.is_empty())
}

/// The piece of arguments or input in a fragment. Arguments sent as an object are written out.
fn piece<'a>(fragment: &'a ChunkTool<'_>) -> Cow<'a, str> {
    if let Some(custom) = &fragment.custom {
        return Cow::Borrowed(custom.input.as_deref().unwrap_or_default());
    }
    let Some(raw) = fragment.function.as_ref().and_then(|function| function.arguments) else {
        return Cow::Borrowed("");
    };
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => Cow::Owned(text),
        Err(_) if raw.get() == "null" => Cow::Borrowed(""),
        Err(_) => Cow::Borrowed(raw.get()),
    }
}

fn custom_call(id: &str, name: &str, input: &str) -> Option<Json> {
    #[derive(Serialize)]
    struct Whole<'a> {
        id: &'a str,
        r#type: &'static str,
        custom: Custom<'a>,
    }
    #[derive(Serialize)]
    struct Custom<'a> {
        name: &'a str,
        input: &'a str,
    }
    Json::of(&Whole { id, r#type: "custom", custom: Custom { name, input } })
}
