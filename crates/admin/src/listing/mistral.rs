//! Models as Mistral's clients read them (<https://docs.mistral.ai/api/endpoint/models>): cards, which say of everything
//! whether a model can do it.

use providers::{Capability, Modality, Task};
use serde_json::{Value, json};
use types::UnixTime;

use super::{ListingConfig, with};

pub(super) fn entry(config: &ListingConfig<'_>, since: UnixTime) -> Value {
    let is_for = |task| config.task() == task;
    let entry = json!({
        "id": config.name,
        "object": "model",
        "created": since.as_secs(),
        "owned_by": config.provider,
        "name": config.name,
        "description": config.description(),
        "aliases": [],
        "deprecation": null,
        "deprecation_replacement_model": null,
        "default_model_temperature": null,
        "type": "base",
        "capabilities": {
            "completion_chat": is_for(Task::Chat),
            "function_calling": config.can(Capability::Tools),
            "reasoning": config.can(Capability::Reasoning),
            "completion_fim": false,
            "fine_tuning": false,
            "vision": config.takes(Modality::Image),
            "ocr": is_for(Task::Ocr),
            "classification": false,
            "moderation": is_for(Task::Moderation),
            "audio": is_for(Task::Chat) && config.takes(Modality::Audio),
            "audio_transcription": is_for(Task::Transcription),
            "audio_transcription_realtime": false,
            "audio_speech": is_for(Task::Speech),
        },
    });
    let window = config.model.and_then(|model| model.context_window);
    // Who is told nothing assumes a window of its own, but null is no number to all of the clients.
    with(entry, [("max_context_length", window.map(Value::from))])
}
