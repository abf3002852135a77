//! Gemini CLI: answers, tools, and how often it comes back after a refusal.

use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::{Program, Ran};

use super::{BOUND, Desk, NOTE, check_told, requests};
use crate::gateway;
use crate::sdk::installed;

/// Gemini CLI at this desk, with this base URL and key.
fn gemini(desk: &Desk, url: &str, key: &str) -> Program {
    let settings = json!({
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": false}},
        "privacy": {"usageStatisticsEnabled": false},
        "telemetry": {"enabled": false},
        "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false},
    });
    let folder = desk.home().join(".gemini");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
    let program = desk
        .program(&PathBuf::from("node"))
        .arg(installed("agents/node_modules/@google/gemini-cli/bundle/gemini.js"));
    // Its reports of what went wrong go into the temporary folder.
    program.env("TMPDIR", desk.home()).env("GEMINI_API_KEY", key).env("GOOGLE_GEMINI_BASE_URL", url)
}

/// Says "say hi" to this model.
async fn greet(program: Program, model: &str) -> Ran {
    program.args(&["--prompt", "say hi", "--model", model]).run(BOUND).await
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
            "translated": {"targets": [{"to": "far/tollgate/mock"}]},
            "translated-too": {"targets": [{"to": "further/tollgate/mock"}]},
        },
    });
    let mut gateway = gateway().config(&config.to_string()).start().await;
    let desk = Desk::new();
    for model in ["own", "translated", "translated-too"] {
        let ran = greet(gemini(&desk, &gateway.url(), &gateway.key), model).await;
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
    let reads = format!("mock?tool=read_file&args={}", json!({"file_path": "note.txt"}));
    let config = json!({
        "providers": {"far": {"kind": "openai", "url": format!("{}/v1", behind.url()), "key": behind.key}},
        "models": {
            "reads": {"targets": [{"to": format!("tollgate/{reads}")}]},
            "reads-translated": {"targets": [{"to": format!("far/tollgate/{reads}")}]},
        },
    });
    let mut gateway = gateway().config(&config.to_string()).start().await;
    for model in ["reads", "reads-translated"] {
        let ran = greet(gemini(&desk, &gateway.url(), &gateway.key), model).await;
        assert!(ran.is_success, "{model}: {ran:#?}");
        check_told(&ran, "[tool result: ");
        check_told(&ran, NOTE);
    }
    let requests = requests(&mut gateway).await;
    let finishes: Vec<_> = requests.iter().map(|line| &line["finish"]).collect();
    assert_eq!(finishes, ["tool_calls", "stop"].repeat(2), "{requests:#?}");
}

/// Checks what comes of one refusal: what its user reads, and how often it has asked.
async fn check_refused(config: Value, model: &str, key: Option<&str>, expect: &str) {
    let mut gateway = gateway().config(&config.to_string()).start().await;
    let key = key.unwrap_or(&gateway.key).to_owned();
    let ran = greet(gemini(&Desk::new(), &gateway.url(), &key), model).await;
    assert!(!ran.is_success, "{ran:#?}");
    assert!(ran.stderr.contains(expect), "no `{expect}` in {ran:#?}");
    let requests = requests(&mut gateway).await;
    assert_eq!(requests.len(), 1, "{expect}: {requests:#?}");
}

#[tokio::test]
async fn it_shows_what_it_is_refused_for_and_asks_once() {
    check_refused(json!({}), "tollgate/mock", Some("tg-wrong"), "no valid key on the request").await;
    check_refused(json!({}), "nowhere", None, "no model `nowhere`").await;
}
