//! Turns over a `WebSocket` (<https://platform.openai.com/docs/guides/websocket-mode>): each message asks for an answer,
//! whose events are messages too. A turn may go on from the one before it, which is remembered for as long as the
//! connection lives: that one is then sent along, since no provider need have kept it.

use bytes::Bytes;
use memchr::memmem;

use crate::outline::{Outline, Part};
use crate::{DecodeError, Fields};

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
}

/// The turn before.
#[derive(Debug)]
struct Last {
    id: String,
    /// Its input and its output.
    items: Vec<u8>,
}

impl crate::Turns for Turns {
    fn ask(&mut self, message: &Bytes) -> Result<Bytes, DecodeError> {
        let fields = Fields::scan(message, MAX_DEPTH).map_err(DecodeError::Json)?;
        let text = |name| serde_json::from_slice::<String>(fields.value(message, name)?).ok();
        if text("type").as_deref() != Some(ASKS) {
            return Err(wrong("type", &format!("must be `{ASKS}`")));
        }
        if fields.value(message, "generate") == Some(b"false") {
            return Err(wrong("generate", "must not be false: there is nothing to warm up here"));
        }
        let input = fields.value(message, "input").map(items).unwrap_or_default();
        let last = text(PREVIOUS).and_then(|id| self.last.as_ref().filter(|last| last.id == id));
        let is_continued = last.is_some();
        self.asked = last.map_or_else(|| input.clone(), |last| joined(&last.items, &input));
        let mut body = br#"{"stream":true"#.to_vec();
        if is_continued {
            for part in [&br#","input":["#[..], &self.asked, b"]"] {
                body.extend_from_slice(part);
            }
        }
        for (name, span) in fields.places(message) {
            let is_said =
                matches!(&*name, "stream" | "type") || (is_continued && matches!(&*name, "input" | PREVIOUS));
            if !is_said && let Some(field) = message.get(span) {
                body.push(b',');
                body.extend_from_slice(field);
            }
        }
        body.push(b'}');
        Ok(body.into())
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
            self.last = Some(Last { id: id.into_owned(), items: joined(&self.asked, &items(output.raw())) });
        }
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
        let asked = asked.map(|body| String::from_utf8(body.to_vec()).unwrap());
        assert_eq!(asked.as_deref().map_err(ToString::to_string), expect.map_err(str::to_owned));
    }

    #[test]
    fn a_message_is_a_request_for_a_stream() {
        let turns = &mut Turns::default();
        let message = r#"{"type":"response.create","stream":false,"model":"m", "input":"hi","x":1.0}"#;
        check(turns, message, Ok(r#"{"stream":true,"model":"m","input":"hi","x":1.0}"#));
        check(turns, r#"{"type":"response.create"}"#, Ok(r#"{"stream":true}"#));
        check(turns, r#"{"type":"response.cancel"}"#, Err("`type` must be `response.create`"));
        check(
            turns,
            r#"{"type":"response.create","generate":false}"#,
            Err("`generate` must not be false: there is nothing to warm up here"),
        );
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
}
