//! Two languages through the public face: requests one way, answers the other.

use std::collections::BTreeMap;

use crate::asked;
use bytes::Bytes;
use dialects::{Asked, Conversational, Delivered, Head, Tally, by_name, conduit};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};
use types::conversation::{Delivery, StopReason, Target};
use types::{FaultKind, Frame, StreamEvent, Tokens, Usage};

/// A stream of Messages with every kind of block.
const MESSAGES_STREAM: &str = include_str!("../../fixtures/anthropic/stream.sse");

const STREAMED: Delivery = Delivery::Stream { include_usage: true };

fn chat() -> &'static dyn Conversational {
    by_name("openai_chat").unwrap().conversational().unwrap()
}

fn messages() -> &'static dyn Conversational {
    by_name("anthropic").unwrap().conversational().unwrap()
}

/// The events of a stream whose lines end in `\n`.
fn events(stream: &str) -> Vec<StreamEvent> {
    let stream = Bytes::copy_from_slice(stream.as_bytes());
    let raws = str::from_utf8(&stream).unwrap().split_inclusive("\n\n");
    raws.map(|raw| {
        let field = |name: &str| {
            let values = raw.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let values: Vec<_> = values.collect();
            if let [one] = values[..] { stream.slice_ref(one.as_bytes()) } else { values.join("\n").into() }
        };
        StreamEvent { raw: stream.slice_ref(raw.as_bytes()), name: field("event"), data: field("data") }
    })
    .collect()
}

/// What a caller reads of this stream.
fn stream(
    from: &'static dyn Conversational,
    to: &'static dyn Conversational,
    delivery: Delivery,
    said: &str,
) -> (String, Tally) {
    let mut way = conduit(from, to, &asked(delivery), Delivered::Stream).unwrap();
    let mut out = Vec::new();
    for event in events(said) {
        way.push(Frame::Event(event), &mut out).unwrap();
    }
    way.end(&mut out).unwrap();
    (String::from_utf8(out.concat()).unwrap(), way.tally().clone())
}

/// What a caller reads of this whole answer.
fn whole(
    from: &'static dyn Conversational,
    to: &'static dyn Conversational,
    delivery: Delivery,
    said: &Value,
) -> (String, Tally) {
    let mut way = conduit(from, to, &asked(delivery), Delivered::Whole).unwrap();
    let mut out = Vec::new();
    way.push(Frame::Whole(said.to_string().into()), &mut out).unwrap();
    way.end(&mut out).unwrap();
    (String::from_utf8(out.concat()).unwrap(), way.tally().clone())
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn target(quirks: &[&str]) -> Target {
    Target {
        model: "upstream".into(),
        max_output_tokens: Some(50_000),
        quirks: quirks.iter().map(ToString::to_string).collect(),
        strict: false,
    }
}

/// What an upstream reads of this request, and what was changed.
fn request(
    from: &dyn Conversational,
    to: &dyn Conversational,
    body: &Value,
    quirks: &[&str],
) -> (Value, Vec<String>) {
    let version = (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
    let conversation =
        from.decode_request(Head::of(&HeaderMap::from_iter([version])), body.to_string().as_bytes()).unwrap();
    let encoded = to.encode_request(&conversation, &target(quirks)).unwrap();
    let body = serde_json::from_slice(&encoded.body.concat()).unwrap();
    (body, encoded.changes.iter().map(ToString::to_string).collect())
}

/// Makes the turns of a request earlier ones: what they show and cannot be said is left out.
fn answered(body: &mut Value) {
    let next = [json!({"role": "assistant", "content": "yes"}), json!({"role": "user", "content": "so"})];
    body["messages"].as_array_mut().unwrap().extend(next);
}

/// The data of a stream of Messages, which must obey what every such stream obeys.
#[track_caller]
fn valid_messages(stream: &str) -> Vec<Value> {
    let mut open: Option<String> = None;
    let (mut next, mut arguments) = (0, String::new());
    let data: Vec<Value> = events(stream)
        .iter()
        .map(|event| {
            let data: Value = serde_json::from_slice(&event.data).unwrap();
            assert_eq!(data["type"].as_str().unwrap().as_bytes(), event.name);
            data
        })
        .filter(|data| data["type"] != "ping")
        .collect();
    for data in &data {
        match data["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!((open.as_deref(), &data["index"]), (None, &json!(next)));
                open = data["content_block"]["type"].as_str().map(str::to_owned);
                (next, arguments) = (next + 1, String::new());
            }
            "content_block_delta" => {
                assert_eq!((open.is_some(), &data["index"]), (true, &json!(next - 1)));
                arguments.push_str(data["delta"]["partial_json"].as_str().unwrap_or_default());
            }
            "content_block_stop" if open.take().unwrap() == "tool_use" => {
                assert!(parse(&arguments).is_object(), "{arguments}");
            }
            _ => {}
        }
    }
    let kinds: Vec<&str> = data.iter().filter_map(|data| data["type"].as_str()).collect();
    assert_eq!(open, None);
    assert_eq!(kinds.first(), Some(&"message_start"));
    assert_eq!(kinds[kinds.len() - 2..], ["message_delta", "message_stop"]);
    assert_eq!(kinds.iter().filter(|kind| **kind == "message_delta" || **kind == "message_start").count(), 2);
    data
}

/// The chunks of a chat stream, which must obey what every such stream obeys.
#[track_caller]
fn valid_chunks(stream: &str, include_usage: bool) -> Vec<Value> {
    let mut data: Vec<Bytes> = events(stream).into_iter().map(|event| event.data).collect();
    data.retain(|data| !data.is_empty());
    assert_eq!(data.pop().as_deref(), Some(&b"[DONE]"[..]));
    let chunks: Vec<Value> = data.iter().map(|data| serde_json::from_slice(data).unwrap()).collect();
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let mut calls: BTreeMap<u64, String> = BTreeMap::new();
    let mut finished = 0;
    for chunk in &chunks {
        assert_eq!((&chunk["object"], &chunk["model"]), (&json!("chat.completion.chunk"), &json!("public")));
        assert_eq!(chunk["id"], chunks[0]["id"]);
        let choice = &chunk["choices"][0];
        finished += usize::from(choice["finish_reason"].is_string());
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().unwrap();
            assert_eq!(call["id"].is_string(), !calls.contains_key(&index), "the first piece has the id");
            assert!(index <= calls.len() as u64, "indices have no gaps");
            calls.entry(index).or_default().push_str(call["function"]["arguments"].as_str().unwrap());
        }
    }
    assert!(calls.values().all(|arguments| parse(arguments).is_object()), "{calls:?}");
    assert_eq!(finished, 1);
    let told =
        chunks.iter().filter(|chunk| chunk["choices"] == json!([]) && chunk["usage"].is_object()).count();
    assert_eq!(told, usize::from(include_usage));
    chunks
}

fn pointers<'a>(data: &'a [Value], place: &str) -> Vec<&'a str> {
    data.iter().filter_map(|data| data.pointer(place)?.as_str()).collect()
}

#[test]
fn a_chat_request_is_asked_as_messages() {
    let body = json!({
        "model": "public",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "high"}},
            ]},
            {"role": "assistant", "content": null, "refusal": null, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{\"n\":1.0}"}},
                {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": ""}},
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": "a cat"},
            {"role": "tool", "tool_call_id": "call_2", "content": "a dog"},
            {"role": "user", "content": "Sure?"},
        ],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}, "strict": true}}],
        "tool_choice": "required",
        "parallel_tool_calls": false,
        "temperature": 1.5,
        "max_completion_tokens": 300,
        "stop": "END",
        "user": "u-1",
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "additionalProperties": false}}},
        "logit_bias": {"1": 2},
        "store": false,
        "seed": null,
        "stream": true,
        "stream_options": {"include_usage": false},
    });
    let (written, changes) = request(chat(), messages(), &body, &[]);
    let expect = json!({
        "model": "upstream",
        "max_tokens": 300,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "call_1", "name": "look", "input": {"n": 1.0}},
                {"type": "tool_use", "id": "call_2", "name": "look", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "a cat"}]},
                {"type": "tool_result", "tool_use_id": "call_2", "content": [{"type": "text", "text": "a dog"}]},
                {"type": "text", "text": "Sure?"},
            ]},
        ],
        "tools": [{"name": "look", "input_schema": {"type": "object"}, "strict": true}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "temperature": 1.0,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u-1"},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "additionalProperties": false}}},
        "stream": true,
    });
    assert_eq!(written, expect);
    assert_eq!(
        changes,
        ["dropped;messages[1].content[2].detail", "rewritten;temperature", "dropped;logit_bias"]
    );
}

#[test]
fn a_messages_request_is_asked_as_chat() {
    let mut body = parse(include_str!("../../fixtures/anthropic/request.json"));
    answered(&mut body);
    let (written, changes) = request(messages(), chat(), &body, &[]);
    let places = [
        ("/model", json!("upstream")),
        ("/messages/0/role", json!("system")),
        ("/messages/1", json!({"role": "user", "content": "Weather in Oslo?"})),
        ("/messages/2/role", json!("assistant")),
        ("/messages/2/tool_calls/0/id", json!("toolu_1")),
        ("/messages/2/tool_calls/0/function/arguments", json!(r#"{"city": "Oslo", "days": 1.0}"#)),
        ("/messages/3/role", json!("tool")),
        ("/messages/3/tool_call_id", json!("toolu_1")),
        ("/messages/4/role", json!("user")),
        ("/messages/4/content/1/image_url/url", json!("data:image/png;base64,iVBORw0KGgo=")),
        ("/tools/0/function/name", json!("get_weather")),
        ("/tools/1", Value::Null),
        ("/tool_choice", json!("auto")),
        ("/parallel_tool_calls", json!(false)),
        ("/max_completion_tokens", json!(2048)),
        ("/stop", json!(["END"])),
        ("/user", json!("u-1")),
        ("/reasoning_effort", json!("low")),
        ("/response_format/type", json!("json_schema")),
        ("/stream_options/include_usage", json!(true)),
    ];
    for (place, value) in places {
        // The fixture's numbers keep their spelling only as text.
        let found = written.pointer(place).unwrap_or(&Value::Null);
        let same = match (found.as_str(), value.as_str()) {
            (Some(found), Some(value)) if value.starts_with('{') => parse(found) == parse(value),
            _ => *found == value,
        };
        assert!(same, "{place}: {found} instead of {value} in {written:#}");
    }
    for lost in [
        "dropped;system[0].cache_control",
        "emulated;messages[2].content[0].content[1]",
        "dropped;messages[2].content[1].citations",
        "dropped;tools[1]",
        "dropped;context_management",
    ] {
        assert!(changes.iter().any(|change| change == lost), "{lost} is not told in {changes:?}");
    }
}

#[test]
fn changes_are_told_by_where_they_stand_in_what_the_caller_sent() {
    let mark = json!({"type": "ephemeral"});
    let image = json!({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="});
    let body = json!({
        "model": "public", "max_tokens": 9, "system": "Be brief.",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "go", "cache_control": mark}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "tool_use", "id": "a", "name": "f", "input": {}},
                {"type": "text", "text": "wait"},
            ]},
            {"role": "user", "content": [
                {"type": "text", "text": "here"},
                {"type": "tool_result", "tool_use_id": "a", "is_error": true, "content": [{"type": "image", "source": image}]},
            ]},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": mark}],
        "output_config": {"effort": "max"},
    });
    let mut expect = [
        "dropped;messages[0].content[0].cache_control",
        "dropped;messages[1].content[0]",
        "rewritten;messages[1].content[2]",
        "rewritten;messages[2].content[1]",
        "dropped;messages[2].content[1].is_error",
        "emulated;messages[2].content[1].content[0]",
        "dropped;tools[0].cache_control",
        "rewritten;output_config.effort",
    ];
    let (_, changes) = request(messages(), chat(), &body, &[]);
    assert_eq!(changes, expect);
    let mut apart = body.clone();
    apart.as_object_mut().unwrap().remove("system");
    assert_eq!(request(messages(), chat(), &apart, &[]).1, expect);
    apart["messages"].as_array_mut().unwrap().insert(0, json!({"role": "system", "content": "Be brief."}));
    expect[0] = "dropped;messages[1].content[0].cache_control";
    assert_eq!(request(messages(), chat(), &apart, &[]).1[0], expect[0]);

    let body = json!({
        "model": "public",
        "messages": [
            {"role": "user", "name": "ann", "content": [
                {"type": "text", "text": ""},
                {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
            ]},
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": "so", "reasoning_content": "Hm.", "audio": {"id": "a"}, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "b", "type": "function", "function": {"name": "f", "arguments": "broken"}},
            ]},
            {"role": "tool", "tool_call_id": "a", "content": [{"type": "video"}, {"type": "text", "text": "x"}]},
            {"role": "user", "content": "and?"},
            {"role": "tool", "tool_call_id": "b", "content": "y"},
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
    });
    let (_, changes) = request(chat(), messages(), &body, &[]);
    let expect = [
        "dropped;messages[0].content[1]",
        "dropped;messages[0].name",
        "dropped;messages[2].reasoning_content",
        "rewritten;messages[2].tool_calls[1]",
        "dropped;messages[2].audio",
        "dropped;messages[3].content[0]",
        "rewritten;messages[5]",
    ];
    assert_eq!(changes, expect);
}

/// The one tool that is offered in what an upstream reads, by either language's place for it.
fn offered(written: &Value) -> String {
    let name = written.pointer("/tools/0/function/name").or(written.pointer("/tools/0/name"));
    name.unwrap().as_str().unwrap().to_owned()
}

#[test]
fn tools_with_names_a_language_does_not_take_are_called_by_their_own_names() {
    let long = format!("mcp__server__{}", "x".repeat(100));
    let body = json!({
        "model": "public", "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": long, "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}]},
        ],
        "tools": [{"name": long, "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "tool", "name": long},
    });
    let (written, changes) = request(messages(), chat(), &body, &[]);
    let sent = offered(&written);
    assert!(sent.len() == 64 && sent.starts_with("mcp__server__x"), "{sent}");
    assert_eq!(changes, ["emulated;messages[1].content[0]", "emulated;tools[0].name"]);
    assert_eq!(written["messages"][1]["tool_calls"][0]["function"]["name"], sent.as_str());
    assert_eq!(written["tool_choice"]["function"]["name"], sent.as_str());
    assert_eq!(request(messages(), chat(), &body, &[]).0, written, "the same words keep a prompt cache warm");

    let function =
        json!({"type": "function", "function": {"name": "ns.tööl", "parameters": {"type": "object"}}});
    let named = json!({"type": "function", "function": {"name": "ns.tööl"}});
    let body = json!({
        "model": "public", "messages": [{"role": "user", "content": "go"}], "tools": [function], "tool_choice": named,
    });
    let (written, changes) = request(chat(), messages(), &body, &[]);
    let sent = offered(&written);
    assert!(sent.starts_with("ns_t__l_") && sent.is_ascii(), "{sent}");
    assert_eq!(
        (&written["tool_choice"]["name"], changes),
        (&json!(sent), vec!["emulated;tools[0].function.name".to_owned()])
    );
}

#[test]
fn a_renamed_tool_s_call_comes_back_under_its_own_name() {
    let long = "x".repeat(90);
    let body = json!({
        "model": "public", "max_tokens": 9, "messages": [{"role": "user", "content": "go"}],
        "tools": [{"name": long, "input_schema": {"type": "object"}}],
    });
    let version = (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
    let headers = HeaderMap::from_iter([version]);
    let conversation = messages().decode_request(Head::of(&headers), body.to_string().as_bytes()).unwrap();
    let encoded = chat().encode_request(&conversation, &target(&[])).unwrap();
    let sent = offered(&serde_json::from_slice(&encoded.body.concat()).unwrap());
    let answer = chat_answer().to_string().replace(r#""name":"f""#, &format!(r#""name":"{sent}""#));
    for delivery in [Delivery::Whole, STREAMED] {
        let asked = Asked { tool_names: encoded.tool_names.clone(), ..asked(delivery) };
        let mut way = conduit(chat(), messages(), &asked, Delivered::Whole).unwrap();
        let mut out = Vec::new();
        way.push(Frame::Whole(answer.clone().into()), &mut out).unwrap();
        way.end(&mut out).unwrap();
        let read = String::from_utf8(out.concat()).unwrap();
        assert!(read.contains(&format!(r#""name":"{long}""#)), "{read}");
    }
    let strict = Target { strict: true, ..target(&[]) };
    assert!(chat().encode_request(&conversation, &strict).is_ok(), "nothing of it is lost");
}

#[test]
fn what_a_language_has_no_room_for_is_left_out_or_shortened() {
    let id = "toolu_".to_owned() + &"0".repeat(40);
    let user = r#"{"device_id":"0123456789abcdef0123456789abcdef","session_id":"0123456789abcdef"}"#;
    let body = json!({
        "model": "public", "max_tokens": 9, "metadata": {"user_id": user},
        "messages": [
            {"role": "user", "content": [
                {"type": "image", "source": {"type": "url", "url": "file:///etc/passwd"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "no!"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "/9j/aGk="}},
            ]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "x"}]},
        ],
        "stop_sequences": ["a", "b", "c", "d", "e"],
    });
    let (written, changes) = request(messages(), chat(), &body, &[]);
    assert_eq!(
        changes,
        [
            "dropped;messages[0].content[0]",
            "dropped;messages[0].content[1]",
            "emulated;messages[1].content[0]",
            "emulated;messages[2].content[0]",
            "rewritten;metadata.user_id",
            "dropped;stop_sequences",
        ]
    );
    assert_eq!(written["stop"], json!(["a", "b", "c", "d"]));
    let image = json!([{"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/aGk="}}]);
    assert_eq!(written["messages"][0]["content"], image, "the bytes say what kind of picture it is");
    let sent = written["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(sent.len() <= 40 && written["messages"][2]["tool_call_id"] == sent, "{sent}");
    let sent = written["user"].as_str().unwrap();
    assert!(sent.len() <= 64 && !sent.contains("0123456789abcdef"), "{sent}");

    let part = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let content = [
        part("cat.png"),
        part("data:image/png,%89PNG"),
        part("data:;base64,"),
        part("data:image/jpg;charset=x;base64,aGk="),
        part("HTTPS://example.com/a"),
    ];
    let mut body = json!({
        "model": "public", "user": "ann@example.com", "messages": [{"role": "user", "content": content}],
    });
    answered(&mut body);
    let (written, changes) = request(chat(), messages(), &body, &[]);
    let lost = [
        "dropped;messages[0].content[0]",
        "dropped;messages[0].content[1]",
        "dropped;messages[0].content[2]",
    ];
    assert_eq!(changes, [&lost[..], &["rewritten;user"]].concat());
    assert_eq!(written["messages"][0]["content"][0]["source"]["media_type"], "image/jpeg");
    assert_eq!(written["messages"][0]["content"][1]["source"]["url"], "HTTPS://example.com/a");
    assert!(!written["metadata"]["user_id"].as_str().unwrap().contains("ann"));
}

#[test]
fn schemas_are_written_as_each_language_wants_them() {
    let body = json!({
        "model": "public", "max_tokens": 9, "messages": [{"role": "user", "content": "go"}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    });
    let (written, changes) = request(messages(), chat(), &body, &[]);
    assert_eq!(written["tools"][0]["function"]["parameters"], json!({"type": "object", "properties": {}}));
    assert_eq!(changes, [""; 0]);

    let schema = |tail: &str, map: &str| {
        let place = format!(r#"{{"type":["object","null"],"properties":{{"z":{{"type":"string"}}}}{tail}}}"#);
        let list = format!(
            r##"{{"type":"array","items":{{"anyOf":[{{"type":"null"}},{{"$ref":"#/$defs/place"}},{place}]}}}}"##
        );
        format!(
            r#"{{"type":"object","properties":{{"b":{list},"a":{map}}},"$defs":{{"place":{place}}}{tail}}}"#
        )
    };
    let map = r#"{"type":"object","additionalProperties":{"type":"string"}}"#;
    let closed = schema(r#","additionalProperties":false"#, map);
    for (asked, change) in
        [(schema("", map), Some("rewritten;response_format.json_schema.schema")), (closed.clone(), None)]
    {
        let format = format!(r#"{{"type":"json_schema","json_schema":{{"name":"x","schema":{asked}}}}}"#);
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"go"}}],"response_format":{format}}}"#
        );
        let conversation = chat().decode_request(Head::of(&HeaderMap::new()), body.as_bytes()).unwrap();
        let encoded = messages().encode_request(&conversation, &target(&[])).unwrap();
        let written = String::from_utf8(encoded.body.concat()).unwrap();
        assert!(written.contains(&format!(r#""schema":{closed}"#)), "in its own order: {written}");
        assert_eq!(encoded.changes.first().map(ToString::to_string).as_deref(), change);
    }
}

#[test]
fn half_a_character_takes_nothing_else_with_it() {
    let half = |said: &str| said.replace('\u{2620}', r"\ud83d");
    let read = |from, to, said: &str| stream(from, to, STREAMED, &half(said)).0;
    let said = CHAT_STREAM
        .replace("Let me look.", "Let me look. \u{2620}")
        .replace(r#"{\"b\""#, r#"{\"b\u{2620}\""#);
    let said = said.replace(r"\u{2620}", "\u{2620}");
    let data = valid_messages(&read(chat(), messages(), &said));
    assert_eq!(pointers(&data, "/delta/text").concat(), "Let me look. \u{fffd}");
    assert_eq!(pointers(&data, "/delta/partial_json").concat(), "{\"a\":1}{\"b\u{fffd}\":2}{}");
    let said = MESSAGES_STREAM.replace("Let me ", "Let me \u{2620}");
    let chunks = valid_chunks(&read(messages(), chat(), &said), true);
    assert_eq!(pointers(&chunks, "/choices/0/delta/content").concat(), "Let me \u{fffd}\"look\".");

    let body = half(r#"{"model":"m","messages":[{"role":"user","content":"go ☠"}]}"#);
    let conversation = chat().decode_request(Head::of(&HeaderMap::new()), body.as_bytes()).unwrap();
    let encoded = messages().encode_request(&conversation, &target(&[])).unwrap();
    assert!(String::from_utf8(encoded.body.concat()).unwrap().contains("go \u{fffd}"));
}

#[test]
fn a_usage_nobody_can_read_breaks_no_stream() {
    let said = MESSAGES_STREAM.replace(r#""output_tokens":"#, r#""output_tokens":-"#);
    assert_ne!(said, MESSAGES_STREAM);
    let (read, tally) = stream(messages(), chat(), STREAMED, &said);
    assert!(read.ends_with("data: [DONE]\n\n") && tally.is_complete, "{read}");
    assert_eq!(tally.stop, Some(StopReason::ToolUse));
}

#[test]
fn an_answer_that_failed_has_used_what_it_says() {
    let gemini = by_name("gemini").unwrap().conversational().unwrap();
    let failed = r#"{"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL"}],"usageMetadata":{"promptTokenCount":7,"totalTokenCount":7}}"#;
    let aborted = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"aborted"}],"usage":{"prompt_tokens":7,"completion_tokens":0,"total_tokens":7}}"#;
    let event = StreamEvent { raw: Bytes::new(), name: Bytes::new(), data: failed.into() };
    for (from, delivered, frame) in [
        (gemini, Delivered::Whole, Frame::Whole(failed.into())),
        (gemini, Delivered::Stream, Frame::Event(event)),
        (chat(), Delivered::Whole, Frame::Whole(aborted.into())),
    ] {
        let mut way = conduit(from, messages(), &asked(Delivery::Whole), delivered).unwrap();
        assert_eq!(way.push(frame, &mut Vec::new()).unwrap_err().kind, FaultKind::Server);
        assert_eq!(way.tally().usage, Some(Usage { input: Tokens(7), ..Usage::default() }));
    }
}

#[test]
fn an_answer_that_says_nothing_is_an_empty_text_for_a_chat_caller() {
    let mut answer = messages_answer();
    answer["content"] = json!([]);
    answer["stop_reason"] = json!("end_turn");
    let (read, _) = whole(messages(), chat(), Delivery::Whole, &answer);
    assert_eq!(parse(&read)["choices"][0]["message"]["content"], "");
}

const CHAT_STREAM: &str = r#"data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":3,"model":"upstream","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"obfuscation":"x"}

: OPENROUTER PROCESSING

data: {"id":"chatcmpl-9","created":3,"model":"upstream","choices":[{"index":0,"delta":{"reasoning_content":"Hm. "},"finish_reason":null}]}

data: {"id":"chatcmpl-9","created":3,"model":"upstream","choices":[{"index":0,"delta":{"content":"Let me look.","tool_calls":[]},"finish_reason":null}]}

data: {"id":"chatcmpl-9","created":3,"model":"upstream","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"functions.f:0","type":"function","function":{"name":"f","arguments":""}}]}}]}

data: {"id":"chatcmpl-9","created":3,"model":"upstream","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"g","arguments":"{\"b\""}}]}}]}

data: {"id":"chatcmpl-9","created":3,"model":"upstream","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}},{"index":1,"function":{"arguments":":2}"}}]}}]}

data: {"id":"chatcmpl-9","created":3,"model":"upstream","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}},{"index":2,"id":"call_c","function":{"name":"h"}}]}}]}

data: {"id":"chatcmpl-9","created":3,"model":"upstream","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: {"id":"chatcmpl-9","created":3,"model":"upstream","choices":[],"usage":{"prompt_tokens":20,"completion_tokens":9,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":15},"completion_tokens_details":{"reasoning_tokens":4}}}

data: [DONE]

"#;

#[test]
fn a_chat_stream_is_read_as_messages() {
    let (read, tally) = stream(chat(), messages(), STREAMED, CHAT_STREAM);
    let data = valid_messages(&read);
    assert_eq!(
        pointers(&data, "/content_block/type"),
        ["thinking", "text", "tool_use", "tool_use", "tool_use"]
    );
    assert_eq!(pointers(&data, "/content_block/name"), ["f", "g", "h"]);
    assert_eq!(pointers(&data, "/delta/thinking").concat(), "Hm. ");
    assert_eq!(pointers(&data, "/delta/text").concat(), "Let me look.");
    assert_eq!(pointers(&data, "/delta/partial_json").concat(), r#"{"a":1}{"b":2}{}"#);
    let last = &data[data.len() - 2];
    assert_eq!(last["delta"]["stop_reason"], "tool_use");
    let usage = &last["usage"];
    assert_eq!(
        [&usage["input_tokens"], &usage["cache_read_input_tokens"], &usage["output_tokens"]],
        [&json!(5), &json!(15), &json!(9)],
        "usage that came after the end of the answer is told",
    );
    assert_eq!(data[0]["message"]["model"], "public");
    let usage = Usage {
        input: Tokens(5),
        cache_read: Tokens(15),
        output: Tokens(5),
        reasoning: Tokens(4),
        ..Usage::default()
    };
    assert_eq!((tally.usage, tally.stop, tally.is_complete), (Some(usage), Some(StopReason::ToolUse), true));
    assert_eq!(tally.model.as_deref(), Some("upstream"));
}

#[test]
fn a_messages_stream_is_read_as_chat() {
    for include_usage in [true, false] {
        let (read, tally) = stream(messages(), chat(), Delivery::Stream { include_usage }, MESSAGES_STREAM);
        let chunks = valid_chunks(&read, include_usage);
        assert_eq!(pointers(&chunks, "/choices/0/delta/reasoning_content").concat(), "Hmä. ");
        assert_eq!(pointers(&chunks, "/choices/0/delta/content").concat(), "Let me \"look\".");
        let names = pointers(&chunks, "/choices/0/delta/tool_calls/0/function/name");
        assert_eq!(names, ["get_weather", "get_time"]);
        let arguments = pointers(&chunks, "/choices/0/delta/tool_calls/0/function/arguments");
        assert_eq!(arguments.concat(), r#"{"city": "Oslo"}{}"#);
        assert_eq!(pointers(&chunks, "/choices/0/finish_reason"), ["tool_calls"]);
        if include_usage {
            let usage = &chunks.last().unwrap()["usage"];
            assert_eq!((&usage["prompt_tokens"], &usage["total_tokens"]), (&json!(21), &json!(61)));
            assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 3);
            assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 10);
        }
        assert_eq!(tally.usage.map(|usage| usage.total()), Some(Tokens(61)));
    }
}

fn chat_answer() -> Value {
    json!({
        "id": "chatcmpl-9",
        "object": "chat.completion",
        "created": 3,
        "model": "upstream",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": "Sure.", "refusal": null, "annotations": [], "tool_calls": [
                {"id": "functions.f:0", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
            ]},
            "finish_reason": "tool_calls",
            "logprobs": null,
        }],
        "usage": {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29,
                  "prompt_tokens_details": {"cached_tokens": 15}},
    })
}

fn messages_answer() -> Value {
    json!({
        "id": "msg_9",
        "type": "message",
        "role": "assistant",
        "model": "upstream",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln+/=="},
            {"type": "redacted_thinking", "data": "ZGF0YQ=="},
            {"type": "text", "text": "Sure."},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": null,
        "usage": {"input_tokens": 5, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 11, "output_tokens": 9},
    })
}

#[test]
fn whole_answers_are_translated_both_ways() {
    let (read, tally) = whole(chat(), messages(), Delivery::Whole, &chat_answer());
    let read = parse(&read);
    assert_eq!(read["content"][0], json!({"type": "text", "text": "Sure."}));
    assert_eq!(read["content"][1]["input"], json!({"a": 1}));
    assert_eq!((&read["stop_reason"], &read["model"]), (&json!("tool_use"), &json!("public")));
    assert_eq!(
        (&read["usage"]["input_tokens"], &read["usage"]["cache_read_input_tokens"]),
        (&json!(5), &json!(15))
    );
    assert!(tally.is_complete && tally.has_content);

    let (read, tally) = whole(messages(), chat(), Delivery::Whole, &messages_answer());
    let read = parse(&read);
    let message = &read["choices"][0]["message"];
    assert_eq!((&message["content"], &message["reasoning_content"]), (&json!("Sure."), &json!("Hm.")));
    assert_eq!(message["tool_calls"][0]["function"]["arguments"], "{}");
    assert_eq!(read["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!((&read["usage"]["prompt_tokens"], &read["usage"]["total_tokens"]), (&json!(20), &json!(29)));
    assert_eq!(tally.usage.map(|usage| usage.cache_write_5m), Some(Tokens(4)));
}

#[test]
fn a_caller_gets_the_form_it_asked_for_whatever_the_upstream_sent() {
    let (read, _) = whole(chat(), messages(), STREAMED, &chat_answer());
    assert_eq!(pointers(&valid_messages(&read), "/delta/text"), ["Sure."]);
    let (read, _) = whole(messages(), messages(), STREAMED, &messages_answer());
    assert_eq!(pointers(&valid_messages(&read), "/delta/signature"), ["c2ln+/=="]);
    let (read, _) = stream(messages(), chat(), Delivery::Whole, MESSAGES_STREAM);
    assert_eq!(parse(&read)["choices"][0]["message"]["content"], "Let me \"look\".");
    let (read, _) = stream(messages(), messages(), Delivery::Whole, MESSAGES_STREAM);
    assert_eq!(parse(&read)["content"][1]["type"], "server_tool_use");
    let (read, _) = whole(messages(), chat(), STREAMED, &messages_answer());
    valid_chunks(&read, true);
}

#[test]
fn signatures_come_back_unchanged_through_a_chat_caller() {
    let (read, _) = whole(messages(), chat(), Delivery::Whole, &messages_answer());
    let said = parse(&read)["choices"][0]["message"].clone();
    let body = json!({"model": "public", "messages": [
        {"role": "user", "content": "go"},
        said,
        {"role": "tool", "tool_call_id": "toolu_1", "content": "done"},
    ], "tools": [{"type": "function", "function": {"name": "f"}}]});
    let (written, changes) = request(chat(), messages(), &body, &[]);
    assert_eq!(written["messages"][1]["content"], messages_answer()["content"]);
    assert_eq!(changes, [""; 0]);
}

#[test]
fn signatures_are_told_in_a_chat_stream_when_their_block_ends() {
    let (read, _) = stream(messages(), chat(), STREAMED, MESSAGES_STREAM);
    let chunks = valid_chunks(&read, true);
    let blocks: Vec<&Value> =
        chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0/delta/thinking_blocks")).collect();
    assert_eq!(blocks.len(), 1);
    assert_eq!(blocks[0][0]["signature"], "c2lnbmF0dXJl");
    assert_eq!(blocks[0][0]["thinking"], "Hmä. ");
}

#[test]
fn ids_of_other_providers_find_back_to_them() {
    let (read, _) = whole(chat(), messages(), Delivery::Whole, &chat_answer());
    let content = parse(&read)["content"].clone();
    let id = content[1]["id"].as_str().unwrap();
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'), "{id}");
    let body = json!({"model": "public", "max_tokens": 9, "messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "done"}]},
    ]});
    let (written, _) = request(messages(), chat(), &body, &[]);
    assert_eq!(written["messages"][1]["tool_calls"][0]["id"], "functions.f:0");
    assert_eq!(written["messages"][2]["tool_call_id"], "functions.f:0");
}

/// Cuts the stream before each event up to the first that holds `last`.
#[track_caller]
fn check_cut(from: &'static dyn Conversational, to: &'static dyn Conversational, said: &str, last: &str) {
    let all = events(said);
    let last = all.iter().position(|event| String::from_utf8_lossy(&event.data).contains(last)).unwrap();
    for end in 0..=last {
        let mut way = conduit(from, to, &asked(STREAMED), Delivered::Stream).unwrap();
        let mut out = Vec::new();
        for event in &all[..end] {
            way.push(Frame::Event(event.clone()), &mut out).unwrap();
        }
        let fault = way.end(&mut out).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Cut, "cut before event {end}");
    }
}

#[test]
fn a_stream_that_breaks_off_is_a_fault() {
    // A chat stream has said all once it has said why it ended: some providers send no `[DONE]`.
    check_cut(chat(), messages(), CHAT_STREAM, "\"finish_reason\":\"tool_calls\"");
    check_cut(messages(), chat(), MESSAGES_STREAM, "message_stop");
}

#[test]
fn an_error_inside_a_stream_is_a_fault_whoever_asks() {
    let cases = [
        (
            chat(),
            messages(),
            "data: {\"error\":{\"message\":\"slow down\",\"code\":\"rate_limit_exceeded\"}}\n\n",
        ),
        (
            messages(),
            chat(),
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\"}}\n\n",
        ),
    ];
    for (from, to, said) in cases {
        let mut way = conduit(from, to, &asked(STREAMED), Delivered::Stream).unwrap();
        let mut out = Vec::new();
        let fault = way.push(Frame::Event(events(said).remove(0)), &mut out).unwrap_err();
        assert_eq!((fault.kind, out.len()), (FaultKind::Overloaded, 0), "{said}");
    }
}

/// One piece of a chat stream.
#[derive(Clone, Debug)]
enum Piece {
    Reasoning(String),
    Text(String),
    Tool(usize),
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        "[a-z]{0,3}".prop_map(Piece::Reasoning),
        "[a-z]{0,3}".prop_map(Piece::Text),
        (0_usize..4).prop_map(Piece::Tool),
    ]
}

/// A chat stream of these pieces. Every tool's arguments are `{"a":[0,0…]}` in as many pieces as the tool comes up.
fn chat_stream(pieces: &[Piece]) -> String {
    let chunk =
        |choices: Value| format!("data: {}\n\n", json!({"id": "c", "model": "upstream", "choices": choices}));
    let delta = |delta: Value| chunk(json!([{"index": 0, "delta": delta}]));
    // Real streams number tools in the order they come up.
    let mut order: Vec<usize> = Vec::new();
    let mut out = delta(json!({"role": "assistant", "content": ""}));
    for piece in pieces {
        out += &match piece {
            Piece::Reasoning(text) => delta(json!({"reasoning_content": text})),
            Piece::Text(text) => delta(json!({"content": text})),
            Piece::Tool(tool) => {
                let known = order.iter().position(|known| known == tool);
                let index = known.unwrap_or(order.len());
                let mut call = json!({"index": index, "function": {"arguments": ",0"}});
                if known.is_none() {
                    order.push(*tool);
                    let function = json!({"name": format!("f{tool}"), "arguments": "{\"a\":[0"});
                    let id = format!("call_{tool}");
                    call = json!({"index": index, "id": id, "type": "function", "function": function});
                }
                delta(json!({"tool_calls": [call]}))
            }
        };
    }
    for index in 0..order.len() {
        out += &delta(json!({"tool_calls": [{"index": index, "function": {"arguments": "]}"}}]}));
    }
    out += &chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]));
    out + "data: [DONE]\n\n"
}

/// The texts of these pieces, kind by kind.
fn said(pieces: &[Piece]) -> (String, String) {
    let (mut reasoning, mut text) = (String::new(), String::new());
    for piece in pieces {
        match piece {
            Piece::Reasoning(piece) => reasoning.push_str(piece),
            Piece::Text(piece) => text.push_str(piece),
            Piece::Tool(_) => {}
        }
    }
    (reasoning, text)
}

proptest! {
    #[test]
    fn any_chat_stream_makes_valid_messages(pieces in proptest::collection::vec(piece(), 0..20)) {
        let (read, _) = stream(chat(), messages(), STREAMED, &chat_stream(&pieces));
        let data = valid_messages(&read);
        let (reasoning, text) = said(&pieces);
        prop_assert_eq!(pointers(&data, "/delta/thinking").concat(), reasoning);
        prop_assert_eq!(pointers(&data, "/delta/text").concat(), text);

        // And back again: a stream of Messages makes valid chunks that say the same.
        let (again, _) = stream(messages(), chat(), STREAMED, &read);
        let chunks = valid_chunks(&again, true);
        let (reasoning, text) = said(&pieces);
        prop_assert_eq!(pointers(&chunks, "/choices/0/delta/reasoning_content").concat(), reasoning);
        prop_assert_eq!(pointers(&chunks, "/choices/0/delta/content").concat(), text);
    }
}
