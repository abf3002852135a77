//! Requests, read, written and adapted.

use serde_json::json;
use types::conversation::{Content, Effort, OutputFormat, Role, Tool, ToolChoice};

use super::*;
use crate::DecodeError;

/// A request with every kind of item.
const REQUEST: &str = include_str!("../../../fixtures/openai_responses/request.json");

fn fixture() -> Value {
    serde_json::from_str(REQUEST).unwrap()
}

#[test]
fn a_request_is_read_as_messages() {
    let read = conversation(&fixture());
    let roles: Vec<Role> = read.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::Developer, Role::User, Role::Assistant, Role::User, Role::User]);
    assert!(read.prompt_is_apart && read.delivery == STREAM);
    let kinds: Vec<_> = read.messages[3].content.iter().map(kind).collect();
    assert_eq!(kinds, ["thinking", "text", "call", "call", "opaque"], "what the model did is one message");
    assert!(
        matches!(&read.messages[3].content[0], Content::Thinking { text, signature: Some(proof) }
            if text == "First.\n\nThen." && proof == "tollgate:openai_responses:gAAA=="),
        "{read:?}"
    );
    let kinds: Vec<_> = read.messages[4].content.iter().map(kind).collect();
    assert_eq!(kinds, ["result", "result"]);
    assert_eq!(read.reasoning.as_ref().unwrap().effort, Some(Effort::Low));
    assert!(matches!(&read.format, OutputFormat::JsonSchema { name: Some(name), .. } if name == "report"));
    assert_eq!(read.tool_choice, Some(ToolChoice::Named("get_weather".to_owned())));
    assert!(matches!(&read.tools[..], [Tool::Function { .. }, Tool::Opaque { .. }]));
    assert_eq!((read.sampling.max_tokens, read.sampling.logprobs), (Some(300), Some(true)));
    assert_eq!(read.user.as_deref(), Some("u-1"));
    let extras: Vec<&str> = read.extras.fields.iter().map(|(name, _)| name.as_str()).collect();
    let expect = ["metadata", "store", "input[3].phase", "text.verbosity", "reasoning.summary"];
    assert_eq!(extras, expect);
}

const fn kind(content: &Content) -> &'static str {
    match content {
        Content::Audio(_) => "audio",
        Content::Document(_) => "document",
        Content::Image(_) => "image",
        Content::Opaque { .. } => "opaque",
        Content::RedactedThinking { .. } => "redacted",
        Content::Refusal(_) => "refusal",
        Content::Text { .. } => "text",
        Content::Thinking { .. } => "thinking",
        Content::ToolCall { .. } => "call",
        Content::ToolResult { .. } => "result",
    }
}

#[test]
fn what_was_read_is_written_so_that_it_reads_the_same() {
    let read = conversation(&fixture());
    let (body, changes) = written(&read, &Target { model: read.model.clone(), ..target(&[]) });
    assert_eq!(changes, ["dropped;input[3].phase"]);
    let again = conversation(&body);
    assert_eq!(again.messages, read.messages);
    assert_eq!(
        (&again.tools, &again.tool_choice, &again.format),
        (&read.tools, &read.tool_choice, &read.format)
    );
    assert_eq!((&again.sampling, &again.reasoning), (&read.sampling, &read.reasoning));
    let proof = body.pointer("/input/2/encrypted_content").unwrap();
    assert_eq!(proof, "gAAA==", "a proof goes back as it came");
    assert_eq!(body["include"], json!(["message.output_text.logprobs", "reasoning.encrypted_content"]));
}

#[test]
fn an_input_may_be_one_text() {
    let read = conversation(&json!({"model": "m", "input": "hi"}));
    assert_eq!(read.messages.len(), 1);
    assert_eq!(
        (read.messages[0].role, &read.messages[0].content[..]),
        (Role::User, &[Content::text("hi")][..])
    );
    assert!(!read.prompt_is_apart);
}

#[test]
fn two_messages_of_the_model_stay_two() {
    let said = |text: &str| json!({"role": "assistant", "content": [{"type": "output_text", "text": text}]});
    let body = json!({"model": "m", "input": [said("a"), said("b"), {"role": "user", "content": "c"}]});
    let read = conversation(&body);
    assert_eq!(read.messages.len(), 3);
    let (written, _) = written(&read, &target(&[]));
    assert_eq!(written["input"][0], json!({"role": "assistant", "content": "a"}));
    assert_eq!(conversation(&written).messages, read.messages);
}

#[track_caller]
fn refused(body: &Value, field: &str) {
    let bytes = Bytes::from(body.to_string());
    let fields = Fields::scan(&bytes, 64).unwrap();
    let headers = http::HeaderMap::new();
    let peeked = OpenAiResponses.peek(Head::of(&headers), &bytes, &fields).map(|_| ());
    let read = OpenAiResponses.decode_request(Head::of(&headers), &bytes).map(|_| ());
    match peeked.and(read) {
        Err(DecodeError::Field { field: found, .. }) => assert_eq!(found, field, "{body}"),
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn what_is_wrong_is_named() {
    refused(&json!({"input": "hi"}), "model");
    refused(&json!({"model": "", "input": "hi"}), "model");
    refused(&json!({"model": "m"}), "input");
    refused(&json!({"model": "m", "input": 3}), "input");
    refused(&json!({"model": "m", "input": "hi", "stream": 1}), "stream");
    refused(&json!({"model": "m", "input": "hi", "max_output_tokens": -1}), "max_output_tokens");
    refused(&json!({"model": "m", "input": "hi", "background": true}), "background");
    refused(&json!({"model": "m", "input": "hi", "background": true, "stream": true}), "background");
    refused(&json!({"model": "m", "input": [{"role": "critic", "content": "x"}]}), "input[0].role");
    refused(&json!({"model": "m", "input": [{"type": "function_call", "name": "f"}]}), "input[0].call_id");
    refused(
        &json!({"model": "m", "input": [{"role": "user", "content": [{"type": "input_text"}]}]}),
        "input[0].content[0].text",
    );
    refused(&json!({"model": "m", "input": "hi", "tools": [{"type": "function"}]}), "tools[0].name");
    refused(&json!({"model": "m", "input": "hi", "tool_choice": "any"}), "tool_choice");
    refused(&json!({"model": "m", "input": "hi", "reasoning": {"effort": "huge"}}), "reasoning.effort");
    refused(
        &json!({"model": "m", "input": "hi", "text": {"format": {"type": "json_schema"}}}),
        "text.format.schema",
    );
    refused(&json!({"model": "m", "input": "hi", "include": "x"}), "include");
}

#[test]
fn what_a_provider_keeps_stands_in_for_an_input() {
    let body = Bytes::from_static(br#"{"model":"m","previous_response_id":"resp_1"}"#);
    let fields = Fields::scan(&body, 64).unwrap();
    let headers = http::HeaderMap::new();
    let peek = OpenAiResponses.peek(Head::of(&headers), &body, &fields).unwrap();
    assert_eq!((peek.model.as_str(), peek.delivery, peek.max_tokens), ("m", Delivery::Whole, None));
    let body = Bytes::from_static(
        br#"{"model":"m","input":"x","background":false,"stream":true,"max_output_tokens":7}"#,
    );
    let fields = Fields::scan(&body, 64).unwrap();
    let peek = OpenAiResponses.peek(Head::of(&headers), &body, &fields).unwrap();
    assert_eq!((peek.delivery, peek.max_tokens), (STREAM, Some(7)));
}

#[test]
fn only_the_model_changes_in_a_request_that_is_passed_on() {
    let body = r#"{ "model":"m", "input":[{"type":"x","y":1.0}] ,"previous_response_id":"resp_1", "z":1e2}"#;
    assert_eq!(adapted(body, &target(&[])).unwrap(), (body.replace("\"m\"", "\"upstream\""), vec![]));
}

#[test]
fn a_target_s_quirks_are_heeded() {
    let body = r#"{"model":"m","input":[{"role":"developer","content":"x"},{"role":"user","content":"y"}],"temperature":0.5,"top_p":1,"reasoning":{"effort":"low"},"parallel_tool_calls":false,"user":"u"}"#;
    let quirks = ["no_developer_role", "no_sampling", "no_reasoning", "no_parallel_tool_calls", "no_user"];
    let (written, changes) = adapted(body, &target(&quirks)).unwrap();
    assert_eq!(
        written,
        r#"{"model":"upstream","input":[{"role":"system","content":"x"},{"role":"user","content":"y"}]}"#
    );
    let expect = [
        "dropped;parallel_tool_calls",
        "dropped;reasoning",
        "dropped;temperature",
        "dropped;user",
        "emulated;input[0].role",
    ];
    assert_eq!(changes, expect);
    let strict = Target { strict: true, ..target(&quirks) };
    assert!(matches!(adapted(body, &strict), Err(EncodeError::Lossy(_))));
}

#[test]
fn reasoning_that_others_have_proven_is_not_passed_on() {
    let foreign = r#"{"type":"reasoning","summary":[],"encrypted_content":"tollgate:signature:c2ln"}"#;
    let own = r#"{"type":"reasoning","summary":[],"encrypted_content":"gAAA"}"#;
    let body = format!(
        r#"{{"model":"m","input":[{foreign},{own},{foreign},{{"role":"user","content":"\"tollgate:"}}]}}"#
    );
    let (written, changes) = adapted(&body, &target(&[])).unwrap();
    assert_eq!(
        written,
        format!(r#"{{"model":"upstream","input":[{own},{{"role":"user","content":"\"tollgate:"}}]}}"#)
    );
    assert_eq!(changes, ["dropped;input[0]", "dropped;input[2]"]);
}

#[test]
fn proofs_of_others_are_known_by_their_marks() {
    let reasoning = |proof: &str| json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": proof});
    let read = conversation(&json!({"model": "m", "input": [
        reasoning("tollgate:signature:c2ln"), reasoning("tollgate:redacted:ZGF0"), reasoning("tollgate:other:x"),
    ]}));
    let thought =
        |signature: &str| Content::Thinking { text: "Hm.".to_owned(), signature: Some(signature.to_owned()) };
    let expect =
        [thought("c2ln"), Content::RedactedThinking { data: "ZGF0".to_owned() }, thought("tollgate:other:x")];
    assert_eq!(read.messages[0].content, expect);
}

#[test]
fn another_language_s_request_says_what_the_provider_needs() {
    let chat = json!({
        "model": "m", "n": 1, "seed": 3, "stop": ["END"], "frequency_penalty": 0.5, "user": "u".repeat(65),
        "tools": [{"type": "function", "function": {"name": "a.b", "parameters": {"type": "object"}}}],
        "messages": [{"role": "assistant", "content": null, "tool_calls": [
            {"id": "x".repeat(70), "type": "function", "function": {"name": "a.b", "arguments": ""}},
        ]}],
    });
    let headers = http::HeaderMap::new();
    let read = crate::openai_chat::OpenAiChat
        .decode_request(Head::of(&headers), chat.to_string().as_bytes())
        .unwrap();
    let (body, changes) = written(&read, &target(&[]));
    assert_eq!((&body["store"], &body["tools"][0]["strict"]), (&json!(false), &json!(false)));
    let name = body["tools"][0]["name"].as_str().unwrap();
    assert_eq!((name, name.len()), (body["input"][0]["name"].as_str().unwrap(), "a_b_".len() + 13));
    assert!(body["input"][0]["call_id"].as_str().unwrap().len() <= 64);
    assert!(body["safety_identifier"].as_str().unwrap().len() <= 64);
    for lost in [
        "dropped;seed",
        "dropped;stop",
        "dropped;frequency_penalty",
        "rewritten;user",
        "emulated;tools[0].function.name",
    ] {
        assert!(changes.iter().any(|change| change == lost), "{lost} is not told in {changes:?}");
    }
    let many =
        conversation_of_chat(&json!({"model": "m", "n": 2, "messages": [{"role": "user", "content": "x"}]}));
    assert!(matches!(
        OpenAiResponses.encode_request(&many, &target(&[])),
        Err(EncodeError::Unsayable { field, .. }) if field == "n"
    ));
}

fn conversation_of_chat(body: &Value) -> Conversation {
    let headers = http::HeaderMap::new();
    crate::openai_chat::OpenAiChat.decode_request(Head::of(&headers), body.to_string().as_bytes()).unwrap()
}

#[test]
fn what_stands_for_a_kept_item_goes_to_no_other_language() {
    let body =
        r#"{"model":"m","input":[{"role":"user","content":"a"},{"type":"item_reference","id":"msg_1"}]}"#;
    let read = OpenAiResponses.decode_request(Head::of(&http::HeaderMap::new()), body.as_bytes()).unwrap();
    let meant = crate::Meaning::Conversation(Box::new(read));
    assert!(meant.say(&OpenAiResponses, &target(&[])).unwrap().is_ok());
    for language in crate::conversational().filter(|language| language.id() != OpenAiResponses.id()) {
        let dialect = crate::by_name(language.id().as_str()).unwrap();
        let refused = meant.say(dialect, &target(&[])).unwrap().unwrap_err().to_string();
        assert!(refused.contains("input[1]") && refused.contains("store: false"), "{refused}");
    }
}

#[test]
fn what_stands_for_a_whole_conversation_is_not_left_out() {
    let body = br#"{"model":"m","input":[{"role":"user","content":"a"},{"type":"compaction","encrypted_content":"x"}]}"#;
    let headers = http::HeaderMap::new();
    let read = crate::Meaning::read(&OpenAiResponses, Head::of(&headers), body).unwrap().unwrap();
    let target = target(&[]);
    let refused = read.say(&crate::openai_chat::OpenAiChat, &target).unwrap().unwrap_err().to_string();
    assert!(refused.starts_with("`input[1]` holds what was said before"), "{refused}");
    assert!(read.say(&OpenAiResponses, &target).unwrap().is_ok());
}
