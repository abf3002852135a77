//! Requests: read, written, adapted.

use bytes::Bytes;
use serde_json::{Value, json};
use types::Json;
use types::conversation::{
    CacheMark, Change, Content, Conversation, Effort, Extras, Media, MediaSource, OutputFormat, Reasoning,
    Role, Target, Tool, ToolChoice,
};

use super::{Anthropic, foreign, headers, message, target};
use crate::trial::answered;
use crate::{Conversational as _, DecodeError, Dialect as _, Fields, Head};

/// What is written for `conversation`: the values at these places and the changes.
#[track_caller]
fn check(conversation: &Conversation, quirks: &[&str], expect: &[(&str, Value)], changes: &[&str]) {
    let encoded = Anthropic.encode_request(conversation, &target(quirks)).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body.concat()).unwrap();
    for (place, value) in expect {
        assert_eq!(body.pointer(place).unwrap_or(&Value::Null), value, "{place} of {body:#}");
    }
    let told: Vec<String> = encoded.changes.iter().map(ToString::to_string).collect();
    assert_eq!(told, changes);
}

fn user(text: &str) -> types::conversation::Message {
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

fn result(id: &str) -> Content {
    Content::ToolResult {
        call_id: id.into(),
        content: vec![Content::text("ok")],
        is_error: false,
        cache: None,
    }
}

fn function(parameters: Option<&str>) -> Tool {
    let parameters = parameters.map(|text| Json::parse(text).unwrap());
    Tool::Function { name: "f".into(), description: None, parameters, strict: None, cache: None }
}

fn image(source: MediaSource, mime: Option<&str>) -> Content {
    let mime = mime.map(str::to_owned);
    Content::Image(Media { mime, source, title: None, detail: None, cache: None })
}

#[test]
fn a_cloud_that_names_the_model_in_its_path_gets_its_version_in_the_body() {
    let body = r#"{"model":"public","max_tokens":5,"messages":[{"role":"user","content":"hi"}],"new":1.0}"#;
    let headers = headers("2023-06-01");
    let target = target(&["vertex_body"]);
    let bytes = Bytes::from_static(body.as_bytes());
    let fields = Fields::scan(&bytes, 64).unwrap();
    let adapted = Anthropic.adapt_request(&bytes, &fields, &target).unwrap();
    let rest = r#""max_tokens":5,"messages":[{"role":"user","content":"hi"}],"new":1.0}"#;
    assert_eq!(
        adapted.body.concat(),
        format!(r#"{{"anthropic_version":"vertex-2023-10-16",{rest}"#).into_bytes()
    );
    let read = Anthropic.decode_request(Head::of(&headers), body.as_bytes()).unwrap();
    let written = Anthropic.encode_request(&read, &target).unwrap();
    let value: Value = serde_json::from_slice(&written.body.concat()).unwrap();
    assert_eq!((&value["anthropic_version"], value.get("model")), (&"vertex-2023-10-16".into(), None));
    assert!(written.headers.is_empty() && adapted.headers.is_empty());
}

#[test]
fn what_is_only_counted_there_names_its_model_still() {
    let body = Bytes::from_static(br#"{"model":"public","messages":[],"temperature":1}"#);
    let fields = Fields::scan(&body, 64).unwrap();
    let target = target(&["vertex_body", "no_sampling"]);
    let adapted = Anthropic.adapt_request(&body, &fields, &target).unwrap().body.concat();
    let expect =
        format!(r#"{{"anthropic_version":"vertex-2023-10-16","model":"{}","messages":[]}}"#, target.model);
    assert_eq!(String::from_utf8(adapted).unwrap(), expect);
}

#[test]
fn a_request_reads_and_writes_as_the_fixture_says() {
    let request = include_bytes!("../../../fixtures/anthropic/request.json");
    let conversation = Anthropic.decode_request(Head::of(&headers("2023-06-01")), request).unwrap();
    let encoded = Anthropic.encode_request(&conversation, &target(&[])).unwrap();
    let written: Value = serde_json::from_slice(&encoded.body.concat()).unwrap();
    let expect: Value =
        serde_json::from_slice(include_bytes!("../../../fixtures/anthropic/upstream.json")).unwrap();
    assert_eq!(written, expect);
    let told: Vec<String> = encoded.changes.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["dropped;messages[2].content[1].citations"]);
    assert_eq!(encoded.headers[0].1, "2023-06-01");
}

#[test]
fn system_prompts_go_in_front_but_late_ones_and_adjacent_turns_become_one() {
    let conversation = foreign(vec![
        message(Role::System, [Content::Text { text: "a".into(), cache: Some(CacheMark::FiveMinutes) }]),
        message(Role::Developer, [Content::text("b")]),
        user("one"),
        user("two"),
        message(Role::System, [Content::text("late")]),
        message(Role::Assistant, [Content::text(" "), Content::text("prefill ")]),
    ]);
    let early = [
        json!({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}),
        json!({"type": "text", "text": "b"}),
    ];
    let text = |text: &str| json!({"type": "text", "text": text});
    let in_place = ["one", "two", "<system-reminder>", "late", "</system-reminder>"].map(text);
    check(
        &conversation,
        &[],
        &[
            ("/system", json!(early)),
            ("/messages/0/content", json!(in_place)),
            ("/messages/1", json!({"role": "assistant", "content": [{"type": "text", "text": "prefill"}]})),
        ],
        &["emulated;messages[4]", "rewritten;messages[5].content"],
    );
    check(
        &conversation,
        &["mid_conversation_system"],
        &[("/system", json!(early)), ("/messages/1", json!({"role": "system", "content": [text("late")]}))],
        &["rewritten;messages[5].content"],
    );
}

#[test]
fn a_prompt_of_system_messages_only_becomes_a_turn() {
    let conversation = foreign(vec![message(Role::System, [Content::text("go")])]);
    let expect = json!([{"role": "user", "content": [{"type": "text", "text": "go"}]}]);
    check(
        &conversation,
        &[],
        &[("/messages", expect), ("/system", Value::Null)],
        &["rewritten;messages[0].role"],
    );
    assert!(Anthropic.encode_request(&foreign(vec![]), &target(&[])).is_err());
}

#[test]
fn tool_results_come_first_in_one_message() {
    let mut conversation = foreign(vec![
        user("go"),
        message(Role::Assistant, [call("a", "null"), call("fn.x:1", r#"{"n": 1.0}"#), call("c", "broken")]),
        message(Role::User, [result("a")]),
        message(Role::User, [Content::text("and?"), result("fn.x:1")]),
    ]);
    conversation.tools = vec![function(Some("{}")), function(Some(r#"{"properties":{}}"#)), function(None)];
    check(
        &conversation,
        &[],
        &[
            ("/messages/1/content/0/input", json!({})),
            ("/messages/1/content/1/id", json!("tgid_666e2e783a31")),
            ("/messages/1/content/1/input", json!({"n": 1.0})),
            ("/messages/1/content/2/input", json!({"arguments": "broken"})),
            ("/messages/2/content/0/tool_use_id", json!("a")),
            ("/messages/2/content/1/tool_use_id", json!("tgid_666e2e783a31")),
            ("/messages/2/content/2/text", json!("and?")),
            ("/tools/0/input_schema", json!({"type": "object", "properties": {}})),
            ("/tools/1/input_schema", json!({"type": "object", "properties": {}})),
            ("/tools/2/input_schema", json!({"type": "object", "properties": {}})),
        ],
        &["rewritten;messages[1].content[2]", "rewritten;messages[3]"],
    );
}

#[test]
fn tools_that_only_the_history_knows_come_back_as_stubs() {
    let conversation = foreign(vec![
        user("go"),
        message(Role::Assistant, [call("a", "{}")]),
        message(Role::User, [result("a")]),
    ]);
    check(
        &conversation,
        &[],
        &[("/tools/0/name", json!("f")), ("/tool_choice", json!({"type": "none"}))],
        &["emulated;tools"],
    );
}

#[test]
fn every_tool_choice_has_its_word() {
    let cases = [
        (Some(ToolChoice::Any), Some(true), json!({"type": "any", "disable_parallel_tool_use": false})),
        (Some(ToolChoice::Auto), None, json!({"type": "auto"})),
        (Some(ToolChoice::Named("f".into())), None, json!({"type": "tool", "name": "f"})),
        (Some(ToolChoice::Never), Some(false), json!({"type": "none"})),
        (None, Some(false), json!({"type": "auto", "disable_parallel_tool_use": true})),
        (None, Some(true), Value::Null),
    ];
    for (choice, parallel, expect) in cases {
        let mut conversation = foreign(vec![user("go")]);
        conversation.tools = vec![function(None)];
        conversation.tool_choice = choice;
        conversation.parallel_tool_calls = parallel;
        check(&conversation, &[], &[("/tool_choice", expect)], &[]);
    }
}

#[test]
fn what_another_dialect_says_and_this_one_cannot_is_told() {
    let mut conversation = foreign(vec![
        message(
            Role::User,
            [
                Content::text("hear"),
                Content::Audio(Media {
                    mime: None,
                    source: MediaSource::Base64("x".into()),
                    title: None,
                    detail: None,
                    cache: None,
                }),
                image(MediaSource::File("file-1".into()), None),
                image(MediaSource::Base64("/9j/xx".into()), None),
                Content::Opaque { kind: "video".into(), json: Json::parse("{}").unwrap() },
            ],
        ),
        message(
            Role::Assistant,
            [
                Content::Refusal("no".into()),
                Content::Thinking { text: "unsigned".into(), signature: None },
                Content::Thinking { text: String::new(), signature: None },
            ],
        ),
        user("go on"),
    ]);
    conversation.messages[0].name = Some("ann".into());
    conversation.tools = vec![Tool::Opaque { kind: "custom".into(), json: Json::parse("{}").unwrap() }];
    conversation.format = OutputFormat::JsonObject;
    let sampling = &mut conversation.sampling;
    (sampling.temperature, sampling.frequency_penalty, sampling.presence_penalty) =
        (Some(1.7), Some(0.0), Some(1.0));
    (sampling.seed, sampling.choices, sampling.logprobs, sampling.top_logprobs) =
        (Some(1), Some(1), Some(true), Some(0));
    sampling.stop = vec!["\n".into(), "END".into()];
    let fields = [("logit_bias", r#"{"1":2}"#), ("store", "false"), ("service_tier", r#""default""#)];
    conversation.extras.fields =
        fields.map(|(name, text)| (name.to_owned(), Json::parse(text).unwrap())).into();
    check(
        &conversation,
        &[],
        &[
            ("/messages/0/content/1/source/media_type", json!("image/jpeg")),
            ("/messages/1/content", json!([{"type": "text", "text": "no"}])),
            ("/temperature", json!(1.0)),
            ("/stop_sequences", json!(["END"])),
            ("/service_tier", json!("standard_only")),
            ("/logit_bias", Value::Null),
        ],
        &[
            "dropped;messages[0].content[1]",
            "dropped;messages[0].content[2]",
            "dropped;messages[0].content[4]",
            "dropped;messages[0].name",
            "emulated;messages[1].content[0]",
            "dropped;messages[1].content[1]",
            "dropped;tools[0]",
            "dropped;presence_penalty",
            "dropped;seed",
            "dropped;logprobs",
            "rewritten;temperature",
            "dropped;response_format",
            "dropped;stop",
            "dropped;logit_bias",
        ],
    );
    let strict = Target { strict: true, ..target(&[]) };
    assert!(Anthropic.encode_request(&conversation, &strict).is_err());
}

#[test]
fn several_answers_cannot_be_asked_for() {
    let mut conversation = foreign(vec![user("go")]);
    conversation.sampling.choices = Some(2);
    assert!(Anthropic.encode_request(&conversation, &target(&[])).is_err());
}

#[test]
fn effort_becomes_a_budget_or_adaptive_thinking() {
    let with = |effort, max_tokens| {
        let mut conversation = foreign(vec![user("go")]);
        conversation.reasoning = Some(Reasoning { effort: Some(effort), ..Reasoning::default() });
        conversation.sampling.max_tokens = max_tokens;
        conversation.sampling.temperature = Some(0.5);
        conversation
    };
    let budget = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
    let told = ["emulated;reasoning_effort", "dropped;temperature"];
    check(
        &with(Effort::Medium, None),
        &[],
        &[("/thinking", budget(8192)), ("/max_tokens", json!(12_288)), ("/temperature", Value::Null)],
        &told,
    );
    check(&with(Effort::High, Some(5000)), &[], &[("/thinking", budget(4000))], &told);
    check(
        &with(Effort::High, Some(1000)),
        &[],
        &[("/thinking", Value::Null), ("/temperature", json!(0.5))],
        &["dropped;reasoning_effort"],
    );
    check(&with(Effort::None, None), &[], &[("/thinking", json!({"type": "disabled"}))], &[]);
    check(
        &with(Effort::Minimal, None),
        &["adaptive_thinking"],
        &[("/thinking", json!({"type": "adaptive"})), ("/output_config", json!({"effort": "low"}))],
        &["rewritten;reasoning_effort", "dropped;temperature"],
    );
}

#[test]
fn a_tool_loop_without_signed_thinking_goes_on_without_thinking() {
    let mut conversation = foreign(vec![
        user("go"),
        message(Role::Assistant, [call("a", "{}")]),
        message(Role::User, [result("a")]),
    ]);
    conversation.tools = vec![function(None)];
    conversation.reasoning = Some(Reasoning { effort: Some(Effort::Low), ..Reasoning::default() });
    check(&conversation, &[], &[("/thinking", Value::Null)], &["dropped;reasoning_effort"]);
    let signed = Content::Thinking { text: "t".into(), signature: Some("s".into()) };
    conversation.messages[1].content.insert(0, signed);
    check(
        &conversation,
        &[],
        &[("/thinking/budget_tokens", json!(2048)), ("/messages/1/content/0/signature", json!("s"))],
        &["emulated;reasoning_effort"],
    );
}

#[test]
fn a_model_that_thinks_is_not_forced_to_call() {
    let mut conversation = foreign(vec![user("go")]);
    conversation.tools = vec![function(None)];
    conversation.tool_choice = Some(ToolChoice::Any);
    conversation.reasoning = Some(Reasoning { budget_tokens: Some(2000), ..Reasoning::default() });
    check(
        &conversation,
        &[],
        &[("/tool_choice/type", json!("auto")), ("/thinking/budget_tokens", json!(2000))],
        &["rewritten;tool_choice"],
    );
}

#[test]
fn the_newer_version_is_spoken_without_sampling() {
    let mut conversation = foreign(vec![user("go")]);
    let sampling = &mut conversation.sampling;
    (sampling.temperature, sampling.top_p, sampling.top_k) = (Some(1.0), Some(0.5), Some(3));
    let none = [("/temperature", Value::Null), ("/top_p", Value::Null), ("/top_k", Value::Null)];
    check(&conversation, &["no_sampling"], &none, &["dropped;top_p", "dropped;top_k"]);
    check(&conversation, &["temperature_or_top_p"], &[("/top_p", Value::Null)], &["dropped;top_p"]);
    let encoded = Anthropic.encode_request(&conversation, &target(&["no_sampling"])).unwrap();
    assert_eq!(encoded.headers[0].1, "2026-10-21");
}

#[track_caller]
fn check_adapted(body: &str, quirks: &[&str], expect: &str, changes: &[&str]) {
    let body = Bytes::from(body.to_owned());
    let fields = Fields::scan(&body, 16).unwrap();
    let encoded = Anthropic.adapt_request(&body, &fields, &target(quirks)).unwrap();
    assert_eq!(std::str::from_utf8(&encoded.body.concat()).unwrap(), expect);
    let told: Vec<String> = encoded.changes.iter().map(ToString::to_string).collect();
    assert_eq!(told, changes);
}

#[test]
fn only_the_model_changes_for_an_upstream_of_the_same_language() {
    check_adapted(
        "{ \"x\" : 1.0, \"model\" : \"claude-public\",\n\"temperature\": 1, \"y\":\"\\u00e4\"}",
        &[],
        "{ \"x\" : 1.0, \"model\" : \"claude-upstream-1\",\n\"temperature\": 1, \"y\":\"\\u00e4\"}",
        &[],
    );
    check_adapted(r#"{"model":"claude-upstream-1"}"#, &[], r#"{"model":"claude-upstream-1"}"#, &[]);
}

#[test]
fn reasoning_that_another_language_s_model_gave_is_not_sent_as_proven() {
    let bare = r#"{"type":"thinking","thinking":"hm","signature" : ""}"#;
    let proven = r#"{"type":"thinking","thinking":"hm","signature":"c2ln"}"#;
    let call = r#"{"type":"tool_use","id":"a","name":"f","input":{"signature":""}}"#;
    let result = r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"a"}]}"#;
    let turn = |blocks: &str| format!(r#"{{"role":"assistant","content":[{blocks}]}}"#);
    let body = |thinking: &str, messages: &[&str]| {
        format!(r#"{{"model":"claude-upstream-1",{thinking}"messages":[{}]}}"#, messages.join(", "))
    };
    let thinking = r#""thinking":{"type":"enabled","budget_tokens":2000},"#;
    let user = r#"{"role":"user","content":"go"}"#;
    let spoken = turn(&format!("{bare}, {proven},{bare}"));
    let lost = ["dropped;messages[1].content[0]", "dropped;messages[1].content[2]"];
    check_adapted(
        &body(thinking, &[user, &spoken, user]),
        &[],
        &body(thinking, &[user, &turn(proven), user]),
        &lost,
    );
    // Nothing else was said: the message goes.
    check_adapted(&body("", &[user, &turn(bare), user]), &[], &body("", &[user, user]), &lost[..1]);
    // In the middle of a call the model may only go on thinking from a proof.
    let called = turn(&format!("{bare},{call}"));
    check_adapted(
        &body(thinking, &[user, &called, result]),
        &[],
        &body("", &[user, &turn(call), result]),
        &[lost[0], "dropped;thinking"],
    );
    let whole = body(thinking, &[user, &turn(&format!("{proven},{call}")), result]);
    check_adapted(&whole, &[], &whole, &[]);
}

#[test]
fn sampling_is_cut_out_wherever_it_stands() {
    let model = r#""model":"claude-upstream-1""#;
    let all = ["dropped;temperature", "dropped;top_p", "dropped;top_k"];
    for body in [
        format!(r#"{{{model},"temperature":1,"top_p":0.5, "top_k":1}}"#),
        format!(r#"{{"temperature":1,"top_p":0.5,"top_k":1,{model}}}"#),
        format!(r#"{{"temperature":1,{model},"top_p":0.5 , "top_k" : 1}}"#),
    ] {
        check_adapted(&body, &["no_sampling"], &format!("{{{model}}}"), &all);
    }
    check_adapted(
        &format!(r#"{{{model},"top_k":1,"x":2}}"#),
        &["no_sampling"],
        &format!(r#"{{{model},"x":2}}"#),
        &all[2..],
    );
}

#[track_caller]
fn check_refused(version: &str, body: &str, names: &str) {
    let text = body.to_owned();
    let fields = Fields::scan(text.as_bytes(), 16).unwrap();
    let peeked = Anthropic.peek(Head::of(&headers(version)), &Bytes::from(text), &fields).map(drop);
    let decoded = Anthropic.decode_request(Head::of(&headers(version)), body.as_bytes()).map(drop);
    let error = peeked.and(decoded).expect_err(body);
    assert!(error.to_string().contains(names), "{error}");
}

#[test]
fn a_request_that_is_wrong_is_refused_by_the_field_s_name() {
    let messages = r#""messages":[{"role":"user","content":"x"}]"#;
    let model = r#""model":"m""#;
    let old = "2023-06-01";
    check_refused("2020-01-01", &format!("{{{model},{messages}}}"), "anthropic-version");
    check_refused(old, &format!("{{{messages}}}"), "model");
    check_refused(old, &format!(r#"{{"model":"",{messages}}}"#), "model");
    check_refused(old, &format!(r#"{{"model":1,{messages}}}"#), "model");
    check_refused(old, &format!(r#"{{{model},"model":"n",{messages}}}"#), "model");
    check_refused(old, &format!("{{{model}}}"), "messages");
    check_refused(old, &format!(r#"{{{model},{messages},"stream":1}}"#), "stream");
    check_refused(old, &format!(r#"{{{model},{messages},"max_tokens":"1"}}"#), "max_tokens");
    check_refused(
        old,
        &format!(r#"{{{model},"messages":[{{"role":"tool","content":"x"}}]}}"#),
        "messages[0].role",
    );
    let block = |role: &str, block: &str| {
        format!(r#"{{{model},"messages":[{{"role":"{role}","content":[{block}]}}]}}"#)
    };
    check_refused(old, &block("user", r#"{"type":"text","text":5}"#), "messages[0].content[0].text");
    check_refused(old, &block("user", r#"{"type":"image"}"#), "messages[0].content[0].source");
    let new = "2026-10-21";
    check_refused(new, &format!(r#"{{{model},{messages},"temperature":1}}"#), "temperature");
    check_refused(new, &block("assistant", r#"{"type":"document","source":{}}"#), "messages[0].content[0]");
    let cited = r#"{"type":"text","text":"x","citations":[{}]}"#;
    check_refused(new, &block("user", cited), "messages[0].content[0].citations");
    assert!(Anthropic.decode_request(Head::of(&headers(new)), block("assistant", cited).as_bytes()).is_ok());
    let none = Anthropic.decode_request(Head::of(&http::HeaderMap::new()), b"{}");
    assert!(matches!(none, Err(DecodeError::Header { header: "anthropic-version", .. })));
}

#[test]
fn peek_reads_what_routing_needs() {
    let body = Bytes::from_static(br#"{"max_tokens":5,"stream":true,"model":"m\u00e4","messages":[]}"#);
    let fields = Fields::scan(&body, 16).unwrap();
    let peek = Anthropic.peek(Head::of(&headers("2026-10-21")), &body, &fields).unwrap();
    assert_eq!((peek.model.as_str(), peek.max_tokens), ("mä", Some(5)));
    assert_eq!(peek.delivery, types::conversation::Delivery::Stream { include_usage: true });
}

#[test]
fn fields_of_this_dialect_are_named_as_its_own() {
    let body = br#"{"model":"m","max_tokens":1,"messages":[],"speed":"fast","thinking":{"type":"adaptive","display":"omitted"}}"#;
    let conversation = Anthropic.decode_request(Head::of(&headers("2023-06-01")), body).unwrap();
    let names: Vec<&str> = conversation.extras.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["thinking.display", "speed"]);
    assert_eq!(conversation.extras.dialect, Some(Anthropic.id()));
    assert_ne!(conversation.extras, Extras::default());
}

#[test]
fn a_thread_can_be_begun_by_who_keeps_none_and_not_gone_on_with() {
    #[track_caller]
    fn check(thread: &str, expect: &str) {
        let body = format!(r#"{{"model":"m","max_tokens":1,"messages":[],"thread":{thread}}}"#);
        let conversation =
            Anthropic.decode_request(Head::of(&headers("2023-06-01")), body.as_bytes()).unwrap();
        let [(name, _)] = &conversation.extras.fields[..] else { panic!("{conversation:?}") };
        assert_eq!(name, expect);
        let is_demanded = Anthropic.indispensable().iter().any(|(demanded, _)| demanded == name);
        assert_eq!(is_demanded, thread.contains("continue"), "{thread}");
    }
    check(r#"{"type":"create"}"#, "thread");
    check(r#"{"type":"continue","previous_message_id":"msg_1"}"#, "thread.previous_message_id");
    check("7", "thread");
}

#[test]
fn a_prefill_is_followed_by_a_turn_where_it_is_refused() {
    let prefilled = foreign(vec![user("go"), message(Role::Assistant, [Content::text("{ ")])]);
    let go_on = json!({"role": "user", "content": [{"type": "text", "text": "Continue."}]});
    check(
        &prefilled,
        &["no_prefill"],
        &[("/messages/1/content/0/text", json!("{ ")), ("/messages/2", go_on)],
        &["rewritten;messages[1]"],
    );
    check(&foreign(vec![user("go")]), &["no_prefill"], &[("/messages/1", Value::Null)], &[]);
}

#[test]
fn the_last_four_cache_marks_are_kept() {
    let marked = |text: &str| Content::Text { text: text.into(), cache: Some(CacheMark::FiveMinutes) };
    let mut result = result("a");
    if let Content::ToolResult { content, cache, .. } = &mut result {
        (*content, *cache) = (vec![marked("seen")], Some(CacheMark::OneHour));
    }
    let mut conversation = foreign(vec![
        message(Role::System, [marked("s")]),
        message(Role::User, [marked("one"), marked(" "), marked("two")]),
        message(Role::Assistant, [call("a", "{}")]),
        message(Role::User, [result]),
    ]);
    conversation.tools = vec![Tool::Function {
        name: "f".into(),
        description: None,
        parameters: None,
        strict: None,
        cache: Some(CacheMark::FiveMinutes),
    }];
    let mark = || json!({"type": "ephemeral"});
    check(
        &conversation,
        &[],
        &[
            ("/tools/0/cache_control", Value::Null),
            ("/system/0/cache_control", Value::Null),
            ("/messages/0/content/0/cache_control", mark()),
            ("/messages/0/content/1/cache_control", mark()),
            ("/messages/2/content/0/content/0/cache_control", mark()),
            ("/messages/2/content/0/cache_control", json!({"type": "ephemeral", "ttl": "1h"})),
        ],
        &["dropped;tools[0].cache_control", "dropped;messages[0].content[0].cache_control"],
    );
}

#[test]
fn documents_are_pdf_or_text() {
    let document = |source, mime: Option<&str>| {
        let mime = mime.map(str::to_owned);
        Content::Document(Media { mime, source, title: Some("t".into()), detail: None, cache: None })
    };
    let base64 = |data: &str| MediaSource::Base64(data.into());
    let text = |data: &str| json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": data}, "title": "t"});
    let mut conversation = foreign(vec![message(
        Role::User,
        [
            document(base64("YSxi"), Some("text/csv")),
            document(base64("e30="), Some("application/json")),
            document(MediaSource::Text("words".into()), None),
            document(base64("JVBERi0="), Some("application/pdf")),
            document(base64("AAAA"), Some("application/msword")),
            document(base64("/w=="), Some("text/plain")),
            document(base64("no base64"), Some("text/plain")),
        ],
    )]);
    conversation.messages.extend(answered());
    check(
        &conversation,
        &[],
        &[
            ("/messages/0/content/0", text("a,b")),
            ("/messages/0/content/1", text("{}")),
            ("/messages/0/content/2", text("words")),
            ("/messages/0/content/3/source/media_type", json!("application/pdf")),
            ("/messages/0/content/4", Value::Null),
        ],
        &[
            "emulated;messages[0].content[0]",
            "emulated;messages[0].content[1]",
            "dropped;messages[0].content[4]",
            "dropped;messages[0].content[5]",
            "dropped;messages[0].content[6]",
        ],
    );
}

#[test]
fn citations_that_no_search_of_this_provider_s_found_do_not_go_back_to_it() {
    let found = r#"{"type":"web_search_result_location","url":"https://a.test","encrypted_index":"Eo8B"}"#;
    let unfound = r#"{"type":"web_search_result_location","url":"https://a.test","encrypted_index": ""}"#;
    let body = |citations: &str| {
        let text = format!(r#"{{"type":"text","text":"x","citations":[{citations}]}}"#);
        format!(r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"assistant","content":[{text}]}}]}}"#)
    };
    let sent = body(&format!("{unfound},{found}"));
    let fields = Fields::scan(sent.as_bytes(), 64).unwrap();
    let target = Target { model: "m".into(), ..target(&[]) };
    let encoded = Anthropic.adapt_request(&sent.clone().into(), &fields, &target).unwrap();
    assert_eq!(std::str::from_utf8(&encoded.body.concat()).unwrap(), body(found));
    assert_eq!(encoded.changes, [Change::dropped("messages[0].content[0].citations")]);
}
