//! Whole answers: what is understood survives, what is passed on is the upstream's own.

use bytes::Bytes;
use dialects::{Delivered, Fold, unfold};
use types::Frame;
use types::conversation::{Answer, Delivery, Event};

use crate::{PUBLIC, asked, essence, fields, language, pair, pass, proofs};

/// What is read as an answer is written such that it reads the same, as a whole and as events; what is passed on
/// differs in the model's name only; callers of every language get what they can read.
pub fn check(name: &str, body: &[u8]) {
    let language = language::named(name);
    let dialect = language.dialect;
    let whole = || vec![Frame::Whole(Bytes::copy_from_slice(body))];
    let asked = asked(language, Delivery::Whole);
    let passed = pass(dialect.forwarder(&asked), whole());
    if let Ok((out, _)) = &passed {
        let (before, after) = (fields(body).unwrap_or_default(), fields(out).unwrap_or_default());
        assert_eq!(before.len(), after.len());
        for ((name, value), (same, after)) in before.iter().zip(&after) {
            assert_eq!(name, same);
            let is_renamed = Some(name.as_str()) == language.model() && after.trim_matches('"') == PUBLIC;
            assert!(value == after || is_renamed);
        }
    }
    let Ok(answer) = dialect.decode_answer(body) else { return };
    let Ok((_, tally)) = passed else { panic!("understood and not passed on") };
    assert_eq!(tally.usage, answer.usage);
    let encoded = dialect.encode_answer(&answer, &asked);
    let again = dialect.decode_answer(&encoded).expect("what is written is read");
    let twice = dialect.decode_answer(&dialect.encode_answer(&again, &asked));
    assert_eq!(twice.as_ref().map(essence), Ok(essence(&again)));
    assert_eq!(essence(&fold(unfold(&answer))).choices, answer.choices);
    pair::check(language, Delivered::Whole, whole, &answer);
    proofs::check(language, &answer);
}

/// The answer these events are.
pub fn fold(events: Vec<Event>) -> Answer {
    let mut fold = Fold::default();
    events.into_iter().try_for_each(|event| fold.push(event)).expect("an answer holds no failure");
    fold.finish()
}
