//! Models as Gemini's clients read them (<https://ai.google.dev/api/models>), with publishers or without
//! (<https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models>).

use providers::{Capability, Task};
use serde_json::{Value, json};
use types::Refusal;

use super::page::{Asked, Page, Start};
use super::query::Query;
use super::{Listed, ListingConfig, bare_list, with};

/// No page is larger, whatever is asked for.
const MOST: usize = 1000;

pub(super) fn entry(config: &ListingConfig<'_>) -> Value {
    let model = config.model;
    let methods: &[&str] = match config.task() {
        Task::Chat => &["generateContent", "countTokens"],
        Task::Embedding => &["embedContent"],
        Task::Completion
        | Task::Image
        | Task::Moderation
        | Task::Ocr
        | Task::Realtime
        | Task::Rerank
        | Task::Speech
        | Task::Transcription
        | Task::Video => &[],
    };
    let entry = json!({
        "name": format!("models/{}", config.name.as_str()),
        "version": "",
        "displayName": config.name,
        "description": config.description(),
        "supportedGenerationMethods": methods,
        "thinking": config.can(Capability::Reasoning),
    });
    let limits = [
        ("inputTokenLimit", model.and_then(|model| model.context_window).map(Value::from)),
        ("outputTokenLimit", model.and_then(|model| model.max_output_tokens).map(Value::from)),
    ];
    with(entry, limits)
}

/// The same of one that has a publisher.
pub(super) fn published(config: &ListingConfig<'_>) -> Value {
    json!({
        "name": format!("publishers/google/models/{}", config.name.as_str()),
        "versionId": "default",
        "openSourceCategory": "PROPRIETARY",
        "launchStage": "GA",
        "displayName": config.name,
        "description": config.description(),
    })
}

/// The list under this name, or a page of it.
pub(super) fn list(
    models: Vec<&Listed>,
    (name, entry): (&str, fn(&Listed) -> &str),
    query: Query<'_>,
) -> Result<String, Refusal> {
    let most = query.count(&["pageSize", "page_size"], 0, usize::MAX)?;
    let from = query.find(&["pageToken", "page_token"]);
    let asked = Asked {
        from: from.map_or(Start::First, |token| Start::After("pageToken", token)),
        most: most.filter(|most| *most > 0).map(|most| most.min(MOST)),
    };
    let page = Page::of(models, asked)?;
    let next = page.next().map(|token| ("nextPageToken", token));
    Ok(bare_list(name, page.models.iter().map(|listed| entry(listed)), next))
}
