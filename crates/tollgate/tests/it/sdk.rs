//! Client libraries of providers and the frameworks above them, in Python and in Node, against a running gateway: each
//! in its own language and translated, with the built-in model of a second gateway behind it. What is asked and what
//! has to come back stands in `tests/sdk`.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};
use testkit::{FakeSessions, FakeUpstream, Gateway, Received, Reply, Said, Talk};

use crate::gateway;
use crate::keeper::keeper;

/// Everything the client libraries meet. Each part ends when it is dropped.
struct Stage {
    gateway: Gateway,
    limited: Gateway,
    /// Says after a moment of silence that there will be more.
    patient: Gateway,
    _behind: Gateway,
    _mirror: FakeUpstream,
    _keeper: FakeUpstream,
    _sessions: FakeSessions,
}

#[tokio::test]
async fn the_python_packages_understand_both_languages_and_their_translations() {
    let python = installed("venv/bin/python");
    let mut command = Command::new(python);
    command.args(["-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", "."]);
    command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(tests("python"));
    passes(command, &Stage::set().await);
}

#[tokio::test]
async fn the_node_packages_understand_both_languages_and_their_translations() {
    let modules = installed("node/node_modules");
    let folder = tests("node");
    let mut command = Command::new("node");
    command.arg("--test").args(files(&folder, ".test.mjs"));
    command.env("TOLLGATE_SDK_NODE", modules.parent().unwrap()).current_dir(folder);
    passes(command, &Stage::set().await);
}

impl Stage {
    async fn set() -> Self {
        // Failures are programmed by name: none of them may take the model away from the tests beside it.
        let behind = gateway().config("routing: {circuit_breaker: {threshold: 1000}}").start().await;
        let mirror = FakeUpstream::start(mirrored).await;
        let keeper = FakeUpstream::start(keeper()).await;
        let sessions = FakeSessions::start(realtime).await;
        let limited = gateway().config("security: {rate_limiting: {requests_per_minute: 2}}").start().await;
        let patient = gateway().config("server: {timers: {keep_alive: 20ms}}").start().await;
        let config = json!({
            "providers": {
                "oai": {"kind": "openai", "url": format!("{}/v1", behind.url()), "key": behind.key},
                "ant": {"kind": "anthropic", "url": behind.url(), "key": behind.key},
                "bed": {"kind": "bedrock", "url": behind.url(), "key": behind.key},
                "coh": {"kind": "cohere", "url": behind.url(), "key": behind.key},
                "oll": {"kind": "ollama", "url": behind.url(), "key": behind.key},
                "gem": {"kind": "gemini", "url": behind.url(), "key": behind.key},
                "gem-mirror": {"kind": "gemini", "url": mirror.url(), "key": "sk-mirror"},
                "chat": {"kind": "together", "url": format!("{}/v1", behind.url()), "key": behind.key},
                "chat-mirror": {"kind": "together", "url": format!("{}/v1", mirror.url()), "key": "sk-mirror"},
                "oai-mirror": {"kind": "openai", "url": format!("{}/v1", mirror.url()), "key": "sk-mirror"},
                "ant-mirror": {"kind": "anthropic", "url": mirror.url(), "key": "sk-mirror"},
                "keep": {"kind": "openai", "url": format!("{}/v1", keeper.url()), "key": "sk-keep", "passthrough": true},
                "keep-ant": {"kind": "anthropic", "url": keeper.url(), "key": "sk-keep", "passthrough": true},
                "talk": {"kind": "openai", "url": format!("{}/v1", sessions.url()), "key": "sk-talk"},
                "mistral-mirror": {"kind": "mistral", "url": format!("{}/v1", mirror.url()), "key": "sk-mirror"},
            },
            "models": {
                "smart": {"targets": [{"to": "oai/tollgate/mock"}]},
                "wise": {"targets": [{"to": "ant/tollgate/mock"}]},
            },
        });
        let gateway = gateway().config(&config.to_string()).start().await;
        Self {
            gateway,
            limited,
            patient,
            _behind: behind,
            _mirror: mirror,
            _keeper: keeper,
            _sessions: sessions,
        }
    }
}

/// A session that says what it was asked to say.
async fn realtime(mut talk: Talk) {
    let session =
        json!({"type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "gpt-realtime"});
    let event =
        |kind: &str, name: &str, value: Value| json!({"type": kind, "event_id": "event_1", name: value});
    talk.say(&event("session.created", "session", session.clone()).to_string()).await;
    while let Said::Text(text) = talk.hear().await {
        let said: Value = serde_json::from_str(&text).unwrap();
        match said["type"].as_str().unwrap_or_default() {
            "session.update" => {
                talk.say(&event("session.updated", "session", session.clone()).to_string()).await;
            }
            "conversation.item.create" => {
                talk.say(&event("conversation.item.added", "item", said["item"].clone()).to_string()).await;
            }
            "response.create" => respond(&mut talk, &said["response"]["instructions"]).await,
            other => {
                let error = json!({"type": "invalid_request_error", "code": "unknown", "message": other});
                talk.say(&event("error", "error", error).to_string()).await;
            }
        }
    }
}

/// The events of an answer of a session.
async fn respond(talk: &mut Talk, text: &Value) {
    let place = json!({"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0});
    let content = json!([{"type": "output_text", "text": text}]);
    let item = json!({
        "id": "item_1", "type": "message", "role": "assistant", "status": "completed", "content": content,
    });
    let response = |status: &str, output: Value, usage: Value| {
        json!({
            "id": "resp_1", "object": "realtime.response", "status": status, "output": output, "usage": usage,
        })
    };
    let usage = json!({
        "total_tokens": 30, "input_tokens": 20, "output_tokens": 10,
        "input_token_details": {"text_tokens": 20, "audio_tokens": 0, "cached_tokens": 0},
        "output_token_details": {"text_tokens": 10, "audio_tokens": 0},
    });
    let events = [
        ("response.created", json!({"response": response("in_progress", json!([]), Value::Null)})),
        ("response.output_text.delta", json!({"delta": text})),
        ("response.output_text.done", json!({"text": text})),
        ("response.done", json!({"response": response("completed", json!([item]), usage)})),
    ];
    for (number, (kind, said)) in events.into_iter().enumerate() {
        let mut event = json!({"type": kind, "event_id": format!("event_{number}")});
        for fields in [said, place.clone()].iter().filter_map(Value::as_object) {
            event.as_object_mut().unwrap().extend(fields.clone());
        }
        talk.say(&event.to_string()).await;
    }
}

/// An answer that says what was asked. A model with `busy` in its name wants to be left alone for seven seconds, one
/// with `full` is overloaded, one with `calling` streams a call.
fn mirrored(request: &Received) -> Reply {
    let body = request.json();
    let is_chat = request.path.ends_with("/chat/completions");
    let is_gemini = request.path.contains("/models/");
    let model = if is_gemini { request.path.as_str() } else { body["model"].as_str().unwrap_or_default() };
    let is_called = |word| model.contains(word);
    if is_called("busy") {
        return failure(429, "rate_limit_error", "slow down").header("retry-after", "7");
    }
    if is_called("calling") {
        return called_at_once();
    }
    if is_called("full") && !request.path.ends_with("/messages") {
        return failure(503, "server_error", "the house is full");
    }
    if is_called("full") {
        return failure(529, "overloaded_error", "the house is full");
    }
    let headers =
        request.headers.iter().map(|(name, _)| (name.to_string(), json!(request.header(name.as_str()))));
    let headers: Map<String, Value> = headers.collect();
    let seen = json!({"path": request.path, "headers": headers, "body": body}).to_string();
    let answer = if is_chat {
        json!({
            "id": "chatcmpl-mirror", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{
                "index": 0, "message": {"role": "assistant", "content": seen, "refusal": null},
                "logprobs": null, "finish_reason": "stop",
            }],
            "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
        })
    } else if is_gemini {
        json!({
            "candidates": [{
                "content": {"parts": [{"text": seen}], "role": "model"}, "finishReason": "STOP", "index": 0,
            }],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8},
            "modelVersion": "m", "responseId": "mirror",
        })
    } else if request.path.ends_with("/responses") {
        json!({
            "id": "resp_mirror", "object": "response", "created_at": 1, "model": "m", "status": "completed",
            "output": [{
                "id": "msg_mirror", "type": "message", "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": seen, "annotations": [], "logprobs": []}],
            }],
            "tools": [], "tool_choice": "auto", "parallel_tool_calls": true,
            "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8},
        })
    } else {
        json!({
            "id": "msg_mirror", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": seen}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 3, "output_tokens": 5},
        })
    };
    Reply::json(200, answer.to_string())
}

/// A stream with a call that comes whole, reason and usage with it, as Mistral sends it.
fn called_at_once() -> Reply {
    let chunk = |choice: Value| {
        json!({
            "id": "calling", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice],
        })
    };
    let function = json!({"name": "get_time", "arguments": r#"{"zone":"example"}"#});
    let call = json!({"id": "D681PevKs", "type": "function", "index": 0, "function": function});
    let said = json!({"role": "assistant", "content": ""});
    let first = chunk(json!({"index": 0, "delta": said, "finish_reason": null}));
    let mut last = chunk(json!({"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}));
    last["usage"] = json!({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8});
    Reply::sse(format!("data: {first}\n\ndata: {last}\n\ndata: [DONE]\n\n"))
}

/// An error that both languages read.
fn failure(status: u16, kind: &str, message: &str) -> Reply {
    Reply::json(status, json!({"type": "error", "error": {"type": kind, "message": message}}).to_string())
}

/// Runs the tests of one language; what they print is told when they fail.
#[track_caller]
fn passes(mut command: Command, stage: &Stage) {
    command.env("TOLLGATE_URL", stage.gateway.url()).env("TOLLGATE_KEY", &stage.gateway.key);
    command.env("TOLLGATE_LIMITED_URL", stage.limited.url()).env("TOLLGATE_LIMITED_KEY", &stage.limited.key);
    command.env("TOLLGATE_PATIENT_URL", stage.patient.url()).env("TOLLGATE_PATIENT_KEY", &stage.patient.key);
    // A proxy of the machine's has no business between two processes on it.
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    let output = command.output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    println!("{}", String::from_utf8_lossy(&printed));
    assert!(
        output.status.success(),
        "{command:?} ended with {}; what it printed stands above",
        output.status
    );
}

/// What `cargo xtask sdk` has installed.
#[track_caller]
pub(crate) fn installed(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let path = root.join("target/sdk").join(path);
    assert!(path.exists(), "{} is not there: `cargo xtask sdk` installs it", path.display());
    path
}

fn tests(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(language)
}

/// The files of a folder whose names end so, in order.
fn files(folder: &Path, end: &str) -> Vec<String> {
    let names = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(end)).collect();
    assert!(!names.is_empty(), "no tests in {}", folder.display());
    names.sort_unstable();
    names
}
