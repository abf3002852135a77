//! What a provider sends on several lines its caller reads on one: an event of a stream ends where its line does.

use crate::asked;
use bytes::Bytes;
use dialects::{Asked, Conversational, Delivered, conduit};
use proptest::prelude::*;
use serde_json::Value;
use types::Frame;
use types::conversation::Delivery;

/// Answers with parts that are kept as they came: a language, and an answer in it.
const ANSWERS: &[(&str, &str)] = &[
    (
        "anthropic",
        r#"{"id":"msg_1","content":[{"type":"text","text":"a\nb"},{"type":"fancy_result","x":[1.0,{"y":"\n"}]}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#,
    ),
    (
        "bedrock",
        r#"{"output":{"message":{"role":"assistant","content":[{"text":"a"},{"toolUse":{"toolUseId":"t","name":"f","input":{"a":[1.0,2]}}}]}},"stopReason":"tool_use","usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2}}"#,
    ),
    (
        "cohere",
        r#"{"id":"c","message":{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"fancy","x":{"y":1.0}}]},"finish_reason":"COMPLETE"}"#,
    ),
    (
        "gemini",
        r#"{"candidates":[{"content":{"parts":[{"text":"a"},{"executableCode":{"language":"PYTHON","code":"1"}}]},"finishReason":"STOP","groundingMetadata":{"webSearchQueries":["q"]}}]}"#,
    ),
    (
        "ollama",
        r#"{"model":"m","message":{"role":"assistant","content":"a","tool_calls":[{"function":{"name":"f","arguments":{"a":[1.0]}}}]},"done":true,"done_reason":"stop","logprobs":[{"token":"a","logprob":-0.5}]}"#,
    ),
    (
        "openai_chat",
        r#"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"a","audio":{"id":"x","data":"AA=="},"tool_calls":[{"id":"t","type":"custom","custom":{"name":"f","input":"x"}}]},"logprobs":{"content":[{"token":"a","logprob":-0.5}]},"finish_reason":"stop"}]}"#,
    ),
    (
        "openai_responses",
        r#"{"id":"resp_1","status":"completed","output":[{"type":"web_search_call","id":"ws_1","action":{"type":"search","query":"q"}},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a","annotations":[],"logprobs":[{"token":"a","logprob":-0.5}]}]}]}"#,
    ),
];

/// The same JSON on several lines: behind each of its commas, colons and opening brackets there may be an end of one.
fn spread(json: &str, ends: &[&str]) -> String {
    let mut ends = ends.iter().cycle();
    let (mut out, mut is_text, mut is_escaped) = (String::new(), false, false);
    for letter in json.chars() {
        out.push(letter);
        is_text ^= letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        if !is_text && matches!(letter, '{' | '[' | ',' | ':') {
            out.push_str(ends.next().unwrap());
        }
    }
    out
}

/// What a caller of this language reads of it as a stream.
fn streamed(upstream: &str, caller: &'static dyn Conversational, answer: &str, echo: &str) -> String {
    let delivery = Delivery::Stream { include_usage: true };
    let asked = Asked { echo: Bytes::copy_from_slice(echo.as_bytes()), ..asked(delivery) };
    let mut way = conduit(dialects::by_name(upstream).unwrap(), caller, &asked, Delivered::Whole).unwrap();
    let mut out = Vec::new();
    way.push(Frame::Whole(Bytes::copy_from_slice(answer.as_bytes())), &mut out).unwrap();
    way.end(&mut out).unwrap();
    String::from_utf8_lossy(&out.concat()).into_owned()
}

/// Every line is a field of an event, or the JSON that is the event.
fn check_lines(caller: &dyn Conversational, stream: &str) {
    for line in stream.lines().filter(|line| !line.is_empty()) {
        let data = line.strip_prefix("data: ").unwrap_or(line);
        let is_field = line.starts_with("event: ") || data == "[DONE]";
        assert!(is_field || serde_json::from_str::<Value>(data).is_ok(), "{}: {line}", caller.id());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn an_event_stands_on_one_line_however_its_parts_came(
        ends in proptest::collection::vec(prop_oneof![Just(""), Just("\n"), Just("\r\n"), Just("\r")], 1..40),
    ) {
        let request = r#"{"tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],"metadata":{"a":"b"}}"#;
        for (upstream, answer) in ANSWERS {
            for caller in dialects::conversational() {
                let plain = streamed(upstream, caller, answer, request);
                let lines = streamed(upstream, caller, &spread(answer, &ends), &spread(request, &ends));
                // Frames have lengths of their own.
                if !plain.starts_with('\0') {
                    check_lines(caller, &plain);
                    check_lines(caller, &lines);
                    // A call's arguments are text as the model wrote it, ends of lines included.
                    let bare = |stream: &str| stream.replace(r"\n", "").replace(r"\r", "");
                    prop_assert_eq!(bare(&lines), bare(&plain), "{} to {}", upstream, caller.id());
                }
            }
        }
    }
}
