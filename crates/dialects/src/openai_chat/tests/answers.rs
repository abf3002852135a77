//! Whole answers, usage and reasons.

use serde_json::json;
use types::conversation::{Answer, Choice, Content, StopReason};
use types::{FaultKind, ServiceTier, Tokens, Usage};

use super::*;

fn read(body: &str) -> Answer {
    OpenAiChat.decode_answer(body.as_bytes()).unwrap()
}

#[track_caller]
fn check_usage(usage: &str, expect: Usage) {
    let body = format!(r#"{{"choices":[{{"message":{{"content":"x"}}}}],"usage":{usage}}}"#);
    assert_eq!(read(&body).usage, Some(expect), "{usage}");
}

#[test]
fn the_tier_stands_beside_the_usage() {
    let tier = |word: &str| {
        let body = format!(
            r#"{{"choices":[{{"message":{{"content":"x"}}}}],"service_tier":{word},"usage":{{"prompt_tokens":1}}}}"#
        );
        let text = format!("data: {}\n\ndata: [DONE]\n\n", body.replace("message", "delta"));
        let (_, _, tally) = forward(&text, &asked(STREAM));
        let streamed = decode(&text)
            .unwrap()
            .into_iter()
            .find_map(|event| if let Event::Usage(usage) = event { Some(usage.service_tier) } else { None });
        let whole = read(&body).usage.unwrap().service_tier;
        assert_eq!((tally.usage.unwrap().service_tier, streamed.unwrap()), (whole, whole), "{word}");
        whole
    };
    assert_eq!(tier(r#""flex""#), Some(ServiceTier::Flex));
    assert_eq!(tier(r#""priority""#), Some(ServiceTier::Priority));
    for usual in [r#""default""#, r#""on_demand""#, "null", "7"] {
        assert_eq!(tier(usual), None);
    }
}

#[test]
fn usage_is_read_into_disjoint_classes() {
    let zero = Usage::default();
    check_usage(
        r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_tokens_details":{"cached_tokens":30,"audio_tokens":10,"cache_write_tokens":20},"completion_tokens_details":{"reasoning_tokens":40,"audio_tokens":5}}"#,
        Usage {
            input: Tokens(40),
            input_audio: Tokens(10),
            cache_read: Tokens(30),
            cache_write_5m: Tokens(20),
            output: Tokens(5),
            output_audio: Tokens(5),
            reasoning: Tokens(40),
            ..zero
        },
    );
    // DeepSeek's word for the cache.
    check_usage(
        r#"{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11,"prompt_cache_hit_tokens":4}"#,
        Usage { input: Tokens(6), cache_read: Tokens(4), output: Tokens(1), ..zero },
    );
    // Moonshot's.
    check_usage(
        r#"{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11,"cached_tokens":4}"#,
        Usage { input: Tokens(6), cache_read: Tokens(4), output: Tokens(1), ..zero },
    );
    // Pictures on both sides.
    check_usage(
        r#"{"prompt_tokens":300,"completion_tokens":1290,"total_tokens":1590,"prompt_tokens_details":{"text_tokens":42,"image_tokens":258},"completion_tokens_details":{"image_tokens":1280}}"#,
        Usage {
            input: Tokens(42),
            input_image: Tokens(258),
            output: Tokens(10),
            output_image: Tokens(1280),
            ..zero
        },
    );
    // Google's endpoint leaves the reasoning out of the completion.
    check_usage(
        r#"{"prompt_tokens":10,"completion_tokens":6,"total_tokens":50,"prompt_tokens_details":null}"#,
        Usage { input: Tokens(10), output: Tokens(6), reasoning: Tokens(34), ..zero },
    );
    // Mistral leaves audio out of the prompt.
    check_usage(
        r#"{"prompt_tokens":11,"completion_tokens":15,"total_tokens":401,"prompt_tokens_details":{"audio_tokens":375,"cached_tokens":9}}"#,
        Usage {
            input: Tokens(2),
            input_audio: Tokens(375),
            cache_read: Tokens(9),
            output: Tokens(15),
            ..zero
        },
    );
    // Parts larger than the whole.
    check_usage(
        r#"{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10.0,"prompt_tokens_details":{"cached_tokens":163},"completion_tokens_details":{"reasoning_tokens":4}}"#,
        Usage { cache_read: Tokens(7), reasoning: Tokens(3), ..zero },
    );
}

#[track_caller]
fn check_stop(message: &str, finish: &str, expect: StopReason, written: &str) {
    let body = format!(r#"{{"choices":[{{"message":{message},"finish_reason":{finish}}}]}}"#);
    let answer = read(&body);
    assert_eq!(answer.choices[0].stop, Some(expect), "{finish}");
    let back: Value =
        serde_json::from_slice(&OpenAiChat.encode_answer(&answer, &asked(Delivery::Whole))).unwrap();
    assert_eq!(back["choices"][0]["finish_reason"], written);
}

#[test]
fn every_word_for_the_end_has_its_reason() {
    let plain = r#"{"content":"x"}"#;
    check_stop(plain, "\"stop\"", StopReason::EndTurn, "stop");
    check_stop(plain, "\"eos\"", StopReason::EndTurn, "stop");
    check_stop(plain, "\"\"", StopReason::EndTurn, "stop");
    check_stop(plain, "null", StopReason::EndTurn, "stop");
    check_stop(plain, "\"length\"", StopReason::MaxTokens, "length");
    check_stop(plain, "\"model_length\"", StopReason::MaxTokens, "length");
    for word in ["content_filter", "content_filter: PROHIBITED_CONTENT", "SAFETY", "sensitive"] {
        check_stop(plain, &format!("\"{word}\""), StopReason::Filtered, "content_filter");
    }
    check_stop(plain, "\"model_context_window_exceeded\"", StopReason::ContextFull, "length");
    check_stop(r#"{"refusal":"no"}"#, "\"stop\"", StopReason::Refusal, "stop");
    let call = r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":""}}]}"#;
    check_stop(call, "\"stop\"", StopReason::ToolUse, "tool_calls");
    check_stop(call, "\"tool_calls\"", StopReason::ToolUse, "tool_calls");
    check_stop(r#"{"content":"x","tool_calls":[]}"#, "\"stop\"", StopReason::EndTurn, "stop");
}

#[test]
fn a_whole_answer_survives_reading_and_writing() {
    let body = json!({
        "id": "chatcmpl-9", "object": "chat.completion", "created": 7, "model": "public",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "yes", "refusal": null,
                "reasoning_content": "hm",
                "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "d"}],
                "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1.0}"}},
                    {"id": "b", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}],
                "annotations": [{"type": "url_citation"}]},
             "logprobs": {"content": [{"token": "yes", "logprob": -0.5}], "refusal": null}, "finish_reason": "tool_calls"},
            {"index": 1, "message": {"role": "assistant", "content": null, "refusal": "no"},
             "logprobs": null, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11,
            "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0}}
    });
    let answer = read(&body.to_string());
    let back: Value =
        serde_json::from_slice(&OpenAiChat.encode_answer(&answer, &asked(Delivery::Whole))).unwrap();
    assert_eq!(back, body);
}

#[test]
fn choices_are_put_in_their_order() {
    let body = r#"{"choices":[{"index":1,"message":{"content":"b"}},{"index":0,"message":{"content":"a"}}]}"#;
    let texts: Vec<_> = read(body).choices.into_iter().map(|choice| choice.content).collect();
    assert_eq!(texts, [vec![Content::text("a")], vec![Content::text("b")]]);
}

#[test]
fn an_answer_of_another_language_gets_an_id_and_a_time() {
    let answer =
        Answer { id: Some("msg_1".to_owned()), choices: vec![Choice::default()], ..Answer::default() };
    let asked = asked(Delivery::Whole);
    let back: Value = serde_json::from_slice(&OpenAiChat.encode_answer(&answer, &asked)).unwrap();
    assert_eq!(back["id"], format!("chatcmpl-{}", asked.request));
    assert_eq!(back["created"], 1_760_000_000);
    assert_eq!(back["model"], "public");
}

#[track_caller]
fn check_fault(body: &str, kind: FaultKind) {
    assert_eq!(OpenAiChat.decode_answer(body.as_bytes()).unwrap_err().kind, kind, "{body}");
}

#[test]
fn a_success_that_is_none_is_a_fault() {
    check_fault("<html>", FaultKind::Unreadable);
    check_fault("", FaultKind::Unreadable);
    check_fault("{}", FaultKind::Unreadable);
    check_fault(r#"{"choices":[]}"#, FaultKind::Unreadable);
    check_fault(r#"{"error":{"message":"slow down","code":429}}"#, FaultKind::Overloaded);
    check_fault(
        r#"{"error":{"message":"filtered","code":"content_filter","status":400}}"#,
        FaultKind::Filtered,
    );
}

#[test]
fn an_answer_that_its_provider_broke_off_is_a_fault() {
    let words = ["error", "abort", "aborted", "insufficient_system_resource", "network_error"];
    for word in words.into_iter().chain(["function_call_filter: MALFORMED_FUNCTION_CALL"]) {
        let body = format!(r#"{{"choices":[{{"message":{{"content":"x"}},"finish_reason":"{word}"}}]}}"#);
        check_fault(&body, FaultKind::Server);
    }
}

#[test]
fn counts_have_the_form_of_the_input_tokens_endpoint() {
    assert_eq!(OpenAiChat.encode_count(Tokens(7)), br#"{"input_tokens":7}"#);
}
