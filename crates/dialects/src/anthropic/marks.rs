//! Prompt-cache marks, of which the wire takes four.

use types::conversation::CacheMark;

use super::request_encode::Writer;
use super::request_tools::ToolOut;
use super::wire::{Block, CacheControl};
use crate::turns::Turn;

/// The most marks of one request.
const MAX_MARKS: usize = 4;

impl<'a> Writer<'a> {
    /// The mark of the tool or block that stands at `path`.
    pub(super) fn mark(&mut self, mark: Option<CacheMark>, path: &str) -> Option<CacheControl> {
        let control = CacheControl { mark: mark?, number: self.marked.len() };
        self.marked.push(path.to_owned());
        Some(control)
    }

    /// Drops all marks but the last four: each of those stands for everything before it.
    pub(super) fn cap_marks(
        &mut self,
        tools: &mut [ToolOut<'a>],
        system: &mut [Block<'a>],
        turns: &mut [Turn<Block<'a>>],
    ) {
        if self.marked.len() <= MAX_MARKS {
            return;
        }
        let mut slots = Vec::new();
        slots.extend(tools.iter_mut().filter_map(ToolOut::cache_control));
        gather(system, &mut slots);
        for turn in turns {
            gather(turn.blocks(), &mut slots);
        }
        slots.retain(|slot| slot.is_some());
        let surplus = slots.len().saturating_sub(MAX_MARKS);
        for slot in slots.into_iter().take(surplus) {
            let number = slot.take().map(|control| control.number);
            if let Some(path) = number.and_then(|number| self.marked.get(number)) {
                self.dropped(format!("{path}.cache_control"));
            }
        }
    }
}

/// Appends the places for marks in these blocks, in order.
fn gather<'b>(blocks: &'b mut [Block<'_>], slots: &mut Vec<&'b mut Option<CacheControl>>) {
    for block in blocks {
        match block {
            Block::Document { cache_control, .. }
            | Block::Image { cache_control, .. }
            | Block::Text { cache_control, .. }
            | Block::ToolUse { cache_control, .. } => slots.push(cache_control),
            Block::ToolResult { content, cache_control, .. } => {
                gather(content, slots);
                slots.push(cache_control);
            }
            Block::Opaque(_) | Block::RedactedThinking { .. } | Block::Thinking { .. } => {}
        }
    }
}
