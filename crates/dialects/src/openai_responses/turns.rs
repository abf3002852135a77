//! Turns over a `WebSocket` (<https://platform.openai.com/docs/guides/websocket-mode>): each message asks for an answer,
//! whose events are messages too. A turn may go on from the one before it, which is remembered for as long as the
//! connection lives: that one is then sent along, since no provider need have kept it.

use bytes::Bytes;
use memchr::memmem;
use serde_json::json;

use crate::outline::{Outline, Part};
use crate::{DecodeError, Fields, Turn};

/// How deeply a message may be nested.
const MAX_DEPTH: usize = 128;
/// What a message is that asks for an answer.
const ASKS: &str = "response.create";
/// The field that names the turn to go on from.
const PREVIOUS: &str = "previous_response_id";

/// The turns of one connection.
#[derive(Debug, Default)]
pub(super) struct Turns {
    outline: Outline,
    /// The input of the turn under way, as items with commas between them.
    asked: Vec<u8>,
    last: Option<Last>,
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

    fn ask(&mut self, message: &Bytes) -> Result<Turn, DecodeError> {
        let fields = Fields::scan(message, MAX_DEPTH).map_err(DecodeError::Json)?;
        let text = |name| serde_json::from_slice::<String>(fields.value(message, name)?).ok();
        if text("type").as_deref() != Some(ASKS) {
            return Err(wrong("type", &format!("must be `{ASKS}`")));
        }
        let input = fields.value(message, "input").map(items).unwrap_or_default();
        let last = text(PREVIOUS).and_then(|id| self.last.as_ref().filter(|last| last.id == id));
        let is_continued = last.is_some();
        self.asked = last.map_or_else(|| input.clone(), |last| joined(&last.items, &input));
        if self.asked.len() > self.longest.0 {
            self.asked = Vec::new();
            return Err(wrong("input", "is longer, with what it goes on from, than a body may be here"));
        }
        if fields.value(message, "generate") == Some(b"false") {
            return Ok(Turn::Answered(self.warm_up(text("model").as_deref())));
        }
        let mut body = br#"{"stream":true"#.to_vec();
        if is_continued {
            for part in [&br#","input":["#[..], &self.asked, b"]"] {
                body.extend_from_slice(part);
            }
        }
        for (name, span) in fields.places(message) {
            let is_said = matches!(&*name, "generate" | "stream" | "type")
                || (is_continued && matches!(&*name, "input" | PREVIOUS));
            if !is_said && let Some(field) = message.get(span) {
                body.push(b',');
                body.extend_from_slice(field);
            }
        }
        body.push(b'}');
        Ok(Turn::Request(body.into()))
    }

    fn hear(&mut self, event: &[u8]) {
        let ends = ["response.completed", "response.incomplete"];
        if !ends.iter().any(|end| memmem::find(event, end.as_bytes()).is_some()) {
            return;
        }
        let Ok(said) = self.outline.read(event, MAX_DEPTH) else { return };
        let kind = said.field("type").and_then(Part::text);
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
    /// The answer to a message that asks for none: its input is there for the next turn to go on from.
    fn warm_up(&mut self, model: Option<&str>) -> Vec<Bytes> {
        self.warmed += 1;
        let id = format!("resp_warm_{}", self.warmed);
        let event = |number: u8, kind: &str, status: &str| {
            let response = json!({
                "id": id, "object": "response", "created_at": 0, "status": status, "model": model, "output": [],
                "error": null, "incomplete_details": null, "instructions": null, "metadata": {},
                "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "temperature": null, "top_p": null,
                "usage": {
                    "input_tokens": 0, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 0,
                    "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 0,
                },
            });
            Bytes::from(json!({"type": kind, "sequence_number": number, "response": response}).to_string())
        };
        let events =
            vec![event(0, "response.created", "in_progress"), event(1, "response.completed", "completed")];
        self.last = Some(Last { id, items: std::mem::take(&mut self.asked) });
        events
    }
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
        let asked = turns.ask(&Bytes::from_static(message.as_bytes()));
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
        assert!(turns.ask(&Bytes::from_static(b"[1]")).is_err());
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
    fn a_warm_up_is_answered_here_and_gone_on_from() {
        let turns = &mut Turns::default();
        check(turns, r#"{"type":"response.create","generate":false,"input":[{"a":1}]}"#, Ok("2 events"));
        let next = r#"{"type":"response.create","previous_response_id":"resp_warm_1","input":[{"b":2}]}"#;
        check(turns, next, Ok(r#"{"stream":true,"input":[{"a":1},{"b":2}]}"#));
    }
}
