//! Puts the blocks of an answer one after the other: a block that opens while another is open waits until that one
//! closes. For languages whose blocks never interleave.

use std::collections::VecDeque;

use types::Usage;
use types::conversation::{Delta, Event, Opening, StopReason};

use crate::Encoder;

/// How a language whose blocks never interleave writes a stream.
pub(crate) trait Blocks: Send {
    /// The answer begins; said once, before everything else.
    fn start(&mut self, id: Option<&str>, out: &mut Vec<u8>);

    /// A block begins.
    fn open(&mut self, opening: &Opening, out: &mut Vec<u8>);

    /// The block goes on.
    fn extend(&mut self, delta: &Delta, out: &mut Vec<u8>);

    /// The block ends.
    fn close(&mut self, out: &mut Vec<u8>);

    /// The answer ends.
    fn end(&mut self, stop: Option<StopReason>, usage: Usage, out: &mut Vec<u8>);
}

/// Writes a stream block by block.
#[derive(Debug, Default)]
pub(crate) struct BlockEncoder<B> {
    turn: InTurn,
    blocks: B,
    started: bool,
    ended: bool,
    stop: Option<StopReason>,
    usage: Usage,
}

impl<B: Blocks> BlockEncoder<B> {
    /// An encoder that writes by these rules.
    pub(crate) fn new(blocks: B) -> Self {
        let (turn, usage) = <(InTurn, Usage)>::default();
        Self { turn, blocks, started: false, ended: false, stop: None, usage }
    }

    fn start(&mut self, id: Option<&str>, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.started, true) {
            self.blocks.start(id, out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.start(None, out);
        self.turn.finish(|event| write(&mut self.blocks, event, out));
        self.blocks.end(self.stop, self.usage, out);
    }
}

impl<B: Blocks> Encoder for BlockEncoder<B> {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, .. } => self.start(id.as_deref(), out),
            Event::Open { choice: 0, .. }
            | Event::Delta { choice: 0, .. }
            | Event::Close { choice: 0, .. } => {
                self.start(None, out);
                self.turn.push(event, |event| write(&mut self.blocks, event, out));
            }
            Event::Finish { choice: 0, reason, .. } => self.stop = Some(*reason),
            Event::Usage(usage) => self.usage = *usage,
            Event::End => self.end(out),
            // These languages have one answer per request, no log probabilities and no sign of life; failures are
            // written as errors.
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

/// Writes one event of a block.
fn write(blocks: &mut impl Blocks, event: &Event, out: &mut Vec<u8>) {
    match event {
        Event::Open { opening, .. } => blocks.open(opening, out),
        Event::Delta { delta, .. } => blocks.extend(delta, out),
        Event::Close { .. } => blocks.close(out),
        Event::Start { .. }
        | Event::Logprobs { .. }
        | Event::Finish { .. }
        | Event::Usage(_)
        | Event::Failed(_)
        | Event::Ping
        | Event::End => {}
    }
}

/// The blocks of one answer.
#[derive(Debug, Default)]
struct InTurn {
    /// The block being written.
    current: Option<u32>,
    /// Those that wait, in the order they opened.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    block: u32,
    events: Vec<Event>,
    closed: bool,
}

impl InTurn {
    /// Takes one event of a block and writes what can be written.
    fn push(&mut self, event: &Event, mut write: impl FnMut(&Event)) {
        let (block, is_open) = match event {
            Event::Open { block, .. } => (*block, true),
            Event::Delta { block, .. } | Event::Close { block, .. } => (*block, false),
            Event::Start { .. }
            | Event::Logprobs { .. }
            | Event::Finish { .. }
            | Event::Usage(_)
            | Event::Failed(_)
            | Event::Ping
            | Event::End => return,
        };
        let closed = matches!(event, Event::Close { .. });
        if is_open && self.current.is_none() {
            self.current = Some(block);
            write(event);
        } else if is_open {
            self.waiting.push_back(Waiting { block, events: vec![event.clone()], closed });
        } else if self.current == Some(block) {
            write(event);
            if closed {
                self.advance(&mut write);
            }
        } else if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.block == block) {
            waiting.keep(event);
            waiting.closed |= closed;
        }
    }

    /// The answer is over: writes all that waits and closes what is open.
    fn finish(&mut self, mut write: impl FnMut(&Event)) {
        while let Some(block) = self.current {
            write(&Event::Close { choice: 0, block });
            self.advance(&mut write);
        }
    }

    /// The current block is closed: writes those behind it, up to the first that is still open.
    fn advance(&mut self, write: &mut impl FnMut(&Event)) {
        self.current = None;
        while let Some(first) = self.waiting.pop_front() {
            first.events.iter().for_each(&mut *write);
            if !first.closed {
                self.current = Some(first.block);
                return;
            }
        }
    }
}

impl Waiting {
    /// Puts an event aside, a delta joined to the one before where both are of a kind.
    fn keep(&mut self, event: &Event) {
        if let (Some(Event::Delta { delta: last, .. }), Event::Delta { delta, .. }) =
            (self.events.last_mut(), event)
        {
            match (last, delta) {
                (Delta::Arguments(text), Delta::Arguments(piece))
                | (Delta::Refusal(text), Delta::Refusal(piece))
                | (Delta::Signature(text), Delta::Signature(piece))
                | (Delta::Text(text), Delta::Text(piece))
                | (Delta::Thinking(text), Delta::Thinking(piece)) => {
                    text.push_str(piece);
                    return;
                }
                (_, _) => {} // Of another kind: an event of its own.
            }
        }
        self.events.push(event.clone());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use types::conversation::Opening;

    use super::*;

    fn open(block: u32) -> Event {
        Event::Open { choice: 0, block, opening: Opening::Text }
    }

    fn delta(block: u32, text: &str) -> Event {
        Event::Delta { choice: 0, block, delta: Delta::Text(text.into()) }
    }

    const fn close(block: u32) -> Event {
        Event::Close { choice: 0, block }
    }

    fn written(events: &[Event]) -> Vec<Event> {
        let (mut turn, mut out) = (InTurn::default(), Vec::new());
        for event in events {
            turn.push(event, |event| out.push(event.clone()));
        }
        turn.finish(|event| out.push(event.clone()));
        out
    }

    #[test]
    fn a_block_waits_for_the_one_before_it() {
        let events = [open(0), open(1), delta(1, "a"), delta(0, "x"), delta(1, "b"), close(1), delta(0, "y")];
        let expect = [open(0), delta(0, "x"), delta(0, "y"), close(0), open(1), delta(1, "ab"), close(1)];
        assert_eq!(written(&events), expect);
        assert_eq!(written(&[open(0), open(1), close(0)]), [open(0), close(0), open(1), close(1)]);
    }

    proptest! {
        #[test]
        fn every_block_is_written_whole_and_alone(
            pieces in proptest::collection::vec((0_u32..4, "[a-z]{1,2}"), 0..20),
            closes in any::<u8>(),
        ) {
            let mut events: Vec<Event> = (0..4).map(open).collect();
            events.extend(pieces.iter().map(|(block, text)| delta(*block, text)));
            events.extend((0..4).filter(|block| closes & (1 << block) != 0).map(close));
            let mut expected: Vec<String> = vec![String::new(); 4];
            for (block, text) in &pieces {
                expected[*block as usize].push_str(text);
            }
            let mut texts = Vec::new();
            let mut current = None;
            for event in written(&events) {
                if let Event::Open { block, .. } = event {
                    prop_assert_eq!((current.replace(block), block as usize), (None, texts.len()));
                    texts.push(String::new());
                } else if let Event::Delta { block, delta: Delta::Text(text), .. } = event {
                    prop_assert_eq!(current, Some(block));
                    texts[block as usize].push_str(&text);
                } else {
                    prop_assert_eq!(Some(event), current.take().map(close));
                }
            }
            prop_assert_eq!(texts, expected);
        }
    }
}
