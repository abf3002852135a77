//! Turns over a `WebSocket` (<https://platform.openai.com/docs/guides/websocket-mode>): each message asks for an answer,
//! whose events are messages too. A turn may go on from the one before it, which is remembered for as long as the
//! connection lives: that one is then sent along, since no provider need have kept it. From one that a turn has failed
//! to go on from, none can any more.

use bytes::Bytes;
use memchr::memmem;
use serde::Serialize;
use types::UnixTime;

use super::echo::{self, Echo};
use super::resource::Resource;
use super::usage::WriteUsage;
use crate::openai_family::json_bytes;
use crate::outline::{Outline, Part};
use crate::{DecodeError, Fields, Turn};

/// How deeply a message may be nested.
const MAX_DEPTH: usize = 128;
/// What a message is that asks for an answer.
const ASKS: &str = "response.create";
/// The field that names the turn to go on from.
const PREVIOUS: &str = "previous_response_id";

/// How the ids of answers that say nothing begin.
const WARMED: &str = "resp_warm_";

/// The turns of one connection.
#[derive(Debug, Default)]
pub(super) struct Turns {
    outline: Outline,
    /// The input of the turn under way, as items with commas between them.
    asked: Vec<u8>,
    last: Option<Last>,
    /// Whether the turn under way goes on from that one.
    is_continued: bool,
    /// How many turns have been answered here.
    warmed: u32,
    longest: Longest,
}

/// The most bytes of items that a turn may be asked with.
#[derive(Debug)]
struct Longest(usize);

impl Default for Longest {
    fn default() -> Self {
        Self(usize::MAX)
    }
}

/// The turn before.
#[derive(Debug)]
struct Last {
    id: String,
    /// Its input and its output.
    items: Vec<u8>,
}

impl crate::Turns for Turns {
    fn limit(&mut self, bytes: usize) {
        self.longest = Longest(bytes);
    }

    fn ask(&mut self, message: &Bytes, at: UnixTime) -> Result<Turn, DecodeError> {
        let fields = Fields::scan(message, MAX_DEPTH).map_err(DecodeError::Json)?;
        let text = |name| serde_json::from_slice::<String>(fields.value(message, name)?).ok();
        if text("type").as_deref() != Some(ASKS) {
            return Err(wrong("type", &format!("must be `{ASKS}`")));
        }
        let input = fields.value(message, "input").map(items).unwrap_or_default();
        let previous = text(PREVIOUS);
        let last = previous.as_ref().and_then(|id| self.last.as_ref().filter(|last| last.id == *id));
        self.is_continued = last.is_some();
        self.asked = last.map_or_else(|| input.clone(), |last| joined(&last.items, &input));
        if self.asked.len() > self.longest.0 {
            self.asked = Vec::new();
            return Err(wrong("input", "is longer, with what it goes on from, than a body may be here"));
        }
        let is_warm_up = fields.value(message, "generate") == Some(b"false");
        // Of others, their provider knows more.
        let is_own = |id: &String| is_warm_up || id.starts_with(WARMED);
        if !self.is_continued && previous.as_ref().is_some_and(is_own) {
            return Err(wrong(PREVIOUS, "is no answer that this connection remembers: send the whole input"));
        }
        if is_warm_up {
            let model = text("model").unwrap_or_default();
            let echo = Echo::new(&echo::of_request(message, &fields));
            return Ok(Turn::Answered(self.warm_up(&model, &echo, at)));
        }
        Ok(Turn::Request(self.request(message, &fields)))
    }

    fn hear(&mut self, event: &[u8]) {
        let ends = ["response.completed", "response.incomplete"];
        let failures = ["error", "response.failed"];
        if !ends.iter().chain(&failures).any(|end| memmem::find(event, end.as_bytes()).is_some()) {
            return;
        }
        let Ok(said) = self.outline.read(event, MAX_DEPTH) else { return };
        let kind = said.field("type").and_then(Part::text);
        if self.is_continued && kind.as_ref().is_some_and(|kind| failures.contains(&&**kind)) {
            self.last = None;
        }
        let response = said.field("response").filter(|_| kind.is_some_and(|kind| ends.contains(&&*kind)));
        let Some(response) = response else { return };
        let (id, output) = (response.field("id").and_then(Part::text), response.field("output"));
        if let (Some(id), Some(output)) = (id, output) {
            let items = joined(&self.asked, &items(output.raw()));
            // What is too long could not be sent along anyway.
            self.last = (items.len() <= self.longest.0).then(|| Last { id: id.into_owned(), items });
        }
    }
}

impl Turns {
    /// The request of a message: its fields, with what it goes on from in front of its input.
    fn request(&self, message: &Bytes, fields: &Fields) -> Bytes {
        let mut body = br#"{"stream":true"#.to_vec();
        if self.is_continued {
            for part in [&br#","input":["#[..], &self.asked, b"]"] {
                body.extend_from_slice(part);
            }
        }
        for (name, span) in fields.places(message) {
            let is_said = matches!(&*name, "generate" | "stream" | "type")
                || (self.is_continued && matches!(&*name, "input" | PREVIOUS));
            if !is_said && let Some(field) = message.get(span) {
                body.push(b',');
                body.extend_from_slice(field);
            }
        }
        body.push(b'}');
        body.into()
    }

    /// The answer to a message that asks for none: its input is there for the next turn to go on from.
    fn warm_up(&mut self, model: &str, echo: &Echo, at: UnixTime) -> Vec<Bytes> {
        self.warmed += 1;
        // Another connection's must not be taken for one of this one's.
        let id = format!("{WARMED}{}_{}", at.as_secs(), self.warmed);
        let nothing: [(); 0] = [];
        let begun = || Resource { created_at: at.as_secs(), ..Resource::begun(&id, model, echo, nothing) };
        let done = Resource {
            status: "completed",
            completed_at: Some(at.as_secs()),
            usage: Some(WriteUsage::from(&types::Usage::default())),
            ..begun()
        };
        let events =
            [("response.created", begun()), ("response.in_progress", begun()), ("response.completed", done)];
        let numbered = (0..).zip(events);
        let written = numbered
            .map(|(sequence_number, (r#type, response))| {
                Bytes::from(json_bytes(&WarmUp { r#type, sequence_number, response }))
            })
            .collect();
        self.last = Some(Last { id, items: std::mem::take(&mut self.asked) });
        written
    }
}

/// An event of an answer that says nothing.
#[derive(Serialize)]
struct WarmUp<'a> {
    r#type: &'static str,
    sequence_number: u8,
    response: Resource<'a, [(); 0]>,
}

fn wrong(field: &str, problem: &str) -> DecodeError {
    DecodeError::Field { field: field.to_owned(), problem: problem.to_owned() }
}

/// The items of an input or an output, without the brackets around them. A text is what the user says.
fn items(list: &[u8]) -> Vec<u8> {
    match list {
        [b'[', inside @ .., b']'] => inside.trim_ascii().to_vec(),
        [b'"', ..] => [&br#"{"type":"message","role":"user","content":"#[..], list, b"}"].concat(),
        _ => Vec::new(),
    }
}

fn joined(before: &[u8], after: &[u8]) -> Vec<u8> {
    let comma: &[u8] = if before.is_empty() || after.is_empty() { b"" } else { b"," };
    [before, comma, after].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Turns as _;

    #[track_caller]
    fn check(turns: &mut Turns, message: &'static str, expect: Result<&str, &str>) {
        let asked = turns.ask(&Bytes::from_static(message.as_bytes()), UnixTime::from_secs(1));
        let asked = asked.map(|turn| match turn {
            Turn::Answered(events) => format!("{} events", events.len()),
            Turn::Request(body) => String::from_utf8(body.to_vec()).unwrap(),
        });
        assert_eq!(asked.as_deref().map_err(ToString::to_string), expect.map_err(str::to_owned));
    }

    #[test]
    fn a_message_is_a_request_for_a_stream() {
        let turns = &mut Turns::default();
        let message = r#"{"type":"response.create","stream":false,"model":"m", "input":"hi","x":1.0}"#;
        check(turns, message, Ok(r#"{"stream":true,"model":"m","input":"hi","x":1.0}"#));
        check(turns, r#"{"type":"response.create"}"#, Ok(r#"{"stream":true}"#));
        check(turns, r#"{"type":"response.cancel"}"#, Err("`type` must be `response.create`"));
        assert!(turns.ask(&Bytes::from_static(b"[1]"), UnixTime::from_secs(1)).is_err());
    }

    #[test]
    fn a_turn_goes_on_from_the_one_before_it() {
        let turns = &mut Turns::default();
        check(turns, r#"{"type":"response.create","input":"hi"}"#, Ok(r#"{"stream":true,"input":"hi"}"#));
        turns.hear(br#"{"type":"response.output_text.delta","delta":"response.completed"}"#);
        turns.hear(br#"{"type":"response.completed","response":{"id":"resp_1","output":[ {"a":[1]} ]}}"#);
        let next =
            r#"{"type":"response.create","previous_response_id":"resp_1","input":[{"b":2}],"model":"m"}"#;
        let user = r#"{"type":"message","role":"user","content":"hi"}"#;
        check(
            turns,
            next,
            Ok(&format!(r#"{{"stream":true,"input":[{user},{{"a":[1]}},{{"b":2}}],"model":"m"}}"#)),
        );
        turns.hear(br#"{"type":"response.completed","response":{"id":"resp_2","output":[]}}"#);
        // Only the last turn is remembered: what is older is the provider's to know.
        check(
            turns,
            next,
            Ok(r#"{"stream":true,"previous_response_id":"resp_1","input":[{"b":2}],"model":"m"}"#),
        );
    }

    #[test]
    fn nothing_goes_on_from_a_turn_that_one_has_failed_to_go_on_from() {
        let failures = [r#"{"type":"error","status":400}"#, r#"{"type":"response.failed","response":{}}"#];
        for failure in failures {
            let turns = &mut Turns::default();
            check(turns, r#"{"type":"response.create","input":[]}"#, Ok(r#"{"stream":true,"input":[]}"#));
            turns.hear(br#"{"type":"response.completed","response":{"id":"resp_1","output":[{"a":1}]}}"#);
            // What fails by itself says nothing of the turn before.
            check(turns, r#"{"type":"response.create","input":[]}"#, Ok(r#"{"stream":true,"input":[]}"#));
            turns.hear(failure.as_bytes());
            let next = r#"{"type":"response.create","previous_response_id":"resp_1","input":[{"b":2}]}"#;
            check(turns, next, Ok(r#"{"stream":true,"input":[{"a":1},{"b":2}]}"#));
            turns.hear(failure.as_bytes());
            check(turns, next, Ok(r#"{"stream":true,"previous_response_id":"resp_1","input":[{"b":2}]}"#));
        }
    }

    #[test]
    fn a_warm_up_is_answered_here_and_gone_on_from() {
        let turns = &mut Turns::default();
        check(turns, r#"{"type":"response.create","generate":false,"input":[{"a":1}]}"#, Ok("3 events"));
        let next = r#"{"type":"response.create","previous_response_id":"resp_warm_1_1","input":[{"b":2}]}"#;
        check(turns, next, Ok(r#"{"stream":true,"input":[{"a":1},{"b":2}]}"#));
        let unknown = [
            r#"{"type":"response.create","generate":false,"previous_response_id":"resp_9"}"#,
            r#"{"type":"response.create","previous_response_id":"resp_warm_9_1"}"#,
        ];
        let problem = "is no answer that this connection remembers: send the whole input";
        for message in unknown {
            check(turns, message, Err(&format!("`previous_response_id` {problem}")));
        }
    }
}
