//! Streams, read and written.

use serde_json::json;
use types::conversation::{Delta, Opening, StopReason};
use types::{Json, Tokens};

use super::*;
use crate::unfold;

/// The pieces of a written stream.
fn pieces(stream: &str) -> Vec<Value> {
    events(stream).iter().map(|event| serde_json::from_slice(&event.data).unwrap()).collect()
}

#[test]
fn a_stream_is_read_into_blocks() {
    let answer = fold(read(STREAM).unwrap());
    let opaque =
        |kind: &str, json: &str| Content::Opaque { kind: kind.into(), json: Json::parse(json).unwrap() };
    let proof =
        |signature: &str| Content::Thinking { text: String::new(), signature: Some(signature.into()) };
    let expect = [
        Content::Thinking { text: "I think hard.".into(), signature: None },
        Content::text("It ä rains."),
        opaque("gemini:executableCode", r#"{"executableCode": {"language": "PYTHON","code": "1+1"}}"#),
        call(
            "tgcall_aB3_0_0",
            "get_weather",
            r#"{"city": "Oslo","days": 1.0}"#,
            Some("tollgate:gemini:Y2FsbA=="),
        ),
        call("tgcall_aB3_0_1", "get_weather", "{}", None),
        proof("tollgate:gemini:ZW5k"),
        opaque("gemini:candidate.groundingMetadata", r#"{"webSearchQueries": ["oslo"]}"#),
    ];
    let choice = &answer.choices[0];
    assert_eq!(choice.content, expect);
    assert_eq!(choice.stop, Some(StopReason::ToolUse));
    let usage = answer.usage.unwrap();
    assert_eq!((usage.total(), usage.output_total()), (Tokens(40), Tokens(17)));
}

#[test]
fn an_answer_in_one_piece_is_read_like_a_stream_of_one() {
    let list = format!("[{}]", pieces(STREAM).iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    let whole = Gemini.decode_answer(list.as_bytes()).unwrap();
    let plain = |answer: &Answer| {
        let content = answer.choices[0].content.clone().into_iter();
        content
            .filter(|content| !matches!(content, Content::Opaque { .. } | Content::ToolCall { .. }))
            .collect::<Vec<_>>()
    };
    assert_eq!(plain(&whole), plain(&fold(read(STREAM).unwrap())));
}

#[test]
fn a_proof_that_follows_a_thought_stands_on_no_thought() {
    let stream = concat!(
        r#"data: {"candidates":[{"content":{"parts":[{"text":"Hm.","thought":true}]}}]}"#,
        "\r\n\r\n",
        r#"data: {"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"cw=="}]},"finishReason":1}]}"#,
        "\r\n\r\n",
    );
    let content = fold(read(stream).unwrap()).choices.remove(0).content;
    let thought = |text: &str, signature: Option<&str>| Content::Thinking {
        text: text.into(),
        signature: signature.map(str::to_owned),
    };
    assert_eq!(content, [thought("Hm.", None), thought("", Some("tollgate:gemini:cw=="))]);
}

#[test]
fn blocks_are_written_as_pieces_and_calls_whole() {
    let mut events = vec![Event::Start { id: Some("r1".into()), model: None, created: None }];
    let open = |block, opening| Event::Open { choice: 0, block, opening };
    let delta = |block, delta| Event::Delta { choice: 0, block, delta };
    let close = |block| Event::Close { choice: 0, block };
    let tool = Opening::ToolCall {
        id: "a".into(),
        name: "f".into(),
        signature: Some("tollgate:gemini:cw==".into()),
    };
    events.extend([
        open(0, Opening::Thinking),
        delta(0, Delta::Thinking("Hm.".into())),
        delta(0, Delta::Signature("sig".into())),
        close(0),
        open(1, Opening::Text),
        open(2, tool),
        delta(1, Delta::Text("Hi".into())),
        delta(2, Delta::Arguments("{\"x\":".into())),
        Event::Ping,
        delta(2, Delta::Arguments("1.0}".into())),
        close(1),
        close(2),
        Event::Finish { choice: 0, reason: StopReason::ToolUse, stop_sequence: None },
        Event::Usage(types::Usage {
            input: Tokens(3),
            output: Tokens(2),
            reasoning: Tokens(1),
            ..types::Usage::default()
        }),
        Event::End,
    ]);
    let carried = super::super::proofs::written("sig").into_owned();
    let piece = |parts: Value| {
        json!({
            "candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}],
            "modelVersion": "gemini-public", "responseId": "r1",
        })
    };
    let mut last = piece(json!([{"text": ""}]));
    last["candidates"][0]["finishReason"] = "STOP".into();
    last["usageMetadata"] = json!({
        "promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 1, "totalTokenCount": 6,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 2}],
    });
    let expect = [
        piece(json!([{"text": "Hm.", "thought": true}])),
        piece(json!([{"text": "", "thought": true, "thoughtSignature": carried}])),
        piece(json!([{"text": "Hi"}])),
        piece(
            json!([{"functionCall": {"id": "a", "name": "f", "args": {"x": 1.0}}, "thoughtSignature": "cw=="}]),
        ),
        last,
    ];
    assert_eq!(pieces(&write(&events, StreamForm::Events)), expect);
    let array: Vec<Value> = serde_json::from_str(&write(&events, StreamForm::Array)).unwrap();
    assert_eq!(array, expect);
}

#[test]
fn what_was_read_is_written_such_that_it_reads_the_same() {
    let answer = fold(read(STREAM).unwrap());
    let again = fold(read(&write(&unfold(&answer), StreamForm::Events)).unwrap());
    assert_eq!(again.choices, answer.choices);
    // The results of tools that ran at the provider are input like any other to those who did not run them.
    assert_eq!(again.usage.map(|usage| usage.total()), answer.usage.map(|usage| usage.total()));
}
