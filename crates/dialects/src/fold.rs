//! A whole answer and a stream are the same thing: [`unfold`] makes events of an answer, [`Fold`] makes an
//! answer of events.

use types::Fault;
use types::conversation::{Answer, Choice, Content, Delta, Event, Opening};

use crate::citations;

/// The events that a whole answer would have been.
pub fn unfold(answer: &Answer) -> Vec<Event> {
    into_events(answer.clone())
}

/// The same of an answer that nobody needs afterwards.
pub(crate) fn into_events(answer: Answer) -> Vec<Event> {
    let mut events = vec![Event::Start { id: answer.id, model: answer.model, created: answer.created }];
    for (choice, said) in (0..).zip(answer.choices) {
        let mut logprobs = said.logprobs.map(|json| Event::Logprobs { choice, json });
        for (block, content) in (0..).zip(said.content) {
            let is_text = matches!(content, Content::Text { .. });
            unfold_block(choice, block, content, &mut events);
            // They are the first text's, and told before it ends: some languages have no place for them later.
            if is_text {
                let end = events.pop();
                events.extend(logprobs.take());
                events.extend(end);
            }
        }
        events.extend(logprobs);
        if let Some(reason) = said.stop {
            events.push(Event::Finish { choice, reason, stop_sequence: said.stop_sequence });
        }
    }
    events.extend(answer.usage.map(Event::Usage));
    events.push(Event::End);
    events
}

fn unfold_block(choice: u32, block: u32, content: Content, events: &mut Vec<Event>) {
    let (opening, deltas) = match content {
        Content::Text { text, .. } => (Opening::Text, [Some(Delta::Text(text)), None]),
        Content::Refusal(text) => (Opening::Refusal, [Some(Delta::Refusal(text)), None]),
        Content::Thinking { text, signature } => {
            (Opening::Thinking, [Some(Delta::Thinking(text)), signature.map(Delta::Signature)])
        }
        Content::RedactedThinking { data } => (Opening::RedactedThinking { data }, [None, None]),
        Content::ToolCall { id, name, arguments, signature, .. } => {
            (Opening::ToolCall { id, name, signature }, [Some(Delta::Arguments(arguments)), None])
        }
        Content::Opaque { kind, json } => (Opening::Opaque { kind, json }, [None, None]),
        // No dialect's model answers with these; a request's history is never unfolded.
        Content::Audio(_) | Content::Document(_) | Content::Image(_) | Content::ToolResult { .. } => return,
    };
    events.push(Event::Open { choice, block, opening });
    events.extend(deltas.into_iter().flatten().map(|delta| Event::Delta { choice, block, delta }));
    events.push(Event::Close { choice, block });
}

/// Gathers events into a whole answer.
#[derive(Debug, Default)]
pub struct Fold {
    answer: Answer,
}

impl Fold {
    /// Takes one event in; a failure inside the stream comes back out.
    pub fn push(&mut self, event: Event) -> Result<(), Fault> {
        match event {
            Event::Start { id, model, created } => {
                self.answer.id = id;
                self.answer.model = model;
                self.answer.created = created;
            }
            Event::Open { choice, block, opening } => self.open(choice, block, opening),
            Event::Delta { choice, block, delta } => self.extend(choice, block, delta),
            Event::Logprobs { choice, json } => self.logprobs(choice, &json),
            Event::Finish { choice, reason, stop_sequence } => {
                let choice = self.choice(choice);
                choice.stop = Some(reason);
                choice.stop_sequence = stop_sequence;
            }
            Event::Usage(usage) => self.answer.usage = Some(usage),
            Event::Failed(fault) => return Err(fault),
            Event::Close { .. } | Event::Ping | Event::End => {}
        }
        Ok(())
    }

    /// The answer, with at least one choice. Tool calls without arguments have `{}`, and what a text cites stands behind
    /// it.
    pub fn finish(mut self) -> Answer {
        if self.answer.choices.is_empty() {
            self.answer.choices.push(Choice::default());
        }
        for content in self.answer.choices.iter_mut().flat_map(|choice| &mut choice.content) {
            if let Content::ToolCall { arguments, .. } = content
                && arguments.is_empty()
            {
                arguments.push_str("{}");
            }
        }
        self.answer.choices.iter_mut().for_each(|choice| citations::settle(&mut choice.content));
        self.answer
    }

    /// The choice with this index; those before it that have said nothing yet are made on the way.
    #[expect(clippy::expect_used, reason = "the resize makes the list longer than the index")]
    fn choice(&mut self, index: u32) -> &mut Choice {
        // An upstream that names choice four billion must not make the gateway allocate as many.
        let index = index.min(MAX_CHOICES) as usize;
        if self.answer.choices.len() <= index {
            self.answer.choices.resize_with(index + 1, Choice::default);
        }
        self.answer.choices.get_mut(index).expect("the choice was just made")
    }

    fn open(&mut self, choice: u32, block: u32, opening: Opening) {
        let content = match opening {
            Opening::Opaque { kind, json } => Content::Opaque { kind, json },
            Opening::RedactedThinking { data } => Content::RedactedThinking { data },
            Opening::Refusal => Content::Refusal(String::new()),
            Opening::Text => Content::text(String::new()),
            Opening::Thinking => Content::Thinking { text: String::new(), signature: None },
            Opening::ToolCall { id, name, signature } => {
                Content::ToolCall { id, name, arguments: String::new(), signature, cache: None }
            }
        };
        let blocks = &mut self.choice(choice).content;
        // Decoders number blocks without gaps, in the order they open.
        debug_assert_eq!(blocks.len(), block as usize);
        blocks.push(content);
    }

    fn extend(&mut self, choice: u32, block: u32, delta: Delta) {
        let Some(content) = self.choice(choice).content.get_mut(block as usize) else { return };
        match (content, delta) {
            (Content::Text { text, .. }, Delta::Text(piece))
            | (Content::Refusal(text), Delta::Refusal(piece))
            | (Content::Thinking { text, .. }, Delta::Thinking(piece))
            | (Content::ToolCall { arguments: text, .. }, Delta::Arguments(piece)) => append(text, piece),
            (Content::Thinking { signature, .. }, Delta::Signature(piece)) => {
                append(signature.get_or_insert_default(), piece);
            }
            (_, _) => {} // A delta of another kind than its block: the upstream's fault, and nothing to keep.
        }
    }

    /// Joins the `content` and `refusal` lists of OpenAI's log probabilities.
    fn logprobs(&mut self, choice: u32, json: &types::Json) {
        let choice = self.choice(choice);
        let joined = match choice.logprobs.take() {
            None => Some(json.clone()),
            Some(so_far) => join_logprobs(&so_far, json).or(Some(so_far)),
        };
        choice.logprobs = joined;
    }
}

/// Appends a piece. A whole answer's text is all in its first.
fn append(text: &mut String, piece: String) {
    if text.is_empty() {
        *text = piece;
    } else {
        text.push_str(&piece);
    }
}

/// The most choices an answer is folded into; OpenAI's own limit for `n`.
const MAX_CHOICES: u32 = 128;

fn join_logprobs(left: &types::Json, right: &types::Json) -> Option<types::Json> {
    let mut joined: serde_json::Map<String, serde_json::Value> = left.to()?;
    let more: serde_json::Map<String, serde_json::Value> = right.to()?;
    for (name, value) in more {
        match (joined.get_mut(&name), value) {
            (Some(serde_json::Value::Array(list)), serde_json::Value::Array(mut tail)) => {
                list.append(&mut tail);
            }
            (_, value) => drop(joined.insert(name, value)),
        }
    }
    types::Json::of(&joined)
}
