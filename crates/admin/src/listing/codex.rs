//! Models as Codex reads them: every field of its `ModelInfo` that has no default.

use providers::{Capability, Modality};
use serde_json::{Value, json};

use super::ListingConfig;

/// What a coding agent tells a model that it knows from this listing alone: it has nothing else to say to it, and
/// takes no catalogue without it.
const AGENT_INSTRUCTIONS: &str = "\
You are a coding agent that works in a user's terminal, in the folder the user has opened. Work on the task with the tools \
you are given until it is done, then say briefly what you did and what is left.

- Look before you write: read the files a change touches, and the project's own instructions (AGENTS.md) where there are \
any. Follow the style you find.
- Change what the task needs and nothing else. Never undo or overwrite work that is not yours, and ask before anything that \
cannot be taken back.
- Prefer fast searches (`rg`), and commands that end by themselves and print little.
- Check your work with the project's own tests and tools, and say plainly what you have not checked.
- Be brief. Name files by path and line. Do not repeat what the tools have shown already.
";

/// The entry of the model that is this far down the list.
pub(super) fn entry(config: &ListingConfig<'_>, priority: u32) -> Value {
    let can = |capability| config.can(capability);
    let efforts: Vec<_> = ["low", "medium", "high"]
        .iter()
        .filter(|_| can(Capability::Reasoning))
        .map(|effort| json!({"effort": effort, "description": format!("{effort} reasoning effort")}))
        .collect();
    json!({
        "slug": config.name,
        "display_name": config.name,
        "description": config.description(),
        "supported_reasoning_levels": efforts,
        "shell_type": "shell_command",
        "visibility": "list",
        "supported_in_api": true,
        "priority": priority,
        "upgrade": null,
        "base_instructions": AGENT_INSTRUCTIONS,
        "supports_reasoning_summaries": can(Capability::Reasoning),
        "support_verbosity": false,
        "default_verbosity": null,
        "apply_patch_tool_type": null,
        "truncation_policy": {"mode": "bytes", "limit": 10_000},
        "supports_parallel_tool_calls": can(Capability::Tools),
        "context_window": config.model.and_then(|model| model.context_window),
        "experimental_supported_tools": [],
        "input_modalities": if config.takes(Modality::Image) { json!(["text", "image"]) } else { json!(["text"]) },
    })
}
