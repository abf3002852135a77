//! Bodies of very many small things come to their end, with all of them told. No clock is read: what looks through all
//! of them for each would take minutes where this takes seconds, and would be noticed by that.

use bytes::Bytes;
use dialects::{Delivered, Head, Meaning, conduit};
use http::HeaderMap;
use serde_json::{Value, json};
use types::conversation::{Delivery, Target};
use types::{Frame, StreamEvent};

use crate::asked;

/// So many that their square is ten billion.
const CROWD: usize = 100_000;

/// What is told of a request when it is said in another language, and how many things are.
#[track_caller]
fn check_told(caller: &str, upstream: &str, request: &Value, (first, many): (&str, usize)) {
    let (caller, upstream) = (dialects::by_name(caller).unwrap(), dialects::by_name(upstream).unwrap());
    let headers = HeaderMap::new();
    let read = Meaning::read(caller, Head::of(&headers), request.to_string().as_bytes());
    let target = Target {
        model: "m".into(),
        max_output_tokens: None,
        quirks: [].into_iter().collect(),
        strict: false,
    };
    let said = read.unwrap().unwrap().say(upstream, &target).unwrap().unwrap();
    let told: Vec<_> = said.changes.iter().map(ToString::to_string).collect();
    assert_eq!(told.first().map(String::as_str), Some(first));
    assert!(told.len() >= many, "{} of {many}", told.len());
}

#[test]
fn very_many_changes_are_all_told() {
    let part = json!({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}});
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": vec![part; CROWD]}]});
    for upstream in ["gemini", "ollama"] {
        let first = "dropped;messages[0].content[0].cache_control";
        check_told("openai_chat", upstream, &chat, (first, CROWD));
    }
    let item = json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}]});
    let mut input = vec![json!({"role": "user", "content": "a"})];
    input.extend(vec![item; CROWD]);
    input.push(json!({"role": "user", "content": "a"}));
    let responses = json!({"model": "m", "input": input});
    check_told("openai_responses", "openai_chat", &responses, ("dropped;input[1]", CROWD));
}

/// An answer of very many parts to a caller of another language: how much is told of it.
fn answered(upstream: &str, caller: &str, delivery: Delivery, frames: Vec<Frame>) -> usize {
    let (upstream, caller) = (dialects::by_name(upstream).unwrap(), dialects::by_name(caller).unwrap());
    let form =
        if matches!(frames.as_slice(), [Frame::Whole(_)]) { Delivered::Whole } else { Delivered::Stream };
    let mut way = conduit(upstream, caller, &asked(delivery), form).unwrap();
    let mut out = Vec::new();
    for frame in frames {
        way.push(frame, &mut out).unwrap();
    }
    way.end(&mut out).unwrap();
    out.iter().map(Bytes::len).sum()
}

#[test]
fn an_answer_of_very_many_parts_is_read_to_its_end() {
    let part = json!({"type": "output_text", "text": "a", "annotations": []});
    let answer = json!({
        "id": "resp_1", "status": "completed",
        "output": [{"type": "message", "role": "assistant", "content": vec![part; CROWD]}],
    });
    let answer = Bytes::from(answer.to_string());
    for delivery in [Delivery::Whole, Delivery::Stream { include_usage: false }] {
        let told = answered("openai_responses", "anthropic", delivery, vec![Frame::Whole(answer.clone())]);
        assert!(told > CROWD, "{told}");
    }
}

#[test]
fn a_stream_of_very_many_parts_is_written_to_its_end() {
    let event = |value: Value| {
        let data = Bytes::from(value.to_string());
        Frame::Event(StreamEvent { raw: data.clone(), name: Bytes::new(), data })
    };
    let message = json!({"id": "msg_1", "role": "assistant", "content": [], "usage": {"input_tokens": 1}});
    let mut frames = vec![event(json!({"type": "message_start", "message": message}))];
    for index in 0..CROWD {
        let block = json!({"type": "text", "text": "a"});
        frames.push(event(json!({"type": "content_block_start", "index": index, "content_block": block})));
        frames.push(event(json!({"type": "content_block_stop", "index": index})));
    }
    let (delta, usage) = (json!({"stop_reason": "end_turn"}), json!({"output_tokens": 1}));
    frames.push(event(json!({"type": "message_delta", "delta": delta, "usage": usage})));
    frames.push(event(json!({"type": "message_stop"})));
    let delivery = Delivery::Stream { include_usage: false };
    assert!(answered("anthropic", "openai_responses", delivery, frames) > CROWD);
}
