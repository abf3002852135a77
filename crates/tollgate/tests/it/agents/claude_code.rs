//! Claude Code: answers, tools, its list of models, and how often it comes back after a refusal.

use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::{FakeUpstream, Program, Ran, Reply};

use super::{BOUND, Desk, NOTE, check_told, remembering, requests};
use crate::gateway;
use crate::samples::{MESSAGES, ask, call};
use crate::sdk::installed;

/// What keeps it from talking to anybody but the gateway.
const QUIET: &[&str] = &[
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "DISABLE_AUTOUPDATER",
    "DISABLE_ERROR_REPORTING",
    "DISABLE_TELEMETRY",
];

/// Claude Code at this desk, with this base URL and key.
pub(crate) fn claude(desk: &Desk, url: &str, key: &str) -> Program {
    let program = desk.program(&binary()).env("ANTHROPIC_BASE_URL", url).env("ANTHROPIC_AUTH_TOKEN", key);
    QUIET.iter().fold(program, |program, name| program.env(name, "1"))
}

/// The program itself, which npm keeps in a package of its own for each platform.
fn binary() -> PathBuf {
    let packages = installed("agents/node_modules/@anthropic-ai");
    let folders = packages.read_dir().unwrap().map(|entry| entry.unwrap().path().join("claude"));
    let mut programs = folders.filter(|path| path.is_file());
    programs.next().unwrap_or_else(|| panic!("no program for this machine in {}", packages.display()))
}

/// Says "say hi" to this model.
pub(crate) async fn greet(program: Program, model: &str) -> Ran {
    program.args(&["-p", "say hi", "--model", model]).run(BOUND).await
}

/// A model that calls this tool.
pub(crate) fn calling(tool: &str, arguments: &Value) -> String {
    format!("mock?tool={tool}&args={arguments}")
}

#[tokio::test]
async fn it_is_answered_in_its_own_language_and_translated() {
    let behind = gateway().start().await;
    let config = json!({
        "providers": {"far": {"kind": "openai", "url": format!("{}/v1", behind.url()), "key": behind.key}},
        "models": {
            "own": {"targets": [{"to": "tollgate/mock"}]},
            "translated": {"targets": [{"to": "far/tollgate/mock"}]},
        },
    });
    let mut gateway = gateway().config(&config.to_string()).start().await;
    for model in ["own", "translated"] {
        let ran = greet(claude(&Desk::new(), &gateway.url(), &gateway.key), model).await;
        assert!(ran.is_success, "{ran:#?}");
        check_told(&ran, "Hello from Tollgate.");
        check_told(&ran, "say hi");
    }
    let requests = requests(&mut gateway).await;
    let statuses: Vec<_> = requests.iter().map(|line| (&line["status"], &line["stream"])).collect();
    assert_eq!(statuses, [(&json!(200), &json!(true)); 2], "{requests:#?}");
}

#[tokio::test]
async fn its_tools_are_called_and_their_results_come_back() {
    let behind = gateway().start().await;
    let desk = Desk::new();
    let read = calling("Read", &json!({"file_path": desk.note()}));
    let list = calling("Bash", &json!({"command": "ls", "description": "List files"}));
    let config = json!({
        "providers": {"far": {"kind": "openai", "url": format!("{}/v1", behind.url()), "key": behind.key}},
        "models": {
            "reads": {"targets": [{"to": format!("tollgate/{read}")}]},
            "lists": {"targets": [{"to": format!("tollgate/{list}")}]},
            "reads-translated": {"targets": [{"to": format!("far/tollgate/{read}")}]},
        },
    });
    let mut gateway = gateway().config(&config.to_string()).start().await;
    for (model, result) in [("reads", NOTE), ("lists", "note.txt"), ("reads-translated", NOTE)] {
        let ran = greet(claude(&desk, &gateway.url(), &gateway.key), model).await;
        assert!(ran.is_success, "{model}: {ran:#?}");
        check_told(&ran, "[tool result: ");
        check_told(&ran, result);
    }
    let requests = requests(&mut gateway).await;
    let finishes: Vec<_> = requests.iter().map(|line| &line["finish"]).collect();
    assert_eq!(finishes, ["tool_calls", "stop"].repeat(3), "{requests:#?}");
}

#[tokio::test]
async fn it_finds_the_models_that_bear_its_makers_name() {
    let desk = Desk::new();
    // What it has understood of the listing it keeps for the next start. It does not wait for that: the model has it
    // look until the file is there.
    let kept = desk.home().join(".claude/cache/gateway-models.json");
    let command = format!("until test -s '{}'; do sleep 0.1; done", kept.display());
    let model = calling("Bash", &json!({"command": command, "description": "Wait for a file"}));
    let config = json!({"models": {"claude-here": {"targets": [{"to": format!("tollgate/{model}")}]}}});
    let gateway = gateway().config(&config.to_string()).start().await;
    let program = claude(&desk, &gateway.url(), &gateway.key).args(&["--allowedTools", "Bash"]);
    let ran = greet(program.env("CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY", "1"), "claude-here").await;
    check_told(&ran, "[tool result: ");
    let kept = std::fs::read_to_string(kept).unwrap_or_else(|error| panic!("{error}: {ran:#?}"));
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let names: Vec<_> = kept["models"].as_array().unwrap().iter().map(|model| &model["id"]).collect();
    assert_eq!(names, ["claude-here"], "{kept}");
}

#[tokio::test]
async fn what_it_asks_to_see_whether_anybody_is_there_is_answered_and_not_counted() {
    let mut gateway = gateway().start().await;
    for path in ["/api/hello", "/"] {
        let response = gateway.call(http::Method::HEAD, path, bytes::Bytes::new()).without_key().send().await;
        assert_eq!((response.status, response.body.len()), (200, 0), "{path}");
    }
    let requests = requests(&mut gateway).await;
    assert!(requests.is_empty(), "{requests:#?}");
}

#[tokio::test]
async fn what_it_says_in_headers_reaches_a_provider_of_its_language() {
    let upstream = remembering(&dialects::anthropic::Anthropic).await;
    let config = json!({
        "providers": {"a": {"kind": "anthropic", "url": upstream.url(), "key": "sk-a"}},
        "models": {"m": {"targets": [{"to": "a/mock"}]}},
    });
    let gateway = gateway().config(&config.to_string()).start().await;
    let desk = Desk::new();
    let program = claude(&desk, &gateway.url(), &gateway.key);
    // Hints about the request, and whatever its user adds.
    let program = program.env("CLAUDE_CODE_GATEWAY_HINT_HEADERS", "1");
    let ran = greet(program.env("ANTHROPIC_CUSTOM_HEADERS", "x-team: blue"), "m").await;
    check_told(&ran, "Hello from Tollgate.");
    let received = upstream.last();
    assert!(received.header("anthropic-beta").contains("claude-code-"), "{received:?}");
    assert_eq!((received.header("anthropic-version"), received.header("x-team")), ("2023-06-01", ""));
    for word in ["authorization", "x-api-key"] {
        assert!(!received.header(word).contains(&gateway.key), "{word}");
    }
}

/// Checks what comes of one refusal: the sentence that its user reads, and how often it has asked.
async fn check_refused(config: Value, model: &str, key: Option<&str>, expect: (&str, usize)) {
    let mut gateway = gateway().config(&config.to_string()).start().await;
    let key = key.unwrap_or(&gateway.key).to_owned();
    let ran = greet(claude(&Desk::new(), &gateway.url(), &key), model).await;
    let (sentence, count) = expect;
    assert!(!ran.is_success, "{ran:#?}");
    check_told(&ran, sentence);
    let requests = requests(&mut gateway).await;
    assert_eq!(requests.len(), count, "{sentence}: {requests:#?}");
}

#[tokio::test]
async fn it_shows_a_refused_key_s_sentence_and_asks_once() {
    let expect = ("Failed to authenticate. API Error: 401 no valid key on the request", 1);
    check_refused(json!({}), "tollgate/mock", Some("tg-wrong"), expect).await;
}

#[tokio::test]
async fn it_shows_that_a_request_is_beyond_its_limit_and_asks_once() {
    let limited = json!({"security": {"rate_limiting": {"tokens_per_minute": 1000}}});
    check_refused(limited, "tollgate/mock", None, ("Request rejected (429)", 1)).await;
}

#[tokio::test]
async fn it_knows_a_full_context_by_the_words_of_either_provider() {
    let full = [
        ("anthropic", "", "prompt is too long: 210000 tokens > 200000 maximum"),
        (
            "openai",
            "/v1",
            "This model's maximum context length is 128000 tokens. Please reduce the length of the messages.",
        ),
    ];
    for (kind, path, sentence) in full {
        let error =
            json!({"type": "invalid_request_error", "code": "context_length_exceeded", "message": sentence});
        let reply = Reply::json(400, json!({"type": "error", "error": error}).to_string());
        let upstream = FakeUpstream::start(move |_| reply.clone()).await;
        let config = json!({
            "providers": {"a": {"kind": kind, "url": format!("{}{path}", upstream.url()), "key": "sk-a"}},
            "models": {"m": {"targets": [{"to": "a/x"}]}},
        });
        check_refused(config, "m", None, ("Prompt is too long", 1)).await;
    }
}

/// Beginnings of header names by which it takes an answer for one of another gateway's.
const OTHERS: &[&str] =
    &["cf-aig-", "helicone-", "x-bifrost-", "x-bt-", "x-kong-", "x-litellm-", "x-portkey-"];

#[tokio::test]
async fn no_answer_looks_like_another_gateway_s() {
    let gateway = gateway().start().await;
    for model in ["tollgate/mock", "nowhere"] {
        let response = call(&gateway, MESSAGES, ask(model)).send().await;
        let names = response.headers.keys().map(http::HeaderName::as_str);
        let others: Vec<_> =
            names.filter(|name| OTHERS.iter().any(|start| name.starts_with(start))).collect();
        assert!(others.is_empty(), "{others:?}");
    }
}

#[tokio::test]
async fn it_shows_a_name_that_no_model_has_and_asks_in_both_forms() {
    check_refused(json!({}), "claude-nowhere", None, ("selected model (claude-nowhere)", 2)).await;
}

#[tokio::test]
async fn it_shows_what_a_provider_refuses_for_good_and_asks_once() {
    let refusing = |status: u16, kind: &'static str, wait: &'static str| {
        let error = json!({"type": "error", "error": {"type": kind, "message": "not in this house"}});
        let reply = Reply::json(status, error.to_string()).header("retry-after", wait);
        FakeUpstream::start(move |_| reply.clone())
    };
    for (status, kind, wait) in [
        // Nobody waits for longer than a minute.
        (429, "rate_limit_error", "90"),
        (400, "policy_blocked", "0"),
    ] {
        let upstream = refusing(status, kind, wait).await;
        let config = json!({
            "providers": {"a": {"kind": "anthropic", "url": upstream.url(), "key": "sk-a"}},
            "models": {"m": {"targets": [{"to": "a/x"}]}},
        });
        check_refused(config, "m", None, ("not in this house", 1)).await;
    }
}
