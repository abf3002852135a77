//! What clients of a local model server (Ollama's API) ask it about itself: which models there are, what is known of
//! one, and which version it is.

use std::num::NonZeroU32;
use std::time::Duration;

use gateway::{Answer, Declined};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use net::body::{BodyError, Pace};
use serde_json::{Value, json};
use types::{Code, Refusal, RequestId};

use crate::listing::Style;
use crate::{JSON, Site, answer};

/// Where those are listed that are in memory.
pub(crate) const RUNNING_PATH: &str = "/api/ps";
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

/// The models in memory: none of them is in this process's.
pub(crate) fn running() -> Answer {
    answer(StatusCode::OK, JSON, json!({ "models": [] }).to_string())
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
    Ok(answer(StatusCode::OK, JSON, site.listing.one(model, Style::Local, &principal)?))
}

fn unreadable(error: &BodyError) -> Refusal {
    let code = match error {
        BodyError::TooLarge { .. } => Code::BodyTooLarge,
        BodyError::Broken(_) | BodyError::NoRoom | BodyError::Slow => Code::BodyUnreadable,
    };
    Refusal::new(code, error.to_string())
}
