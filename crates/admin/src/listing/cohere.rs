//! Models as Cohere's clients read them (<https://docs.cohere.com/reference/list-models>).

use providers::{Capability, Modality, Task};
use serde_json::{Value, json};
use types::Refusal;

use super::page::{Asked, Page, Start};
use super::query::{Query, wrong};
use super::{Listed, ListingConfig, bare_list, with, words};

/// The parameters that no other language has at this path.
pub(super) const PARAMETERS: [&str; 4] = ["page_size", "page_token", "endpoint", "default_only"];

/// The endpoints that the language knows. Of some of them nothing is served here, and so no model is for them.
const ENDPOINTS: [&str; 7] = ["chat", "embed", "classify", "summarize", "rerank", "rate", "generate"];

pub(super) fn entry(config: &ListingConfig<'_>) -> Value {
    let features = [
        ("tools", config.can(Capability::Tools)),
        ("json_schema", config.can(Capability::JsonSchema)),
        ("reasoning", config.can(Capability::Reasoning)),
        ("vision", config.takes(Modality::Image)),
    ];
    let entry = json!({
        "name": config.name,
        "is_deprecated": false,
        "endpoints": endpoint(config.task()).into_iter().collect::<Vec<_>>(),
        "finetuned": false,
        "tokenizer_url": null,
        "default_endpoints": [],
        "features": words(features),
    });
    let window = config.model.and_then(|model| model.context_window);
    with(entry, [("context_length", window.map(Value::from))])
}

/// The endpoint that serves such models here.
const fn endpoint(task: Task) -> Option<&'static str> {
    match task {
        Task::Chat => Some("chat"),
        Task::Embedding => Some("embed"),
        Task::Rerank => Some("rerank"),
        Task::Completion
        | Task::Image
        | Task::Moderation
        | Task::Ocr
        | Task::Realtime
        | Task::Speech
        | Task::Transcription
        | Task::Video => None,
    }
}

/// The list, or a page of it.
pub(super) fn list(mut models: Vec<&Listed>, query: Query<'_>) -> Result<String, Refusal> {
    if let Some(wanted) = query.find(&["endpoint"]) {
        if !ENDPOINTS.contains(&&*wanted) {
            return Err(wrong("endpoint", &format!("must be one of {}", ENDPOINTS.join(", "))));
        }
        models.retain(|listed| endpoint(listed.task) == Some(&*wanted));
    }
    match query.find(&["default_only"]).as_deref() {
        // No model is what an endpoint takes where none is named.
        Some("true") => models.clear(),
        Some("false") | None => {}
        Some(_) => return Err(wrong("default_only", "must be true or false")),
    }
    let asked = Asked {
        from: query.find(&["page_token"]).map_or(Start::First, |token| Start::After("page_token", token)),
        most: query.count(&["page_size"], 1, 1000)?,
    };
    let page = Page::of(models, asked)?;
    let next = page.next().map(|token| ("next_page_token", token));
    Ok(bare_list("models", page.models.iter().map(|listed| listed.cohere.as_str()), next))
}
