//! Everything a caller can ask for that no model answers: model listings, health, metrics, and tokens for keys.

mod health;
mod listing;
mod oauth;

use std::sync::Arc;

use auth::{Authenticator, Presented, Principal, Tokens};
use bytes::Bytes;
use gateway::Answer;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use net::body::Outgoing;
use telemetry::Telemetry;
use types::{Classify, Clock, Code, Refusal};

pub use health::Readiness;
pub use listing::{Listing, ListingConfig};

/// The paths that no model answers, and what they need.
pub struct Site {
    /// Who asks, for what only callers may see.
    pub auth: Arc<Authenticator>,
    /// Exchanges keys for tokens, where that is configured.
    pub tokens: Option<Arc<Tokens>>,
    /// The models.
    pub listing: Listing,
    /// Where metrics are read; `None` for nowhere.
    pub metrics_path: Option<String>,
    /// What the metrics show.
    pub telemetry: Telemetry,
    /// Whether this process takes requests.
    pub readiness: Arc<Readiness>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What a request turned out to be.
pub enum Answered {
    /// Answered here.
    Here(Answer),
    /// For a model: the request comes back as it was.
    Elsewhere(Request<Incoming>),
}

impl Site {
    /// Answers what no model answers, and gives everything else back.
    ///
    /// # Cancel safety
    /// Dropping it drops the request.
    pub async fn respond(&self, request: Request<Incoming>) -> Answered {
        let path = request.uri().path();
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if is_read && let Some(answer) = self.read(path, &request) {
            return Answered::Here(answer);
        }
        if path == oauth::TOKEN_PATH && *request.method() == Method::POST {
            return Answered::Here(oauth::exchange(self, request).await);
        }
        Answered::Elsewhere(request)
    }

    /// Answers on a listener of its own, where nothing else is to be had.
    ///
    /// # Cancel safety
    /// Dropping it drops the request.
    pub async fn respond_alone(&self, request: Request<Incoming>) -> Answer {
        match self.respond(request).await {
            Answered::Here(answer) => answer,
            Answered::Elsewhere(_) => text(StatusCode::NOT_FOUND, "only management paths are served here\n"),
        }
    }

    /// The paths that are read.
    fn read(&self, path: &str, request: &Request<Incoming>) -> Option<Answer> {
        match path {
            // Clients ask these to see whether anybody is there.
            "/" | "/api/hello" => Some(text(StatusCode::OK, "tollgate\n")),
            "/livez" => Some(text(StatusCode::OK, "ok\n")),
            "/readyz" | "/healthz" => Some(self.readiness.answer(request.uri().query())),
            "/.well-known/oauth-authorization-server" => Some(oauth::metadata(self)),
            "/.well-known/jwks.json" => Some(oauth::keys(self)),
            path if self.metrics_path.as_deref() == Some(path) => Some(self.metrics(request)),
            path => {
                let model = match gateway::without_prefixes(path).strip_prefix("/models")? {
                    "" | "/" => None,
                    rest => Some(rest.strip_prefix('/')?),
                };
                Some(self.models(model, request))
            }
        }
    }

    fn metrics(&self, request: &Request<Incoming>) -> Answer {
        let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        let (content_type, body) = self.telemetry.render(accept);
        answer(StatusCode::OK, HeaderValue::from_static(content_type), body)
    }

    fn models(&self, model: Option<&str>, request: &Request<Incoming>) -> Answer {
        let principal = match self.identify(request) {
            Ok(principal) => principal,
            Err(refusal) => return refused(&refusal, request),
        };
        let Some(body) = self.listing.answer(model, request, &principal) else {
            let model = model.unwrap_or_default();
            let message = format!("no model `{model}`; `GET /v1/models` lists what there is");
            return refused(&Refusal::new(Code::ModelNotFound, message), request);
        };
        answer(StatusCode::OK, JSON, body)
    }

    fn identify(&self, request: &Request<Incoming>) -> Result<Arc<Principal>, Refusal> {
        let presented =
            Presented::read(request.headers(), request.uri().query()).map_err(auth::IdentifyError::from);
        presented
            .and_then(|presented| self.auth.identify(&presented, self.clock.wall()))
            .map_err(|error| Refusal::new(error.verdict().code, error.to_string()))
    }
}

/// A refusal in the language the caller's headers speak.
fn refused(refusal: &Refusal, request: &Request<Incoming>) -> Answer {
    gateway::refused(refusal, gateway::speaker(request.headers()))
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn text(status: StatusCode, body: &'static str) -> Answer {
    answer(status, HeaderValue::from_static("text/plain; charset=utf-8"), body)
}

fn answer(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Outgoing::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
