//! Requests, read and written.

use serde_json::json;
use types::conversation::{Effort, Media, MediaSource, Reasoning, Tool, ToolChoice};
use types::{Json, ModelName};

use super::*;

const REQUEST: &str = include_str!("../../../fixtures/gemini/request.json");

fn values(json: Option<&Json>) -> Value {
    json.and_then(Json::to).unwrap_or_default()
}

#[test]
fn a_request_is_read_into_canonical_words() {
    let read = decode(REQUEST).unwrap();
    assert_eq!(
        (read.model.as_str(), read.prompt_is_apart, read.delivery),
        ("gemini-public", true, Delivery::Whole)
    );
    let media = |mime: &str, source| Media {
        mime: Some(mime.into()),
        source,
        title: None,
        detail: None,
        cache: None,
    };
    let thought = |text: &str, signature: Option<&str>| Content::Thinking {
        text: text.into(),
        signature: signature.map(str::to_owned),
    };
    let code = r#"{"executableCode": {"language": "PYTHON", "code": "1+1"}}"#;
    let result = |id: &str, text: &str, is_error| Content::ToolResult {
        call_id: id.into(),
        content: vec![Content::text(text)],
        is_error,
        cache: None,
    };
    let expect = [
        message(Role::System, [Content::text("Be brief.")]),
        message(
            Role::User,
            [
                Content::text("Weather in Oslo?"),
                Content::Image(media("image/png", MediaSource::Base64("iVBORw0KGgo=".into()))),
                Content::Document(media(
                    "application/pdf",
                    MediaSource::Url("https://example.com/a.pdf".into()),
                )),
            ],
        ),
        message(
            Role::Assistant,
            [
                thought("Hm.", None),
                Content::text("I look."),
                thought("", Some("tollgate:gemini:dGV4dA==")),
                call(
                    "tgcall_2_3",
                    "get_weather",
                    r#"{"city": "Oslo", "days": 1.0}"#,
                    Some("tollgate:gemini:Y2FsbA=="),
                ),
                call("tgcall_2_4", "get_weather", r#"{"city": "Bergen"}"#, None),
                Content::Opaque { kind: "gemini:executableCode".into(), json: Json::parse(code).unwrap() },
            ],
        ),
        message(
            Role::User,
            [result("tgcall_2_3", "rain", false), result("tgcall_2_4", "no such place", true)],
        ),
    ];
    assert_eq!(read.messages, expect);
    let [Tool::Function { name, parameters, .. }, Tool::Opaque { kind, json }] = &read.tools[..] else {
        panic!()
    };
    assert_eq!(
        (name.as_str(), kind.as_str(), json.as_str()),
        ("get_weather", "gemini:googleSearch", r#"{"googleSearch":{}}"#)
    );
    assert_eq!(
        values(parameters.as_ref()),
        json!({
            "type": "object", "required": ["city"],
            "properties": {"city": {"type": "string"}, "days": {"type": ["number", "null"]}},
        })
    );
    assert_eq!(read.tool_choice, Some(ToolChoice::Named("get_weather".into())));
    let sampling = Sampling {
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(40),
        max_tokens: Some(2048),
        stop: vec!["END".into()],
        choices: Some(1),
        seed: Some(7),
        ..Sampling::default()
    };
    assert_eq!(read.sampling, sampling);
    let reasoning = Reasoning { effort: Some(Effort::Low), budget_tokens: None, enabled: Some(true) };
    assert_eq!(read.reasoning, Some(reasoning));
    assert!(matches!(read.format, OutputFormat::JsonSchema { .. }));
    let extras: Vec<&str> = read.extras.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(extras, ["safetySettings", "labels"]);
}

#[test]
fn a_request_of_this_language_is_written_as_it_was() {
    let read = decode(REQUEST).unwrap();
    let (written, changes) = encode(&read, &[]);
    let mut expect: Value = serde_json::from_str(REQUEST).unwrap();
    let functions = &mut expect["tools"][0]["functionDeclarations"][0];
    functions["parametersJsonSchema"] = values(match &read.tools[0] {
        Tool::Function { parameters, .. } => parameters.as_ref(),
        Tool::Opaque { .. } => None,
    });
    functions.as_object_mut().unwrap().remove("parameters");
    let config = expect["generationConfig"].as_object_mut().unwrap();
    config.remove("responseSchema");
    config.insert(
        "responseJsonSchema".into(),
        json!({"type": "object", "properties": {"x": {"type": "integer"}}}),
    );
    assert_eq!(written, expect);
    assert_eq!(changes, Vec::<String>::new());
}

#[test]
fn both_spellings_of_a_name_and_single_items_without_brackets_are_read() {
    let read = decode(
        r#"{
        "system_instruction": "Be brief.",
        "contents": {"role": "user", "parts": {"inline_data": {"mime_type": "audio/mp3", "data": "AAAA"}}},
        "tools": {"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]},
        "tool_config": {"function_calling_config": {"mode": "none"}},
        "generation_config": {"max_output_tokens": 5, "stop_sequences": ["x"]},
        "safety_settings": null
    }"#,
    )
    .unwrap();
    assert_eq!(read.messages[0], message(Role::System, [Content::text("Be brief.")]));
    assert!(matches!(read.messages[1].content[..], [Content::Audio(_)]));
    assert_eq!((read.tools.len(), read.tool_choice), (1, Some(ToolChoice::Never)));
    assert_eq!(
        (read.sampling.max_tokens, read.sampling.stop.len(), read.extras.fields.len()),
        (Some(5), 1, 0)
    );
    assert!(decode(r#"{"contents": [], "generationConfig": {}, "generation_config": {}}"#).is_err());
}

#[track_caller]
fn check_peek(path: &str, query: Option<&str>, model: &str, delivery: Delivery, form: StreamForm) {
    let body = r#"{"contents":[],"generationConfig":{"maxOutputTokens":5}}"#;
    let expect = Peek { delivery, max_tokens: Some(5), form, ..Peek::of(ModelName::from(model)) };
    assert_eq!(peek(path, query, body).unwrap(), expect);
    assert_eq!(decode_at(path, body).unwrap().model.as_str(), model);
}

#[test]
fn the_path_says_the_model_and_the_delivery() {
    let (array, events) = (StreamForm::Array, StreamForm::Events);
    check_peek("/v1beta/models/gemini-3:generateContent", None, "gemini-3", Delivery::Whole, array);
    check_peek("/v1/models/a/b:streamGenerateContent", Some("key=x&alt=sse"), "a/b", STREAMED, events);
    check_peek(
        "/v1beta/models/tollgate/mock%3Ftokens=5:streamGenerateContent",
        Some("alt=json"),
        "tollgate/mock?tokens=5",
        STREAMED,
        array,
    );
    check_peek(
        "/v1beta1/projects/p/locations/l/publishers/google/models/gemini-3:generateContent",
        None,
        "gemini-3",
        Delivery::Whole,
        array,
    );
    check_peek(
        "/v1/projects/p/locations/l/publishers/openai/models/gpt-5:streamGenerateContent",
        Some("alt=sse"),
        "openai/gpt-5",
        STREAMED,
        events,
    );
    check_peek(
        "/v1beta1/publishers/google/models/gemini-3:countTokens",
        None,
        "gemini-3",
        Delivery::Whole,
        array,
    );
    check_peek(
        "/v1/models/x/accounts/x/models/y:generateContent",
        None,
        "x/accounts/x/models/y",
        Delivery::Whole,
        array,
    );
}

#[track_caller]
fn check_wrong(body: &str, field: &str) {
    let peeked = peek(PATH, None, body).map(|_| ());
    let read = peeked.and_then(|()| decode(body).map(|_| ()));
    let DecodeError::Field { field: found, .. } = read.unwrap_err() else {
        panic!("{body} has no field at fault")
    };
    assert_eq!(found, field);
}

#[test]
fn what_is_wrong_is_named_by_its_place() {
    check_wrong("{}", "contents");
    check_wrong(r#"{"contents":"hi"}"#, "contents");
    check_wrong(r#"{"contents":[{"role":"robot","parts":[]}]}"#, "contents[0].role");
    check_wrong(r#"{"contents":[{"parts":[{"text":5}]}]}"#, "contents[0].parts[0].text");
    check_wrong(
        r#"{"contents":[{"parts":[{"functionCall":{}}]}]}"#,
        "contents[0].parts[0].functionCall.name",
    );
    check_wrong(r#"{"contents":[{"parts":[{"inlineData":{}}]}]}"#, "contents[0].parts[0].inlineData.data");
    check_wrong(
        r#"{"contents":[],"generationConfig":{"maxOutputTokens":"x"}}"#,
        "generationConfig.maxOutputTokens",
    );
    check_wrong(r#"{"contents":[],"generationConfig":{"temperature":"x"}}"#, "generationConfig.temperature");
    check_wrong(
        r#"{"contents":[],"toolConfig":{"functionCallingConfig":{"mode":"MAYBE"}}}"#,
        "toolConfig.functionCallingConfig.mode",
    );
    check_wrong(
        r#"{"contents":[],"generationConfig":{"thinkingConfig":{"thinkingLevel":"VAST"}}}"#,
        "generationConfig.thinkingConfig.thinkingLevel",
    );
    assert!(peek(PATH, None, r#"{"generateContentRequest":{"contents":[]}}"#).is_ok());
}

#[test]
fn another_language_s_history_is_written_as_turns() {
    let result = |id: &str, content: Vec<Content>, is_error| Content::ToolResult {
        call_id: id.into(),
        content,
        is_error,
        cache: None,
    };
    let image = Content::Image(Media {
        mime: None,
        source: MediaSource::Base64("iVBORw0KGgo=".into()),
        title: None,
        detail: None,
        cache: None,
    });
    let conversation = foreign(vec![
        message(Role::System, [Content::text("Be brief.")]),
        message(Role::User, [Content::text("go"), image.clone()]),
        message(
            Role::Assistant,
            [
                Content::Thinking { text: "Hm.".into(), signature: Some("of-another".into()) },
                call("call_1", "f", "", None),
                call("tgcall_x_0_0", "get weather!", "[1]", None),
            ],
        ),
        message(Role::User, [result("call_1", vec![Content::text("a"), Content::text("b"), image], false)]),
        message(Role::User, [result("tgcall_x_0_0", vec![Content::text(r#"{"t":1.0}"#)], true)]),
        message(Role::User, [result("lost", vec![], false)]),
        message(Role::Developer, [Content::text("Now.")]),
        message(Role::Assistant, [Content::text("So")]),
    ]);
    let (written, changes) = encode(&conversation, &["no_prefill"]);
    let name = crate::names::fit("get weather!", 64).into_owned();
    assert_eq!(
        written,
        json!({
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "go"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]},
                {"role": "model", "parts": [
                    {"functionCall": {"id": "call_1", "name": "f", "args": {}}},
                    {"functionCall": {"name": name, "args": {"arguments": "[1]"}}},
                ]},
                {"role": "user", "parts": [
                    {"functionResponse": {"id": "call_1", "name": "f", "response": {"output": "a\nb"}}},
                    {"functionResponse": {"name": name, "response": {"error": {"t": 1.0}}}},
                    {"functionResponse": {"id": "lost", "name": "tool", "response": {"output": ""}}},
                    {"text": "Attached to the result of tool call call_1:"},
                    {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
                    {"text": "<system-reminder>"},
                    {"text": "Now."},
                    {"text": "</system-reminder>"},
                ]},
                {"role": "model", "parts": [{"text": "So"}]},
                {"role": "user", "parts": [{"text": "Continue."}]},
            ],
        })
    );
    assert_eq!(
        changes,
        [
            "dropped;messages[2].content[0]",
            "rewritten;messages[2].content[2]",
            "emulated;messages[2].content[2]",
            "emulated;messages[3].content[0].content[2]",
            "rewritten;messages[4]",
            "emulated;messages[5].content[0]",
            "rewritten;messages[5]",
            "emulated;messages[6]",
            "rewritten;messages[7]",
        ]
    );
}

#[test]
fn a_target_that_wants_a_proof_on_every_call_is_told_where_there_can_be_none() {
    let own = Some("tollgate:gemini:cw==");
    let conversation = |signature| {
        foreign(vec![
            message(Role::User, [Content::text("go")]),
            message(Role::Assistant, [call("a", "f", "{}", signature), call("b", "f", "{}", None)]),
            message(Role::User, [Content::text("on")]),
        ])
    };
    let proofs =
        |written: &Value| [0, 1].map(|at| written["contents"][1]["parts"][at]["thoughtSignature"].clone());
    let (written, changes) = encode(&conversation(None), &["call_proofs"]);
    assert_eq!(proofs(&written), [json!("skip_thought_signature_validator"), Value::Null]);
    assert_eq!(changes, ["emulated;messages[1].content[0]"]);
    let (written, changes) = encode(&conversation(own), &["call_proofs"]);
    assert_eq!((proofs(&written), changes.len()), ([json!("cw=="), Value::Null], 0));
    let (written, _) = encode(&conversation(Some("tollgate:other:cw==")), &[]);
    assert_eq!(proofs(&written), [Value::Null, Value::Null]);
}

#[test]
fn reasoning_that_came_in_pieces_is_put_together_under_another_language_s_proof() {
    let carried = super::super::proofs::written("sig");
    let part = |text: &str| json!({"text": text, "thought": true});
    let read = decode(
        &json!({"contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [part("I th")]},
            {"role": "model", "parts": [part("ink.")]},
            {"role": "model", "parts": [{"text": "", "thought": true, "thoughtSignature": carried}]},
            {"role": "model", "parts": [{"text": "So."}, part("Hm.")]},
        ]})
        .to_string(),
    )
    .unwrap();
    let thought = |text: &str, signature: Option<&str>| Content::Thinking {
        text: text.into(),
        signature: signature.map(str::to_owned),
    };
    let said: Vec<_> = read.messages[1..].iter().flat_map(|message| message.content.clone()).collect();
    assert_eq!(
        said,
        [
            thought("I think.", Some("sig")),
            thought("", None),
            thought("", None),
            Content::text("So."),
            thought("Hm.", None),
        ]
    );
}

#[track_caller]
fn check_thinking(reasoning: Reasoning, quirks: &[&str], expect: &Value, expected_changes: &[&str]) {
    let conversation = Conversation {
        reasoning: Some(reasoning),
        ..foreign(vec![message(Role::User, [Content::text("go")])])
    };
    let (written, changes) = encode(&conversation, quirks);
    assert_eq!(&written["generationConfig"]["thinkingConfig"], expect);
    assert_eq!(changes, expected_changes);
}

#[test]
fn the_wish_to_think_is_said_in_budgets_or_levels() {
    let effort = |effort| Reasoning { effort: Some(effort), ..Reasoning::default() };
    let budget =
        |budget| Reasoning { budget_tokens: Some(budget), enabled: Some(true), ..Reasoning::default() };
    let off = || Reasoning { enabled: Some(false), ..Reasoning::default() };
    let on = || Reasoning { enabled: Some(true), ..Reasoning::default() };
    check_thinking(
        effort(Effort::Medium),
        &[],
        &json!({"includeThoughts": true, "thinkingBudget": 8192}),
        &["emulated;reasoning_effort"],
    );
    check_thinking(budget(5000), &[], &json!({"includeThoughts": true, "thinkingBudget": 5000}), &[]);
    check_thinking(on(), &[], &json!({"includeThoughts": true, "thinkingBudget": -1}), &[]);
    check_thinking(off(), &[], &json!({"thinkingBudget": 0}), &[]);
    let levels = &["thinking_levels"][..];
    check_thinking(
        effort(Effort::High),
        levels,
        &json!({"includeThoughts": true, "thinkingLevel": "HIGH"}),
        &[],
    );
    check_thinking(
        effort(Effort::Max),
        levels,
        &json!({"includeThoughts": true, "thinkingLevel": "HIGH"}),
        &["rewritten;reasoning_effort"],
    );
    check_thinking(
        budget(5000),
        levels,
        &json!({"includeThoughts": true, "thinkingLevel": "MEDIUM"}),
        &["emulated;thinking.budget_tokens"],
    );
    check_thinking(on(), levels, &json!({"includeThoughts": true}), &[]);
    check_thinking(off(), levels, &json!({"thinkingLevel": "LOW"}), &["rewritten;thinking"]);
    check_thinking(off(), &["always_thinks"], &json!({"thinkingBudget": 128}), &["rewritten;thinking"]);
    check_thinking(effort(Effort::High), &["no_reasoning"], &Value::Null, &["dropped;reasoning_effort"]);
}

#[test]
fn tools_and_what_this_target_does_not_take() {
    let tool = |name: &str, strict| Tool::Function {
        name: name.into(),
        description: None,
        parameters: Json::parse(r#"{"type":"object","properties":{"a":{"type":"string"}}}"#),
        strict,
        cache: None,
    };
    let schema = Json::parse(r#"{"type":"object"}"#).unwrap();
    let conversation = Conversation {
        tools: vec![
            tool("f", Some(true)),
            Tool::Opaque { kind: "other".into(), json: Json::parse("{}").unwrap() },
        ],
        parallel_tool_calls: Some(false),
        format: OutputFormat::JsonSchema { name: None, description: None, schema, strict: None },
        sampling: Sampling {
            presence_penalty: Some(0.5),
            frequency_penalty: Some(0.0),
            ..Sampling::default()
        },
        user: Some("u".into()),
        ..foreign(vec![message(Role::System, [Content::text("go")])])
    };
    let (written, changes) = encode(&conversation, &[]);
    assert_eq!(
        written,
        json!({
            "contents": [{"role": "user", "parts": [{"text": "go"}]}],
            "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object", "properties": {"a": {"type": "string"}}}}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}},
            "generationConfig": {"presencePenalty": 0.5, "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
        })
    );
    assert_eq!(
        changes,
        ["rewritten;messages[0].role", "dropped;tools[1]", "dropped;parallel_tool_calls", "dropped;user"]
    );
    let (written, changes) =
        encode(&conversation, &["openapi_schema", "no_schema_with_tools", "no_penalties"]);
    assert_eq!(
        written["tools"][0]["functionDeclarations"][0]["parameters"],
        json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}}})
    );
    assert_eq!(written["generationConfig"], Value::Null);
    assert_eq!(
        changes[1..],
        [
            "emulated;tools[0].function.parameters",
            "dropped;tools[1]",
            "dropped;parallel_tool_calls",
            "dropped;response_format",
            "dropped;presence_penalty",
            "dropped;user",
        ]
    );
    let strict = Target { strict: true, ..target(&[]) };
    assert!(matches!(Gemini.encode_request(&conversation, &strict), Err(crate::EncodeError::Lossy(_))));
}

#[test]
fn what_cannot_be_said_is_refused_and_the_rest_named_where_the_caller_has_it() {
    let nothing = foreign(vec![message(
        Role::User,
        [Content::Opaque { kind: "x".into(), json: Json::parse("{}").unwrap() }],
    )]);
    assert!(matches!(
        Gemini.encode_request(&nothing, &target(&[])),
        Err(crate::EncodeError::Unsayable { .. })
    ));
    let read = decode(REQUEST).unwrap();
    let place = |path: &str| {
        let changes = vec![types::conversation::Change::emulated(path)];
        crate::place::told(&read, changes, vec![]).unwrap().remove(0).field
    };
    assert_eq!(place("messages[0].content[0]"), "systemInstruction.parts[0]");
    assert_eq!(place("messages[2].content[3]"), "contents[1].parts[2]");
    assert_eq!(place("messages[2].content[2]"), "contents[1].parts[1]");
    assert_eq!(place("messages[3]"), "contents[2]");
    assert_eq!(place("stop"), "generationConfig.stopSequences");
    assert_eq!(place("tools[0].function.name"), "tools[0].functionDeclarations[0].name");
    assert_eq!(place("tools[1]"), "tools[1]");
}

#[test]
fn a_result_that_is_told_twice_takes_no_other_call() {
    let call = |id: &str| format!(r#"{{"functionCall":{{"id":"{id}","name":"f","args":{{}}}}}}"#);
    let result = r#"{"functionResponse":{"id":"a","name":"f","response":{}}}"#;
    let body = format!(
        r#"{{"contents":[{{"role":"model","parts":[{},{}]}},{{"role":"user","parts":[{result},{result}]}}]}}"#,
        call("a"),
        call("b"),
    );
    let asked = decode(&body).unwrap();
    let is_of_the_first =
        |content: &Content| matches!(content, Content::ToolResult { call_id, .. } if call_id == "a");
    assert!(asked.messages[1].content.iter().all(is_of_the_first), "{asked:?}");
}
