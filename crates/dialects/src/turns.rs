//! Makes turns that alternate of messages: for languages that keep the prompt apart and want the results of tools first.

use serde::Serialize;
use types::conversation::{Change, Content, Role, Target};

use crate::{EncodeError, quirks};

/// The word for a speaker in languages that have three.
pub(crate) const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Assistant => "assistant",
        Role::Developer | Role::System => "system",
        Role::User => "user",
    }
}

/// Whether such a language lets this role say this: who calls is the model, and who shows something is the person.
pub(crate) const fn may_say(role: Role, content: &Content) -> bool {
    match content {
        Content::Text { .. } | Content::Opaque { .. } => true,
        Content::Audio(_) | Content::Document(_) | Content::Image(_) | Content::ToolResult { .. } => {
            matches!(role, Role::User)
        }
        Content::RedactedThinking { .. }
        | Content::Refusal(_)
        | Content::Thinking { .. }
        | Content::ToolCall { .. } => matches!(role, Role::Assistant),
    }
}

/// A block of such a language.
pub(crate) trait TurnBlock<'a>: Sized {
    /// A block that is text.
    fn of_text(text: &'a str) -> Self;

    /// The text of a block that is text.
    fn text(&mut self) -> Option<&mut &'a str>;

    /// Whether it calls a tool.
    fn is_call(&self) -> bool;

    /// Where it belongs in a turn of the user's.
    fn standing(&self) -> Standing;
}

/// Where a block belongs in a turn of the user's, where the results of tools come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Where the block before it does.
    Behind,
    /// In front: it is a result.
    First,
    /// After the results.
    Later,
}

/// How the blocks of a turn stand that come in one after the other.
#[derive(Debug)]
pub(crate) struct Order {
    /// Whether the last block comes after the results.
    is_later: bool,
    /// Whether any does.
    has_later: bool,
}

impl Order {
    /// That of no blocks.
    pub(crate) const fn new() -> Self {
        Self { is_later: true, has_later: false }
    }

    /// Whether the next block comes after the results.
    const fn next(&mut self, standing: Standing) -> bool {
        self.is_later = match standing {
            Standing::Behind => self.is_later,
            Standing::First => false,
            Standing::Later => true,
        };
        self.is_later
    }

    /// Takes in the next blocks; whether any of them has to come before one that stands there.
    pub(crate) fn take(&mut self, blocks: impl Iterator<Item = Standing>) -> bool {
        let mut is_moved = false;
        for standing in blocks {
            let is_later = self.next(standing);
            is_moved |= self.has_later && !is_later;
            self.has_later |= is_later;
        }
        is_moved
    }
}

/// Puts the results of tools in front. Done once for a turn: it may be made of very many messages.
pub(crate) fn results_first<B>(blocks: &mut Vec<B>, standing: impl Fn(&B) -> Standing) {
    if !Order::new().take(blocks.iter().map(&standing)) {
        return;
    }
    let mut order = Order::new();
    let (later, first): (Vec<B>, Vec<B>) =
        std::mem::take(blocks).into_iter().partition(|block| order.next(standing(block)));
    blocks.extend(first.into_iter().chain(later));
}

/// What stands around a prompt of the system's that comes between the turns, where those are the user's and the model's
/// alone. It stays in its place: in front of them all it would change what every later request begins with, and no
/// prompt cache would hold. The tag is the one that coding agents use for the same.
pub(crate) const SYSTEM_BEGINS: &str = "<system-reminder>";
/// The end of it.
pub(crate) const SYSTEM_ENDS: &str = "</system-reminder>";

/// One turn.
#[derive(Debug, Serialize)]
pub(crate) struct Turn<B> {
    role: &'static str,
    content: Vec<B>,
}

impl<B> Turn<B> {
    /// What is said in it.
    pub(crate) fn blocks(&mut self) -> &mut [B] {
        &mut self.content
    }
}

/// The system prompt and the turns.
#[derive(Debug)]
pub(crate) struct Turns<B> {
    pub(crate) system: Vec<B>,
    pub(crate) list: Vec<Turn<B>>,
    /// How the blocks of the last turn stand.
    order: Order,
    /// Whether system messages may stand between the turns.
    takes_system_between: bool,
}

impl<'a, B: TurnBlock<'a>> Turns<B> {
    /// None yet, for this target.
    pub(crate) fn new(target: &Target) -> Self {
        let takes_system_between = target.has_quirk(quirks::MID_CONVERSATION_SYSTEM);
        Self { system: Vec::new(), list: Vec::new(), order: Order::new(), takes_system_between }
    }

    /// Adds the message `index`, which is `content`.
    pub(crate) fn add(&mut self, role: Role, index: usize, mut content: Vec<B>, changes: &mut Vec<Change>) {
        let role = match role {
            Role::Assistant => "assistant",
            Role::User => "user",
            Role::Developer | Role::System if self.list.is_empty() => {
                self.system.extend(content);
                return;
            }
            Role::Developer | Role::System if self.takes_system_between => "system",
            Role::Developer | Role::System => {
                if !content.is_empty() {
                    changes.push(Change::emulated(format!("messages[{index}]")));
                    content.insert(0, B::of_text(SYSTEM_BEGINS));
                    content.push(B::of_text(SYSTEM_ENDS));
                }
                "user"
            }
        };
        if content.is_empty() {
            return;
        }
        let last = self.list.last_mut().filter(|last| last.role == role);
        if last.is_none() {
            self.order = Order::new();
        }
        let is_moved = self.order.take(content.iter().map(B::standing));
        match last {
            // The wire makes one turn of adjacent messages itself, or refuses them: joining them changes nothing.
            Some(last) => last.content.extend(content),
            None => self.list.push(Turn { role, content }),
        }
        if role == "user" && is_moved {
            changes.push(Change::rewritten(format!("messages[{index}]")));
        }
    }

    /// What the wire demands of the turns as a whole, which were `count` messages.
    pub(crate) fn complete(
        &mut self,
        count: usize,
        target: &Target,
        changes: &mut Vec<Change>,
    ) -> Result<(), EncodeError> {
        for turn in self.list.iter_mut().filter(|turn| turn.role == "user") {
            results_first(&mut turn.content, B::standing);
        }
        if self.list.is_empty() && !self.system.is_empty() {
            // A prompt that is all system: the wire wants at least one turn.
            changes.push(Change::rewritten("messages[0].role"));
            self.list.push(Turn { role: "user", content: std::mem::take(&mut self.system) });
        }
        let Some(last) = self.list.last_mut() else {
            return Err(EncodeError::nothing_sayable());
        };
        let index = count.saturating_sub(1);
        let is_prefill = last.role == "assistant" && !last.content.last().is_some_and(B::is_call);
        if is_prefill && target.has_quirk(quirks::NO_PREFILL) {
            changes.push(Change::rewritten(format!("messages[{index}]")));
            self.list.push(Turn { role: "user", content: vec![B::of_text(quirks::GO_ON)] });
            return Ok(());
        }
        // The wire refuses a prefill that ends in white space.
        if last.role == "assistant"
            && let Some(text) = last.content.last_mut().and_then(B::text)
            && text.trim_end().len() < text.len()
        {
            *text = text.trim_end();
            changes.push(Change::rewritten(format!("messages[{index}].content")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A result, with a number, or what is none.
    #[derive(Debug, PartialEq)]
    enum Block {
        Mark,
        Result(u32),
        Text(&'static str),
    }

    impl TurnBlock<'static> for Block {
        fn of_text(text: &'static str) -> Self {
            Self::Text(text)
        }

        fn text(&mut self) -> Option<&mut &'static str> {
            if let Self::Text(text) = self { Some(text) } else { None }
        }

        fn is_call(&self) -> bool {
            false
        }

        fn standing(&self) -> Standing {
            match self {
                Self::Mark => Standing::Behind,
                Self::Result(_) => Standing::First,
                Self::Text(_) => Standing::Later,
            }
        }
    }

    /// Adds these messages of the user's: what the turn is, and which of them were moved.
    fn turn(messages: Vec<Vec<Block>>) -> (Vec<Block>, Vec<String>) {
        let target = Target { model: "m".into(), max_output_tokens: None, quirks: [].into(), strict: false };
        let (mut turns, mut changes, count) = (Turns::new(&target), Vec::new(), messages.len());
        for (index, content) in messages.into_iter().enumerate() {
            turns.add(Role::User, index, content, &mut changes);
        }
        turns.complete(count, &target, &mut changes).unwrap();
        assert_eq!(turns.list.len(), 1);
        let moved = changes.iter().map(ToString::to_string).collect();
        (turns.list.remove(0).content, moved)
    }

    #[test]
    fn results_come_first_with_what_belongs_to_them() {
        use Block::{Mark, Result, Text};
        let (blocks, moved) = turn(vec![
            vec![Result(1), Mark, Text("a"), Mark],
            vec![Text("b")],
            vec![Result(2), Mark],
            vec![Text("c"), Result(3)],
        ]);
        let expect = [Result(1), Mark, Result(2), Mark, Result(3), Text("a"), Mark, Text("b"), Text("c")];
        assert_eq!(blocks, expect);
        assert_eq!(moved, ["rewritten;messages[2]", "rewritten;messages[3]"]);
        assert_eq!(turn(vec![vec![Result(1)], vec![Text("a")]]).1, [""; 0]);
    }

    #[test]
    fn a_turn_of_very_many_messages_takes_as_long_as_it_is_and_not_its_square() {
        // What puts the whole turn in order with every message would take minutes.
        let many = (0..200_000).map(|number| vec![Block::Text("a"), Block::Result(number)]);
        let (blocks, moved) = turn(many.collect());
        assert_eq!((blocks.len(), moved.len()), (400_000, 200_000));
        assert!(blocks.iter().take(200_000).zip(0..).all(|(block, number)| *block == Block::Result(number)));
    }
}
