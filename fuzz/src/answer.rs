//! Whole answers: what is understood survives, what is passed on is the upstream's own.

use bytes::Bytes;
use dialects::{Delivered, Fold, conduit, unfold};
use serde_json::Value;
use types::Frame;
use types::conversation::{Answer, Delivery, Event};

use crate::stream::{STREAM, validate};
use crate::{PUBLIC, asked, essence, fields, json, languages, pass};

/// What is read as an answer is written such that it reads the same, as a whole and as events; what is passed on
/// differs in the model's name only; the other language's callers get what they can read.
pub fn check(language: &str, body: &[u8]) {
    let (dialect, others) = languages(language);
    let whole = || vec![Frame::Whole(Bytes::copy_from_slice(body))];
    let passed = pass(dialect.forwarder(&asked(Delivery::Whole)), whole());
    if let Ok((out, _)) = &passed {
        let (before, after) = (fields(body).unwrap_or_default(), fields(out).unwrap_or_default());
        assert_eq!(before.len(), after.len());
        for ((name, value), (same, after)) in before.iter().zip(&after) {
            assert_eq!(name, same);
            assert!(
                value == after
                    || (matches!(name.as_str(), "model" | "modelVersion")
                        && after.trim_matches('"') == PUBLIC)
            );
        }
    }
    let Ok(answer) = dialect.decode_answer(body) else { return };
    let Ok((_, tally)) = passed else { panic!("understood and not passed on") };
    assert_eq!(tally.usage, answer.usage);
    let encoded = dialect.encode_answer(&answer, &asked(Delivery::Whole));
    let again = dialect.decode_answer(&encoded).expect("what is written is read");
    let twice = dialect.decode_answer(&dialect.encode_answer(&again, &asked(Delivery::Whole)));
    assert_eq!(twice.as_ref().map(essence), Ok(essence(&again)));
    assert_eq!(essence(&fold(unfold(&answer))).choices, answer.choices);
    for (caller, delivery) in others.into_iter().flat_map(|other| [(other, STREAM), (other, Delivery::Whole)])
    {
        let way = conduit(dialect, caller, &asked(delivery), Delivered::Whole).expect("there is a way");
        let (out, _) = pass(way, whole()).expect("what is understood is translated");
        match delivery {
            Delivery::Whole => assert!(json(&out).is_none_or(|out| *named(&out) == PUBLIC)),
            Delivery::Stream { .. } => validate(caller.id().as_str(), &out),
        }
    }
}

/// The model by which an answer says it was given.
pub fn named(answer: &Value) -> &Value {
    answer.get("modelVersion").unwrap_or(&answer["model"])
}

/// The answer these events are.
pub fn fold(events: Vec<Event>) -> Answer {
    let mut fold = Fold::default();
    events.into_iter().try_for_each(|event| fold.push(event)).expect("an answer holds no failure");
    fold.finish()
}
