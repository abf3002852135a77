//! Requests: read, written, adapted.

use serde_json::json;
use types::Json;
use types::conversation::{CacheMark, Effort, Media, MediaSource, Reasoning, Tool, ToolChoice};

use super::*;
use crate::trial::answered;
use crate::{Dialect as _, EncodeError, Fields, Place};

/// What is written for `conversation`: the values at these places and the changes.
#[track_caller]
fn check(conversation: &Conversation, quirks: &[&str], expect: &[(&str, Value)], changes: &[&str]) {
    let encoded = Bedrock.encode_request(conversation, &target(quirks)).unwrap();
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

fn call(id: &str, arguments: &str) -> Content {
    Content::ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: arguments.into(),
        signature: None,
        cache: None,
    }
}

fn result(id: &str, content: Vec<Content>) -> Content {
    Content::ToolResult { call_id: id.into(), content, is_error: false, cache: None }
}

fn function(name: &str, cache: Option<CacheMark>) -> Tool {
    let parameters = Json::parse(r#"{"type":"object"}"#);
    Tool::Function {
        name: name.into(),
        description: Some(String::new()),
        parameters,
        strict: Some(true),
        cache,
    }
}

fn media(source: MediaSource, mime: Option<&str>, title: Option<&str>) -> Media {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Media { mime: owned(mime), source, title: owned(title), detail: None, cache: None }
}

#[test]
fn a_request_reads_as_the_fixture_says() {
    let conversation = decode(REQUEST).unwrap();
    let text = |text: &str, cache| Content::Text { text: text.into(), cache };
    let base64 = |data: &str| MediaSource::Base64(data.into());
    let video =
        r#"{"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://example-bucket/clip.mp4"}}}}"#;
    let answered = vec![
        Content::text(r#"{"degrees": 7}"#),
        Content::Image(media(base64("iVBORw0KGgo="), Some("image/png"), None)),
    ];
    let messages = [
        message(Role::System, [text("Be brief.", Some(CacheMark::OneHour))]),
        message(Role::User, [text("Weather in Oslo?", Some(CacheMark::FiveMinutes))]),
        message(
            Role::Assistant,
            [
                Content::Thinking { text: "A tool knows.".into(), signature: Some("c2lnbmF0dXJl".into()) },
                Content::RedactedThinking { data: "cmVkYWN0ZWQ=".into() },
                Content::text("I will look."),
                Content::ToolCall {
                    id: "tooluse_1".into(),
                    name: "get_weather".into(),
                    arguments: r#"{"city": "Oslo", "days": 1.0}"#.into(),
                    signature: None,
                    cache: None,
                },
            ],
        ),
        message(
            Role::User,
            [
                result("tooluse_1", answered),
                Content::text("And this?"),
                Content::Image(media(base64("/9j/4AAQ"), Some("image/jpeg"), None)),
                Content::Document(media(base64("JVBERi0xLjQ="), Some("application/pdf"), Some("report"))),
                Content::text("guard me"),
                Content::Opaque { kind: "bedrock:video".into(), json: Json::parse(video).unwrap() },
            ],
        ),
    ];
    assert_eq!(conversation.messages, messages);
    assert!(conversation.prompt_is_apart);
    assert_eq!(conversation.tool_choice, Some(ToolChoice::Auto));
    let [Tool::Function { cache, .. }, Tool::Opaque { kind, .. }] = &conversation.tools[..] else { panic!() };
    assert_eq!((*cache, kind.as_str()), (Some(CacheMark::FiveMinutes), "bedrock:systemTool"));
    let sampling = Sampling {
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(40),
        max_tokens: Some(2048),
        stop: vec!["END".into()],
        ..Sampling::default()
    };
    assert_eq!(conversation.sampling, sampling);
    let reasoning = Reasoning { effort: None, budget_tokens: Some(1024), enabled: Some(true) };
    assert_eq!(conversation.reasoning, Some(reasoning));
    let names: Vec<&str> = conversation.extras.fields.iter().map(|(name, _)| name.as_str()).collect();
    let expect = [
        "performanceConfig",
        "requestMetadata",
        "additionalModelResponseFieldPaths",
        "messages[2].content[3].document.citations",
        "messages[2].content[4].guardContent",
        "additionalModelRequestFields.anthropic_beta",
    ];
    assert_eq!(names, expect);
}

#[test]
fn what_is_wrong_is_named_by_its_place() {
    let check = |body: Value, field: &str, problem: &str| {
        let expect = DecodeError::Field { field: field.to_owned(), problem: problem.to_owned() };
        assert_eq!(decode(&body.to_string()), Err(expect));
    };
    let said = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    check(said(json!("hi")), "messages[0].content", "must be an array");
    check(said(json!([{}])), "messages[0].content[0]", "must have exactly one member");
    check(
        said(json!([{"text": "a", "image": {}}])),
        "messages[0].content[0]",
        "must have exactly one member",
    );
    check(said(json!([{"text": 1}])), "messages[0].content[0].text", "must be a string");
    check(said(json!([{"image": {"source": {}}}])), "messages[0].content[0].image.format", "is missing");
    check(
        said(json!([{"toolUse": {"name": "f"}}])),
        "messages[0].content[0].toolUse.toolUseId",
        "is missing",
    );
    check(
        said(json!([{"text": "a"}, {"cachePoint": {"ttl": "2h"}}])),
        "messages[0].content[1].cachePoint.ttl",
        "must be `5m` or `1h`",
    );
    check(
        json!({"messages": [{"role": "tool"}]}),
        "messages[0].role",
        "must be `user`, `assistant` or `system`",
    );
    check(json!({"messages": {}}), "messages", "must be an array");
    check(json!({"inferenceConfig": {"topP": "x"}}), "inferenceConfig.topP", "must be a number");
    let choice = json!({"toolConfig": {"tools": [], "toolChoice": {"none": {}}}});
    check(choice, "toolConfig.toolChoice", "must be `auto`, `any` or `tool`");
    let schema = json!({"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{"}}}}});
    check(schema, "outputConfig.textFormat.structure.jsonSchema.schema", "must be a JSON schema, as text");
    let nameless = Bedrock.decode_request(Head::of(&HeaderMap::new()), b"{}");
    let problem = "is missing in the path".to_owned();
    assert_eq!(nameless, Err(DecodeError::Field { field: "model".to_owned(), problem }));
}

#[test]
fn routing_reads_the_path_and_the_limit_of_tokens() {
    let peek = |streams, body: &'static str| {
        let (headers, path) = (HeaderMap::new(), path(streams));
        let body = Bytes::from_static(body.as_bytes());
        let fields = Fields::scan(&body, 64).unwrap();
        Bedrock.peek(Head { path: &path, ..Head::of(&headers) }, &body, &fields)
    };
    let read = peek(Streams::Always, r#"{"inferenceConfig":{"maxTokens":9},"messages":[]}"#).unwrap();
    assert_eq!((read.model.as_str(), read.max_tokens, read.form), ("public", Some(9), StreamForm::Frames));
    assert_eq!(read.delivery, Delivery::Stream { include_usage: true });
    assert_eq!(peek(Streams::Never, "{}").unwrap().delivery, Delivery::Whole);
    assert!(peek(Streams::Never, r#"{"messages":{}}"#).is_err());
    assert!(peek(Streams::Never, r#"{"inferenceConfig":[9]}"#).is_err());
}

#[test]
fn a_request_is_passed_on_as_it_came() {
    let body = Bytes::from_static(REQUEST.as_bytes());
    let fields = Fields::scan(&body, 64).unwrap();
    let encoded = Bedrock.adapt_request(&body, &fields, &target(&["no_sampling"])).unwrap();
    assert_eq!((encoded.body, encoded.changes), (vec![body], vec![]));
}

#[test]
fn a_conversation_is_written_as_turns_that_alternate() {
    let mut conversation = foreign(vec![
        message(Role::Developer, [Content::text("Be brief.")]),
        user("a"),
        message(Role::User, [Content::text(" "), Content::text("b")]),
        message(Role::Assistant, [Content::text("c"), call("t1", "{\"x\":1.0}"), call("t2", "")]),
        message(
            Role::User,
            [Content::text("d"), result("t1", vec![]), result("t2", vec![Content::text("ok")])],
        ),
        message(Role::System, [Content::text("Now in French.")]),
        message(Role::Assistant, [Content::text("e ")]),
    ]);
    conversation.tools = vec![function("f", None)];
    conversation.tool_choice = Some(ToolChoice::Named("f".into()));
    conversation.parallel_tool_calls = Some(false);
    conversation.user = Some("u-1".into());
    let used = |id: &str, input: Value| json!({"toolUse": {"toolUseId": id, "name": "f", "input": input}});
    let answered =
        |id: &str, text: &str| json!({"toolResult": {"toolUseId": id, "content": [{"text": text}]}});
    let spec =
        json!({"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}, "strict": true}});
    let expect = [
        ("/system", json!([{"text": "Be brief."}])),
        ("/messages/0", json!({"role": "user", "content": [{"text": "a"}, {"text": "b"}]})),
        (
            "/messages/1",
            json!({"role": "assistant", "content": [{"text": "c"}, used("t1", json!({"x": 1.0})), used("t2", json!({}))]}),
        ),
        (
            "/messages/2",
            json!({"role": "user", "content": [
                answered("t1", "(no output)"), answered("t2", "ok"), {"text": "d"},
                {"text": "<system-reminder>"}, {"text": "Now in French."}, {"text": "</system-reminder>"},
            ]}),
        ),
        ("/messages/3", json!({"role": "assistant", "content": [{"text": "e"}]})),
        ("/messages/4", Value::Null),
        ("/toolConfig", json!({"tools": [spec], "toolChoice": {"tool": {"name": "f"}}})),
    ];
    let changes = [
        "emulated;messages[4].content[1]",
        "rewritten;messages[4]",
        "emulated;messages[5]",
        "rewritten;messages[6].content",
        "dropped;user",
        "dropped;parallel_tool_calls",
    ];
    check(&conversation, &[], &expect, &changes);
}

#[test]
fn what_the_wire_has_no_word_for_is_told() {
    let mut conversation = foreign(vec![message(
        Role::User,
        [
            Content::text("look"),
            Content::Image(media(MediaSource::Url("https://example.com/a.png".into()), None, None)),
            Content::Image(media(MediaSource::Base64("AAAA".into()), Some("image/tiff"), None)),
            Content::Document(media(MediaSource::File("file-1".into()), None, None)),
            Content::Thinking { text: "mine".into(), signature: Some("c2ln".into()) },
        ],
    )]);
    conversation.messages.extend(answered());
    conversation.sampling = Sampling {
        temperature: Some(1.5),
        top_k: Some(4),
        seed: Some(1),
        frequency_penalty: Some(0.5),
        logprobs: Some(true),
        stop: vec![" ".into(), "END".into()],
        ..Sampling::default()
    };
    conversation.format = OutputFormat::JsonObject;
    conversation.reasoning = Some(Reasoning { effort: Some(Effort::High), ..Reasoning::default() });
    let expect = [
        ("/messages/0/content", json!([{"text": "look"}])),
        ("/inferenceConfig", json!({"temperature": 1.0, "stopSequences": ["END"]})),
        ("/additionalModelRequestFields", Value::Null),
    ];
    let changes = [
        "dropped;reasoning_effort",
        "dropped;messages[0].content[1]",
        "dropped;messages[0].content[2]",
        "dropped;messages[0].content[3]",
        "dropped;messages[0].content[4]",
        "rewritten;temperature",
        "dropped;stop",
        "dropped;top_k",
        "dropped;response_format",
        "dropped;frequency_penalty",
        "dropped;seed",
        "dropped;logprobs",
    ];
    check(&conversation, &[], &expect, &changes);
    let strict = Target { strict: true, ..target(&[]) };
    assert!(matches!(Bedrock.encode_request(&conversation, &strict), Err(EncodeError::Lossy(_))));
    conversation.sampling.choices = Some(2);
    let error = Bedrock.encode_request(&conversation, &target(&[])).unwrap_err();
    assert!(matches!(error, EncodeError::Unsayable { field, .. } if field == "n"));
}

#[test]
fn media_are_written_in_the_wire_s_words_for_their_kinds() {
    let base64 = |data: &str| MediaSource::Base64(data.into());
    let mut marked = media(base64("JVBERi0xLjQ="), None, Some("Q3: report.pdf"));
    marked.cache = Some(CacheMark::OneHour);
    let conversation = foreign(vec![message(
        Role::User,
        [
            Content::Image(media(base64("/9j/4AAQ"), Some("image/png"), None)),
            Content::Audio(media(base64("AAAA"), Some("audio/mpeg"), None)),
            Content::Document(marked),
            Content::Document(media(base64("eyJhIjoxfQ=="), Some("application/json"), None)),
            Content::Document(media(MediaSource::Text("plain".into()), None, None)),
        ],
    )]);
    let bytes = |bytes: &str| json!({"bytes": bytes});
    let expect = json!([
        {"image": {"format": "jpeg", "source": bytes("/9j/4AAQ")}},
        {"audio": {"format": "mp3", "source": bytes("AAAA")}},
        {"document": {"format": "pdf", "name": "Q3 report pdf", "source": bytes("JVBERi0xLjQ=")}},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
        {"document": {"format": "txt", "name": "document", "source": bytes("eyJhIjoxfQ==")}},
        {"document": {"format": "txt", "name": "document 2", "source": bytes("cGxhaW4=")}},
    ]);
    let changes = ["emulated;messages[0].content[2].title", "emulated;messages[0].content[4]"];
    check(&conversation, &["cache_control"], &[("/messages/0/content", expect)], &changes);
}

#[test]
fn thinking_is_asked_for_as_the_model_takes_it() {
    let mut conversation = foreign(vec![user("hi")]);
    conversation.sampling = Sampling { temperature: Some(0.2), top_k: Some(4), ..Sampling::default() };
    conversation.reasoning = Some(Reasoning { effort: Some(Effort::Medium), ..Reasoning::default() });
    conversation.tools = vec![function("f", None)];
    conversation.tool_choice = Some(ToolChoice::Any);
    let budget = json!({"thinking": {"type": "enabled", "budget_tokens": 8192}});
    let expect = [
        ("/additionalModelRequestFields", budget),
        ("/inferenceConfig", Value::Null),
        ("/toolConfig/toolChoice", json!({"auto": {}})),
    ];
    let changes =
        ["emulated;reasoning_effort", "rewritten;tool_choice", "dropped;temperature", "dropped;top_k"];
    check(&conversation, &["budget_thinking", "top_k"], &expect, &changes);
    let adaptive = [
        ("/additionalModelRequestFields", json!({"thinking": {"type": "adaptive"}})),
        ("/outputConfig", json!({"effort": "medium"})),
    ];
    check(&conversation, &["adaptive_thinking"], &adaptive, &changes[1..]);
    conversation.reasoning = Some(Reasoning { enabled: Some(false), ..Reasoning::default() });
    let off = [("/additionalModelRequestFields", json!({"thinking": {"type": "disabled"}, "top_k": 4}))];
    check(&conversation, &["budget_thinking", "top_k"], &off, &[]);
}

#[test]
fn tools_that_only_the_history_knows_are_offered_again() {
    let history = vec![
        user("hi"),
        message(Role::Assistant, [call("t", "{}")]),
        message(Role::User, [result("t", vec![Content::text("ok")])]),
    ];
    let mut conversation = foreign(history);
    let stub = json!({"toolSpec": {
        "name": "f", "description": "A tool used earlier in this conversation.",
        "inputSchema": {"json": {"type": "object", "properties": {}}},
    }});
    check(&conversation, &[], &[("/toolConfig", json!({"tools": [stub]}))], &["emulated;tools"]);
    conversation.tools = vec![function("f", None)];
    conversation.tool_choice = Some(ToolChoice::Never);
    check(&conversation, &[], &[("/toolConfig/toolChoice", Value::Null)], &["dropped;tool_choice"]);
    let mut without = foreign(vec![user("hi")]);
    without.tools = vec![function("f", None)];
    without.tool_choice = Some(ToolChoice::Never);
    check(&without, &[], &[("/toolConfig", Value::Null)], &["emulated;tool_choice"]);
}

#[test]
fn names_and_ids_are_made_to_fit() {
    let id = "x".repeat(65);
    let mut conversation =
        foreign(vec![user("hi"), message(Role::Assistant, [call(&id, "{}"), call("functions.f:0", "[1]")])]);
    conversation.tools = vec![function("a.b", None)];
    let encoded = Bedrock.encode_request(&conversation, &target(&[])).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body.concat()).unwrap();
    let ids = [0, 1].map(|at| body["messages"][1]["content"][at]["toolUse"]["toolUseId"].as_str().unwrap());
    assert_eq!((ids[0].len(), ids[1]), (64, "functions.f:0"));
    assert_eq!(body["messages"][1]["content"][1]["toolUse"]["input"], json!({"arguments": "[1]"}));
    let mut name = body["toolConfig"]["tools"][0]["toolSpec"]["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("a_b_"));
    encoded.tool_names.restore(&mut name);
    assert_eq!(name, "a.b");
}

#[test]
fn only_the_last_four_marks_are_written_where_marks_are_taken() {
    let marked = |text: &str| Content::Text { text: text.into(), cache: Some(CacheMark::FiveMinutes) };
    let mut conversation = foreign(vec![message(Role::User, ["a", "b", "c", "d"].map(marked))]);
    conversation.tools = vec![function("f", Some(CacheMark::OneHour))];
    let point = json!({"cachePoint": {"type": "default"}});
    let expect = [
        ("/toolConfig/tools/1", Value::Null),
        ("/messages/0/content/1", point.clone()),
        ("/messages/0/content/7", point),
    ];
    check(&conversation, &["cache_control"], &expect, &["dropped;tools[0].cache_control"]);
    let none = [("/messages/0/content/4", Value::Null)];
    let dropped = [0, 1, 2, 3].map(|at| format!("dropped;messages[0].content[{at}].cache_control"));
    let mut changes = vec!["dropped;tools[0].cache_control"];
    changes.extend(dropped.iter().map(String::as_str));
    check(&conversation, &[], &none, &changes);
}

#[test]
fn no_mark_is_set_behind_tools_where_only_content_has_them() {
    let body = Bytes::from_static(
        br#"{"messages":[{"role":"user","content":[{"text":"a"}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f"}}]}}"#,
    );
    let fields = Fields::scan(&body, 64).unwrap();
    for (quirks, points) in [
        (&["cache_control", "prompt_cache"][..], 2),
        (&["cache_control", "no_tool_cache", "prompt_cache"], 1),
    ] {
        let encoded = Bedrock.adapt_request(&body, &fields, &target(quirks)).unwrap();
        let written = String::from_utf8(encoded.body.concat()).unwrap();
        assert_eq!(written.matches("cachePoint").count(), points, "{written}");
        assert_eq!(written.contains(r#"{"toolSpec":{"name":"f"}}]"#), points == 1, "{written}");
    }
}

#[test]
fn a_mark_inside_a_result_stands_behind_it() {
    let marked = |text: &str| Content::Text { text: text.into(), cache: Some(CacheMark::FiveMinutes) };
    let mut conversation = foreign(vec![
        message(Role::User, [Content::text("go")]),
        message(Role::Assistant, [call("t1", "{}")]),
        message(Role::User, [result("t1", vec![marked("a"), Content::text("b")]), Content::text("c")]),
    ]);
    conversation.tools = vec![function("f", None)];
    let expect = json!([
        {"toolResult": {"toolUseId": "t1", "content": [{"text": "a"}, {"text": "b"}]}},
        {"cachePoint": {"type": "default"}},
        {"text": "c"},
    ]);
    check(&conversation, &["cache_control"], &[("/messages/2/content", expect)], &[]);
}

#[test]
fn marks_behind_tools_are_left_out_alone_where_only_content_has_them() {
    let marked = |text: &str| Content::Text { text: text.into(), cache: Some(CacheMark::FiveMinutes) };
    let mut conversation = foreign(vec![message(Role::User, ["a", "b", "c", "d"].map(marked))]);
    conversation.tools = vec![function("f", Some(CacheMark::OneHour))];
    let point = json!({"cachePoint": {"type": "default"}});
    let expect = [
        ("/toolConfig/tools/1", Value::Null),
        ("/messages/0/content/1", point.clone()),
        ("/messages/0/content/7", point),
    ];
    let quirks = ["cache_control", "no_tool_cache"];
    check(&conversation, &quirks, &expect, &["dropped;tools[0].cache_control"]);
    // Three marks are fewer than the most there may be.
    conversation.messages[0].content.truncate(2);
    check(&conversation, &quirks, &expect[..2], &["dropped;tools[0].cache_control"]);
}

#[test]
fn a_schema_is_text_and_closed() {
    let mut conversation = foreign(vec![user("hi")]);
    let schema = Json::parse(r#"{"type":"object","properties":{"a":{"type":"string"}}}"#).unwrap();
    conversation.format =
        OutputFormat::JsonSchema { name: Some("r".into()), description: None, schema, strict: Some(true) };
    let text = r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#;
    let structure = json!({"jsonSchema": {"schema": text, "name": "r"}});
    let expect = [("/outputConfig/textFormat", json!({"type": "json_schema", "structure": structure}))];
    check(&conversation, &[], &expect, &["rewritten;response_format.json_schema.schema"]);
    let nothing = [("/outputConfig", Value::Null)];
    check(&conversation, &["no_json_schema"], &nothing, &["dropped;response_format"]);
}

#[test]
fn a_service_tier_has_a_word_in_both_languages() {
    let mut conversation = foreign(vec![user("hi")]);
    conversation.extras.fields = vec![("service_tier".into(), Json::parse(r#""flex""#).unwrap())];
    check(&conversation, &[], &[("/serviceTier", json!({"type": "flex"}))], &[]);
}

#[test]
fn a_conversation_ends_as_the_model_takes_it() {
    let mut conversation = foreign(vec![message(Role::System, [Content::text("only")])]);
    let expect =
        [("/messages", json!([{"role": "user", "content": [{"text": "only"}]}])), ("/system", Value::Null)];
    check(&conversation, &[], &expect, &["rewritten;messages[0].role"]);
    conversation.messages = vec![user("a"), message(Role::Assistant, [Content::text("b")])];
    let on = [("/messages/2", json!({"role": "user", "content": [{"text": "Continue."}]}))];
    check(&conversation, &["no_prefill"], &on, &["rewritten;messages[1]"]);
    conversation.messages = vec![];
    let error = Bedrock.encode_request(&conversation, &target(&[])).unwrap_err();
    assert!(matches!(error, EncodeError::Unsayable { field, .. } if field == "messages"));
}

#[test]
fn things_are_named_by_where_they_stand_in_what_the_caller_sent() {
    let conversation = decode(REQUEST).unwrap();
    let check = |place, expect: &str| assert_eq!(Bedrock.place(&conversation, place), expect);
    let at = |index, content, rest| Place::Message { index, content, rest };
    check(Place::Field("stop"), "inferenceConfig.stopSequences");
    check(Place::Field("tools[0].function.name"), "toolConfig.tools[0].toolSpec.name");
    check(Place::Field("tools[0].cache_control"), "toolConfig.tools[1]");
    check(Place::Field("tools[1]"), "toolConfig.tools[2]");
    check(Place::Field("logit_bias"), "logit_bias");
    check(at(0, Some(0), ".cache_control"), "system[1]");
    check(at(1, Some(0), ".cache_control"), "messages[0].content[1]");
    check(at(1, None, ""), "messages[0]");
    check(at(3, Some(0), ".content[1]"), "messages[2].content[0].toolResult.content[1]");
    check(at(3, Some(0), ".is_error"), "messages[2].content[0].toolResult.status");
    check(at(3, Some(2), ".detail"), "messages[2].content[2].detail");
}
