//! Searches of the web while answering are counted beside tokens, in every language that tells of them.

use crate::asked;
use bytes::Bytes;
use dialects::{Delivered, by_name, conduit};
use types::conversation::Delivery;
use types::{Frame, StreamEvent};

fn event(data: &str) -> Frame {
    let raw = Bytes::from(format!("data: {data}\n\n"));
    let data = raw.slice(6..raw.len() - 2);
    Frame::Event(StreamEvent { raw, name: Bytes::new(), data })
}

/// What is counted of an answer, passed on and translated.
#[track_caller]
fn check(language: &str, frames: &[Frame], searches: u64) {
    let upstream = by_name(language).unwrap();
    let (delivery, answered) = match frames {
        [Frame::Whole(_)] => (Delivery::Whole, Delivered::Whole),
        _ => (Delivery::Stream { include_usage: true }, Delivered::Stream),
    };
    for caller in [language, "openai_chat", "anthropic"] {
        let mut way = conduit(upstream, by_name(caller).unwrap(), &asked(delivery), answered).unwrap();
        let mut out = Vec::new();
        for frame in frames {
            way.push(frame.clone(), &mut out).unwrap();
        }
        way.end(&mut out).unwrap();
        let usage = way.tally().usage.unwrap();
        assert_eq!((usage.input.0, usage.units.searches()), (10, searches), "{language} as {caller}");
    }
}

#[test]
fn a_whole_answer_tells_its_searches() {
    let whole = |text: &str| vec![Frame::Whole(Bytes::from(text.to_owned()))];
    let message = r#"{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn",
        "usage":{"input_tokens":10,"output_tokens":1,"server_tool_use":{"web_search_requests":3,"web_fetch_requests":1}}}"#;
    check("anthropic", &whole(message), 3);
    let response = r#"{"id":"r","object":"response","model":"m","status":"completed","output":[
        {"type":"web_search_call","id":"1","status":"completed","action":{"type":"search","query":"a"}},
        {"type":"web_search_call","id":"2","status":"completed","action":{"type":"open_page","url":"b"}},
        {"type":"web_search_call","id":"3","status":"completed"},
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"a web_search_call"}]}],
        "usage":{"input_tokens":10,"output_tokens":1,"total_tokens":11}}"#;
    check("openai_responses", &whole(response), 2);
    let chat = |usage: &str| {
        whole(&format!(
            r#"{{"id":"c","object":"chat.completion","model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"x"}},"finish_reason":"stop"}}],
            "usage":{{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11{usage}}}}}"#
        ))
    };
    check("openai_chat", &chat(""), 0);
    check("openai_chat", &chat(r#","search_context_size":"low""#), 1);
    check("openai_chat", &chat(r#","search_context_size":null"#), 0);
    check("openai_chat", &chat(r#","search_context_size":"low","num_search_queries":7"#), 7);
    check("openai_chat", &chat(r#","server_tool_use":{"web_search_requests":2}"#), 2);
    let grounded = |model: &str| {
        whole(&format!(
            r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"text":"x"}}]}},"finishReason":"STOP",
            "groundingMetadata":{{"webSearchQueries":["a","b","","a"]}}}}],"usageMetadata":{{"promptTokenCount":10,"candidatesTokenCount":1}},
            "modelVersion":"{model}"}}"#
        ))
    };
    check("gemini", &grounded("gemini-3-pro-preview"), 2);
    check("gemini", &grounded("gemini-2.5-flash"), 1);
}

#[test]
fn a_stream_tells_its_searches_once() {
    let search =
        r#"{"type":"web_search_call","id":"1","status":"completed","action":{"type":"search","query":"a"}}"#;
    let message =
        r#"{"type":"message","id":"2","role":"assistant","content":[{"type":"output_text","text":"x"}]}"#;
    let end = |output: &str| {
        format!(
            r#"{{"type":"response.completed","response":{{"id":"r","status":"completed","output":[{output}],
            "usage":{{"input_tokens":10,"output_tokens":1,"total_tokens":11}}}}}}"#
        )
    };
    let done = |index: u64, item: &str| {
        event(&format!(r#"{{"type":"response.output_item.done","output_index":{index},"item":{item}}}"#))
    };
    let items = || vec![done(0, search), done(1, message)];
    for output in [format!("{search},{message}"), String::new()] {
        let frames: Vec<_> = items().into_iter().chain([event(&end(&output))]).collect();
        check("openai_responses", &frames, 1);
    }
    let part = |text: &str, more: &str| {
        event(&format!(
            r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"text":"{text}"}}]}}{more}}}],
            "usageMetadata":{{"promptTokenCount":10,"candidatesTokenCount":1}},"modelVersion":"gemini-3-pro"}}"#
        ))
    };
    let grounded = r#","groundingMetadata":{"webSearchQueries":["a","b"]}"#;
    let ended = format!(r#","finishReason":"STOP"{grounded}"#);
    check("gemini", &[part("x", ""), part("y", grounded), part("z", &ended)], 2);
}
