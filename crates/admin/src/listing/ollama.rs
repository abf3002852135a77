//! Models as the clients of a local server read them (<https://docs.ollama.com/api/tags>).

use providers::{Capability, Modality, Task};
use serde_json::{Value, json};
use types::UnixTime;

use super::{ListingConfig, words};

/// The entry in the list: no files stand behind it.
pub(super) fn tag(config: &ListingConfig<'_>, since: UnixTime) -> Value {
    json!({
        "name": config.name,
        "model": config.name,
        "modified_at": since.to_string(),
        "size": 0,
        "digest": "",
        "details": details(config),
    })
}

/// Everything that is known of it.
pub(super) fn shown(config: &ListingConfig<'_>, since: UnixTime) -> Value {
    let capabilities = [
        ("completion", config.task() == Task::Chat),
        ("embedding", config.task() == Task::Embedding),
        ("tools", config.can(Capability::Tools)),
        ("vision", config.takes(Modality::Image)),
        ("thinking", config.can(Capability::Reasoning)),
    ];
    let family = config.provider.as_str();
    let mut info = json!({"general.architecture": family, "general.basename": config.name});
    let window = config.model.and_then(|model| model.context_window);
    if let (Some(fields), Some(window)) = (info.as_object_mut(), window) {
        fields.insert(format!("{family}.context_length"), window.into());
    }
    json!({
        "modified_at": since.to_string(),
        "details": details(config),
        "model_info": info,
        "capabilities": words(capabilities),
        "template": "",
        "parameters": "",
        "license": "",
    })
}

fn details(config: &ListingConfig<'_>) -> Value {
    json!({
        "parent_model": "",
        "format": "",
        "family": config.provider,
        "families": [config.provider],
        "parameter_size": "",
        "quantization_level": "",
    })
}
