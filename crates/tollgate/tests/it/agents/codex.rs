//! Codex CLI: answers, tools, its list of models, `WebSocket`s, and how often it comes back after a refusal.

use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::{Program, Ran};

use super::{BOUND, Desk, NOTE, check_told, remembering, requests};
use crate::gateway;
use crate::sdk::installed;

/// Codex at this desk, with this provider and nobody else to talk to.
fn codex(desk: &Desk, provider: &str, key: &str) -> Program {
    let config = format!(
        "model_provider = \"tollgate\"\ncheck_for_update_on_startup = false\nanalytics = {{enabled = false}}\n\
         features = {{plugins = false}}\n\
         [model_providers.tollgate]\nname = \"Tollgate\"\nenv_key = \"TOLLGATE_KEY\"\nwire_api = \"responses\"\n\
         {provider}\n"
    );
    let folder = desk.home().join(".codex");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), config).unwrap();
    desk.program(&binary()).env("TOLLGATE_KEY", key)
}

/// The program itself, which npm keeps in a package of its own for each platform.
fn binary() -> PathBuf {
    let packages = installed("agents/node_modules/@openai");
    let folders = packages.read_dir().unwrap().map(|entry| entry.unwrap().path().join("vendor"));
    let systems = folders.filter_map(|folder| folder.read_dir().ok()).flatten();
    let mut programs =
        systems.map(|entry| entry.unwrap().path().join("bin/codex")).filter(|path| path.is_file());
    programs.next().unwrap_or_else(|| panic!("no program for this machine in {}", packages.display()))
}

/// Says "say hi" to this model.
async fn greet(program: Program, model: &str, more: &[&str]) -> Ran {
    let program = program.args(&["exec", "--skip-git-repo-check", "--model", model]);
    program.args(more).arg("say hi").run(BOUND).await
}

fn base_url(gateway: &testkit::Gateway) -> String {
    format!("base_url = \"{}/v1\"", gateway.url())
}

#[tokio::test]
async fn it_is_answered_in_its_own_language_and_translated() {
    let behind = gateway().start().await;
    let config = json!({
        "providers": {
            "far": {"kind": "openai", "url": format!("{}/v1", behind.url()), "key": behind.key},
            "further": {"kind": "anthropic", "url": behind.url(), "key": behind.key},
        },
        "models": {
            "own": {"targets": [{"to": "tollgate/mock"}]},
            "passed-on": {"targets": [{"to": "far/tollgate/mock"}]},
            "translated": {"targets": [{"to": "further/tollgate/mock"}]},
        },
    });
    let mut gateway = gateway().config(&config.to_string()).start().await;
    let desk = Desk::new();
    for model in ["own", "passed-on", "translated"] {
        let ran = greet(codex(&desk, &base_url(&gateway), &gateway.key), model, &[]).await;
        assert!(ran.is_success, "{model}: {ran:#?}");
        check_told(&ran, "Hello from Tollgate.");
        check_told(&ran, "say hi");
    }
    let requests = requests(&mut gateway).await;
    let statuses: Vec<_> = requests.iter().map(|line| (&line["status"], &line["stream"])).collect();
    assert_eq!(statuses, [(&json!(200), &json!(true)); 3], "{requests:#?}");
}

#[tokio::test]
async fn its_tools_are_called_and_their_results_come_back() {
    let behind = gateway().start().await;
    let desk = Desk::new();
    let reads = format!("mock?tool=exec_command&args={}", json!({"cmd": "cat note.txt"}));
    let config = json!({
        "providers": {"far": {"kind": "anthropic", "url": behind.url(), "key": behind.key}},
        "models": {
            "reads": {"targets": [{"to": format!("tollgate/{reads}")}]},
            "reads-translated": {"targets": [{"to": format!("far/tollgate/{reads}")}]},
        },
    });
    let mut gateway = gateway().config(&config.to_string()).start().await;
    for model in ["reads", "reads-translated"] {
        // Its sandbox needs rights that a container may not have, and the one command is harmless.
        let free = ["--sandbox", "danger-full-access"];
        let ran = greet(codex(&desk, &base_url(&gateway), &gateway.key), model, &free).await;
        assert!(ran.is_success, "{model}: {ran:#?}");
        check_told(&ran, "[tool result: ");
        check_told(&ran, NOTE);
    }
    let requests = requests(&mut gateway).await;
    let finishes: Vec<_> = requests.iter().map(|line| &line["finish"]).collect();
    assert_eq!(finishes, ["tool_calls", "stop"].repeat(2), "{requests:#?}");
}

#[tokio::test]
async fn it_takes_its_models_and_what_to_tell_them_from_the_listing() {
    let upstream = remembering(&dialects::openai_responses::OpenAiResponses).await;
    let config = json!({
        "providers": {"a": {"kind": "openai", "url": format!("{}/v1", upstream.url()), "key": "sk-a"}},
        "models": {"smart": {"targets": [{"to": "a/mock"}]}},
    });
    let gateway = gateway().config(&config.to_string()).start().await;
    let desk = Desk::new();
    let provider = format!("{}\nmodel_catalog_url = \"{}/v1/models\"", base_url(&gateway), gateway.url());
    let program = codex(&desk, &provider, &gateway.key);
    let ran = greet(program, "smart", &["--enable", "api_key_model_discovery"]).await;
    assert!(ran.is_success, "{ran:#?}");
    check_told(&ran, "Hello from Tollgate.");
    assert!(!ran.stderr.contains("Model metadata for `smart` not found"), "{ran:#?}");
    let kept = std::fs::read_to_string(desk.home().join(".codex/models_cache.json")).unwrap();
    assert!(kept.contains("\"slug\": \"smart\""), "{kept}");
    let told = upstream.last().json()["input"].to_string();
    assert!(told.contains("You are a coding agent that works in a user's terminal"), "{told}");
}

#[tokio::test]
async fn it_talks_over_one_websocket() {
    let mut gateway = gateway().start().await;
    let provider = format!("{}\nsupports_websockets = true", base_url(&gateway));
    let ran = greet(codex(&Desk::new(), &provider, &gateway.key), "tollgate/mock", &[]).await;
    assert!(ran.is_success, "{ran:#?}");
    check_told(&ran, "Hello from Tollgate.");
    let requests = requests(&mut gateway).await;
    let statuses: Vec<_> = requests.iter().map(|line| &line["status"]).collect();
    // It warms the connection up with what asks no model, which counts as a request.
    assert_eq!(statuses, [101, 200, 200], "{requests:#?}");
}

/// Checks what comes of one refusal: what its user reads, and how often it has asked.
async fn check_refused(config: Value, model: &str, key: Option<&str>, expect: &str) {
    let mut gateway = gateway().config(&config.to_string()).start().await;
    let key = key.unwrap_or(&gateway.key).to_owned();
    // It begins a stream anew five times, whatever it is told; this says what it does each time.
    let provider = format!("{}\nstream_max_retries = 0", base_url(&gateway));
    let ran = greet(codex(&Desk::new(), &provider, &key), model, &[]).await;
    assert!(!ran.is_success, "{ran:#?}");
    assert!(ran.stderr.contains(expect), "no `{expect}` in {ran:#?}");
    let requests = requests(&mut gateway).await;
    assert_eq!(requests.len(), 1, "{expect}: {requests:#?}");
}

#[tokio::test]
async fn it_shows_what_it_is_refused_for_and_asks_once() {
    let expect = "401 Unauthorized: no valid key on the request";
    check_refused(json!({}), "tollgate/mock", Some("tg-wrong"), expect).await;
    check_refused(json!({}), "nowhere", None, "no model `nowhere`").await;
    // Its own words for every 429.
    let limited = json!({"security": {"rate_limiting": {"tokens_per_minute": 1000}}});
    check_refused(limited, "tollgate/mock", None, "429 Too Many Requests").await;
}
