//! Models as Anthropic's clients read them (<https://platform.claude.com/docs/en/api/models/list>): what `OpenAI`'s read,
//! but what a model can do, which has one name and two shapes.

use providers::{Capability, Modality};
use serde_json::{Value, json};
use types::Refusal;

use super::query::{Query, wrong};
use super::{Listed, ListingConfig, with};

/// The stages of a model's life. All that is served is in the first.
const STAGES: [&str; 3] = [ACTIVE, "deprecated", "retired"];
const ACTIVE: &str = "active";

/// The entry, made of the one that all clients read.
pub(super) fn entry(config: &ListingConfig<'_>, common: Value) -> Value {
    let model = config.model;
    let own = [
        ("lifecycle", Some(ACTIVE.into())),
        ("max_input_tokens", Some(json!(model.and_then(|model| model.context_window)))),
        ("max_tokens", Some(json!(model.and_then(|model| model.max_output_tokens)))),
        ("capabilities", Some(model.map_or(Value::Null, |_| capabilities(config)))),
    ];
    with(common, own)
}

/// What a model can do, as far as that is known; clients want to be told of everything.
fn capabilities(config: &ListingConfig<'_>) -> Value {
    let is = |supported: bool| json!({ "supported": supported });
    let thinks = config.can(Capability::Reasoning);
    let searches = config.can(Capability::WebSearch);
    json!({
        "batch": is(false),
        "citations": is(false),
        "code_execution": is(false),
        "context_management": is(false),
        "effort": {
            "supported": thinks, "low": is(thinks), "medium": is(thinks), "high": is(thinks), "max": is(false),
        },
        "image_input": is(config.takes(Modality::Image)),
        "pdf_input": is(config.takes(Modality::Document)),
        "server_tools": {"supported": searches, "web_search": is(searches), "code_execution": is(false)},
        "structured_outputs": is(config.can(Capability::JsonSchema)),
        "thinking": {
            "supported": thinks,
            "types": {
                "adaptive": is(thinks), "enabled": is(thinks), "disabled": is(true), "between_tools": is(false),
            },
        },
    })
}

/// Leaves out the models that are in no stage which is asked for.
pub(super) fn filter(models: &mut Vec<&Listed>, query: Query<'_>) -> Result<(), Refusal> {
    let mut stages = query.all("lifecycle").chain(query.all("lifecycle[]")).peekable();
    if stages.peek().is_none() {
        return Ok(());
    }
    let mut is_asked_for = false;
    for stage in stages {
        if !STAGES.contains(&&*stage) {
            return Err(wrong("lifecycle", &format!("must be one of {}", STAGES.join(", "))));
        }
        is_asked_for |= stage == ACTIVE;
    }
    if !is_asked_for {
        models.clear();
    }
    Ok(())
}
