//! Codex CLI: its list of models.

use std::path::PathBuf;

use serde_json::json;
use testkit::{FakeUpstream, Program, Ran, Reply};

use super::{BOUND, Desk, check_told};
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
    std::fs::create_dir(&folder).unwrap();
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

#[tokio::test]
async fn it_takes_its_models_and_what_to_tell_them_from_the_listing() {
    let upstream = FakeUpstream::start(|_| Reply::sse(ANSWER)).await;
    let gateway = gateway()
        .config(&json!({"models": {"smart": {"targets": [{"to": "tollgate/mock"}]}}}).to_string())
        .start()
        .await;
    let desk = Desk::new();
    let provider =
        format!("base_url = \"{}\"\nmodel_catalog_url = \"{}/v1/models\"", upstream.url(), gateway.url());
    let program = codex(&desk, &provider, &gateway.key);
    let ran = greet(program, "smart", &["--enable", "api_key_model_discovery"]).await;
    assert!(ran.is_success, "{ran:#?}");
    check_told(&ran, "Hello from Responses");
    assert!(!ran.stderr.contains("Model metadata for `smart` not found"), "{ran:#?}");
    let kept = std::fs::read_to_string(desk.home().join(".codex/models_cache.json")).unwrap();
    assert!(kept.contains("\"slug\": \"smart\""), "{kept}");
    let told = upstream.last().json()["input"].to_string();
    assert!(told.contains("You are a coding agent that works in a user's terminal"), "{told}");
}

/// An answer of OpenAI's Responses, as far as Codex reads it.
const ANSWER: &str = r#"event: response.created
data: {"type":"response.created","response":{"id":"resp_1"}}

event: response.output_item.done
data: {"type":"response.output_item.done","item":{"type":"message","role":"assistant","id":"msg_1","content":[{"type":"output_text","text":"Hello from Responses","annotations":[]}]}}

event: response.completed
data: {"type":"response.completed","response":{"id":"resp_1","usage":{"input_tokens":1,"input_tokens_details":null,"output_tokens":1,"output_tokens_details":null,"total_tokens":2}}}

"#;
