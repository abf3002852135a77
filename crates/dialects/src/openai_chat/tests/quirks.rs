//! What providers that speak the language oddly read of a request.

use serde_json::json;
use types::conversation::Change;

use super::*;
use crate::QUIRKS;
use crate::trial::foreign;

const MODEL: &str = r#""model":"upstream""#;

/// What a target with these quirks reads of a request of this language, and what is told of it. `{` and the model
/// stand in front of both.
#[track_caller]
fn check(quirks: &[&str], asked: &str, expect: &str, changes: &[&str]) {
    assert!(quirks.iter().all(|quirk| QUIRKS.contains(quirk)), "{quirks:?}");
    let (body, told) = adapted(&format!("{{{MODEL}{asked}}}"), &target(quirks)).unwrap();
    assert_eq!((body.as_str(), told), (format!("{{{MODEL}{expect}}}").as_str(), owned(changes)), "{asked}");
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn refused_fields_are_left_out_and_told_where_they_meant_something() {
    let cases = [
        ("no_logit_bias", r#""logit_bias":{"1":5}"#, "logit_bias"),
        ("no_logprobs", r#""logprobs":true"#, "logprobs"),
        ("no_logprobs", r#""top_logprobs":2"#, "top_logprobs"),
        ("no_parallel_tool_calls", r#""parallel_tool_calls":false"#, "parallel_tool_calls"),
        ("no_penalties", r#""frequency_penalty":0.5"#, "frequency_penalty"),
        ("no_penalties", r#""presence_penalty":-1"#, "presence_penalty"),
        ("no_reasoning", r#""reasoning_effort":"low""#, "reasoning_effort"),
        ("no_reasoning", r#""reasoning":{"effort":"low"}"#, "reasoning"),
        ("no_reasoning", r#""thinking":{"type":"enabled"}"#, "thinking"),
        ("no_sampling", r#""temperature":0"#, "temperature"),
        ("no_sampling", r#""top_k":3"#, "top_k"),
        ("no_sampling", r#""top_p":0.5"#, "top_p"),
        ("no_stop", r#""stop":"END""#, "stop"),
        ("no_user", r#""user":"ada""#, "user"),
        ("no_user", r#""safety_identifier":"ada""#, "safety_identifier"),
    ];
    for (quirk, field, name) in cases {
        check(&[quirk], &format!(r#",{field},"x":1"#), r#","x":1"#, &[&format!("dropped;{name}")]);
        check(&[quirk], &format!(r#","{name}":null"#), "", &[]);
        check(&[], &format!(",{field}"), &format!(",{field}"), &[]);
    }
    let idle = [
        ("no_logit_bias", r#""logit_bias":{}"#),
        ("no_logprobs", r#""logprobs":false"#),
        ("no_parallel_tool_calls", r#""parallel_tool_calls":true"#),
        ("no_penalties", r#""frequency_penalty":0.0"#),
        ("no_reasoning", r#""reasoning_effort":"none""#),
        ("no_sampling", r#""temperature":1"#),
        ("no_stop", r#""stop":[]"#),
        ("single_choice", r#""n":1"#),
    ];
    for (quirk, field) in idle {
        check(&[quirk], &format!(",{field}"), "", &[]);
    }
}

#[test]
fn several_answers_are_refused_where_one_is_given() {
    let target = target(&["single_choice"]);
    let problem = |refused: Result<_, EncodeError>| match refused {
        Err(EncodeError::Unsayable { field, problem }) => (field, problem),
        Err(EncodeError::Lossy(_)) | Ok(_) => panic!("it is not refused"),
    };
    let (field, problem) = problem(adapted(&format!(r#"{{{MODEL},"n":2}}"#), &target));
    assert_eq!((field.as_str(), problem.starts_with("must be 1")), ("n", true));
    let mut conversation = foreign(vec![]);
    conversation.sampling.choices = Some(2);
    assert!(matches!(OpenAiChat.encode_request(&conversation, &target), Err(EncodeError::Unsayable { .. })));
}

#[test]
fn strict_mode_refuses_what_is_lost_and_not_what_goes_by_another_name() {
    let strict = |quirks: &[&str]| Target { strict: true, ..target(quirks) };
    let quirks =
        ["max_tokens_only", "no_developer_role", "no_user", "nine_character_tool_ids", "random_seed"];
    let said = r#""max_completion_tokens":5,"seed":7,"messages":[{"role":"developer","content":"a"},{"role":"tool","tool_call_id":"c"}]"#;
    let (_, told) = adapted(&format!("{{{MODEL},{said}}}"), &strict(&quirks)).unwrap();
    assert!(told.len() == 4 && told.iter().all(|told| told.starts_with("emulated;")), "{told:?}");
    let refused = adapted(&format!(r#"{{{MODEL},"user":"ada",{said}}}"#), &strict(&quirks));
    let Err(EncodeError::Lossy(changes)) = refused else { panic!("it is not refused") };
    assert_eq!(changes, [Change::dropped("user")]);
}

#[test]
fn fields_go_by_the_name_the_target_knows() {
    check(&["random_seed"], r#","seed":7"#, r#","random_seed":7"#, &["emulated;seed"]);
    check(&["random_seed"], r#","seed":null"#, "", &[]);
    check(&["random_seed"], r#","seed":7,"random_seed":8"#, r#","random_seed":8"#, &["dropped;seed"]);
}

#[test]
fn ids_of_calls_have_nine_characters_where_they_must() {
    let history = |call: &str, other: &str| {
        format!(
            r#","messages":[{{"role":"assistant","tool_calls":[{{"id":"{call}", "function":{{}}}},{{"id":"{other}"}}]}},{{ "tool_call_id":"{call}","role":"tool"}}]"#
        )
    };
    let (asked, kept) = (history("toolu_1", "abcdefgh9"), history("a23456789", "abcdefgh9"));
    let (body, told) =
        adapted(&format!("{{{MODEL}{asked}}}"), &target(&["nine_character_tool_ids"])).unwrap();
    let short =
        body.split('"').find(|text| text.len() == 9 && *text != "assistant" && *text != "abcdefgh9").unwrap();
    assert_eq!(body, format!("{{{MODEL}{}}}", history(short, "abcdefgh9")));
    assert_eq!(told, ["emulated;messages[0].tool_calls[0].id", "emulated;messages[1].tool_call_id"]);
    check(&["nine_character_tool_ids"], &kept, &kept, &[]);
}

#[test]
fn a_field_beside_doubled_ones_is_cut_out_cleanly() {
    check(&["no_user"], r#","x":1,"user":"ada","x":2"#, r#","x":1,"x":2"#, &["dropped;user"]);
    check(&["no_user"], r#","user":"a","user":"b""#, r#","user":"a","user":"b""#, &[]);
}

#[test]
fn a_schema_is_asked_for_in_words_where_it_cannot_be_demanded() {
    let schema =
        r#","response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object"}}}"#;
    let object = r#","response_format":{"type":"json_object"}"#;
    let words = r#"{"role":"system","content":"Answer in JSON that matches this JSON schema: {\"type\":\"object\"}"}"#;
    let quirks = ["no_json_schema"];
    let told = ["rewritten;response_format"];
    let said = r#"{"role":"user","content":"x"}"#;
    check(
        &quirks,
        &format!(r#"{schema},"messages":[{said}]"#),
        &format!(r#"{object},"messages":[{words},{said}]"#),
        &told,
    );
    check(
        &quirks,
        &format!(r#"{schema},"messages":[ ]"#),
        &format!(r#"{object},"messages":[{words} ]"#),
        &told,
    );
    check(&quirks, r#","response_format":{"type":"json_schema"}"#, object, &told);
    for kept in [
        object,
        r#","response_format":{"type":"text"}"#,
        r#","response_format":null"#,
        r#","response_format":["json_schema",{"schema":{"type":"object"}}]"#,
        r#","response_format":{"type":"json_schema","json_schema":[{"type":"object"}]}"#,
    ] {
        check(&quirks, kept, kept, &[]);
    }
}

#[test]
fn a_forced_tool_and_thinking_exclude_each_other() {
    let quirks = ["no_forced_tool_when_thinking", "thinking_switch"];
    let forced = r#","tool_choice":"required""#;
    let off = r#""thinking":{"type":"disabled"}"#;
    let (body, told) = adapted(&format!("{{{MODEL}{forced}}}"), &target(&quirks)).unwrap();
    assert_eq!(body, format!("{{{off},{MODEL}{forced}}}"));
    assert_eq!(told, ["emulated;tool_choice"]);
    check(
        &quirks,
        &format!(r#"{forced},"thinking":null"#),
        &format!("{forced},{off}"),
        &["emulated;tool_choice"],
    );
    check(&quirks, &format!("{forced},{off}"), &format!("{forced},{off}"), &[]);
    for on in
        [r#","reasoning_effort":"low""#, r#","thinking":{"type":"enabled"}"#, r#","thinking":["disabled"]"#]
    {
        for choice in [r#""required""#, r#""any""#, r#"{"type":"function","function":{"name":"f"}}"#] {
            let asked = format!(r#"{on},"tool_choice":{choice}"#);
            let expect = format!(r#"{on},"tool_choice":"auto""#);
            check(&quirks, &asked, &expect, &["rewritten;tool_choice"]);
        }
    }
    for kept in [r#","tool_choice":"auto""#, r#","tool_choice":"none","reasoning_effort":"low""#] {
        check(&quirks, kept, kept, &[]);
    }
    check(&quirks[..1], forced, forced, &[]);
}

#[test]
fn no_effort_is_said_with_the_switch_where_there_is_one() {
    let off = r#","thinking":{"type":"disabled"}"#;
    check(&["thinking_switch"], r#","reasoning_effort":"none""#, off, &["emulated;reasoning_effort"]);
    check(&["thinking_switch"], r#","reasoning_effort":"low""#, r#","reasoning_effort":"low""#, &[]);
    check(&["thinking_switch", "no_reasoning"], r#","reasoning_effort":"none""#, "", &[]);
    let both = format!(r#","reasoning_effort":"none"{off}"#);
    check(&["thinking_switch"], &both, off, &["dropped;reasoning_effort"]);
}

#[test]
fn an_effort_is_said_with_a_budget_where_nothing_else_is_heard() {
    let quirks = ["enable_thinking"];
    let emulated = ["emulated;reasoning_effort"];
    check(&quirks, r#","reasoning_effort":"none""#, r#","enable_thinking":false"#, &emulated);
    let low = r#","enable_thinking":true,"thinking_budget":2048"#;
    check(&quirks, r#","reasoning_effort":"low""#, low, &emulated);
    check(&quirks, low, low, &[]);
    let both = r#","reasoning_effort":"low","enable_thinking":false"#;
    check(&quirks, both, r#","enable_thinking":false"#, &["dropped;reasoning_effort"]);
    for unknown in [r#","reasoning_effort":"vast""#, r#","reasoning_effort":null"#] {
        check(&quirks, unknown, unknown, &[]);
    }
    check(&["enable_thinking", "no_reasoning"], r#","reasoning_effort":"none""#, "", &[]);
}

/// What a target with these quirks reads of a request that another language's caller sent, at these places.
#[track_caller]
fn check_foreign(quirks: &[&str], asked: &Value, expect: &[(&str, Value)], changes: &[&str]) {
    let mut body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
    body.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
    let version =
        (http::HeaderName::from_static("anthropic-version"), http::HeaderValue::from_static("2023-06-01"));
    let headers = http::HeaderMap::from_iter([version]);
    let conversation =
        crate::anthropic::Anthropic.decode_request(Head::of(&headers), body.to_string().as_bytes()).unwrap();
    let (body, told) = written(&conversation, &target(quirks));
    for (place, value) in expect {
        assert_eq!(body.pointer(place).unwrap_or(&Value::Null), value, "{place} of {body:#}");
    }
    assert_eq!(told, changes, "{body:#}");
}

#[test]
fn fields_of_another_language_are_refused_alike() {
    let cases = [
        ("no_stop", json!({"stop_sequences": ["END"]}), "/stop", "dropped;stop_sequences"),
        ("no_user", json!({"metadata": {"user_id": "ada"}}), "/user", "dropped;metadata.user_id"),
        ("no_sampling", json!({"temperature": 0.5}), "/temperature", "dropped;temperature"),
    ];
    for (quirk, asked, place, change) in cases {
        check_foreign(&[quirk], &asked, &[(place, Value::Null)], &[change]);
    }
    let schema = json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}});
    check_foreign(
        &["no_json_schema"],
        &schema,
        &[
            ("/response_format", json!({"type": "json_object"})),
            ("/messages/0/role", json!("system")),
            ("/messages/1", json!({"role": "user", "content": "x"})),
        ],
        &["rewritten;output_config.format"],
    );
}

#[test]
fn thinking_is_asked_for_in_the_target_s_own_words() {
    let off = json!({"thinking": {"type": "disabled"}});
    let budget = json!({"thinking": {"type": "enabled", "budget_tokens": 2000}});
    let adaptive = json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}});
    let emulated = ["emulated;thinking.budget_tokens"];
    let rewritten = ["rewritten;output_config.effort"];
    let none = || ("/reasoning_effort", Value::Null);
    check_foreign(&["thinking_switch"], &off, &[("/thinking/type", json!("disabled")), none()], &[]);
    check_foreign(
        &["thinking_switch"],
        &budget,
        &[("/thinking", json!({"type": "enabled"})), ("/reasoning_effort", json!("low"))],
        &emulated,
    );
    check_foreign(&["thinking_switch"], &adaptive, &[("/reasoning_effort", json!("max"))], &[]);
    check_foreign(&["enable_thinking"], &off, &[("/enable_thinking", json!(false)), none()], &[]);
    check_foreign(
        &["enable_thinking"],
        &budget,
        &[("/enable_thinking", json!(true)), ("/thinking_budget", json!(2000)), none()],
        &[],
    );
    check_foreign(
        &["enable_thinking"],
        &adaptive,
        &[("/enable_thinking", json!(true)), ("/thinking_budget", json!(65536)), none()],
        &["emulated;output_config.effort"],
    );
    check_foreign(
        &[],
        &adaptive,
        &[("/reasoning_effort", json!("xhigh")), ("/thinking", Value::Null)],
        &rewritten,
    );
    check_foreign(&["reasoning_object"], &off, &[("/reasoning", json!({"enabled": false})), none()], &[]);
    check_foreign(
        &["reasoning_object"],
        &budget,
        &[("/reasoning", json!({"max_tokens": 2000})), none()],
        &[],
    );
    check_foreign(
        &["reasoning_object"],
        &adaptive,
        &[("/reasoning", json!({"effort": "xhigh"}))],
        &rewritten,
    );
    check_foreign(
        &["reasoning_object"],
        &json!({"thinking": {"type": "adaptive"}}),
        &[("/reasoning", json!({"enabled": true}))],
        &[],
    );
    check_foreign(&["reasoning_none"], &off, &[("/reasoning_effort", json!("none"))], &[]);
    check_foreign(&["no_reasoning"], &off, &[none()], &[]);
    check_foreign(&["no_reasoning"], &budget, &[none()], &["dropped;thinking"]);
    check_foreign(&["no_reasoning"], &adaptive, &[none()], &["dropped;output_config.effort"]);
}

#[test]
fn reasoning_goes_back_where_the_target_looks_for_it() {
    let history = json!({"messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "yes"},
        ]},
        {"role": "user", "content": "y"},
    ]});
    let told = ["dropped;messages[1].content[0].signature"];
    let at = |place, value| [(place, value), ("/messages/1/thinking_blocks", Value::Null)];
    check_foreign(&["reasoning_field"], &history, &at("/messages/1/reasoning", json!("hm")), &told);
    check_foreign(&["reasoning_content"], &history, &at("/messages/1/reasoning_content", json!("hm")), &told);
    let parts = json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "yes"},
    ]);
    check_foreign(&["thinking_parts"], &history, &at("/messages/1/content", parts), &told);
    check_foreign(
        &[],
        &history,
        &at("/messages/1/content", json!("yes")),
        &["dropped;messages[1].content[0]"],
    );
}

#[test]
fn those_who_take_only_text_get_only_text() {
    let image = json!({"type": "image", "source": {"type": "url", "url": "https://a"}});
    let text =
        json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}});
    let result = json!({"type": "tool_result", "tool_use_id": "a", "content": [image, {"type": "text", "text": "seen"}]});
    check_foreign(
        &["no_image"],
        &json!({"messages": [
            {"role": "user", "content": [result, image, text]}, {"role": "assistant", "content": "yes"}, {"role": "user", "content": "go on"},
        ]}),
        &[("/messages/0/content", json!("seen")), ("/messages/1/content", json!("words"))],
        &[
            "dropped;messages[0].content[0].content[0]",
            "dropped;messages[0].content[1]",
            "emulated;messages[0].content[2]",
        ],
    );
}

#[test]
fn an_assistant_s_last_word_is_followed_by_a_turn_where_it_may_not_be_the_last() {
    let asked =
        json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "{"}]});
    check_foreign(
        &["no_prefill"],
        &asked,
        &[
            ("/messages/1/content", json!("{")),
            ("/messages/2", json!({"role": "user", "content": "Continue."})),
        ],
        &["rewritten;messages[1]"],
    );
    check_foreign(&[], &asked, &[("/messages/2", Value::Null)], &[]);
}
