//! Characters that an upstream cuts in two, one half in each piece of its stream.

use crate::asked;
use crate::pairs::{events, read};
use dialects::{Conversational, Delivered, conduit, unfold};
use serde_json::Value;
use types::conversation::{Answer, Choice, Content, Delivery, Delta, Event, StopReason};
use types::{Frame, StreamEvent};

const STREAM: Delivery = Delivery::Stream { include_usage: true };

/// What the halves of the character are written as until the stream is.
const FIRST: &str = "FIRST";
const SECOND: &str = "SECOND";

/// The events of a stream with the halves spelled as JSON spells them.
fn with_halves(said: Vec<StreamEvent>) -> Vec<Frame> {
    let spell = |event: StreamEvent| {
        let text = std::str::from_utf8(&event.data).unwrap();
        let data = text.replace(FIRST, "\\ud83d").replace(SECOND, "\\ude00");
        Frame::Event(StreamEvent { raw: data.clone().into(), data: data.into(), ..event })
    };
    said.into_iter().map(spell).collect()
}

/// An answer in two pieces of text, and in a call whose arguments come in two pieces where the language has such.
fn pieces(upstream: &dyn Conversational) -> Vec<StreamEvent> {
    let call = Content::ToolCall {
        id: "toolu_1".into(),
        name: "f".into(),
        arguments: r#"{"a":"x"}"#.into(),
        signature: None,
        cache: None,
    };
    let content = vec![Content::text("x"), call];
    let choice = Choice { content, stop: Some(StopReason::ToolUse), ..Choice::default() };
    let answer = Answer { choices: vec![choice], ..Answer::default() };
    let (mut encoder, mut out) = (upstream.encoder(&asked(STREAM)), Vec::new());
    for event in unfold(&answer) {
        if let Event::Delta { choice, block, delta } = &event {
            for delta in in_two(delta) {
                let event = Event::Delta { choice: *choice, block: *block, delta };
                encoder.push(&event, &mut out);
            }
        } else {
            encoder.push(&event, &mut out);
        }
    }
    events(&out)
}

fn in_two(delta: &Delta) -> [Delta; 2] {
    if let Delta::Text(_) = delta {
        return [Delta::Text(format!("a{FIRST}")), Delta::Text(format!("{SECOND}b"))];
    }
    [Delta::Arguments(format!(r#"{{"a":"{FIRST}"#)), Delta::Arguments(format!(r#"{SECOND}"}}"#))]
}

#[test]
fn a_character_that_is_cut_in_two_comes_out_whole() {
    for upstream in dialects::conversational() {
        let frames = with_halves(pieces(upstream));
        for caller in dialects::conversational().filter(|caller| caller.id() != upstream.id()) {
            for delivery in [STREAM, Delivery::Whole] {
                let mut way = conduit(upstream, caller, &asked(delivery), Delivered::Stream).unwrap();
                let mut out = Vec::new();
                frames.iter().cloned().try_for_each(|frame| way.push(frame, &mut out)).unwrap();
                way.end(&mut out).unwrap();
                let answer = read(caller, delivery, &out.concat());
                let pair = (upstream.id(), caller.id(), delivery);
                let [Content::Text { text, .. }, Content::ToolCall { arguments, .. }] =
                    &answer.choices[0].content[..]
                else {
                    unreachable!("{pair:?}: {answer:?}");
                };
                let arguments: Value = serde_json::from_str(arguments).unwrap();
                assert_eq!((text.as_str(), &arguments["a"]), ("a😀b", &Value::from("😀")), "{pair:?}");
            }
        }
    }
}
