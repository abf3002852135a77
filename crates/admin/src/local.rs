//! What clients of a local model server (Ollama's API) ask it about itself: which models there are, what is known of
//! one, and which version it is.

use std::num::NonZeroU32;
use std::time::Duration;

use gateway::{Answer, Declined};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use net::body::{BodyError, Pace};
use providers::{Capability, Modality};
use serde_json::{Value, json};
use types::{Code, Refusal, RequestId, UnixTime};

use crate::listing::{ListingConfig, Style};
use crate::{JSON, Site, answer};

/// Where the models are listed.
pub(crate) const TAGS_PATH: &str = "/api/tags";
/// Where it is asked what is known of one.
pub(crate) const SHOW_PATH: &str = "/api/show";
/// Where the version is.
pub(crate) const VERSION_PATH: &str = "/api/version";

/// The version of the API that answers here are those of: clients want one from which on there are tools and thinking.
const VERSION: &str = "0.13.0";

/// No request is larger: it names a model.
const MAX_BODY: usize = 16 * 1024;
/// A request is a line of text: slower than this is an attack.
const PACE: Pace = Pace { idle: Duration::from_secs(5), floor: NonZeroU32::new(256).unwrap() };

/// The version.
pub(crate) fn version() -> Answer {
    answer(StatusCode::OK, JSON, json!({ "version": VERSION }).to_string())
}

/// What is known of the model that is asked for by name in the body.
pub(crate) async fn show(site: &Site, request: Request<Incoming>, id: RequestId) -> Result<Answer, Declined> {
    let principal = site.identify(&request, id)?;
    let collected = net::body::collect_capped(request.into_body(), MAX_BODY, PACE).await;
    let body = collected.map_err(|error| unreadable(&error))?;
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return Err(Refusal::new(Code::MalformedJson, "the body is not JSON").into());
    };
    // Older clients call it by its name.
    let named = body.get("model").or_else(|| body.get("name")).and_then(Value::as_str);
    let Some(model) = named else {
        return Err(Refusal::new(Code::InvalidField, "`model` is missing").with_param("model").into());
    };
    match site.listing.one(model, Style::Local, &principal) {
        Some(known) => Ok(answer(StatusCode::OK, JSON, known)),
        None => Err(Refusal::new(Code::ModelNotFound, format!("model '{model}' not found")).into()),
    }
}

fn unreadable(error: &BodyError) -> Refusal {
    let code = match error {
        BodyError::TooLarge { .. } => Code::BodyTooLarge,
        BodyError::Broken(_) | BodyError::NoRoom | BodyError::Slow => Code::BodyUnreadable,
    };
    Refusal::new(code, error.to_string())
}

/// The entry in the list: no files stand behind it.
pub(crate) fn tag(config: &ListingConfig<'_>, since: UnixTime) -> Value {
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
pub(crate) fn shown(config: &ListingConfig<'_>, since: UnixTime) -> Value {
    let can = |capability| config.model.is_some_and(|model| model.can(capability));
    let sees = config.model.is_some_and(|model| model.input.contains(&Modality::Image));
    let capabilities = [
        ("completion", true),
        ("tools", can(Capability::Tools)),
        ("vision", sees),
        ("thinking", can(Capability::Reasoning)),
    ];
    let capabilities: Vec<_> =
        capabilities.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect();
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
        "capabilities": capabilities,
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
