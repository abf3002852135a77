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
    let encoded = Cohere.encode_request(conversation, &target(quirks)).unwrap();
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

fn thought(text: &str) -> Content {
    Content::Thinking { text: text.into(), signature: None }
}

fn result(id: &str, content: Vec<Content>) -> Content {
    Content::ToolResult { call_id: id.into(), content, is_error: false, cache: None }
}

fn picture(source: MediaSource, mime: Option<&str>, detail: Option<&str>) -> Content {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Content::Image(Media { mime: owned(mime), source, title: None, detail: owned(detail), cache: None })
}

fn function(name: &str, strict: Option<bool>) -> Tool {
    let parameters = Json::parse(r#"{"type": "object"}"#);
    Tool::Function { name: name.into(), description: Some("Looks.".into()), parameters, strict, cache: None }
}

#[test]
fn a_request_reads_as_the_fixture_says() {
    let conversation = decode(REQUEST).unwrap();
    let base64 = MediaSource::Base64("iVBORw0KGgo=".into());
    let messages = [
        message(Role::System, [Content::text("Be brief.")]),
        message(
            Role::User,
            [Content::text("What is this?"), picture(base64, Some("image/png"), Some("high"))],
        ),
        message(
            Role::Assistant,
            [
                thought("I will look."),
                call("look_1", "look", r#"{"at": "a", "n": 1.0}"#),
                call("look_2", "look", "{}"),
            ],
        ),
        message(Role::User, [result("look_1", vec![Content::text("a cat")])]),
        message(Role::User, [result("look_2", vec![Content::text("a dog")])]),
        message(Role::Assistant, [thought("Hm."), Content::text("Two pets.")]),
        user("Sure?"),
    ];
    assert_eq!(conversation.messages, messages);
    assert_eq!(conversation.tools, [function("look", Some(true))]);
    assert_eq!(conversation.tool_choice, Some(ToolChoice::Any));
    let sampling = Sampling {
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(40),
        seed: Some(7),
        max_tokens: Some(300),
        stop: vec!["END".into()],
        ..Sampling::default()
    };
    assert_eq!((conversation.sampling, conversation.delivery), (sampling, STREAMED));
    let reasoning = Reasoning { effort: None, budget_tokens: Some(1024), enabled: Some(true) };
    assert_eq!(conversation.reasoning, Some(reasoning));
    let names: Vec<&str> = conversation.extras.fields.iter().map(|(name, _)| name.as_str()).collect();
    let expect = ["documents", "safety_mode", "messages[3].content[0].document.id"];
    assert_eq!(names, expect);
}

#[test]
fn what_is_wrong_is_named_by_its_place() {
    let check = |body: Value, field: &str, problem: &str| {
        let expect = DecodeError::Field { field: field.to_owned(), problem: problem.to_owned() };
        assert_eq!(decode(&body.to_string()), Err(expect));
    };
    let said = |message: Value| json!({"model": "m", "messages": [message]});
    let with = |name: &str, value: Value| json!({"model": "m", "messages": [], name: value});
    check(json!({"model": "", "messages": []}), "model", "must be a non-empty string");
    check(json!({"model": "m"}), "messages", "is missing");
    check(said(json!({"role": "user", "content": 1})), "messages[0].content", "must be a string or an array");
    check(said(json!({"role": "tool", "content": "a"})), "messages[0].tool_call_id", "is missing");
    check(
        said(json!({"role": "user", "content": [{"type": "text"}]})),
        "messages[0].content[0].text",
        "is missing",
    );
    check(with("tool_choice", json!("auto")), "tool_choice", "must be `REQUIRED` or `NONE`");
    check(with("thinking", json!({"type": "deep"})), "thinking.type", "must be `enabled` or `disabled`");
    check(
        with("response_format", json!({"type": "xml"})),
        "response_format.type",
        "must be `text` or `json_object`",
    );
    check(with("k", json!("many")), "k", "must be a whole number");
}

#[test]
fn routing_reads_the_model_the_form_and_the_limit_of_tokens() {
    let peek = |body: &'static str| {
        let body = Bytes::from_static(body.as_bytes());
        let fields = Fields::scan(&body, 64).unwrap();
        Cohere.peek(Head::of(&HeaderMap::new()), &body, &fields)
    };
    let read = peek(r#"{"model":"m","messages":[],"max_tokens":9,"stream":true}"#).unwrap();
    assert_eq!((read.model.as_str(), read.max_tokens, read.delivery), ("m", Some(9), STREAMED));
    assert_eq!(peek(r#"{"model":"m","messages":[]}"#).unwrap().delivery, Delivery::Whole);
    for body in [
        "{}",
        r#"{"model":"m"}"#,
        r#"{"model":"m","messages":{}}"#,
        r#"{"model":"m","messages":[],"stream":1}"#,
        r#"{"model":"m","messages":[],"max_tokens":"many"}"#,
    ] {
        assert!(peek(body).is_err(), "{body}");
    }
}

#[test]
fn a_request_is_passed_on_but_for_the_model() {
    let body = Bytes::from_static(REQUEST.as_bytes());
    let fields = Fields::scan(&body, 64).unwrap();
    let encoded = Cohere.adapt_request(&body, &fields, &target(&[])).unwrap();
    let expect = REQUEST.replace(r#""model": "public""#, r#""model": "upstream""#);
    assert_eq!((String::from_utf8(encoded.body.concat()).unwrap(), encoded.changes), (expect, vec![]));
}

#[test]
fn a_conversation_is_written_in_this_language() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let mut conversation = foreign(vec![
        message(Role::Developer, [Content::text("Be brief.")]),
        message(
            Role::User,
            [
                Content::text("a"),
                picture(MediaSource::Url("https://example.com/a.png".into()), None, Some("low")),
                picture(MediaSource::Base64("iVBORw0KGgo=".into()), None, None),
            ],
        ),
        message(
            Role::Assistant,
            [thought("hm"), Content::text("b"), call("t1", "f", "{\"x\":1.0}"), call("t2", "f", "")],
        ),
        message(
            Role::User,
            [result("t1", vec![Content::text("ok")]), result("t2", vec![]), Content::text("c")],
        ),
        message(Role::Assistant, [thought("so"), Content::text("d")]),
    ]);
    conversation.tools = vec![function("f", None), function("g", None)];
    conversation.tool_choice = Some(ToolChoice::Named("f".into()));
    let called = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
    let expect = [
        ("/messages/0", json!({"role": "system", "content": [text("Be brief.")]})),
        ("/messages/1/content/1/image_url", json!({"url": "https://example.com/a.png", "detail": "low"})),
        ("/messages/1/content/2/image_url", json!({"url": "data:image/png;base64,iVBORw0KGgo="})),
        (
            "/messages/2",
            json!({
                "role": "assistant", "content": [text("b")], "tool_plan": "hm",
                "tool_calls": [called("t1", "{\"x\":1.0}"), called("t2", "{}")],
            }),
        ),
        ("/messages/3", json!({"role": "tool", "content": [text("ok")], "tool_call_id": "t1"})),
        ("/messages/4", json!({"role": "tool", "content": [text("(no output)")], "tool_call_id": "t2"})),
        ("/messages/5", json!({"role": "user", "content": [text("c")]})),
        ("/messages/6/content", json!([{"type": "thinking", "thinking": "so"}, text("d")])),
        ("/tools/0/function/name", json!("f")),
        ("/tools/1", Value::Null),
        ("/tool_choice", json!("REQUIRED")),
    ];
    check(&conversation, &[], &expect, &["emulated;messages[3].content[1]", "emulated;tool_choice"]);
}

#[test]
fn what_only_the_model_does_is_nothing_that_a_person_says() {
    let history = vec![message(Role::User, [Content::text("a"), call("t", "f", "{}"), thought("hm")])];
    let expect = [("/messages/0", json!({"role": "user", "content": [{"type": "text", "text": "a"}]}))];
    let changes = ["dropped;messages[0].content[1]", "dropped;messages[0].content[2]"];
    check(&foreign(history), &[], &expect, &changes);
}

#[test]
fn a_choice_is_made_among_the_tools_that_are_offered() {
    let mut conversation = foreign(vec![message(Role::User, [Content::text("a")])]);
    conversation.tools = vec![function("f", None), function("g", None)];
    conversation.tool_choice = Some(ToolChoice::Named("h".into()));
    let all = [("/tools/1/function/name", json!("g")), ("/tool_choice", json!("REQUIRED"))];
    check(&conversation, &[], &all, &["rewritten;tool_choice"]);
    let json = Json::parse(r#"{"type":"web_search"}"#).unwrap();
    conversation.tools = vec![Tool::Opaque { kind: "other.web_search".into(), json }];
    let none = [("/tools", Value::Null), ("/tool_choice", Value::Null), ("/strict_tools", Value::Null)];
    check(&conversation, &[], &none, &["dropped;tools[0]", "dropped;tool_choice"]);
}

#[test]
fn what_the_wire_has_no_word_for_is_told() {
    let document = |source, mime: &str| {
        Content::Document(Media { mime: Some(mime.into()), source, title: None, detail: None, cache: None })
    };
    let failed = Content::ToolResult {
        call_id: "t".into(),
        content: vec![picture(MediaSource::Base64("AAAA".into()), None, None)],
        is_error: true,
        cache: None,
    };
    let mut conversation = foreign(vec![message(
        Role::User,
        [
            Content::Text { text: "look".into(), cache: Some(CacheMark::OneHour) },
            document(MediaSource::Base64("JVBERi0=".into()), "application/pdf"),
            document(MediaSource::Text("plain".into()), "text/plain"),
            failed,
        ],
    )]);
    conversation.messages.extend(answered());
    conversation.user = Some("u".into());
    conversation.tools = vec![function("f", Some(true)), function("g", None)];
    conversation.parallel_tool_calls = Some(false);
    conversation.reasoning = Some(Reasoning { effort: Some(Effort::Medium), ..Reasoning::default() });
    conversation.sampling = Sampling {
        top_p: Some(1.0),
        top_k: Some(1000),
        frequency_penalty: Some(-0.5),
        presence_penalty: Some(2.0),
        logprobs: Some(true),
        stop: ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec(),
        ..Sampling::default()
    };
    let expect = [
        ("/thinking", json!({"type": "enabled", "token_budget": 8192})),
        ("/p", json!(0.99)),
        ("/k", json!(500)),
        ("/frequency_penalty", json!(0.0)),
        ("/presence_penalty", json!(1.0)),
        ("/stop_sequences/4", json!("e")),
        ("/stop_sequences/5", Value::Null),
        ("/strict_tools", Value::Null),
    ];
    let changes = [
        "dropped;messages[0].content[0].cache_control",
        "dropped;messages[0].content[1]",
        "emulated;messages[0].content[2]",
        "dropped;messages[0].content[3].is_error",
        "emulated;messages[0].content[3].content[0]",
        "emulated;messages[0].content[3]",
        "dropped;tools[0].function.strict",
        "emulated;reasoning_effort",
        "dropped;stop",
        "rewritten;top_k",
        "rewritten;top_p",
        "rewritten;frequency_penalty",
        "rewritten;presence_penalty",
        "dropped;logprobs",
        "dropped;parallel_tool_calls",
        "dropped;user",
    ];
    check(&conversation, &[], &expect, &changes);
    let strict = Target { strict: true, ..target(&[]) };
    assert!(matches!(Cohere.encode_request(&conversation, &strict), Err(EncodeError::Lossy(_))));
    conversation.sampling.choices = Some(2);
    assert!(matches!(Cohere.encode_request(&conversation, &strict), Err(EncodeError::Unsayable { .. })));
    let empty = Cohere.encode_request(&foreign(vec![]), &target(&[]));
    assert!(matches!(empty, Err(EncodeError::Unsayable { .. })));
}

#[test]
fn nucleus_sampling_is_between_what_the_wire_takes() {
    let mut conversation = foreign(vec![user("hi")]);
    for (asked, sent, changes) in
        [(0.0, 0.01, &["rewritten;top_p"][..]), (0.001, 0.01, &["rewritten;top_p"]), (0.01, 0.01, &[])]
    {
        conversation.sampling.top_p = Some(asked);
        check(&conversation, &[], &[("/p", json!(sent))], changes);
    }
}

#[test]
fn things_are_named_by_where_they_stand_in_what_the_caller_sent() {
    let conversation = decode(REQUEST).unwrap();
    let check = |place, expect: &str| assert_eq!(Cohere.place(&conversation, place), expect);
    let at = |index, content, rest| Place::Message { index, content, rest };
    check(Place::Field("stop"), "stop_sequences");
    check(Place::Field("top_k"), "k");
    check(at(1, Some(1), ".detail"), "messages[1].content[1].detail");
    check(at(2, Some(0), ""), "messages[2].tool_plan");
    check(at(2, Some(2), ""), "messages[2].tool_calls[1]");
    check(at(3, Some(0), ".content[0]"), "messages[3].content[0]");
    check(at(5, Some(1), ""), "messages[5].content[1]");
    check(at(6, None, ""), "messages[6]");
}

proptest! {
    #[test]
    fn a_request_reads_back_as_it_was_written(
        texts in proptest::collection::vec("[a-zä\\\\\"\\n ]{0,8}[a-z]", 1..4),
        data in proptest::option::of("[A-Za-z0-9+/]{4}"),
        thinking in proptest::option::of("[a-z]{1,9}"),
        arguments in proptest::option::of("[a-z]{1,3}"),
        (max_tokens, seed) in (proptest::option::of(1_u64..999), proptest::option::of(any::<i64>())),
        is_stream in any::<bool>(),
    ) {
        let mut messages = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let mut asks = vec![Content::text(text)];
            let shown = data.clone().map(|data| picture(MediaSource::Base64(data), Some("image/webp"), None));
            asks.extend(shown);
            messages.push(message(Role::User, asks));
            let mut says: Vec<Content> = thinking.iter().map(|text| thought(text)).collect();
            says.push(Content::text(text));
            let id = format!("id {index}");
            says.extend(arguments.clone().map(|name| call(&id, "f", &format!("{{\"{name}\": [1.0]}}"))));
            messages.push(message(Role::Assistant, says));
            if arguments.is_some() {
                messages.push(message(Role::User, [result(&id, vec![Content::text(text)])]));
            }
        }
        let conversation = Conversation {
            model: "upstream".into(),
            tools: vec![function("f", None)],
            tool_choice: Some(ToolChoice::Never),
            sampling: Sampling { max_tokens, seed, ..Sampling::default() },
            delivery: if is_stream { STREAMED } else { Delivery::Whole },
            extras: Extras { dialect: Some(super::super::ID), fields: vec![] },
            ..foreign(messages)
        };
        let encoded = Cohere.encode_request(&conversation, &target(&[])).unwrap();
        prop_assert_eq!(&encoded.changes, &[]);
        prop_assert_eq!(decode(std::str::from_utf8(&encoded.body.concat()).unwrap()).unwrap(), conversation);
    }

    #[test]
    fn bytes_of_any_kind_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(Cohere.decode_answer(&bytes));
        drop(Cohere.decode_request(Head::of(&HeaderMap::new()), &bytes));
        let event = StreamEvent { data: bytes.into(), ..StreamEvent::default() };
        drop(Cohere.decoder().push(&event, &mut Vec::new()));
    }
}
