//! What the gateway answers fits what the APIs' own documents say of it: `OpenAI`'s, and Open Responses'. The documents
//! stand beside the repository; where they do not, what is left is the order of a stream's events.

pub(crate) mod order;
mod schema;

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use testkit::Response;

use self::schema::Document;
use crate::exchange::RECORDINGS;
use crate::{gateway, heard};

/// One API's document.
struct Spec {
    document: Document,
    reading: Reading,
}

/// How a document is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// As it is written.
    Strict,
    /// Nothing is required, and anything may be null: most of what the provider itself answers fits no other way.
    Tolerant,
}

/// Files of documents, how they are meant, what of them does not hold, and why not.
type File = (&'static str, Reading, &'static [(&'static str, &'static str)]);
const FILES: [File; 2] = [
    (
        "openai-openapi-2.3.0.json",
        Reading::Tolerant,
        &[
            (
                "/components/schemas/Embedding/properties/embedding/type",
                "a vector that was asked for in base64 is a text",
            ),
            (
                "/components/schemas/ResponseErrorCode/enum",
                "a failed answer has the word of whoever failed, which clients act on: `context_length_exceeded` is none of these",
            ),
        ],
    ),
    (
        "open-responses-2026-04-24.json",
        Reading::Strict,
        &[
            (
                "/components/schemas/Annotation/oneOf",
                "a document that is cited is told as OpenAI's own document has it: this one knows pages alone",
            ),
            (
                "/components/schemas/JsonSchemaResponseFormat/properties/schema/anyOf",
                "a schema that was asked for is repeated, and is not the null that stands there",
            ),
        ],
    ),
];

static SPECS: LazyLock<Vec<Spec>> = LazyLock::new(|| FILES.iter().filter_map(Spec::read).collect());

impl Spec {
    /// Reads a document; none where it is not there.
    fn read((name, reading, exceptions): &File) -> Option<Self> {
        let text = std::fs::read_to_string(format!("{RECORDINGS}/../specs/{name}")).ok()?;
        let mut document: Value = serde_json::from_str(&text).unwrap();
        for (pointer, _) in *exceptions {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let parent = document.pointer_mut(parent).and_then(Value::as_object_mut);
            assert!(parent.and_then(|parent| parent.remove(name)).is_some(), "no {pointer} in {name}");
        }
        if *reading == Reading::Tolerant {
            require_nothing(&mut document);
        }
        Some(Self { document: Document(document), reading: *reading })
    }

    /// The schema of a successful answer of this media type at a path.
    fn answer(&self, path: &str, media: &str) -> Option<&Value> {
        let path = self.document.0["paths"].get(path)?;
        let operation = path.get("post").or(path.get("get"))?;
        let content = operation.pointer("/responses/200/content")?;
        content.get(media)?.get("schema")
    }

    fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let tolerated = match self.reading {
            Reading::Strict => value.clone(),
            Reading::Tolerant => without_nulls(value),
        };
        let checked = self.document.check(schema, &tolerated);
        checked.map_err(|misfit| format!("{misfit}\n  of {value:.3000}"))
    }

    fn check_named(&self, schema: &str, value: &Value) -> Result<(), String> {
        match self.document.0.pointer(&format!("/components/schemas/{schema}")) {
            Some(schema) => self.check(schema, value),
            None => Ok(()),
        }
    }
}

/// The schemas without what they require.
fn require_nothing(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            // A property may have this name; what is required is a list.
            if fields.get("required").is_some_and(Value::is_array) {
                fields.remove("required");
            }
            fields.values_mut().for_each(require_nothing);
        }
        Value::Array(items) => items.iter_mut().for_each(require_nothing),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let said = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                said.map(|(name, value)| (name.clone(), without_nulls(value))).collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// What is wrong with an answer to a request at this path. A path that no document has is none of theirs.
pub(crate) fn judge(path: &str, answer: &Response) -> Result<(), String> {
    let path = path.split('?').next().unwrap().strip_prefix("/v1").unwrap_or(path);
    if !answer.header("content-type").starts_with("text/event-stream") {
        return SPECS.iter().try_for_each(|spec| judge_whole(spec, path, answer));
    }
    let mut events = Vec::new();
    for event in heard::events(&answer.body).iter().filter(|event| event.data.starts_with(b"{")) {
        let data: Value = serde_json::from_slice(&event.data).map_err(|error| error.to_string())?;
        events.push((String::from_utf8_lossy(&event.name).into_owned(), data));
    }
    if path == "/responses" {
        order::check(&events)
            .map_err(|problem| format!("{problem}: {}", String::from_utf8_lossy(&answer.body)))?;
    }
    events.iter().try_for_each(|(_, event)| judge_event(path, event))
}

fn judge_whole(spec: &Spec, path: &str, answer: &Response) -> Result<(), String> {
    if spec.document.0["paths"].get(path).is_none() {
        return Ok(());
    }
    if answer.status >= 400 {
        return spec.check_named("ErrorResponse", &answer.json());
    }
    match spec.answer(path, "application/json") {
        Some(schema) => spec.check(schema, &answer.json()),
        None => Ok(()),
    }
}

/// What is wrong with an event of a stream at this path.
fn judge_event(path: &str, event: &Value) -> Result<(), String> {
    SPECS.iter().try_for_each(|spec| match spec.answer(path, "text/event-stream") {
        // In the streams of most surfaces an error is an answer of its own.
        Some(_) if event["error"].is_object() && event.get("type").is_none() => {
            spec.check_named("ErrorResponse", event)
        }
        Some(schema) => spec.check(schema, event),
        None => Ok(()),
    })
}

/// What is wrong with an event that is a message of its own, of a conversation at this path.
pub(crate) fn judge_message(path: &str, event: &Value) -> Result<(), String> {
    if event["type"] == "error" {
        return SPECS.iter().try_for_each(|spec| spec.check_named("WebSocketErrorEvent", event));
    }
    judge_event(path.strip_prefix("/v1").unwrap_or(path), event)
}

/// What the built-in model is asked at every path that the documents have: whole, and streamed where it says so.
fn questions() -> Vec<(&'static str, Value)> {
    let tool = json!({"name": "get_weather", "description": null, "parameters": {
        "type": "object", "properties": {"place": {"type": "string"}}}});
    let (chat, responses) = ("/v1/chat/completions", "/v1/responses");
    let messages = json!([{"role": "user", "content": "hi"}]);
    let tools = json!([{"type": "function", "function": tool}]);
    let mut flat = tool.clone();
    flat["type"] = json!("function");
    let schema = json!({"type": "json_schema", "name": "a", "schema": {"type": "object"}});
    let mut asked = vec![
        (chat, json!({"model": "tollgate/mock?think=3", "messages": messages, "n": 2})),
        (chat, json!({"model": "tollgate/mock", "messages": messages, "max_tokens": 2})),
        (chat, json!({"model": "tollgate/mock?tool=get_weather,b", "messages": messages, "tools": tools})),
        (chat, json!({"model": "tollgate/mock?fail=500", "messages": messages})),
        (responses, json!({"model": "tollgate/mock?think=3", "input": "hi"})),
        (
            responses,
            json!({"model": "tollgate/mock", "input": [{"role": "user", "content": "hi"}], "max_output_tokens": 2}),
        ),
        (
            responses,
            json!({"model": "tollgate/mock?tool=get_weather,b&think=2", "input": "hi", "tools": [flat], "tool_choice": "auto",
            "reasoning": {"effort": "low"}, "metadata": {"a": "b"}, "instructions": "be brief", "temperature": 0.5}),
        ),
        (
            responses,
            json!({"model": "tollgate/mock", "input": "hi", "text": {"format": schema, "verbosity": "low"}}),
        ),
        (responses, json!({"model": "tollgate/mock?fail=429", "input": "hi"})),
        ("/v1/completions", json!({"model": "tollgate/mock", "prompt": "hi"})),
        ("/v1/completions", json!({"model": "tollgate/mock", "prompt": ["hi"], "max_tokens": 1})),
        ("/v1/images/generations", json!({"model": "tollgate/mock", "prompt": "a dot", "partial_images": 1})),
    ];
    let streamed = asked.clone().into_iter().map(|(path, mut body)| {
        body["stream"] = json!(true);
        if path != responses && !path.contains("images") {
            body["stream_options"] = json!({"include_usage": true});
        }
        (path, body)
    });
    let streamed: Vec<_> = streamed.collect();
    asked.extend(streamed);
    asked.extend([
        ("/v1/embeddings", json!({"model": "tollgate/mock", "input": ["a", "b c"]})),
        ("/v1/embeddings", json!({"model": "tollgate/mock", "input": "a", "encoding_format": "base64"})),
        ("/v1/moderations", json!({"model": "tollgate/mock", "input": ["love", "violence"]})),
        (
            "/v1/audio/speech",
            json!({"model": "tollgate/mock", "input": "hi", "voice": "alloy", "stream_format": "sse"}),
        ),
        ("/v1/responses/input_tokens", json!({"model": "tollgate/mock", "input": "hi"})),
        ("/v1/responses/compact", json!({"model": "tollgate/mock", "input": "hi"})),
    ]);
    asked
}

#[tokio::test]
async fn the_built_in_model_answers_as_the_documents_say() {
    let gateway = gateway().start().await;
    let mut problems = Vec::new();
    for (path, body) in questions() {
        let answer = gateway.post(path, body.to_string()).send().await;
        problems.extend(judge(path, &answer).err().map(|problem| format!("{path} {body}\n  {problem}")));
    }
    let listed = gateway.get("/v1/models").send().await;
    problems.extend(judge("/v1/models", &listed).err());
    let one = gateway.get("/v1/models/tollgate/mock").send().await;
    problems.extend(judge("/v1/models/{model}", &one).err());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test]
async fn errors_are_as_the_documents_say() {
    let gateway = gateway().start().await;
    let mut problems = Vec::new();
    let paths = questions().into_iter().map(|(path, _)| path).chain(["/v1/files", "/v1/batches"]);
    for path in paths.collect::<std::collections::BTreeSet<_>>() {
        for body in
            ["{", "{}", r#"{"model": 1}"#, r#"{"model": "nobody/knows", "input": "a", "messages": []}"#]
        {
            for call in [gateway.post(path, body), gateway.post(path, body).without_key()] {
                let answer = call.send().await;
                assert!(answer.status >= 400, "{path} {body}: {}", answer.text());
                problems
                    .extend(judge(path, &answer).err().map(|problem| format!("{path} {body}: {problem}")));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
