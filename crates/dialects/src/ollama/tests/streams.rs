//! Streams: read, written, passed on.

use serde_json::json;
use types::FaultKind;
use types::conversation::{Delta, Opening, StopReason};
use types::{Json, Tokens, Usage};

use super::*;
use crate::{Dialect as _, unfold};

fn usage() -> Usage {
    Usage { input: Tokens(212), output: Tokens(107), ..Usage::default() }
}

#[test]
fn a_stream_says_what_a_whole_answer_would() {
    let answer = fold(read(STREAM.as_bytes()).unwrap());
    let choice = &answer.choices[0];
    let expect = [
        Content::Thinking { text: "Two lookups are needed.".into(), signature: None },
        Content::text("I will look both up — now."),
        call("call_k2", "get_weather", r#"{"city":"Lisbon"}"#),
        call("call_1", "get_time", "{}"),
    ];
    assert_eq!(choice.content, expect);
    let logprobs =
        r#"{"content":[{"token":"I","logprob":-0.1,"bytes":[73],"top_logprobs":[]}],"refusal":null}"#;
    assert_eq!(choice.logprobs.as_ref().map(Json::as_str), Some(logprobs));
    assert_eq!((choice.stop, answer.usage), (Some(StopReason::ToolUse), Some(usage())));
    let essence = |answer: Answer| Answer { model: None, ..answer };
    let again = fold(read(&write(&unfold(&answer))).unwrap());
    assert_eq!(essence(again), essence(answer));
}

#[test]
fn a_stream_is_passed_on_with_the_model_s_public_name() {
    let frames = lines(STREAM.as_bytes()).into_iter().map(Frame::Event).collect();
    let (out, result, tally) = pass(Ollama.forwarder(&asked(STREAMED)), frames);
    let expect = STREAM.replace(r#""model":"upstream""#, r#""model":"public""#);
    assert_eq!((String::from_utf8(out).unwrap(), result), (expect, Ok(())));
    assert_eq!((tally.usage, tally.stop), (Some(usage()), Some(StopReason::ToolUse)));
    assert!(tally.has_content && tally.output_bytes > 40);
}

#[test]
fn calls_are_written_whole_however_they_come() {
    let open = |block, id: &str| Event::Open {
        choice: 0,
        block,
        opening: Opening::ToolCall { id: id.into(), name: "f".into(), signature: None },
    };
    let delta = |block, text: &str| Event::Delta { choice: 0, block, delta: Delta::Arguments(text.into()) };
    let events = [
        open(0, "a"),
        open(1, "b"),
        delta(0, "{\"a\""),
        delta(1, ""),
        delta(0, ":1}"),
        Event::Close { choice: 0, block: 1 },
        Event::Finish { choice: 0, reason: StopReason::ToolUse, stop_sequence: None },
        Event::End,
    ];
    let written = write(&events);
    let said: Vec<Value> =
        lines(&written).iter().map(|line| serde_json::from_slice(&line.data).unwrap()).collect();
    let calls: Vec<&Value> = said.iter().filter_map(|line| line["message"].get("tool_calls")).collect();
    let function = |index: u8, arguments: Value| json!({"index": index, "name": "f", "arguments": arguments});
    assert_eq!(*calls[0], json!([{"id": "b", "function": function(0, json!({}))}]));
    assert_eq!(*calls[1], json!([{"id": "a", "function": function(1, json!({"a": 1}))}]));
    let done: Vec<bool> = said.iter().map(|line| line["done"].as_bool().unwrap()).collect();
    assert_eq!(done, [false, false, true]);
}

#[test]
fn a_stream_that_breaks_off_says_so() {
    let events = lines(STREAM.as_bytes());
    for end in 0..events.len() {
        let (mut decoder, mut forwarder) = (Ollama.decoder(), Ollama.forwarder(&asked(STREAMED)));
        for event in &events[..end] {
            decoder.push(event, &mut Vec::new()).unwrap();
            forwarder.push(Frame::Event(event.clone()), &mut Vec::new()).unwrap();
        }
        for fault in [decoder.end(&mut Vec::new()), forwarder.end(&mut Vec::new())] {
            assert_eq!(fault.unwrap_err().kind, FaultKind::Cut, "cut before line {end}");
        }
    }
}

#[test]
fn an_error_inside_a_stream_is_a_fault() {
    let line = b"{\"error\":\"an error was encountered while running the model\"}\n";
    let fault = read(line).unwrap_err();
    assert_eq!(fault.message, "an error was encountered while running the model");
    let frames = lines(line).into_iter().map(Frame::Event).collect();
    let (out, result, _) = pass(Ollama.forwarder(&asked(STREAMED)), frames);
    assert_eq!((out.len(), result), (0, Err(fault)));
}
