//! Requests: read, written, adapted.

use proptest::prelude::*;
use serde_json::json;
use types::Json;
use types::conversation::{CacheMark, Effort, Media, MediaSource, Reasoning, Tool, ToolChoice};

use super::*;
use crate::trial::answered;
use crate::{Dialect as _, EncodeError, Fields, Place};

/// What is written for `conversation`: the values at these places and the changes.
#[track_caller]
fn check(conversation: &Conversation, quirks: &[&str], expect: &[(&str, Value)], changes: &[&str]) {
    let encoded = Ollama.encode_request(conversation, &target(quirks)).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body.concat()).unwrap();
    for (place, value) in expect {
        assert_eq!(body.pointer(place).unwrap_or(&Value::Null), value, "{place} of {body:#}");
    }
    let told: Vec<String> = encoded.changes.iter().map(ToString::to_string).collect();
    assert_eq!(told, changes);
}

fn user(text: &str) -> Message {
    message(Role::User, [Content::text(text)])
}

fn result(id: &str, content: Vec<Content>) -> Content {
    Content::ToolResult { call_id: id.into(), content, is_error: false, cache: None }
}

fn media(source: MediaSource, mime: Option<&str>) -> Media {
    Media { mime: mime.map(str::to_owned), source, title: None, detail: None, cache: None }
}

fn function() -> Tool {
    let parameters = Json::parse(r#"{"type":"object"}"#);
    Tool::Function { name: "f".into(), description: None, parameters, strict: None, cache: None }
}

#[test]
fn what_only_the_model_does_is_nothing_that_a_person_says() {
    let history = vec![message(Role::User, [Content::text("a"), call("t", "f", "{}")])];
    let expect = [("/messages/0", json!({"role": "user", "content": "a"}))];
    check(&foreign(history), &[], &expect, &["dropped;messages[0].content[1]"]);
}

#[test]
fn a_request_reads_as_the_fixture_says() {
    let conversation = decode(REQUEST).unwrap();
    let picture = Content::Image(media(MediaSource::Base64("iVBORw0KGgo=".into()), None));
    let messages = [
        message(Role::System, [Content::text("Be brief.")]),
        message(Role::User, [Content::text("What is this?"), picture]),
        message(
            Role::Assistant,
            [
                Content::Thinking { text: "A tool knows.".into(), signature: None },
                call("call_2_0", "look", r#"{"at": "a", "n": 1.0}"#),
                call("call_b", "look", "{}"),
            ],
        ),
        message(Role::User, [result("call_2_0", vec![Content::text("a cat")])]),
        message(Role::User, [result("call_b", vec![Content::text("a dog")])]),
        user("Sure?"),
    ];
    assert_eq!(conversation.messages, messages);
    let sampling = Sampling {
        temperature: Some(0.5),
        top_k: Some(40),
        seed: Some(7),
        max_tokens: Some(300),
        stop: vec!["END".into()],
        logprobs: Some(true),
        top_logprobs: Some(2),
        ..Sampling::default()
    };
    assert_eq!(conversation.sampling, sampling);
    assert_eq!(conversation.delivery, STREAMED);
    assert_eq!(conversation.reasoning.unwrap().effort, Some(Effort::Low));
    let names: Vec<&str> = conversation.extras.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["keep_alive", "options.num_ctx"]);
}

#[test]
fn what_is_wrong_is_named_by_its_place() {
    let check = |body: Value, field: &str, problem: &str| {
        let expect = DecodeError::Field { field: field.to_owned(), problem: problem.to_owned() };
        assert_eq!(decode(&body.to_string()), Err(expect));
    };
    let with = |name: &str, value: Value| json!({"model": "m", name: value});
    check(json!({"model": ""}), "model", "must be a non-empty string");
    check(json!({}), "model", "is missing");
    check(with("messages", json!({})), "messages", "must be an array");
    check(
        with("messages", json!([{"role": "user", "content": 1}])),
        "messages[0].content",
        "must be a string",
    );
    check(with("stream", json!("yes")), "stream", "must be a boolean");
    check(with("think", json!("deeply")), "think", "must be a boolean or a word of effort");
    check(with("format", json!(1)), "format", "must be `json` or a JSON schema");
    check(with("options", json!({"stop": 1})), "options.stop", "must be a string or an array of strings");
    check(with("tools", json!([{"type": "function"}])), "tools[0].function", "is missing");
}

#[test]
fn routing_reads_the_model_the_form_and_the_limit_of_tokens() {
    let peek = |body: &'static str| {
        let body = Bytes::from_static(body.as_bytes());
        let fields = Fields::scan(&body, 64).unwrap();
        Ollama.peek(Head::of(&HeaderMap::new()), &body, &fields)
    };
    let read = peek(r#"{"model":"m","options":{"num_predict":9},"messages":[]}"#).unwrap();
    assert_eq!((read.model.as_str(), read.max_tokens, read.form), ("m", Some(9), StreamForm::Lines));
    assert_eq!(read.delivery, STREAMED);
    let whole = peek(r#"{"model":"m","stream":false,"options":{"num_predict":-1}}"#).unwrap();
    assert_eq!((whole.delivery, whole.max_tokens), (Delivery::Whole, None));
    for body in ["{}", r#"{"model":1}"#, r#"{"model":"m","stream":1}"#, r#"{"model":"m","options":[]}"#] {
        assert!(peek(body).is_err(), "{body}");
    }
}

#[test]
fn a_request_is_passed_on_but_for_the_model() {
    let body = Bytes::from_static(REQUEST.as_bytes());
    let fields = Fields::scan(&body, 64).unwrap();
    let encoded = Ollama.adapt_request(&body, &fields, &target(&[])).unwrap();
    let expect = REQUEST.replace(r#""model": "public""#, r#""model": "upstream""#);
    assert_eq!((String::from_utf8(encoded.body.concat()).unwrap(), encoded.changes), (expect, vec![]));
}

#[test]
fn a_conversation_is_written_one_text_to_a_message() {
    let mut conversation = foreign(vec![
        message(Role::Developer, [Content::text("Be brief.")]),
        message(
            Role::User,
            [
                Content::text("a"),
                Content::text("b"),
                Content::Image(media(MediaSource::Base64("AAAA".into()), Some("image/png"))),
                Content::Document(media(MediaSource::Text("doc".into()), None)),
            ],
        ),
        message(
            Role::Assistant,
            [
                Content::Thinking { text: "hm".into(), signature: Some("s".into()) },
                Content::text("c"),
                call("t1", "f", "{\"x\":1.0}"),
                call("t2", "g", "nonsense"),
            ],
        ),
        message(
            Role::User,
            [Content::text("d"), result("t2", vec![Content::text("ok")]), Content::text("e")],
        ),
    ]);
    conversation.tools = vec![function()];
    let expect = [
        ("/messages/0", json!({"role": "system", "content": "Be brief."})),
        ("/messages/1", json!({"role": "user", "content": "a\nb\ndoc", "images": ["AAAA"]})),
        (
            "/messages/2",
            json!({"role": "assistant", "content": "c", "thinking": "hm", "tool_calls": [
                {"id": "t1", "function": {"name": "f", "arguments": {"x": 1.0}}},
                {"id": "t2", "function": {"name": "g", "arguments": {"arguments": "nonsense"}}},
            ]}),
        ),
        ("/messages/3", json!({"role": "user", "content": "d"})),
        ("/messages/4", json!({"role": "tool", "content": "ok", "tool_name": "g", "tool_call_id": "t2"})),
        ("/messages/5", json!({"role": "user", "content": "e"})),
        (
            "/tools/0",
            json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}),
        ),
        ("/stream", json!(false)),
    ];
    let changes = [
        "emulated;messages[1].content[1]",
        "emulated;messages[1].content[3]",
        "emulated;messages[1].content[3]",
        "dropped;messages[2].content[0].signature",
        "rewritten;messages[2].content[3]",
    ];
    check(&conversation, &[], &expect, &changes);
}

#[test]
fn what_the_wire_has_no_word_for_is_told() {
    let url = MediaSource::Url("https://example.com/a.png".into());
    let pdf = MediaSource::Base64("JVBERi0=".into());
    let failed = Content::ToolResult { call_id: "t".into(), content: vec![], is_error: true, cache: None };
    let mut conversation = foreign(vec![message(
        Role::User,
        [
            Content::Text { text: "look".into(), cache: Some(CacheMark::OneHour) },
            Content::Image(media(url, None)),
            Content::Document(media(pdf, Some("application/pdf"))),
            failed,
        ],
    )]);
    conversation.messages.extend(answered());
    conversation.user = Some("u".into());
    conversation.tools = vec![function()];
    conversation.tool_choice = Some(ToolChoice::Any);
    conversation.parallel_tool_calls = Some(false);
    conversation.reasoning = Some(Reasoning { effort: Some(Effort::High), ..Reasoning::default() });
    let changes = [
        "dropped;messages[0].content[0].cache_control",
        "dropped;messages[0].content[1]",
        "dropped;messages[0].content[2]",
        "dropped;messages[0].content[3].is_error",
        "emulated;reasoning_effort",
        "dropped;tool_choice",
        "dropped;parallel_tool_calls",
        "dropped;user",
    ];
    check(&conversation, &[], &[("/think", json!(true))], &changes);
    let quiet = Ollama.encode_request(&conversation, &target(&["no_reasoning"])).unwrap();
    assert!(quiet.changes.iter().any(|change| change.to_string() == "dropped;reasoning_effort"));
    let strict = Target { strict: true, ..target(&[]) };
    assert!(matches!(Ollama.encode_request(&conversation, &strict), Err(EncodeError::Lossy(_))));
    conversation.sampling.choices = Some(2);
    assert!(matches!(Ollama.encode_request(&conversation, &strict), Err(EncodeError::Unsayable { .. })));
    let empty = Ollama.encode_request(&foreign(vec![]), &target(&[]));
    assert!(matches!(empty, Err(EncodeError::Unsayable { .. })));
}

#[test]
fn none_of_the_tools_is_called_when_none_is_offered() {
    let mut conversation = foreign(vec![user("hi")]);
    conversation.tools = vec![function()];
    conversation.tool_choice = Some(ToolChoice::Never);
    check(&conversation, &[], &[("/tools", Value::Null)], &["emulated;tool_choice"]);
}

#[test]
fn things_are_named_by_where_they_stand_in_what_the_caller_sent() {
    let conversation = decode(REQUEST).unwrap();
    let check = |place, expect: &str| assert_eq!(Ollama.place(&conversation, place), expect);
    let at = |index, content, rest| Place::Message { index, content, rest };
    check(Place::Field("stop"), "options.stop");
    check(Place::Field("max_completion_tokens"), "options.num_predict");
    check(Place::Field("tools[0].function.name"), "tools[0].function.name");
    check(at(1, Some(0), ""), "messages[1].content");
    check(at(1, Some(1), ""), "messages[1].images[0]");
    check(at(2, Some(0), ""), "messages[2].thinking");
    check(at(2, Some(2), ""), "messages[2].tool_calls[1]");
    check(at(3, Some(0), ".content[0]"), "messages[3].content");
    check(at(3, None, ""), "messages[3]");
}

proptest! {
    #[test]
    fn a_request_reads_back_as_it_was_written(
        texts in proptest::collection::vec("[a-zä\\\\\"\\n ]{0,8}[a-z]", 1..4),
        picture in proptest::option::of("[A-Za-z0-9+/]{4}"),
        thought in proptest::option::of("[a-z]{1,9}"),
        arguments in proptest::option::of("[a-z]{1,3}"),
        (limit, seed) in (proptest::option::of(1_u64..999), proptest::option::of(any::<i64>())),
        is_stream in any::<bool>(),
    ) {
        let mut messages = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let mut asks = vec![Content::text(text)];
            asks.extend(picture.clone().map(|data| Content::Image(media(MediaSource::Base64(data), None))));
            messages.push(message(Role::User, asks));
            let mut says = Vec::new();
            says.extend(thought.clone().map(|text| Content::Thinking { text, signature: None }));
            says.push(Content::text(text));
            let id = format!("id {index}");
            says.extend(arguments.clone().map(|name| call(&id, "f", &format!("{{\"{name}\": [1.0]}}"))));
            messages.push(message(Role::Assistant, says));
            if arguments.is_some() {
                messages.push(message(Role::User, [result(&id, vec![Content::text(text)])]));
            }
        }
        let mut conversation = foreign(messages);
        conversation.tools = vec![function()];
        conversation.sampling = Sampling { max_tokens: limit, seed, ..Sampling::default() };
        conversation.delivery = if is_stream { STREAMED } else { Delivery::Whole };
        conversation.extras.dialect = Some(super::super::ID);
        conversation.model = "upstream".into();
        let encoded = Ollama.encode_request(&conversation, &target(&[])).unwrap();
        prop_assert_eq!(&encoded.changes, &[]);
        prop_assert_eq!(decode(std::str::from_utf8(&encoded.body.concat()).unwrap()).unwrap(), conversation);
    }

    #[test]
    fn bytes_of_any_kind_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(Ollama.decode_answer(&bytes));
        drop(Ollama.decode_request(Head::of(&HeaderMap::new()), &bytes));
        drop(read(&bytes));
    }
}
