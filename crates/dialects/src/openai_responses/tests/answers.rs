//! Whole answers and errors, read and written.

use serde_json::json;
use types::conversation::{Answer, Choice, Content, StopReason};
use types::{Code, FaultKind, Json, Refusal, Tokens, Units, Usage};

use super::*;

/// What Open Responses demands of every answer.
const REQUIRED: [&str; 31] = [
    "id",
    "object",
    "created_at",
    "completed_at",
    "status",
    "incomplete_details",
    "model",
    "previous_response_id",
    "instructions",
    "output",
    "error",
    "tools",
    "tool_choice",
    "truncation",
    "parallel_tool_calls",
    "text",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "top_logprobs",
    "temperature",
    "reasoning",
    "usage",
    "max_output_tokens",
    "max_tool_calls",
    "store",
    "background",
    "service_tier",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
];

fn answer(content: Vec<Content>, stop: StopReason) -> Answer {
    let usage = Usage {
        input: Tokens(7),
        cache_read: Tokens(3),
        output: Tokens(5),
        reasoning: Tokens(2),
        ..Usage::default()
    };
    Answer {
        id: None,
        model: None,
        created: Some(1_759_999_999),
        choices: vec![Choice { content, stop: Some(stop), stop_sequence: None, logprobs: None }],
        usage: Some(usage),
    }
}

fn encoded(answer: &Answer, asked: &Asked) -> Value {
    serde_json::from_slice(&OpenAiResponses.encode_answer(answer, asked)).unwrap()
}

#[test]
fn an_answer_has_every_field_there_is() {
    let call = Content::ToolCall {
        id: "c".into(),
        name: "f".into(),
        arguments: "{}".into(),
        signature: None,
        cache: None,
    };
    let thought = Content::Thinking { text: "Hm.".into(), signature: Some("c2ln".into()) };
    let cited =
        Json::parse(r#"[{"source":{"page":{"url":"https://a.test"}},"title":"A","quoted":"","start":0,"end":2,"own":null}]"#).unwrap();
    let cited = Content::Opaque { kind: "citations".into(), json: cited };
    let content = vec![thought, Content::text("hi"), cited, Content::text("!"), call];
    let body = encoded(&answer(content, StopReason::ToolUse), &asked(Delivery::Whole));
    for field in REQUIRED {
        assert!(body.get(field).is_some(), "{field} is missing in {body:#}");
    }
    let id = "00000000000000000000000000000007";
    let annotation = json!({"type": "url_citation", "url": "https://a.test", "title": "A", "start_index": 0, "end_index": 2});
    assert_eq!(
        body["output"],
        json!([
            {"type": "reasoning", "id": format!("rs_{id}00"), "summary": [{"type": "summary_text", "text": "Hm."}],
             "encrypted_content": "tollgate:signature:c2ln"},
            {"type": "message", "id": format!("msg_{id}01"), "status": "completed", "role": "assistant", "content": [
                {"type": "output_text", "text": "hi", "annotations": [annotation], "logprobs": []},
                {"type": "output_text", "text": "!", "annotations": [], "logprobs": []},
            ]},
            {"type": "function_call", "id": format!("fc_{id}02"), "status": "completed", "call_id": "c", "name": "f", "arguments": "{}"},
        ])
    );
    assert_eq!((&body["id"], &body["model"]), (&json!(format!("resp_{id}")), &json!("public")));
    assert_eq!(
        body["usage"],
        json!({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
            "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 17})
    );
}

#[track_caller]
fn ends(stop: StopReason, content: Content, status: &str, reason: &Value, again: StopReason) {
    let answer = answer(vec![content], stop);
    let body = encoded(&answer, &asked(Delivery::Whole));
    assert_eq!((&body["status"], &body["incomplete_details"]["reason"]), (&json!(status), reason));
    let read = OpenAiResponses.decode_answer(body.to_string().as_bytes()).unwrap();
    assert_eq!(read.choices[0].stop, Some(again));
}

#[test]
fn every_reason_has_its_words() {
    let text = || Content::text("x");
    ends(StopReason::EndTurn, text(), "completed", &Value::Null, StopReason::EndTurn);
    ends(StopReason::StopSequence, text(), "completed", &Value::Null, StopReason::EndTurn);
    ends(StopReason::MaxTokens, text(), "incomplete", &json!("max_output_tokens"), StopReason::MaxTokens);
    ends(StopReason::ContextFull, text(), "incomplete", &json!("max_output_tokens"), StopReason::MaxTokens);
    ends(StopReason::Filtered, text(), "incomplete", &json!("content_filter"), StopReason::Filtered);
    ends(StopReason::Refusal, text(), "incomplete", &json!("content_filter"), StopReason::Filtered);
    ends(StopReason::Refusal, Content::Refusal("no".into()), "completed", &Value::Null, StopReason::Refusal);
}

#[test]
fn an_answer_repeats_how_it_was_asked_for() {
    let body = Bytes::from_static(
        br#"{"model":"m","input":"x","instructions":"Be brief.","temperature":0.2,"tools":[{"type":"function","name":"f"}],"text":{"verbosity":"low","format":{"type":"json_schema","name":"n","schema":{}}},"reasoning":{"effort":"low"},"metadata":{"a":"b"},"truncation":null}"#,
    );
    let fields = Fields::scan(&body, 64).unwrap();
    let asked = Asked { echo: OpenAiResponses.echo(&body, &fields), ..asked(Delivery::Whole) };
    let written = encoded(&answer(vec![], StopReason::EndTurn), &asked);
    assert_eq!(written["instructions"], "Be brief.");
    assert_eq!((&written["temperature"], &written["top_p"]), (&json!(0.2), &json!(1)));
    assert_eq!(
        written["tools"],
        json!([{"type": "function", "name": "f", "description": null, "parameters": null, "strict": false}])
    );
    let format =
        json!({"type": "json_schema", "name": "n", "schema": {}, "description": null, "strict": false});
    assert_eq!(written["text"], json!({"verbosity": "low", "format": format}));
    assert_eq!(written["reasoning"], json!({"effort": "low", "summary": null}));
    assert_eq!((&written["metadata"], &written["truncation"]), (&json!({"a": "b"}), &json!("disabled")));
}

#[test]
fn an_upstream_s_answer_is_understood_whatever_it_leaves_out() {
    let read = |body: Value| OpenAiResponses.decode_answer(body.to_string().as_bytes()).unwrap();
    let answer = read(json!({
        "id": "resp_1", "model": "m", "created_at": 5.9, "status": "completed", "output": [
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "short"}],
             "content": [{"type": "reasoning_text", "text": "a"}, {"type": "reasoning_text", "text": "b"}]},
            {"type": "web_search_call", "id": "ws", "status": "completed"},
            {"type": "message", "content": [
                {"type": "output_text", "text": "hi", "logprobs": [{"token": "hi"}], "annotations": [
                    {"type": "url_citation", "url": "https://a.test", "title": "A", "start_index": 0, "end_index": 2},
                    {"type": "file_citation", "file_id": "f"},
                ]},
            ], "role": "assistant"},
        ],
        "usage": {"input_tokens": 4, "output_tokens": 2, "total_tokens": 9, "input_tokens_details": null},
    }));
    let kinds: Vec<String> = answer.choices[0].content.iter().map(|content| format!("{content:?}")).collect();
    assert!(kinds[0].contains("a\\n\\nb") && !kinds[0].contains("short"), "{kinds:?}");
    assert!(kinds[1].contains("web_search_call") && kinds[2].contains("hi"), "{kinds:?}");
    assert!(kinds[3].contains("citations") && kinds[3].contains("https://a.test"), "{kinds:?}");
    assert_eq!(answer.created, Some(5));
    assert_eq!(
        answer.usage.unwrap(),
        Usage {
            input: Tokens(4),
            output: Tokens(2),
            reasoning: Tokens(3),
            units: Units { web_search: 1, ..Units::default() },
            ..Usage::default()
        }
    );
    let logprobs = answer.choices[0].logprobs.as_ref().unwrap();
    assert_eq!(logprobs.as_str(), r#"{"content":[{"token":"hi"}],"refusal":null}"#);
}

#[track_caller]
fn fails(body: &str, kind: FaultKind, message: &str) {
    let fault = OpenAiResponses.decode_answer(body.as_bytes()).unwrap_err();
    assert_eq!((fault.kind, fault.message.as_str(), fault.status), (kind, message, None), "{body}");
    let frames = vec![Frame::Whole(Bytes::from(body.to_owned()))];
    let (_, result, _) = pass(OpenAiResponses.forwarder(&asked(Delivery::Whole)), frames);
    assert_eq!(result.unwrap_err(), fault, "{body}");
}

#[test]
fn an_answer_that_failed_is_a_fault() {
    let failed = |code: &str| {
        format!(
            r#"{{"object":"response","status":"failed","output":[],"error":{{"code":"{code}","message":"so"}}}}"#
        )
    };
    fails(&failed("server_error"), FaultKind::Server, "so");
    fails(&failed("rate_limit_exceeded"), FaultKind::Overloaded, "so");
    fails(&failed("insufficient_quota"), FaultKind::Quota, "so");
    fails(&failed("context_length_exceeded"), FaultKind::ContextLength, "so");
    fails(&failed("invalid_image_url"), FaultKind::Invalid, "so");
    let cancelled = r#"{"object":"response","status":"cancelled","output":[]}"#;
    fails(cancelled, FaultKind::Server, "the provider cancelled the answer");
    fails("{}", FaultKind::Unreadable, "the provider's answer has no output");
}

#[test]
fn errors_have_the_language_s_words() {
    let whole = |refusal: &Refusal| OpenAiResponses.encode_error(refusal, RequestId::generate());
    let unknown = Refusal::new(Code::ModelNotFound, "no").with_param("model");
    let answer = whole(&unknown);
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, 400, "a model that nobody knows is a wrong field here");
    let error = json!({"message": "no", "type": "invalid_request_error", "param": "model",
        "code": "model_not_found", "tollgate_code": "TG-1004"});
    assert_eq!(body, json!({ "error": error }));
    assert_eq!(whole(&Refusal::new(Code::RateLimited, "no")).status, 429);
    let elsewhere = Refusal::new(Code::Untranslatable, "no").with_param("previous_response_id");
    let body: Value = serde_json::from_slice(&whole(&elsewhere).body).unwrap();
    assert_eq!(
        (whole(&elsewhere).status, &body["error"]["code"]),
        (400, &json!("previous_response_not_found"))
    );
    let malformed = Refusal::new(Code::MalformedJson, "no");
    let said: Value = serde_json::from_slice(&whole(&malformed).body).unwrap();
    assert_eq!(said["error"]["code"], Value::Null);
    let said = OpenAiResponses.encode_error_message(&malformed, RequestId::generate());
    let said: Value = serde_json::from_slice(&said.body).unwrap();
    assert_eq!(said["error"]["code"], "invalid_request_error", "a message has a code in any case");
    let streamed = OpenAiResponses.encode_stream_error(&unknown, RequestId::generate(), StreamForm::Events);
    let event = &split(str::from_utf8(&streamed).unwrap())[0];
    let data: Value = serde_json::from_slice(&event.data).unwrap();
    assert_eq!(&event.name[..], b"error");
    let flat = json!({"type": "error", "sequence_number": 0, "code": "model_not_found", "message": "no",
        "param": "model", "error": error});
    assert_eq!(data, flat);
}

#[test]
fn a_path_to_what_is_kept_is_declined_with_a_reason() {
    let conversations = ["/conversations", "/conversations/conv_1/items"];
    let answers = ["/responses/resp_1", "/responses/resp_1/cancel", "/responses/resp_1/input_items"];
    for path in conversations.into_iter().chain(answers) {
        assert!(OpenAiResponses.declined(path).unwrap().contains("keeps no answers"), "{path}");
    }
    for path in ["/nonsense", "/responses", "/responsesx/a", "/conversationsx"] {
        assert_eq!(OpenAiResponses.declined(path), None, "{path}");
    }
}

#[test]
fn a_count_of_tokens_is_passed_on() {
    let body = r#"{"object":"response.input_tokens","input_tokens":11}"#;
    let frames = vec![Frame::Whole(Bytes::from(body))];
    let (out, result, _) = pass(OpenAiResponses.forwarder(&asked(Delivery::Whole)), frames);
    assert_eq!((out.as_str(), result), (body, Ok(())));
    assert_eq!(OpenAiResponses.encode_count(Tokens(11)), body.as_bytes());
}
