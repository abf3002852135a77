//! Makes turns that alternate of messages: for languages that keep the prompt apart and want the results of tools first.

use serde::Serialize;
use types::conversation::{Change, Role, Target};

use crate::{EncodeError, quirks};

/// The word for a speaker in languages that have three.
pub(crate) const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Assistant => "assistant",
        Role::Developer | Role::System => "system",
        Role::User => "user",
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

    /// Puts the results of tools in front; whether they stood elsewhere.
    fn results_first(blocks: &mut Vec<Self>) -> bool;
}

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
    /// Whether system messages may stand between the turns.
    takes_system_between: bool,
}

impl<'a, B: TurnBlock<'a>> Turns<B> {
    /// None yet, for this target.
    pub(crate) fn new(target: &Target) -> Self {
        let takes_system_between = target.has_quirk(quirks::MID_CONVERSATION_SYSTEM);
        Self { system: Vec::new(), list: Vec::new(), takes_system_between }
    }

    /// Adds the message `index`, which is `content`.
    pub(crate) fn add(&mut self, role: Role, index: usize, content: Vec<B>, changes: &mut Vec<Change>) {
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
                    changes.push(Change::rewritten(format!("messages[{index}]")));
                }
                self.system.extend(content);
                return;
            }
        };
        if content.is_empty() {
            return;
        }
        match self.list.last_mut() {
            // The wire makes one turn of adjacent messages itself, or refuses them: joining them changes nothing.
            Some(last) if last.role == role => last.content.extend(content),
            Some(_) | None => self.list.push(Turn { role, content }),
        }
        let last = self.list.last_mut().filter(|turn| turn.role == "user");
        if last.is_some_and(|turn| B::results_first(&mut turn.content)) {
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
        if self.list.is_empty() && !self.system.is_empty() {
            // A prompt that is all system: the wire wants at least one turn.
            changes.push(Change::rewritten("messages[0].role"));
            self.list.push(Turn { role: "user", content: std::mem::take(&mut self.system) });
        }
        let Some(last) = self.list.last_mut() else {
            let problem = "holds nothing that the provider's language can say".to_owned();
            return Err(EncodeError::Unsayable { field: "messages".to_owned(), problem });
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
