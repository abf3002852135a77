//! Models as Bedrock's clients read them
//! (<https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html>).

use providers::{Capability, Modality, Task};
use serde_json::{Value, json};
use types::Refusal;

use super::query::{Query, wrong};
use super::{Listed, ListingConfig, bare_list};

/// What models take and give, in the words for it.
const MODALITIES: [&str; 3] = ["TEXT", "IMAGE", "EMBEDDING"];

pub(super) fn entry(config: &ListingConfig<'_>) -> Value {
    let input = config.model.map_or(&[Modality::Text][..], |model| &model.input);
    json!({
        "modelArn": format!("arn:aws:bedrock:::foundation-model/{}", config.name.as_str()),
        "modelId": config.name,
        "modelName": config.name,
        "providerName": config.provider,
        "inputModalities": input.iter().filter_map(|modality| word(*modality)).collect::<Vec<_>>(),
        "outputModalities": output(config),
        "responseStreamingSupported": config.task() == Task::Chat
            && config.model.is_none_or(|model| model.can(Capability::Streaming)),
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    })
}

/// What a model gives.
pub(super) fn output(config: &ListingConfig<'_>) -> Vec<&'static str> {
    if config.task() == Task::Embedding {
        return vec!["EMBEDDING"];
    }
    let output = config.model.map_or(&[Modality::Text][..], |model| &model.output);
    output.iter().filter_map(|modality| word(*modality)).collect()
}

const fn word(modality: Modality) -> Option<&'static str> {
    match modality {
        Modality::Text => Some("TEXT"),
        Modality::Image => Some("IMAGE"),
        Modality::Audio | Modality::Document | Modality::Video => None,
    }
}

/// The list, which has no pages.
pub(super) fn list(mut models: Vec<&Listed>, query: Query<'_>) -> Result<String, Refusal> {
    if let Some(provider) = query.find(&["byProvider"]) {
        models.retain(|listed| listed.provider.as_str().eq_ignore_ascii_case(&provider));
    }
    if let Some(wanted) = query.find(&["byOutputModality"]) {
        if !MODALITIES.contains(&&*wanted) {
            return Err(wrong("byOutputModality", &format!("must be one of {}", MODALITIES.join(", "))));
        }
        models.retain(|listed| listed.gives.contains(&&*wanted));
    }
    match query.find(&["byInferenceType"]).as_deref() {
        Some("PROVISIONED") => models.clear(),
        Some("ON_DEMAND") | None => {}
        Some(_) => return Err(wrong("byInferenceType", "must be ON_DEMAND or PROVISIONED")),
    }
    if query.find(&["byCustomizationType"]).is_some() {
        // Nothing is trained here.
        models.clear();
    }
    Ok(bare_list("modelSummaries", models.iter().map(|listed| listed.bedrock.as_str()), None))
}

/// What is known of one.
pub(super) fn details(config: &ListingConfig<'_>) -> Value {
    json!({ "modelDetails": entry(config) })
}
