//! What survives between any two languages: every feature of a conversation, asked in each language of a provider that
//! speaks each other. What a translation reports must be what really differs; the table of it is
//! `docs/reference/fidelity.md`, which this test writes when it is told to and compares otherwise.

mod answered;
mod asked;
mod table;

use bytes::Bytes;
use dialects::{Conversational, Delivered, EncodeError, Head, PathSaid, Streams, conduit};
use http::{HeaderMap, HeaderName, HeaderValue};
use types::Frame;
use types::conversation::{Answer, Change, ChangeKind, Conversation, Delivery, Target};

use crate::heard;
use asked::Asked;

/// What becomes of a feature between two languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It arrives as it was said.
    Exact,
    /// It is reached by other means, and told.
    Emulated,
    /// It is left out or sent with another value, and told.
    Lost,
    /// The request is refused: it makes no sense without.
    Refused,
    /// The language it would come from has no word for it.
    Unsaid,
}

impl Outcome {
    /// What these changes say.
    fn of(changes: &[Change]) -> Self {
        let is = |kind: ChangeKind| changes.iter().any(|change| change.kind == kind);
        if is(ChangeKind::Dropped) || is(ChangeKind::Rewritten) {
            Self::Lost
        } else if is(ChangeKind::Emulated) {
            Self::Emulated
        } else {
            Self::Exact
        }
    }
}

/// What is odd about no provider, and what an encoder needs to say everything that its language can.
const EVERYTHING: &[&str] =
    &["cache_control", "mid_conversation_system", "reasoning_none", "thinking_blocks", "top_k"];

fn target(quirks: &[&str]) -> Target {
    let quirks = quirks.iter().map(|quirk| (*quirk).to_owned()).collect::<Vec<_>>();
    Target { model: "m".into(), max_output_tokens: Some(4096), quirks: quirks.into(), strict: false }
}

/// Reads a request in a language that may say model and form in its path.
fn read(
    language: &dyn Conversational,
    body: &[u8],
    delivery: Delivery,
) -> Result<Conversation, dialects::DecodeError> {
    let version = (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
    let headers = HeaderMap::from_iter([version]);
    let streams = if delivery.is_stream() { Streams::Always } else { Streams::Never };
    let path = PathSaid { model: Some("m".into()), streams, ..PathSaid::default() };
    language.decode_request(Head { path: &path, ..Head::of(&headers) }, body)
}

/// The conversation as a caller of this language would say it; none where the language has no words for it.
fn said_in(
    caller: &dyn Conversational,
    conversation: &Conversation,
    features: &[&Asked],
) -> Option<Conversation> {
    let mut conversation = conversation.clone();
    conversation.extras.dialect = Some(caller.id());
    let encoded = caller.encode_request(&conversation, &target(EVERYTHING)).ok()?;
    if !encoded.changes.is_empty() {
        return None;
    }
    let body = encoded.body.concat();
    let said = read(caller, &body, conversation.delivery);
    let said = said.map_err(|error| format!("{}: {error}: {}", caller.id(), text(&body))).unwrap();
    features.iter().all(|feature| (feature.hear)(&said) == (feature.hear)(&conversation)).then_some(said)
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// What becomes of these features on the way from a caller to an upstream, or how its report is not true.
fn ask(
    caller: &dyn Conversational,
    upstream: &dyn Conversational,
    features: &[&Asked],
) -> Result<Outcome, String> {
    let mut conversation = asked::plain();
    for feature in features {
        (feature.say)(&mut conversation);
    }
    let Some(said) = said_in(caller, &conversation, features) else { return Ok(Outcome::Unsaid) };
    let encoded = match upstream.encode_request(&said, &target(&[])) {
        Ok(encoded) => encoded,
        Err(EncodeError::Unsayable { .. }) => return Ok(Outcome::Refused),
        Err(error @ EncodeError::Lossy(_)) => return Err(error.to_string()),
    };
    let body = encoded.body.concat();
    let heard = read(upstream, &body, said.delivery).map_err(|error| format!("{error}: {}", text(&body)))?;
    let differs: Vec<_> =
        features.iter().filter(|feature| (feature.hear)(&heard) != (feature.hear)(&said)).collect();
    let outcome = Outcome::of(&encoded.changes);
    let told: Vec<_> = encoded.changes.iter().map(ToString::to_string).collect();
    match (outcome, differs.first()) {
        (Outcome::Exact, Some(feature)) => Err(format!(
            "{} is lost and nobody is told: {:?} became {:?} in {}",
            feature.name,
            (feature.hear)(&said),
            (feature.hear)(&heard),
            text(&body)
        )),
        (Outcome::Lost, None) if features.len() == 1 => {
            Err(format!("{told:?} are reported, but all arrives in {}", text(&body)))
        }
        (Outcome::Exact | Outcome::Emulated | Outcome::Lost | Outcome::Refused | Outcome::Unsaid, _) => {
            Ok(outcome)
        }
    }
}

/// What becomes of an answer on the way from an upstream to a caller, or how it is lost without need.
fn answer(
    upstream: &'static dyn Conversational,
    caller: &'static dyn Conversational,
    feature: &answered::Answered,
    delivery: Delivery,
) -> Result<Outcome, String> {
    let original = (feature.make)();
    let Some(sent) = written(upstream, &original, delivery, feature) else { return Ok(Outcome::Unsaid) };
    let delivered = if delivery.is_stream() { Delivered::Stream } else { Delivered::Whole };
    let mut way = conduit(upstream, caller, &answered::asked(delivery), delivered)
        .map_err(|fault| fault.to_string())?;
    let mut out = Vec::new();
    let passed = frames(&sent, delivery).into_iter().try_for_each(|frame| way.push(frame, &mut out));
    passed.and_then(|()| way.end(&mut out)).map_err(|fault| format!("{fault}: {}", text(&sent)))?;
    let body = Bytes::from(out.concat());
    let read = heard::answer(caller, delivery.is_stream(), &body);
    let read = read.map_err(|fault| format!("{fault}: {}", text(&body)))?;
    let (before, after) = ((feature.hear)(&original), (feature.hear)(&read));
    let became = || format!("{before} became {after} in {}", text(&body));
    let outcome = Outcome::of(&way.tally().changes);
    match (outcome, before == after) {
        (Outcome::Exact, false) => Err(format!("nobody is told: {}", became())),
        (Outcome::Lost, true) => Err(format!("{:?} are reported: {}", way.tally().changes, became())),
        // The caller's language itself can say it: then it must not get lost on the way.
        (Outcome::Lost, false) if written(caller, &original, delivery, feature).is_some() => {
            Err(format!("lost without need: {}", became()))
        }
        (Outcome::Exact | Outcome::Emulated | Outcome::Lost | Outcome::Refused | Outcome::Unsaid, _) => {
            Ok(outcome)
        }
    }
}

/// The answer in this language; none where reading it again does not give the same.
fn written(
    language: &dyn Conversational,
    answer: &Answer,
    delivery: Delivery,
    feature: &answered::Answered,
) -> Option<Bytes> {
    let asked = answered::asked(delivery);
    let body = if delivery.is_stream() {
        let mut encoder = language.encoder(&asked);
        let mut out = Vec::new();
        for event in &dialects::unfold(answer) {
            encoder.push(event, &mut out);
        }
        out
    } else {
        language.encode_answer(answer, &asked)
    };
    let body = Bytes::from(body);
    let again = heard::answer(language, delivery.is_stream(), &body);
    let again = again.map_err(|fault| format!("{}: {fault}: {}", language.id(), text(&body))).unwrap();
    ((feature.hear)(&again) == (feature.hear)(answer)).then_some(body)
}

fn frames(body: &Bytes, delivery: Delivery) -> Vec<Frame> {
    if delivery.is_stream() {
        heard::events(body).into_iter().map(Frame::Event).collect()
    } else {
        vec![Frame::Whole(body.clone())]
    }
}

/// Every two languages, the caller's first.
fn pairs() -> impl Iterator<Item = (&'static dyn Conversational, &'static dyn Conversational)> {
    dialects::conversational().flat_map(|caller| {
        dialects::conversational()
            .filter(move |other| other.id() != caller.id())
            .map(move |other| (caller, other))
    })
}

#[test]
fn what_is_reported_of_a_request_is_what_really_differs_and_stands_in_the_table() {
    let mut problems = Vec::new();
    let table = table::write(&mut problems);
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    table::compare(&table);
}

#[test]
fn a_plain_conversation_passes_between_any_two_languages_unchanged() {
    for (caller, upstream) in pairs() {
        assert_eq!(ask(caller, upstream, &[]), Ok(Outcome::Exact), "{} to {}", caller.id(), upstream.id());
    }
}

#[test]
fn of_any_two_features_asked_together_nothing_is_lost_without_a_word() {
    let mut problems = Vec::new();
    for (caller, upstream) in pairs() {
        for (index, one) in asked::FEATURES.iter().enumerate() {
            for other in &asked::FEATURES[index + 1..] {
                if let Err(problem) = ask(caller, upstream, &[one, other]) {
                    let names = (one.name, other.name);
                    problems.push(format!(
                        "{names:?} from {} to {}: {problem:.600}",
                        caller.id(),
                        upstream.id()
                    ));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}
