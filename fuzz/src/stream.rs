//! Streams: what is understood survives, what is passed on is the upstream's own, and what is written obeys the rules
//! of its language.

use dialects::Delivered;
use types::conversation::Event;
use types::{Frame, StreamEvent, Units, Usage};

use crate::answer::fold;
use crate::language::{self, Language};
use crate::pair::{self, decode};
use crate::{PUBLIC, STREAM, asked, essence, pass, proofs};

/// What is read as a stream is written such that it reads the same; what is passed on differs in the model's name
/// only; callers of every language get a stream that obeys its rules.
pub fn check(name: &str, input: &[u8]) {
    let language = language::named(name);
    let dialect = language.dialect;
    let events = language.events_however_cut(&language.stream(input));
    let frames = || events.iter().cloned().map(Frame::Event).collect::<Vec<_>>();
    let passed = pass(dialect.forwarder(&asked(language, STREAM)), frames());
    if let Ok((out, _)) = &passed {
        // One language ends its streams by a word that the other must not hear.
        let is_heard = |event: &&StreamEvent| name != "anthropic" || &event.data[..] != b"[DONE]";
        unchanged(&events.iter().filter(is_heard).collect::<Vec<_>>(), &language.events(out));
    }
    if !events.iter().all(is_called_by_its_type) {
        return;
    }
    let Ok(read) = decode(dialect, &events) else { return };
    let Ok((_, tally)) = passed else { panic!("understood and not passed on: {passed:?}") };
    let answer = fold(read.clone());
    // Searches are told in the answer's own words, and passing it on counts them even where no report follows.
    let tokens = |usage: Option<Usage>| usage.map(|usage| Usage { units: Units::NONE, ..usage });
    assert_eq!(tokens(tally.usage), tokens(answer.usage));
    let written = encode(language, &read);
    language.obeys(&written);
    let again = fold(decode(dialect, &language.events(&written)).expect("what is written is read"));
    let twice = encode(language, &dialects::unfold(&again));
    let twice = fold(decode(dialect, &language.events(&twice)).expect("what is written is read"));
    assert_eq!(essence(&twice), essence(&again));
    pair::check(language, Delivered::Stream, frames, &answer);
    proofs::check(language, &answer);
}

/// Whether an event's name, where it has one, is the type that its data says: clients go by either.
fn is_called_by_its_type(event: &StreamEvent) -> bool {
    let data: Option<serde_json::Value> = serde_json::from_slice(&event.data).ok();
    let kind = data.as_ref().and_then(|data| data.get("type")?.as_str());
    event.name.is_empty() || kind.is_none_or(|kind| kind.as_bytes() == event.name)
}

/// Every event has come through, with no other change than that of the model's name.
fn unchanged(before: &[&StreamEvent], after: &[StreamEvent]) {
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(after) {
        if before.raw == after.raw {
            continue;
        }
        assert!(before.name == after.name || before.name.is_empty());
        let (Some(mut expect), Some(found)) = (crate::json(&before.data), crate::json(&after.data)) else {
            continue;
        };
        for place in ["/message/model", "/model", "/modelVersion", "/response/model"] {
            if let Some(model) = expect.pointer_mut(place)
                && found.pointer(place) == Some(&PUBLIC.into())
            {
                *model = PUBLIC.into();
            }
        }
        assert_eq!(expect, found);
    }
}

fn encode(language: Language, events: &[Event]) -> Vec<u8> {
    let mut encoder = language.dialect.encoder(&asked(language, STREAM));
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.push(event, &mut out));
    out
}
