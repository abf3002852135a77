//! Requests: peeked at, adapted, read and written.

use proptest::prelude::*;
use serde_json::json;
use types::conversation::{
    CacheMark, Content, Extras, Media, MediaSource, Message, Reasoning, Role, Sampling, Tool, ToolChoice,
};
use types::{DialectId, Foreseen, Json};

use super::*;
use crate::{DecodeError, Peek, Vectors};

fn peek(body: &str) -> Result<Peek, String> {
    let body = Bytes::from(body.to_owned());
    let fields = Fields::scan(&body, 64).unwrap();
    OpenAiChat
        .peek(Head::of(&http::HeaderMap::new()), &body, &fields)
        .map_err(|error: DecodeError| error.to_string())
}

#[track_caller]
fn check_refused(body: &str, problem: &str) {
    assert_eq!(peek(body).unwrap_err(), problem);
}

#[test]
fn peek_reads_what_routing_needs() {
    let body = r#"{"messages":[],"model":"a\u002fb","stream":true,"max_tokens":5,"max_completion_tokens":7,"stream_options":{"include_usage":true}}"#;
    let expect = Peek {
        model: "a/b".into(),
        delivery: STREAM_WITH_USAGE,
        max_tokens: Some(7),
        calls: Calls::Tools,
        form: StreamForm::Events,
        vectors: Vectors::default(),
        foreseen: Foreseen::default(),
    };
    assert_eq!(peek(body), Ok(expect));
    let body = r#"{"messages":[],"model":"m","stream":null,"max_tokens":null}"#;
    assert_eq!(
        peek(body),
        Ok(Peek {
            model: "m".into(),
            delivery: Delivery::Whole,
            max_tokens: None,
            calls: Calls::Tools,
            form: StreamForm::Events,
            vectors: Vectors::default(),
            foreseen: Foreseen::default(),
        })
    );
}

#[test]
fn peek_names_the_field_that_is_wrong() {
    check_refused(r#"{"messages":[]}"#, "`model` is missing");
    check_refused(r#"{"messages":[],"model":""}"#, "`model` must be a non-empty string");
    check_refused(r#"{"messages":[],"model":3}"#, "`model` must be a non-empty string");
    check_refused(r#"{"model":"m"}"#, "`messages` is missing");
    check_refused(r#"{"model":"m","messages":{}}"#, "`messages` must be an array");
    check_refused(r#"{"model":"m","messages":[],"stream":"yes"}"#, "`stream` must be a boolean");
    check_refused(r#"{"model":"m","messages":[],"max_tokens":-1}"#, "`max_tokens` must be a whole number");
    check_refused(r#"{"model":"m","messages":[],"model":"n"}"#, "`model` stands in the body twice");
}

#[track_caller]
fn check_adapted(body: &str, quirks: &[&str], expect: &str, changes: &[&str]) {
    let (body, told) = adapted(body, &target(quirks)).unwrap();
    assert_eq!(body, expect);
    assert_eq!(told, changes);
    serde_json::from_str::<Value>(&body).unwrap();
}

#[test]
fn adapting_leaves_every_other_byte() {
    check_adapted(
        r#"{ "messages": [1.0] , "model" : "public","unknown":{"b":1,"a":12345678901234567890}}"#,
        &[],
        r#"{ "messages": [1.0] , "model" : "upstream","unknown":{"b":1,"a":12345678901234567890}}"#,
        &[],
    );
    check_adapted(r#"{"model":"upstream"}"#, &[], r#"{"model":"upstream"}"#, &[]);
}

#[test]
fn a_stream_s_usage_is_asked_for() {
    check_adapted(
        r#"{"model":"upstream","stream":true}"#,
        &[],
        r#"{"stream_options":{"include_usage":true},"model":"upstream","stream":true}"#,
        &[],
    );
    let options =
        |options: &str| format!(r#"{{"model":"upstream","stream":true,"stream_options":{options}}}"#);
    let asked = options(r#"{"include_usage":true}"#);
    check_adapted(&options("null"), &[], &asked, &[]);
    check_adapted(&options("{}"), &[], &asked, &[]);
    check_adapted(&options(r#"{"include_usage":false}"#), &[], &asked, &[]);
    check_adapted(&options(r#"{"a":1}"#), &[], &options(r#"{"include_usage":true,"a":1}"#), &[]);
    check_adapted(
        &asked,
        &["no_stream_options"],
        r#"{"model":"upstream","stream":true}"#,
        &["dropped;stream_options"],
    );
}

#[test]
fn what_answers_of_other_languages_brought_goes_to_no_provider_of_this_one() {
    let asked = concat!(
        r#"{"model":"upstream","messages":[{"role":"user","content":"thinking_blocks"},"#,
        r#"{"role":"assistant","reasoning_content":"a","thinking_blocks":[{"type":"thinking","thinking":"a"}],"content":"b"},"#,
        r#"{"role":"assistant","tool_calls":[{"id":"c","extra_content":{"google":{"thought_signature":"tollgate:gemini:AA"}}}]}]}"#,
    );
    let plain = concat!(
        r#"{"model":"upstream","messages":[{"role":"user","content":"thinking_blocks"},"#,
        r#"{"role":"assistant","content":"b"},{"role":"assistant","tool_calls":[{"id":"c"}]}]}"#,
    );
    let [text, blocks, call] = [
        "dropped;messages[1].reasoning_content",
        "dropped;messages[1].thinking_blocks",
        "dropped;messages[2].tool_calls[0].extra_content",
    ];
    check_adapted(asked, &[], asked, &[]);
    check_adapted(asked, &["no_unknown_fields"], plain, &[blocks, text, call]);
    let with_text = plain.replace(r#""content":"b""#, r#""reasoning_content":"a","content":"b""#);
    check_adapted(asked, &["no_unknown_fields", "reasoning_content"], &with_text, &[blocks, call]);
    let with_blocks =
        asked.replace(r#","extra_content":{"google":{"thought_signature":"tollgate:gemini:AA"}}"#, "");
    check_adapted(asked, &["no_unknown_fields", "thinking_blocks"], &with_blocks, &[call]);
}

#[test]
fn bare_reasoning_goes_to_no_provider_that_does_not_know_it() {
    let asked =
        r#"{"model":"upstream","messages":[{"role":"assistant","reasoning_content":"a","content":"b"}]}"#;
    let plain = asked.replace(r#""reasoning_content":"a","#, "");
    let told = ["dropped;messages[0].reasoning_content"];
    check_adapted(asked, &["no_unknown_fields"], &plain, &told);
    check_adapted(asked, &["no_unknown_fields", "reasoning_content"], asked, &[]);
}

#[test]
fn quirks_rename_and_remove_fields() {
    check_adapted(
        r#"{"model":"upstream","max_completion_tokens":5}"#,
        &["max_tokens_only"],
        r#"{"model":"upstream","max_tokens":5}"#,
        &["emulated;max_completion_tokens"],
    );
    check_adapted(
        r#"{"max_tokens":4, "model":"upstream","max_completion_tokens":5}"#,
        &["max_completion_tokens_only"],
        r#"{"model":"upstream","max_completion_tokens":5}"#,
        &["dropped;max_tokens"],
    );
    check_adapted(
        r#"{"temperature":0 , "model":"upstream", "top_p":1, "parallel_tool_calls":false }"#,
        &["no_sampling", "no_parallel_tool_calls"],
        r#"{"model":"upstream" }"#,
        &["dropped;parallel_tool_calls", "dropped;temperature"],
    );
    check_adapted(
        r#"{"model":"upstream","messages":[{"role":"user"},{"content":"developer","role":"developer"}]}"#,
        &["no_developer_role"],
        r#"{"model":"upstream","messages":[{"role":"user"},{"content":"developer","role":"system"}]}"#,
        &["emulated;messages[1].role"],
    );
}

#[test]
fn strict_targets_refuse_losses() {
    let strict = Target { strict: true, ..target(&["no_sampling"]) };
    let refused = adapted(r#"{"model":"m","temperature":0.5}"#, &strict).unwrap_err();
    assert!(matches!(refused, EncodeError::Lossy(changes) if changes.len() == 1));
}

#[test]
fn a_request_survives_reading_and_writing() {
    let body = include_str!("../../../fixtures/openai_chat/request.json");
    let (written, changes) = written(&conversation(body), &target(&[]));
    let mut expect: Value = serde_json::from_str(body).unwrap();
    expect["model"] = json!("upstream");
    assert_eq!(written, expect);
    assert_eq!(changes, [""; 0]);
}

#[track_caller]
fn check_unreadable(body: &str, problem: &str) {
    let error = OpenAiChat.decode_request(Head::of(&http::HeaderMap::new()), body.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), problem);
}

#[test]
fn a_wrong_field_is_named_with_its_place() {
    let message = |message: &str| format!(r#"{{"model":"m","messages":[{{"role":"user"}},{message}]}}"#);
    check_unreadable(&message(r#"{"content":"x"}"#), "`messages[1].role` is missing");
    check_unreadable(
        &message(r#"{"role":"user","content":3}"#),
        "`messages[1].content` must be a string or an array",
    );
    check_unreadable(
        &message(r#"{"role":"user","content":[{"type":"text"}]}"#),
        "`messages[1].content[0].text` is missing",
    );
    check_unreadable(&message(r#"{"role":"tool","content":""}"#), "`messages[1].tool_call_id` is missing");
    check_unreadable(&message("3"), "`messages[1]` must be an object");
    check_unreadable("[]", "the body is not valid JSON: expected an object at byte 0");
}

/// What the messages of a conversation become.
#[track_caller]
fn check_messages(
    messages: Vec<Message>,
    dialect: &'static str,
    quirks: &[&str],
    expect: &Value,
    changes: &[&str],
) {
    let extras = Extras { dialect: Some(DialectId(dialect)), fields: vec![] };
    let conversation = Conversation { messages, extras, ..conversation(r#"{"model":"m","messages":[]}"#) };
    let (body, told) = written(&conversation, &target(quirks));
    assert_eq!(&body["messages"], expect);
    assert_eq!(told, changes);
}

fn says(role: Role, content: Vec<Content>) -> Message {
    Message { role, content, name: None }
}

fn picture() -> Content {
    Content::Image(Media {
        mime: Some("image/png".to_owned()),
        source: MediaSource::Base64("aGk=".to_owned()),
        title: None,
        detail: None,
        cache: None,
    })
}

fn result(call_id: &str, content: Vec<Content>) -> Content {
    Content::ToolResult { call_id: call_id.to_owned(), content, is_error: false, cache: None }
}

#[test]
fn tool_results_become_messages_and_their_pictures_follow() {
    let results = vec![result("a", vec![Content::text("one"), picture()]), Content::text("go on")];
    check_messages(
        vec![says(Role::User, results), says(Role::User, vec![result("b", vec![])])],
        "other",
        &[],
        &json!([
            {"role":"tool","content":"one","tool_call_id":"a"},
            {"role":"user","content":[
                {"type":"text","text":"Attached to the result of tool call a:"},
                {"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]},
            {"role":"user","content":"go on"},
            {"role":"tool","content":"","tool_call_id":"b"},
        ]),
        &["emulated;messages[0].content[0].content[1]"],
    );
}

#[test]
fn nothing_stands_between_two_results_of_one_turn() {
    let first = says(Role::User, vec![result("a", vec![picture()])]);
    let conversation = vec![first, says(Role::User, vec![result("b", vec![Content::text("two")])])];
    check_messages(
        conversation,
        "other",
        &[],
        &json!([
            {"role":"tool","content":"","tool_call_id":"a"},
            {"role":"tool","content":"two","tool_call_id":"b"},
            {"role":"user","content":[
                {"type":"text","text":"Attached to the result of tool call a:"},
                {"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]},
        ]),
        &["emulated;messages[0].content[0].content[0]"],
    );
}

#[test]
fn what_another_language_s_blocks_become_is_told() {
    let document = |source| {
        Content::Document(Media {
            mime: None,
            source,
            title: Some("t".to_owned()),
            detail: None,
            cache: None,
        })
    };
    let content = vec![
        Content::Text { text: "hi".to_owned(), cache: Some(CacheMark::FiveMinutes) },
        Content::Opaque { kind: "odd".to_owned(), json: Json::parse("{}").unwrap() },
        document(MediaSource::Url("https://a".to_owned())),
        document(MediaSource::Text("words".to_owned())),
        Content::text(""),
    ];
    check_messages(
        vec![
            says(Role::User, content),
            says(Role::Assistant, vec![Content::text("yes")]),
            says(Role::User, vec![Content::text("so")]),
        ],
        "other",
        &[],
        &json!([
            {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "words"}]},
            {"role": "assistant", "content": "yes"}, {"role": "user", "content": "so"},
        ]),
        &[
            "dropped;messages[0].content[0].cache_control",
            "dropped;messages[0].content[1]",
            "dropped;messages[0].content[2]",
            "emulated;messages[0].content[3]",
        ],
    );
}

#[test]
fn reasoning_goes_back_only_where_it_is_wanted() {
    let signed = Content::Thinking { text: "hm".to_owned(), signature: Some("sig".to_owned()) };
    let bare = Content::Thinking { text: "ah".to_owned(), signature: None };
    let history = |block: &Content| vec![says(Role::Assistant, vec![block.clone(), Content::text("yes")])];
    let plain = json!([{"role":"assistant","content":"yes"}]);
    let lost = ["dropped;messages[0].content[0]"];
    check_messages(history(&signed), "other", &[], &plain, &lost);
    let with_text = json!([{"role":"assistant","content":"yes","reasoning_content":"ah"}]);
    check_messages(history(&bare), "other", &["reasoning_content"], &with_text, &[]);
    let with_blocks = json!([{"role":"assistant","content":"yes","thinking_blocks":[
        {"type":"thinking","thinking":"hm","signature":"sig"}]}]);
    check_messages(history(&signed), "other", &["thinking_blocks"], &with_blocks, &[]);
}

#[test]
fn signatures_survive_a_caller_of_this_language() {
    let body = r#"{"model":"m","messages":[{"role":"assistant","content":"yes","reasoning_content":"hm","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"s/+="},{"type":"redacted_thinking","data":"x"}]}]}"#;
    let expect = vec![
        Content::Thinking { text: "hm".to_owned(), signature: Some("s/+=".to_owned()) },
        Content::RedactedThinking { data: "x".to_owned() },
        Content::text("yes"),
    ];
    assert_eq!(conversation(body).messages[0].content, expect);
}

#[test]
fn bare_reasoning_beside_a_proof_of_other_reasoning_is_heard() {
    let body = r#"{"model":"m","messages":[{"role":"assistant","content":"yes","reasoning_content":"hm","thinking_blocks":[{"type":"redacted_thinking","data":"x"}]}]}"#;
    let expect = vec![
        Content::RedactedThinking { data: "x".to_owned() },
        Content::Thinking { text: "hm".to_owned(), signature: None },
        Content::text("yes"),
    ];
    assert_eq!(conversation(body).messages[0].content, expect);
}

#[test]
fn calls_without_arguments_are_empty_objects() {
    let call = |arguments: &str| {
        format!(
            r#"{{"model":"m","messages":[{{"role":"assistant","tool_calls":[{{"id":"a","function":{{"name":"f","arguments":{arguments}}}}}]}}]}}"#
        )
    };
    for (arguments, expect) in
        [(r#""""#, "{}"), ("null", "{}"), (r#"{"a":1}"#, r#"{"a":1}"#), (r#""{\"a\":1}""#, r#"{"a":1}"#)]
    {
        let Content::ToolCall { arguments, .. } = &conversation(&call(arguments)).messages[0].content[0]
        else {
            panic!("not a call");
        };
        assert_eq!(arguments, expect);
    }
}

#[test]
fn odd_tool_ids_are_mapped_alike_in_call_and_result() {
    let body = r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"toolu_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"toolu_1","content":"x"}]}"#;
    let (body, _) = written(&conversation(body), &target(&["nine_character_tool_ids"]));
    let id = body["messages"][0]["tool_calls"][0]["id"].as_str().unwrap();
    assert_eq!(body["messages"][1]["tool_call_id"], id);
    assert!(id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
}

#[test]
fn a_conversation_of_which_nothing_is_left_is_refused() {
    let lost =
        says(Role::User, vec![Content::Opaque { kind: "odd".to_owned(), json: Json::parse("{}").unwrap() }]);
    let extras = Extras::default();
    let conversation =
        Conversation { messages: vec![lost], extras, ..conversation(r#"{"model":"m","messages":[]}"#) };
    let error = OpenAiChat.encode_request(&conversation, &target(&[])).unwrap_err();
    assert!(matches!(error, EncodeError::Unsayable { .. }));
}

#[track_caller]
fn check_field(
    change: impl FnOnce(&mut Conversation),
    quirks: &[&str],
    field: &str,
    expect: &Value,
    changes: &[&str],
) {
    let mut conversation = conversation(r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#);
    change(&mut conversation);
    let (body, told) = written(&conversation, &target(quirks));
    assert_eq!(body.get(field).unwrap_or(&Value::Null), expect, "{body}");
    assert_eq!(told, changes);
}

#[test]
fn fields_are_written_as_the_target_knows_them() {
    let tool = || Tool::Function {
        name: "f".to_owned(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
    };
    let budget = |budget| {
        move |asked: &mut Conversation| {
            asked.reasoning = Some(Reasoning { budget_tokens: Some(budget), ..Reasoning::default() });
        }
    };
    let off = |asked: &mut Conversation| {
        asked.reasoning = Some(Reasoning { enabled: Some(false), ..Reasoning::default() });
    };
    let limit = |asked: &mut Conversation| asked.sampling.max_tokens = Some(5);
    check_field(limit, &[], "max_completion_tokens", &json!(5), &[]);
    check_field(limit, &["max_tokens_only"], "max_tokens", &json!(5), &[]);
    let top_k = |asked: &mut Conversation| asked.sampling.top_k = Some(5);
    check_field(top_k, &[], "top_k", &json!(null), &["dropped;top_k"]);
    check_field(top_k, &["top_k"], "top_k", &json!(5), &[]);
    let warm = |asked: &mut Conversation| {
        asked.sampling = Sampling { temperature: Some(0.5), ..Sampling::default() }
    };
    check_field(warm, &["no_sampling"], "temperature", &json!(null), &["dropped;temperature"]);
    check_field(budget(1024), &[], "reasoning_effort", &json!("low"), &["emulated;thinking.budget_tokens"]);
    check_field(
        budget(8192),
        &[],
        "reasoning_effort",
        &json!("medium"),
        &["emulated;thinking.budget_tokens"],
    );
    check_field(budget(9000), &[], "reasoning_effort", &json!("high"), &["emulated;thinking.budget_tokens"]);
    check_field(off, &[], "reasoning_effort", &json!(null), &["dropped;thinking"]);
    check_field(off, &["reasoning_none"], "reasoning_effort", &json!("none"), &[]);
    let named = |asked: &mut Conversation| asked.tool_choice = Some(ToolChoice::Named("f".to_owned()));
    check_field(named, &[], "tool_choice", &json!(null), &["dropped;tool_choice"]);
    let with_tool = |asked: &mut Conversation| {
        named(asked);
        asked.tools.push(tool());
        asked.parallel_tool_calls = Some(false);
    };
    let choice = json!({"type":"function","function":{"name":"f"}});
    check_field(with_tool, &[], "tool_choice", &choice, &[]);
    check_field(
        with_tool,
        &["no_parallel_tool_calls"],
        "tool_choice",
        &choice,
        &["dropped;parallel_tool_calls"],
    );
    let any = |asked: &mut Conversation| {
        asked.tools.push(tool());
        asked.tool_choice = Some(ToolChoice::Any);
    };
    check_field(any, &[], "tool_choice", &json!("required"), &[]);
    let streamed = |asked: &mut Conversation| asked.delivery = STREAM;
    check_field(streamed, &[], "stream_options", &json!({"include_usage":true}), &[]);
    check_field(streamed, &["no_stream_options"], "stream_options", &json!(null), &[]);
}

#[test]
fn another_language_s_fields_are_told_and_the_tier_is_kept() {
    let foreign = |fields: &'static [(&str, &str)]| {
        move |asked: &mut Conversation| {
            let fields =
                fields.iter().map(|(name, json)| ((*name).to_owned(), Json::parse(*json).unwrap())).collect();
            asked.extras = Extras { dialect: Some(DialectId("other")), fields };
        }
    };
    check_field(foreign(&[("container", "\"c\"")]), &[], "container", &json!(null), &["dropped;container"]);
    check_field(foreign(&[("service_tier", "\"auto\"")]), &[], "service_tier", &json!("auto"), &[]);
    check_field(
        foreign(&[("service_tier", "\"standard_only\"")]),
        &[],
        "service_tier",
        &json!("default"),
        &[],
    );
}

#[test]
fn unknown_parts_and_calls_keep_their_places() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"message.role","x":1},{"type":"tool_call"}]},{"role":"assistant","content":null,"tool_calls":[{"id":"a","odd":{}}]}]}"#;
    let (body, changes) = written(&conversation(body), &target(&[]));
    let expect = json!([
        {"role": "user", "content": [{"type": "message.role", "x": 1}, {"type": "tool_call"}]},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "a", "odd": {}}]},
    ]);
    assert_eq!((&body["messages"], changes), (&expect, vec![]));
}

fn words() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 \"\\\\\u{e9}\u{2028}\n]{1,12}"
}

fn any_media() -> impl Strategy<Value = Content> {
    let media = |mime: &str, source, title: Option<&str>| Media {
        mime: Some(mime.to_owned()),
        source,
        title: title.map(str::to_owned),
        detail: None,
        cache: None,
    };
    prop_oneof![
        Just(Content::Image(media("image/gif", MediaSource::Base64("aGk=".to_owned()), None))),
        Just(Content::Audio(media("audio/mpeg", MediaSource::Base64("aGk=".to_owned()), None))),
        Just(Content::Document(media("text/csv", MediaSource::Base64("aGk=".to_owned()), Some("a.csv")))),
    ]
}

fn any_message() -> impl Strategy<Value = Message> {
    let cache = || proptest::option::of(prop_oneof![Just(CacheMark::FiveMinutes), Just(CacheMark::OneHour)]);
    let text = move || (words(), cache()).prop_map(|(text, cache)| Content::Text { text, cache });
    let call = (words(), words(), cache()).prop_map(|(id, name, cache)| Content::ToolCall {
        id,
        name,
        arguments: r#"{"a": 1.0}"#.to_owned(),
        signature: None,
        cache,
    });
    let thought = (words(), words())
        .prop_map(|(text, signature)| Content::Thinking { text, signature: Some(signature) });
    let assistant = (
        proptest::collection::vec(thought, 0..2),
        proptest::collection::vec(text(), 0..3),
        proptest::option::of(words().prop_map(Content::Refusal)),
        proptest::collection::vec(call, 0..3),
    );
    let assistant = assistant.prop_map(|(thoughts, texts, refusal, calls)| {
        says(Role::Assistant, thoughts.into_iter().chain(texts).chain(refusal).chain(calls).collect())
    });
    let said = prop_oneof![text(), any_media()];
    let user = (proptest::collection::vec(said, 0..3), proptest::option::of(words()))
        .prop_map(|(content, name)| Message { role: Role::User, content, name });
    // No call has such an id by chance: one that is answered later than at once has its answer moved.
    let tool =
        ("_[a-z \"\\\\\u{e9}\n]{1,12}", proptest::collection::vec(words().prop_map(Content::text), 0..3))
            .prop_map(|(id, content)| says(Role::User, vec![result(&id, content)]));
    let system =
        (proptest::collection::vec(text(), 0..3), prop_oneof![Just(Role::System), Just(Role::Developer)])
            .prop_map(|(content, role)| says(role, content));
    prop_oneof![assistant, user, tool, system]
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(messages in proptest::collection::vec(any_message(), 1..6)) {
        let base = conversation(include_str!("../../../fixtures/openai_chat/request.json"));
        let conversation = Conversation { messages, delivery: STREAM_WITH_USAGE, ..base };
        let target = Target { model: conversation.model.clone(), ..target(&["cache_control", "thinking_blocks"]) };
        let encoded = OpenAiChat.encode_request(&conversation, &target).unwrap();
        prop_assert!(encoded.changes.is_empty(), "{:?}", encoded.changes);
        let read = OpenAiChat.decode_request(Head::of(&http::HeaderMap::new()), &encoded.body.concat()).unwrap();
        prop_assert_eq!(read, conversation);
    }

    #[test]
    fn cut_fields_leave_json(order in Just(["model", "temperature", "top_p", "x", "parallel_tool_calls"]).prop_shuffle(), space in "[ \n]{0,2}") {
        let fields: Vec<String> = order.iter().map(|name| format!("{space}\"{name}\"{space}:{space}\"v\"{space}")).collect();
        let body = format!("{{{}}}", fields.join(","));
        let (body, _) = adapted(&body, &target(&["no_sampling", "no_parallel_tool_calls"])).unwrap();
        let read: Value = serde_json::from_str(&body).unwrap();
        prop_assert_eq!(read, json!({"model":"upstream","x":"v"}));
    }
}
