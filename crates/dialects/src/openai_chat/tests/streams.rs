//! Streams read into events and written from them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use types::conversation::{Content, Delta, Opening, StopReason};
use types::{Tokens, Usage};

use super::*;
use crate::anthropic::Anthropic;
use crate::{Delivered, conduit, unfold};

const TOOLS: &str = include_str!("../../../fixtures/openai_chat/parallel_tools.sse");

/// What the only choice of a stream says.
#[track_caller]
fn check(stream: &str, expect: &[Content], stop: StopReason) {
    let events = decode(stream).unwrap();
    check_order(&events);
    let answer = fold(events);
    assert_eq!(answer.choices[0].content, expect);
    assert_eq!(answer.choices[0].stop, Some(stop));
}

/// Every block is opened once, in order and without gaps, and closed once before its choice ends.
#[track_caller]
fn check_order(events: &[Event]) {
    let mut next: BTreeMap<u32, u32> = BTreeMap::new();
    let mut open = std::collections::BTreeSet::new();
    for event in events {
        match event {
            Event::Open { choice, block, .. } => {
                let next = next.entry(*choice).or_default();
                assert_eq!(next, block);
                *next += 1;
                open.insert((*choice, *block));
            }
            Event::Delta { choice, block, .. } => assert!(open.contains(&(*choice, *block)), "{event:?}"),
            Event::Close { choice, block } => assert!(open.remove(&(*choice, *block)), "{event:?}"),
            Event::Finish { choice, .. } => assert!(open.iter().all(|(of, _)| of != choice), "{event:?}"),
            Event::End
            | Event::Failed(_)
            | Event::Logprobs { .. }
            | Event::Ping
            | Event::Start { .. }
            | Event::Usage(_) => {}
        }
    }
    assert!(open.is_empty());
    assert_eq!(events.last(), Some(&Event::End));
}

fn call(id: &str, name: &str, arguments: &str) -> Content {
    Content::ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        signature: None,
        cache: None,
    }
}

fn thought(text: &str) -> Content {
    Content::Thinking { text: text.to_owned(), signature: None }
}

#[test]
fn interleaved_fragments_find_their_calls() {
    let expect = [
        thought("Two calls."),
        Content::text("Looking: ☂"),
        call("call_a", "weather", r#"{"city":"Oslo"}"#),
        call("call_b", "now", "{}"),
    ];
    check(TOOLS, &expect, StopReason::ToolUse);
    let events = decode(TOOLS).unwrap();
    let start = Event::Start {
        id: Some("chatcmpl-7".to_owned()),
        model: Some("small-2026".to_owned()),
        created: Some(1_760_000_000),
    };
    assert_eq!(events[0], start);
    assert!(events.contains(&Event::Ping));
}

#[test]
fn a_complete_call_is_over_when_the_next_one_begins() {
    let piece = |index: u32, rest: &str| {
        format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":{index},{rest}}}]}}}}]}}"#)
    };
    let begin = |index, id, arguments| {
        piece(index, &format!(r#""id":"{id}","function":{{"name":"f","arguments":{arguments}}}"#))
    };
    let more = |index, arguments| piece(index, &format!(r#""function":{{"arguments":{arguments}}}"#));
    // A brace inside a string ends nothing; neither does one that is still open.
    let chunks = [
        begin(0, "a", r#""{\"x\":\"}""#),
        begin(1, "b", r#""{}""#),
        more(0, r#""\"}""#),
        begin(2, "c", r#""{\"y\":""#),
        more(2, r#""{}}""#),
    ];
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).chain(["[DONE]"]).collect();
    let events = decode(&stream(&chunks)).unwrap();
    check_order(&events);
    let place = |wanted: &dyn Fn(&Event) -> bool| events.iter().position(wanted).unwrap();
    let closed = |number| place(&|event| matches!(event, Event::Close { block, .. } if *block == number));
    let opened = |number| place(&|event| matches!(event, Event::Open { block, .. } if *block == number));
    assert!(opened(1) < closed(0) && closed(0) < opened(2) && closed(1) < opened(2) && opened(2) < closed(2));
    let calls = [call("a", "f", r#"{"x":"}"}"#), call("b", "f", "{}"), call("c", "f", r#"{"y":{}}"#)];
    assert_eq!(fold(events.clone()).choices[0].content, calls);
}

#[test]
fn reasoning_is_read_under_every_name() {
    for delta in [
        r#"{"reasoning_content":"hm"}"#,
        r#"{"reasoning":"hm"}"#,
        r#"{"reasoning":"hm","reasoning_content":"hm"}"#,
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}"#,
    ] {
        check(
            &deltas(&[delta, r#"{"content":"yes"}"#], "stop"),
            &[thought("hm"), Content::text("yes")],
            StopReason::EndTurn,
        );
    }
}

#[test]
fn fragments_of_every_shape_make_calls() {
    let check = |fragments: &[&str], expect: &[Content]| {
        let fragments: Vec<String> =
            fragments.iter().map(|fragment| format!(r#"{{"tool_calls":[{fragment}]}}"#)).collect();
        let fragments: Vec<&str> = fragments.iter().map(String::as_str).collect();
        check(&deltas(&fragments, "stop"), expect, StopReason::ToolUse);
    };
    // Whole calls without numbers, types, or arguments as text.
    check(
        &[
            r#"{"id":"a","function":{"name":"f","arguments":"{}"}}, {"id":"b","function":{"name":"g","arguments":{"x":1}}}"#,
        ],
        &[call("a", "f", "{}"), call("b", "g", r#"{"x":1}"#)],
    );
    // Every call numbered zero.
    check(
        &[
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}"#,
            r#"{"index":0,"id":"b","function":{"name":"f","arguments":"{}"}}"#,
        ],
        &[call("a", "f", "{}"), call("b", "f", "{}")],
    );
    // The same without ids; a name that is repeated behind the whole call begins none.
    check(
        &[
            r#"{"index":0,"function":{"name":"f","arguments":"{\"a\":"}}"#,
            r#"{"index":0,"function":{"name":"f","arguments":"1}"}}"#,
            r#"{"index":0,"id":"","function":{"name":"f","arguments":""}}"#,
            r#"{"index":0,"id":"","function":{"name":"f","arguments":"{}"}}"#,
        ],
        &[call("call_chatcmpl1_0_0", "f", r#"{"a":1}"#), call("call_chatcmpl1_0_1", "f", "{}")],
    );
    // Id and name on every fragment; arguments null at first.
    check(
        &[
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":null}}"#,
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}"#,
        ],
        &[call("a", "f", "{}")],
    );
    // The name after the first arguments.
    check(
        &[
            r#"{"index":0,"id":"a","function":{"arguments":"{"}}"#,
            r#"{"index":0,"function":{"name":"f","arguments":"}"}}"#,
        ],
        &[call("a", "f", "{}")],
    );
    // Fragments that name neither number nor id belong to the last call.
    check(
        &[r#"{"id":"a","function":{"name":"f","arguments":"{"}}"#, r#"{"function":{"arguments":"}"}}"#],
        &[call("a", "f", "{}")],
    );
    // Ids that never come are made up, each its own.
    check(
        &[r#"{"function":{"name":"f","arguments":"{}"}},{"function":{"name":"g","arguments":""}}"#],
        &[call("call_chatcmpl1_0_0", "f", "{}"), call("call_chatcmpl1_0_1", "g", "{}")],
    );
}

#[test]
fn custom_tool_calls_are_gathered_whole() {
    let stream = deltas(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"sql","input":"select "}}]}"#,
            r#"{"tool_calls":[{"index":0,"custom":{"input":"1"}}]}"#,
        ],
        "tool_calls",
    );
    let json = types::Json::parse(r#"{"id":"a","type":"custom","custom":{"name":"sql","input":"select 1"}}"#)
        .unwrap();
    check(&stream, &[Content::Opaque { kind: "custom_call".to_owned(), json }], StopReason::ToolUse);
}

#[test]
fn odd_chunks_open_nothing() {
    check(
        &deltas(
            &[
                r#"{"role":"assistant","content":"","tool_calls":[]}"#,
                "null",
                r#"{"content":null,"tool_calls":null}"#,
                r#"{"content":"x"}"#,
            ],
            "eos",
        ),
        &[Content::text("x")],
        StopReason::EndTurn,
    );
}

#[test]
fn the_reason_that_says_most_is_kept_and_content_may_follow() {
    let data = [
        chunk(r#"{"index":0,"delta":{"content":"a"},"finish_reason":""}"#),
        chunk(r#"{"index":0,"delta":{},"finish_reason":"length"}"#),
        chunk(r#"{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}"#),
        "[DONE]".to_owned(),
    ];
    let data: Vec<&str> = data.iter().map(String::as_str).collect();
    check(&stream(&data), &[Content::text("a"), Content::text("b")], StopReason::MaxTokens);
}

#[test]
fn refusals_are_refusals() {
    check(
        &deltas(&[r#"{"refusal":"I "}"#, r#"{"refusal":"won't"}"#], "stop"),
        &[Content::Refusal("I won't".to_owned())],
        StopReason::Refusal,
    );
}

#[test]
fn usage_is_taken_from_wherever_it_stands() {
    let usage = r#"{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}"#;
    let finish = r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]"#;
    for text in [
        stream(&[&format!(r#"{finish},"usage":{usage}}}"#), "[DONE]"]),
        stream(&[&format!(r#"{finish},"x_groq":{{"id":"r","usage":{usage}}}}}"#), "[DONE]"]),
        stream(&[&format!("{finish}}}"), &format!(r#"{{"choices":[],"usage":{usage}}}"#), "[DONE]"]),
    ] {
        let expect = Usage { input: Tokens(1), output: Tokens(2), ..Usage::default() };
        assert_eq!(fold(decode(&text).unwrap()).usage, Some(expect));
        assert_eq!(forward(&text, &asked(STREAM)).2.usage, Some(expect));
    }
}

#[test]
fn several_choices_and_their_probabilities_keep_apart() {
    let data = [
        chunk(r#"{"index":1,"delta":{"content":"b"},"logprobs":{"content":[{"token":"b"}]}}"#),
        chunk(r#"{"index":0,"delta":{"content":"a"},"logprobs":null}"#),
        chunk(r#"{"index":1,"delta":{"content":"B"},"logprobs":{"content":[{"token":"B"}]}}"#),
        chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#),
        chunk(r#"{"index":1,"delta":{},"finish_reason":"length"}"#),
        "[DONE]".to_owned(),
    ];
    let data: Vec<&str> = data.iter().map(String::as_str).collect();
    let events = decode(&stream(&data)).unwrap();
    check_order(&events);
    let again = decode(&encode(&events, &asked(STREAM))).unwrap();
    for answer in [fold(events), fold(again)] {
        assert_eq!(answer.choices[0].content, [Content::text("a")]);
        assert_eq!(answer.choices[1].content, [Content::text("bB")]);
        assert_eq!(answer.choices[1].stop, Some(StopReason::MaxTokens));
        let logprobs = answer.choices[1].logprobs.as_ref().unwrap();
        assert_eq!(logprobs.as_str(), r#"{"content":[{"token":"b"},{"token":"B"}]}"#);
    }
}

#[test]
fn a_written_stream_has_the_language_s_shape() {
    let events = [
        Event::Start { id: Some("msg_1".to_owned()), model: None, created: None },
        Event::Open { choice: 0, block: 0, opening: Opening::Text },
        Event::Delta { choice: 0, block: 0, delta: Delta::Text("hi".to_owned()) },
        Event::Close { choice: 0, block: 0 },
        Event::Ping,
        Event::Open {
            choice: 0,
            block: 1,
            opening: Opening::ToolCall { id: "a".to_owned(), name: "f".to_owned(), signature: None },
        },
        Event::Close { choice: 0, block: 1 },
        Event::Finish { choice: 0, reason: StopReason::ToolUse, stop_sequence: None },
        Event::Usage(Usage { input: Tokens(1), output: Tokens(2), ..Usage::default() }),
        Event::End,
    ];
    let asked = asked(STREAM_WITH_USAGE);
    let head = format!(
        r#"data: {{"id":"chatcmpl-{}","object":"chat.completion.chunk","created":1760000000,"model":"public","choices":["#,
        asked.request
    );
    let tail = r#","logprobs":null,"finish_reason":null}],"usage":null}"#;
    let expect = [
        format!(r#"{head}{{"index":0,"delta":{{"role":"assistant","content":"","refusal":null}}{tail}"#),
        format!(r#"{head}{{"index":0,"delta":{{"content":"hi"}}{tail}"#),
        ": ping".to_owned(),
        format!(
            r#"{head}{{"index":0,"delta":{{"tool_calls":[{{"index":0,"id":"a","type":"function","function":{{"name":"f","arguments":""}}}}]}}{tail}"#
        ),
        format!(
            r#"{head}{{"index":0,"delta":{{"tool_calls":[{{"index":0,"function":{{"arguments":"{{}}"}}}}]}}{tail}"#
        ),
        format!(
            r#"{head}{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":"tool_calls"}}],"usage":null}}"#
        ),
        format!(
            r#"{head}],"usage":{{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0}}}}}}"#
        ),
        "data: [DONE]".to_owned(),
    ];
    let written = encode(&events, &asked);
    let written: Vec<&str> = written.split_terminator("\n\n").collect();
    assert_eq!(written, expect);
    let without = encode(&events, &super::asked(STREAM));
    assert!(!without.contains("usage"), "{without}");
}

#[test]
fn a_signature_goes_out_with_its_text_when_the_block_closes() {
    let answer = types::conversation::Answer {
        choices: vec![types::conversation::Choice {
            content: vec![
                Content::Thinking { text: "hm".to_owned(), signature: Some("s/+=".to_owned()) },
                Content::RedactedThinking { data: "d".to_owned() },
                Content::text("yes"),
            ],
            stop: Some(StopReason::EndTurn),
            ..Default::default()
        }],
        ..Default::default()
    };
    let written = encode(&unfold(&answer), &asked(STREAM));
    assert!(
        written.contains(r#"{"thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"s/+="}]}"#),
        "{written}"
    );
    assert_eq!(fold(decode(&written).unwrap()).choices, answer.choices);
}

/// Anthropic's rules for a stream: `message_start` first, blocks one after the other with contiguous numbers,
/// one `message_delta`, `message_stop` last.
#[track_caller]
fn check_messages_stream(text: &str) {
    let events: Vec<Value> =
        split(text).iter().map(|event| serde_json::from_slice(&event.data).unwrap()).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let kinds: Vec<&str> = kinds.into_iter().filter(|kind| *kind != "ping").collect();
    assert_eq!(kinds.first(), Some(&"message_start"));
    assert_eq!(kinds[kinds.len() - 2..], ["message_delta", "message_stop"]);
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("message_")).count(), 3);
    let (mut next, mut open) = (0, None);
    for event in &events {
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!((open, &event["index"]), (None, &Value::from(next)));
                open = Some(next);
                next += 1;
            }
            "content_block_delta" => assert_eq!(event["index"].as_u64(), open),
            "content_block_stop" => assert_eq!(event["index"].as_u64(), open.take()),
            _ => {}
        }
    }
    assert_eq!(open, None);
}

fn translate(text: &str) -> String {
    let conduit = conduit(&OpenAiChat, &Anthropic, &asked(STREAM), Delivered::Stream).unwrap();
    let (out, result, tally) = pass(conduit, split(text).into_iter().map(Frame::Event).collect());
    assert_eq!((result, tally.is_complete), (Ok(()), true));
    out
}

#[test]
fn a_stream_becomes_messages_events_and_comes_back() {
    let out = translate(TOOLS);
    check_messages_stream(&out);
    assert!(out.contains(r#""stop_reason":"tool_use""#), "{out}");
    let back = conduit(&Anthropic, &OpenAiChat, &asked(STREAM_WITH_USAGE), Delivered::Stream).unwrap();
    let (back, result, _) = pass(back, split(&out).into_iter().map(Frame::Event).collect());
    assert_eq!(result, Ok(()));
    let (first, second) = (fold(decode(TOOLS).unwrap()), fold(decode(&back).unwrap()));
    assert_eq!(first.choices[0].stop, second.choices[0].stop);
    assert_eq!(first.choices[0].content, second.choices[0].content);
    let total = |answer: &types::conversation::Answer| answer.usage.unwrap().total();
    assert_eq!(total(&first), total(&second));
}

fn any_delta() -> impl Strategy<Value = String> {
    let text = "[a-z\u{e9} ]{0,4}";
    prop_oneof![
        text.prop_map(|text| format!(r#"{{"content":"{text}"}}"#)),
        text.prop_map(|text| format!(r#"{{"reasoning_content":"{text}"}}"#)),
        text.prop_map(|text| format!(r#"{{"refusal":"{text}"}}"#)),
        (0..4_u32).prop_map(|index| format!(
            r#"{{"tool_calls":[{{"index":{index},"id":"c{index}","function":{{"name":"f","arguments":""}}}}]}}"#
        )),
        (0..4_u32, text).prop_map(|(index, text)| format!(
            r#"{{"tool_calls":[{{"index":{index},"function":{{"arguments":"{text}"}}}}]}}"#
        )),
        Just(r#"{"tool_calls":[]}"#.to_owned()),
    ]
}

proptest! {
    #[test]
    fn any_deltas_keep_the_order_of_blocks(parts in proptest::collection::vec(any_delta(), 0..20)) {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let text = deltas(&parts, "stop");
        let events = decode(&text).unwrap();
        check_order(&events);
        // Written and read again it is the same answer.
        let again = decode(&encode(&events, &asked(STREAM_WITH_USAGE))).unwrap();
        let (first, second) = (fold(events), fold(again));
        prop_assert_eq!(&first.choices, &second.choices);
        check_messages_stream(&translate(&text));
        // The forwarder changes nothing but the model's name.
        let (out, result, _) = forward(&text, &asked(STREAM));
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(out, text.replace(r#""model":"m""#, r#""model":"public""#));
    }

    #[test]
    fn bytes_of_any_kind_never_panic(data in proptest::collection::vec(any::<u8>(), 0..80)) {
        let event = StreamEvent { raw: data.clone().into(), name: Bytes::new(), data: data.clone().into() };
        drop(OpenAiChat.decoder().push(&event, &mut Vec::new()));
        drop(OpenAiChat.forwarder(&asked(STREAM)).push(Frame::Event(event), &mut Vec::new()));
        drop(OpenAiChat.decode_answer(&data));
        drop(OpenAiChat.decode_request(Head::of(&http::HeaderMap::new()), &data));
    }
}
