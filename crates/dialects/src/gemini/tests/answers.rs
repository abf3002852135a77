//! Whole answers and the words in them.

use serde_json::json;
use types::conversation::{Choice, StopReason};
use types::{FaultKind, Json, Tokens, Usage};

use super::*;

#[track_caller]
fn check_end(written: &str, expect: StopReason) {
    let body =
        format!(r#"{{"candidates":[{{"content":{{"parts":[{{"text":"x"}}]}},"finishReason":{written}}}]}}"#);
    assert_eq!(Gemini.decode_answer(body.as_bytes()).unwrap().choices[0].stop, Some(expect), "{written}");
}

#[test]
fn every_word_and_number_for_an_end_is_understood() {
    check_end("\"STOP\"", StopReason::EndTurn);
    check_end("1", StopReason::EndTurn);
    check_end("\"MAX_TOKENS\"", StopReason::MaxTokens);
    check_end("2", StopReason::MaxTokens);
    for word in ["\"SAFETY\"", "\"RECITATION\"", "\"PROHIBITED_CONTENT\"", "\"SPII\"", "\"BLOCKLIST\"", "3"] {
        check_end(word, StopReason::Filtered);
    }
    for word in ["\"OF_TOMORROW\"", "null"] {
        check_end(word, StopReason::EndTurn);
    }
}

#[test]
fn an_answer_of_a_model_that_failed_is_a_fault() {
    let words = ["MALFORMED_FUNCTION_CALL", "MISSING_THOUGHT_SIGNATURE", "NO_IMAGE", "OTHER"];
    for written in words.map(|word| format!("\"{word}\"")).iter().map(String::as_str).chain(["5", "9"]) {
        let body = format!(r#"{{"candidates":[{{"content":{{"parts":[]}},"finishReason":{written}}}]}}"#);
        let fault = Gemini.decode_answer(body.as_bytes()).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Server, "{written}");
    }
}

#[test]
fn an_answer_without_a_candidate_is_refused_or_unreadable() {
    let blocked = r#"{"promptFeedback":{"blockReason":"SAFETY","blockReasonMessage":"No."}}"#;
    let choice = Gemini.decode_answer(blocked.as_bytes()).unwrap().choices.remove(0);
    assert_eq!(
        (choice.content, choice.stop),
        (vec![Content::Refusal("No.".into())], Some(StopReason::Filtered))
    );
    for body in ["{}", r#"{"candidates":[]}"#, "[]", "null", "x", r#"{"candidates":7}"#] {
        assert_eq!(Gemini.decode_answer(body.as_bytes()).unwrap_err().kind, FaultKind::Unreadable, "{body}");
    }
}

#[test]
fn an_answer_of_another_language_is_written_in_this_one_s_words() {
    let logprobs = json!({"content": [{"token": "h", "logprob": -0.5, "bytes": [104], "top_logprobs": [
        {"token": "h", "logprob": -0.5, "bytes": [104]}, {"token": "y", "logprob": -2.0, "bytes": [121]},
    ]}], "refusal": null});
    let content = vec![
        Content::Thinking { text: "Hm.".into(), signature: Some("sig".into()) },
        Content::RedactedThinking { data: "xx".into() },
        Content::text("hi"),
        call("call_1", "f", "", None),
        Content::Opaque { kind: "part.other".into(), json: Json::parse("{}").unwrap() },
    ];
    let choice = Choice {
        content,
        stop: Some(StopReason::ToolUse),
        stop_sequence: None,
        logprobs: Json::of(&logprobs),
    };
    let usage = Usage {
        input: Tokens(5),
        cache_read: Tokens(2),
        cache_write_5m: Tokens(1),
        output: Tokens(3),
        ..Usage::default()
    };
    let answer = Answer {
        id: Some("chatcmpl-1".into()),
        choices: vec![choice],
        usage: Some(usage),
        ..Answer::default()
    };
    let bytes = Gemini.encode_answer(&answer, &asked(Delivery::Whole, StreamForm::Array));
    let written: Value = serde_json::from_slice(&bytes).unwrap();
    let proofs = [super::super::proofs::written("sig").into_owned(), super::super::proofs::redacted("xx")];
    assert_eq!(
        written["candidates"][0]["content"],
        json!({"role": "model", "parts": [
            {"text": "Hm.", "thought": true, "thoughtSignature": proofs[0]},
            {"text": "", "thought": true, "thoughtSignature": proofs[1]},
            {"text": "hi"},
            {"functionCall": {"id": "call_1", "name": "f", "args": {}}},
        ]})
    );
    assert_eq!(written["candidates"][0]["finishReason"], "STOP");
    assert_eq!(
        written["candidates"][0]["logprobsResult"],
        json!({
            "topCandidates": [{"candidates": [
                {"token": "h", "logProbability": -0.5}, {"token": "y", "logProbability": -2.0},
            ]}],
            "chosenCandidates": [{"token": "h", "logProbability": -0.5}],
        })
    );
    let counts = &written["usageMetadata"];
    assert_eq!((&counts["promptTokenCount"], &counts["cachedContentTokenCount"]), (&json!(8), &json!(2)));
    assert_eq!((&counts["totalTokenCount"], &written["responseId"]), (&json!(11), &json!("chatcmpl-1")));
    let again = Gemini.decode_answer(&bytes).unwrap();
    assert_eq!(again.choices[0].content[..3], answer.choices[0].content[..3]);
    assert_eq!(again.choices[0].logprobs.as_ref().and_then(Json::to::<Value>), Some(logprobs));
}

#[test]
fn a_refusal_is_a_text_whose_end_says_what_it_is() {
    let choice = Choice {
        content: vec![Content::Refusal("I will not.".into())],
        stop: Some(StopReason::Refusal),
        ..Choice::default()
    };
    let answer = Answer { choices: vec![choice, Choice::default()], ..Answer::default() };
    let bytes = Gemini.encode_answer(&answer, &asked(Delivery::Whole, StreamForm::Array));
    let written: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(written["candidates"][0]["content"]["parts"], json!([{"text": "I will not."}]));
    assert_eq!(written["candidates"][0]["finishReason"], "SAFETY");
    assert_eq!(written["candidates"][1]["content"]["parts"], json!([{"text": ""}]));
    assert_eq!(written["responseId"], format!("{:032x}", 7));
}

#[test]
fn every_class_of_tokens_survives() {
    let usage = Usage {
        input: Tokens(1),
        input_audio: Tokens(2),
        input_image: Tokens(3),
        cache_read: Tokens(4),
        cache_read_audio: Tokens(5),
        output: Tokens(6),
        output_audio: Tokens(7),
        output_image: Tokens(8),
        reasoning: Tokens(9),
        service_tier: types::ServiceTier::of_word(b"flex"),
        ..Usage::default()
    };
    let choice = Choice { content: vec![Content::text("x")], ..Choice::default() };
    let answer = Answer { choices: vec![choice], usage: Some(usage), ..Answer::default() };
    let written = Gemini.encode_answer(&answer, &asked(Delivery::Whole, StreamForm::Array));
    assert_eq!(Gemini.decode_answer(&written).unwrap().usage, Some(usage));
}

#[test]
fn a_report_of_the_kind_of_traffic_counts_nothing() {
    let body = r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"trafficType":"ON_DEMAND_FLEX"}}"#;
    assert_eq!(Gemini.decode_answer(body.as_bytes()).unwrap().usage, None);
    let body = body.replace("{\"traffic", "{\"promptTokenCount\":3,\"traffic");
    let usage = Gemini.decode_answer(body.as_bytes()).unwrap().usage.unwrap();
    assert_eq!((usage.input, usage.service_tier), (Tokens(3), types::ServiceTier::of_word(b"flex")));
}
