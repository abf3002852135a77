//! Everything a caller can ask for that no model answers: model listings, health, metrics, and tokens for keys.

mod health;
mod listing;
mod local;
mod oauth;

use std::net::IpAddr;
use std::sync::Arc;

use auth::{Authenticator, IdentifyError, Presented, Principal, Tokens};
use bytes::Bytes;
use gateway::{Answer, Declined, Visit};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use net::body::Outgoing;
use telemetry::Telemetry;
use tracing::debug;
use types::{Clock, Code, Refusal, RequestId};

pub use health::Readiness;
use listing::{Asked, Query, Style, Wanted};
pub use listing::{Called, Listing, ListingConfig, Names};

/// The paths that no model answers, and what they need.
pub struct Site {
    /// Who asks, for what only callers may see.
    pub auth: Arc<Authenticator>,
    /// Exchanges keys for tokens, where that is configured.
    pub tokens: Option<Arc<Tokens>>,
    /// The models.
    pub listing: Arc<Listing>,
    /// The metrics' place; `None` for nowhere.
    pub metrics: Option<MetricsPage>,
    /// What the metrics show.
    pub telemetry: Telemetry,
    /// Whether this process takes requests.
    pub readiness: Arc<Readiness>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Where metrics are read.
#[derive(Clone, Debug)]
pub struct MetricsPage {
    /// The path.
    pub path: String,
    /// By whom.
    pub readers: Readers,
}

/// Who may read something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Whoever can reach the listener.
    Everybody,
    /// Whoever has a key.
    KeyHolders,
}

/// What a request turned out to be.
pub enum Answered {
    /// Answered here.
    Here(Answer),
    /// For a model: the request comes back as it was.
    Elsewhere(Request<Incoming>),
}

/// What is served here.
#[derive(Clone, Copy)]
enum Page {
    Alive,
    Keys,
    Metadata,
    Metrics,
    Models,
    Present,
    Ready,
    Running,
    Show,
    Token,
    Version,
}

impl Page {
    /// The methods it takes.
    const fn methods(self) -> &'static [Method] {
        match self {
            Self::Show | Self::Token => &[Method::POST],
            Self::Alive
            | Self::Keys
            | Self::Metadata
            | Self::Metrics
            | Self::Models
            | Self::Present
            | Self::Ready
            | Self::Running
            | Self::Version => &[Method::GET, Method::HEAD],
        }
    }

    /// The language that what is wrong with a request for it is told in, where it is not that of whoever asks.
    fn language(self, request: &Request<Incoming>) -> Option<&'static str> {
        match self {
            Self::Models => style(request)?.1.language(),
            Self::Running | Self::Show | Self::Version => Style::Local.language(),
            Self::Alive
            | Self::Keys
            | Self::Metadata
            | Self::Metrics
            | Self::Present
            | Self::Ready
            | Self::Token => None,
        }
    }
}

/// What is asked of the listing, and in whose words.
fn style(request: &Request<Incoming>) -> Option<(Asked, Style)> {
    let asked = Asked::of(request.uri().path())?;
    let style = asked.style(request.headers(), Query::of(request.uri().query()));
    Some((asked, style))
}

impl Site {
    /// Answers what no model answers, and gives everything else back. A refusal is on record under its id; a panic is
    /// contained to its request.
    ///
    /// # Cancel safety
    /// Dropping it drops the request.
    pub async fn respond(&self, request: Request<Incoming>, peer: IpAddr) -> Answered {
        let Some(page) = self.page(&request) else { return Answered::Elsewhere(request) };
        let mut visit = Visit::begin(request.headers(), peer, &self.telemetry, &*self.clock);
        if let Some(language) = page.language(&request) {
            visit.speak(language);
        }
        if !self.takes(page, request.method()) {
            return Answered::Here(misused(page, request.method(), visit));
        }
        let id = visit.id();
        // Boxed: these are rare, and every request's future has room for them.
        let showing = Box::pin(self.show(page, request, id));
        Answered::Here(visit.answer(showing).await)
    }

    /// Answers on a listener of its own, where nothing else is to be had.
    ///
    /// # Cancel safety
    /// Dropping it drops the request.
    pub async fn respond_alone(&self, request: Request<Incoming>, peer: IpAddr) -> Answer {
        match self.respond(request, peer).await {
            Answered::Here(answer) => answer,
            Answered::Elsewhere(request) => {
                let visit = Visit::begin(request.headers(), peer, &self.telemetry, &*self.clock);
                let refusal = Refusal::new(Code::UnknownPath, "only management paths are served here");
                visit.decline(refusal.into()).map(Outgoing::from)
            }
        }
    }

    /// What the request asks for, if that is here.
    fn page(&self, request: &Request<Incoming>) -> Option<Page> {
        match request.uri().path() {
            // Clients ask these to see whether anybody is there.
            "/" | "/api/hello" => Some(Page::Present),
            "/livez" => Some(Page::Alive),
            "/readyz" | "/healthz" => Some(Page::Ready),
            "/.well-known/oauth-authorization-server" => Some(Page::Metadata),
            "/.well-known/jwks.json" => Some(Page::Keys),
            local::RUNNING_PATH => Some(Page::Running),
            local::SHOW_PATH => Some(Page::Show),
            local::VERSION_PATH => Some(Page::Version),
            oauth::TOKEN_PATH => Some(Page::Token),
            path if self.metrics.as_ref().is_some_and(|page| page.path == path) => Some(Page::Metrics),
            // Some languages ask a model at a path below that of its entry.
            path => Asked::of(path).filter(|_| !gateway::asks_a_model(path)).map(|_| Page::Models),
        }
    }

    /// Whether the page is asked for with this method. What is not there is not there with any.
    fn takes(&self, page: Page, method: &Method) -> bool {
        let needs_tokens = matches!(page, Page::Keys | Page::Metadata | Page::Token);
        (needs_tokens && self.tokens.is_none()) || page.methods().contains(method)
    }

    async fn show(&self, page: Page, request: Request<Incoming>, id: RequestId) -> Result<Answer, Declined> {
        match page {
            Page::Alive => Ok(text(StatusCode::OK, "ok\n")),
            Page::Keys => oauth::keys(self),
            Page::Metadata => oauth::metadata(self, &request),
            Page::Metrics => self.metrics(&request, id),
            Page::Models => self.models(&request, id),
            Page::Present => Ok(text(StatusCode::OK, "tollgate\n")),
            Page::Ready => Ok(self.readiness.answer(request.uri().query())),
            Page::Running => self.identify(&request, id).map(|_| local::running()),
            Page::Show => local::show(self, request, id).await,
            Page::Token => oauth::exchange(self, request, id).await,
            Page::Version => Ok(local::version()),
        }
    }

    fn metrics(&self, request: &Request<Incoming>, id: RequestId) -> Result<Answer, Declined> {
        if self.metrics.as_ref().is_some_and(|page| page.readers == Readers::KeyHolders) {
            self.identify(request, id)?;
        }
        let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        let (content_type, body) = self.telemetry.render(accept);
        Ok(answer(StatusCode::OK, HeaderValue::from_static(content_type), body))
    }

    fn models(&self, request: &Request<Incoming>, id: RequestId) -> Result<Answer, Declined> {
        let principal = self.identify(request, id)?;
        let query = Query::of(request.uri().query());
        let body = match style(request) {
            Some((Asked { wanted: Wanted::One(model), .. }, style)) => {
                self.listing.one(&model, style, &principal)?
            }
            Some((Asked { wanted: Wanted::All, .. }, style)) => self.listing.all(style, query, &principal)?,
            None => return Err(Refusal::new(Code::UnknownPath, "nothing is listed here").into()),
        };
        Ok(answer(StatusCode::OK, JSON, body))
    }

    fn identify(&self, request: &Request<Incoming>, id: RequestId) -> Result<Arc<Principal>, Declined> {
        let presented =
            Presented::read(request.headers(), request.uri().query()).map_err(IdentifyError::from);
        let identified = presented.and_then(|presented| self.auth.identify(&presented, self.clock.wall()));
        identified.map_err(|error| {
            if let IdentifyError::BadCredential(reason) = error {
                debug!(request_id = %id, reason = reason.as_str(), "credential refused");
            }
            Declined::of(&error)
        })
    }
}

/// The answer to a method that the page does not take (RFC 9110, section 15.5.6).
fn misused(page: Page, method: &Method, visit: Visit<'_>) -> Answer {
    let methods: Vec<_> = page.methods().iter().map(Method::as_str).collect();
    let takes = methods.first().copied().unwrap_or_default();
    let message = format!("this endpoint takes {takes}, not {method}");
    let mut answer = visit.decline(Refusal::new(Code::MethodNotAllowed, message).into());
    if let Ok(allow) = HeaderValue::try_from(methods.join(", ")) {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer.map(Outgoing::from)
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn text(status: StatusCode, body: &'static str) -> Answer {
    answer(status, HeaderValue::from_static("text/plain; charset=utf-8"), body)
}

fn answer(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Answer {
    whole(status, content_type, body).map(Outgoing::from)
}

fn whole(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
