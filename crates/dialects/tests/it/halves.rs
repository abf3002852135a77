//! Characters that an upstream cuts in two, one half in each piece of its stream.

use crate::asked;
use crate::pairs::{events, read};
use bytes::Bytes;
use dialects::{Conversational, Delivered, conduit, unfold};
use serde_json::{Value, json};
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

/// What a caller of chat completions reads that a text cites, which an upstream says in these pieces.
fn cited(upstream: &str, pieces: &[(&'static str, Value)]) -> Value {
    let event = |(name, piece): &(&'static str, Value)| {
        let data = Bytes::from(piece.to_string());
        StreamEvent { name: Bytes::from_static(name.as_bytes()), raw: data.clone(), data }
    };
    let by_name = |name| dialects::by_name(name).unwrap();
    let (upstream, caller) = (by_name(upstream), by_name("openai_chat"));
    let mut way = conduit(upstream, caller, &asked(Delivery::Whole), Delivered::Stream).unwrap();
    let mut out = Vec::new();
    let frames = with_halves(pieces.iter().map(event).collect());
    frames.into_iter().try_for_each(|frame| way.push(frame, &mut out)).unwrap();
    way.end(&mut out).unwrap();
    let body: Value = serde_json::from_slice(&out.concat()).unwrap();
    let message = &body["choices"][0]["message"];
    json!([message["content"], message["annotations"][0]["url_citation"]])
}

#[test]
fn what_a_text_cites_keeps_its_place_behind_a_character_that_is_cut_in_two() {
    let said = |text: &str, start: u64, end: u64| json!([text, {"start_index": start, "end_index": end, "title": "A", "url": "https://a.test/"}]);
    let (first, second) = (format!("a{FIRST}"), format!("{SECOND}b{FIRST}"));
    let grounding = json!({
        "groundingChunks": [{"web": {"uri": "https://a.test/", "title": "A"}}],
        "groundingSupports": [{"segment": {"startIndex": 5, "endIndex": 10}, "groundingChunkIndices": [0]}],
    });
    let piece = |text: &str| json!({"candidates": [{"content": {"parts": [{"text": text}]}}]});
    let end = json!({"candidates": [{
        "content": {"parts": [{"text": format!("{SECOND}c{SECOND}d")}]}, "finishReason": "STOP", "groundingMetadata": grounding,
    }]});
    let gemini = [piece(&first), piece(&second), end];
    assert_eq!(cited("gemini", &gemini.map(|piece| ("", piece))), said("a😀b😀c\u{fffd}d", 2, 4));

    let delta = |delta: Value| json!({"type": "content_block_delta", "index": 0, "delta": delta});
    let text = |text: &str| delta(json!({"type": "text_delta", "text": text}));
    let found = json!({
        "type": "web_search_result_location", "url": "https://a.test/", "title": "A", "encrypted_index": "E", "cited_text": "",
    });
    let anthropic = [
        json!({"type": "message_start", "message": {"id": "msg_1", "role": "assistant", "content": []}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        text(&first),
        text(""),
        text(&second),
        text("c"),
        delta(json!({"type": "citations_delta", "citation": found})),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        json!({"type": "message_stop"}),
    ];
    assert_eq!(cited("anthropic", &anthropic.map(|piece| ("", piece))), said("a😀b\u{fffd}c", 0, 5));

    let delta = |delta: Value| ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": delta}));
    let found = json!({"title": "A", "location": {"web": {"url": "https://a.test/"}}});
    let bedrock = [
        ("messageStart", json!({"role": "assistant"})),
        delta(json!({"text": first})),
        delta(json!({"text": second})),
        delta(json!({"text": "c"})),
        delta(json!({"citation": found})),
        ("contentBlockStop", json!({"contentBlockIndex": 0})),
        ("messageStop", json!({"stopReason": "end_turn"})),
    ];
    assert_eq!(cited("bedrock", &bedrock), said("a😀b\u{fffd}c", 0, 5));
}
