//! What of an answer its caller's language has no word for, so that the caller can be told. A language says what it can
//! say in a [`Vocabulary`]; one way of listening serves all pairs of them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use types::conversation::{Change, Content, Delivery, Delta, Event, Opening, StopReason};
use types::{TokenClass, Tokens, Usage};

use crate::citations::{self, Citation, Cites};
use crate::openai_family::shared::CUSTOM_CALL;
use crate::{Asked, Calls};

/// What an answer in a language can say.
#[expect(clippy::struct_excessive_bools, reason = "each is a word that a language has or has not")]
pub struct Vocabulary {
    /// Whether one request can have several answers.
    pub(crate) several: bool,
    /// Whether there are log probabilities.
    pub(crate) logprobs: bool,
    /// Whether they stand in the text that they are of.
    pub(crate) logprobs_in_text: bool,
    /// Whether a refusal is told as one; elsewhere it is a text.
    pub(crate) refusals: bool,
    /// Whether reasoning carries its proof.
    pub(crate) proofs: bool,
    /// Whether this encrypted reasoning can be told.
    pub(crate) redacted: fn(&str) -> bool,
    /// Whether a call carries its proof, or reasoning in front of it does.
    pub(crate) call_proofs: bool,
    /// Whether the text is named at which an answer stopped.
    pub(crate) stop_sequence: bool,
    /// How much of a citation can be said that stands behind a text of so many characters.
    pub(crate) cites: fn(&Citation, u64) -> Cites,
    /// Whether a stream can still say what a text cites when something else has come behind the text.
    pub(crate) cites_late: bool,
    /// Whether an opaque block is one of this language's.
    pub(crate) owns: fn(&str) -> bool,
    /// Whether such a block can be told in a stream.
    pub(crate) owns_in_streams: bool,
    /// What a caller takes for the reason of an end that had this one.
    pub(crate) stop: fn(StopReason, Said) -> StopReason,
    /// What a caller reads of this usage.
    pub(crate) usage: fn(&Usage) -> Usage,
}

/// What an answer holds, as far as the reason of its end depends on it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said {
    /// The model refused.
    pub(crate) refusal: bool,
    /// A tool was called.
    pub(crate) tool_call: bool,
}

impl Said {
    /// What this content holds; `is_call` knows the opaque blocks that are calls.
    pub(crate) fn of(content: &[Content], is_call: fn(&str) -> bool) -> Self {
        let is_call = |content: &Content| match content {
            Content::ToolCall { .. } => true,
            Content::Opaque { kind, .. } => is_call(kind),
            Content::Audio(_)
            | Content::Document(_)
            | Content::Image(_)
            | Content::RedactedThinking { .. }
            | Content::Refusal(_)
            | Content::Text { .. }
            | Content::Thinking { .. }
            | Content::ToolResult { .. } => false,
        };
        Self {
            refusal: content.iter().any(|content| matches!(content, Content::Refusal(_))),
            tool_call: content.iter().any(is_call),
        }
    }

    /// The reason of an end with what was said before it: a plain stop also ends refusals, calls of a tool the caller
    /// forced, and all calls at some providers.
    pub(crate) const fn refine(self, reason: StopReason) -> StopReason {
        match reason {
            StopReason::EndTurn if self.tool_call => StopReason::ToolUse,
            StopReason::EndTurn if self.refusal => StopReason::Refusal,
            StopReason::ContextFull
            | StopReason::EndTurn
            | StopReason::Filtered
            | StopReason::MaxTokens
            | StopReason::Pause
            | StopReason::Refusal
            | StopReason::StopSequence
            | StopReason::ToolUse => reason,
        }
    }
}

/// What is written, read again.
pub(crate) fn read_again<T: DeserializeOwned>(written: &impl Serialize) -> Option<T> {
    serde_json::from_slice(&serde_json::to_vec(written).ok()?).ok()
}

/// Listens to an answer on its way to a caller.
pub(crate) struct Listener {
    vocabulary: &'static Vocabulary,
    calls: Calls,
    /// Whether the caller wants to know the usage.
    wants_usage: bool,
    is_stream: bool,
    usage: Option<Usage>,
    choices: Vec<Heard>,
}

/// What has been heard of one choice.
#[derive(Clone, Copy, Default)]
struct Heard {
    said: Said,
    calls: usize,
    /// The characters of the last text.
    text: u64,
    last: Last,
    /// Log probabilities have come that are no text's so far.
    has_loose_logprobs: bool,
}

/// Where the last text of a choice is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    /// Nothing but what it cites has come behind it.
    Here,
    #[default]
    Nowhere,
    /// Behind it stands something else.
    Past,
}

impl Last {
    fn followed_by(self, opening: &Opening, vocabulary: &Vocabulary) -> Self {
        match opening {
            Opening::Text => Self::Here,
            // What it cites, and what is left out.
            Opening::Opaque { kind, .. } if !(vocabulary.owns)(kind) => self,
            Opening::Opaque { .. }
            | Opening::RedactedThinking { .. }
            | Opening::Refusal
            | Opening::Thinking
            | Opening::ToolCall { .. } => match self {
                Self::Here | Self::Past => Self::Past,
                Self::Nowhere => Self::Nowhere,
            },
        }
    }

    /// Whether what is still told of the text finds its place: a whole answer is put in order before it is written.
    const fn takes_more(self, is_stream: bool) -> bool {
        match self {
            Self::Here => true,
            Self::Nowhere => false,
            Self::Past => !is_stream,
        }
    }
}

/// The most choices that are told apart; `OpenAI`'s own limit for `n`.
const MAX_CHOICES: usize = 128;

/// The most changes of one answer that are kept.
const MAX_CHANGES: usize = 64;

impl Listener {
    /// A listener for the caller who asked this in a language with this vocabulary.
    pub(crate) fn new(vocabulary: &'static Vocabulary, asked: &Asked) -> Self {
        let wants_usage = asked.delivery != Delivery::Stream { include_usage: false };
        let is_stream = asked.delivery.is_stream();
        Self { vocabulary, calls: asked.calls, wants_usage, is_stream, usage: None, choices: Vec::new() }
    }

    /// Takes one event in, and appends what the caller will not read of it as it was said.
    pub(crate) fn hear(&mut self, event: &Event, changes: &mut Vec<Change>) {
        let mut tell = |change: Change| {
            if changes.len() < MAX_CHANGES && !changes.contains(&change) {
                changes.push(change);
            }
        };
        match event {
            Event::Open { choice, .. }
            | Event::Delta { choice, .. }
            | Event::Logprobs { choice, .. }
            | Event::Finish { choice, .. }
                if *choice > 0 && !self.vocabulary.several =>
            {
                tell(Change::dropped("answer.choices"));
            }
            Event::Open { choice, opening, .. } => self.open(*choice, opening).into_iter().for_each(tell),
            Event::Delta { choice, delta: Delta::Text(text), .. } => {
                if let Some(heard) = self.heard(*choice) {
                    heard.text += citations::length(text);
                }
            }
            Event::Delta { delta: Delta::Signature(proof), .. } => {
                if !self.vocabulary.proofs && !proof.is_empty() {
                    tell(Change::dropped("answer.signature"));
                }
            }
            Event::Logprobs { .. } if !self.vocabulary.logprobs => tell(Change::dropped("answer.logprobs")),
            Event::Logprobs { choice, .. } if self.vocabulary.logprobs_in_text => {
                let is_stream = self.is_stream;
                if let Some(heard) = self.heard(*choice) {
                    heard.has_loose_logprobs |= !heard.last.takes_more(is_stream);
                }
            }
            Event::Finish { choice, reason, stop_sequence } => {
                self.finish(*choice, *reason, stop_sequence.as_deref()).into_iter().for_each(tell);
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.uncounted().into_iter().for_each(tell),
            Event::Start { .. }
            | Event::Delta { .. }
            | Event::Close { .. }
            | Event::Logprobs { .. }
            | Event::Failed(_)
            | Event::Ping => {}
        }
    }

    fn heard(&mut self, choice: u32) -> Option<&mut Heard> {
        let index = choice as usize;
        if index < MAX_CHOICES && self.choices.len() <= index {
            self.choices.resize(index + 1, Heard::default());
        }
        self.choices.get_mut(index)
    }

    fn open(&mut self, choice: u32, opening: &Opening) -> Vec<Change> {
        let (vocabulary, calls, is_stream) = (self.vocabulary, self.calls, self.is_stream);
        let Some(heard) = self.heard(choice) else { return Vec::new() };
        let mut changes = Vec::new();
        heard.last = heard.last.followed_by(opening, vocabulary);
        match opening {
            Opening::Opaque { kind, json } if kind == citations::KIND => {
                let is_told = vocabulary.cites_late || heard.last.takes_more(is_stream);
                let said = citations::of(kind, json).unwrap_or_default();
                let cites = |one| if is_told { (vocabulary.cites)(one, heard.text) } else { Cites::Nothing };
                changes.extend(said.iter().filter_map(|one| match cites(one) {
                    Cites::All => None,
                    Cites::Nothing => Some(Change::dropped("answer.citations")),
                    Cites::Part => Some(Change::rewritten("answer.citations")),
                }));
            }
            Opening::Opaque { kind, .. }
                if (vocabulary.owns)(kind) && (vocabulary.owns_in_streams || !is_stream) =>
            {
                heard.said.tool_call |= kind == CUSTOM_CALL;
            }
            Opening::Opaque { kind, .. } => {
                changes.push(Change::dropped(format!("answer.{}", word(kind))));
            }
            Opening::RedactedThinking { data } => {
                if !(vocabulary.redacted)(data) {
                    changes.push(Change::dropped("answer.redacted_thinking"));
                }
            }
            Opening::Refusal => {
                heard.said.refusal = true;
                if !vocabulary.refusals {
                    changes.push(Change::emulated("answer.refusal"));
                }
            }
            Opening::ToolCall { signature, .. } => {
                heard.said.tool_call = true;
                heard.calls += 1;
                if signature.is_some() && !vocabulary.call_proofs {
                    changes.push(Change::dropped("answer.tool_calls.signature"));
                }
                // There is room for one.
                if calls == Calls::Function && heard.calls > 1 {
                    changes.push(Change::dropped("answer.tool_calls"));
                }
            }
            Opening::Text => {
                heard.text = 0;
                heard.has_loose_logprobs = false;
            }
            Opening::Thinking => {}
        }
        changes
    }

    fn finish(&mut self, choice: u32, reason: StopReason, stop_sequence: Option<&str>) -> Vec<Change> {
        let Heard { said, has_loose_logprobs, .. } = self.heard(choice).copied().unwrap_or_default();
        let mut changes = Vec::new();
        if has_loose_logprobs {
            changes.push(Change::dropped("answer.logprobs"));
        }
        if (self.vocabulary.stop)(reason, said) != said.refine(reason) {
            changes.push(Change::rewritten("answer.stop_reason"));
        } else if stop_sequence.is_some() && !self.vocabulary.stop_sequence {
            changes.push(Change::dropped("answer.stop_sequence"));
        }
        changes
    }

    /// The classes of tokens that the caller cannot tell from others.
    fn uncounted(&self) -> Vec<Change> {
        let Some(usage) = self.usage.filter(|_| self.wants_usage) else { return Vec::new() };
        // These every language tells apart.
        let is_told = |class: &TokenClass| matches!(class, TokenClass::Input | TokenClass::Output);
        if TokenClass::ALL.iter().all(|class| is_told(class) || usage.of(*class) == Tokens(0)) {
            return Vec::new();
        }
        let read = (self.vocabulary.usage)(&usage);
        let is_lost = |class: &&TokenClass| read.of(**class) < usage.of(**class);
        let lost = TokenClass::ALL.iter().filter(is_lost);
        lost.map(|class| Change::dropped(format!("answer.usage.{}", class.as_str()))).collect()
    }
}

/// The word for an opaque block in its own language.
fn word(kind: &str) -> &str {
    kind.rsplit([':', '.']).next().unwrap_or(kind)
}

#[cfg(test)]
mod tests {
    use types::conversation::{Answer, Choice, Content};
    use types::{Json, RequestId, StreamForm, UnixTime};

    use super::*;
    use crate::{ToolNames, Vectors, unfold};

    fn asked(calls: Calls) -> Asked {
        Asked {
            model: "m".into(),
            delivery: Delivery::Whole,
            calls,
            form: StreamForm::default(),
            vectors: Vectors::default(),
            tool_names: ToolNames::default(),
            request: RequestId::generate(),
            at: UnixTime::from_secs(1),
            echo: bytes::Bytes::new(),
        }
    }

    #[track_caller]
    fn check(caller: &str, calls: Calls, answer: &Answer, expect: &[&str]) {
        let caller = crate::by_name(caller).unwrap().conversational().unwrap();
        let mut listener = Listener::new(caller.vocabulary(), &asked(calls));
        let mut changes = Vec::new();
        for event in unfold(answer) {
            listener.hear(&event, &mut changes);
        }
        assert_eq!(changes.iter().map(ToString::to_string).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn what_only_its_own_language_understands_is_told_under_its_word() {
        let json = Json::parse(r#"{"type":"server_tool_use"}"#).unwrap();
        let own = Content::Opaque { kind: "anthropic:server_tool_use".into(), json };
        let answer = Answer {
            choices: vec![Choice { content: vec![own.clone(), own], ..Choice::default() }],
            ..Answer::default()
        };
        check("openai_chat", Calls::Tools, &answer, &["dropped;answer.server_tool_use"]);
        check("anthropic", Calls::Tools, &answer, &[]);
    }

    #[test]
    fn log_probabilities_of_no_text_are_told_where_they_stand_in_texts() {
        let logprobs = Json::parse(r#"{"content":[],"refusal":null}"#);
        let answer = |content| Answer {
            choices: vec![Choice { content, logprobs: logprobs.clone(), ..Choice::default() }],
            ..Answer::default()
        };
        let events = |content: Vec<Content>| {
            let mut events = unfold(&answer(content));
            events.insert(
                events.len() - 1,
                Event::Finish { choice: 0, reason: StopReason::EndTurn, stop_sequence: None },
            );
            events
        };
        let call = crate::trial::call("c", "f", "{}");
        let heard = |events: Vec<Event>, delivery| {
            let caller = crate::by_name("openai_responses").unwrap().conversational().unwrap();
            let mut listener = Listener::new(caller.vocabulary(), &Asked { delivery, ..asked(Calls::Tools) });
            let mut changes = Vec::new();
            for event in &events {
                listener.hear(event, &mut changes);
            }
            changes
        };
        let stream = Delivery::Stream { include_usage: true };
        let lost = [Change::dropped("answer.logprobs")];
        assert_eq!(heard(events(vec![call.clone()]), Delivery::Whole), lost);
        assert_eq!(heard(events(vec![Content::text("a"), call.clone()]), stream), []);
        let mut late = events(vec![Content::text("a"), call]);
        let at = late.iter().position(|event| matches!(event, Event::Logprobs { .. })).unwrap();
        let logprobs = late.remove(at);
        late.insert(late.len() - 2, logprobs);
        assert_eq!(heard(late.clone(), stream), lost);
        assert_eq!(heard(late, Delivery::Whole), []);
    }

    #[test]
    fn of_several_calls_a_caller_of_functions_is_told_one() {
        let call = crate::trial::call("c", "f", "{}");
        let choice = Choice { content: vec![call.clone(), call], ..Choice::default() };
        let answer = Answer { choices: vec![choice], ..Answer::default() };
        check("openai_chat", Calls::Function, &answer, &["dropped;answer.tool_calls"]);
        check("openai_chat", Calls::Tools, &answer, &[]);
    }
}
