//! What is passed on rather than understood: a request to one provider, by a path of the provider's own. It takes the
//! same way as every other; this says what of it goes on, and where to.

use std::sync::Arc;

use bytes::Bytes;
use dialects::{Content, Dialect, Fields, PathSaid, Peek, ScanError, Takes};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use net::body::{Outgoing, Upload};
use router::{Candidate, Resolved};
use types::conversation::Delivery;
use types::{ModelName, Operation, ProviderName, StreamForm, TargetId};

use crate::Gateway;
use crate::account::Account;
use crate::arrival::{CallerBody, Route, Spelling, Unread};
use crate::destination::Destination;
use crate::outbound::{self, Aside, Place, Written};
use crate::receive::Request;
use crate::rejection::Cause;
use crate::routes;
use crate::uploaded::{Reading, Uploaded};
use crate::upstream::OutboundBody;

/// What is to be passed on: to whom, and by which path below the provider's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Passing {
    pub(crate) provider: ProviderName,
    pub(crate) path: Box<str>,
}

/// The methods that are passed on. `CONNECT` asks for another protocol, `TRACE` for the credential to be told.
pub(crate) const METHODS: &[Method] =
    &[Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// Those of what is kept at a provider.
pub(crate) const KEPT_METHODS: &[Method] = &[Method::GET, Method::POST, Method::DELETE];

/// Where what is passed on begins: `/passthrough/{provider}/{path}`.
const PREFIX: &str = "/passthrough/";

/// What `path` asks to be passed on, if it does. Refusals are in the language of the path behind, or else in the one
/// that the headers speak.
pub(crate) fn route(path: &str, headers: &HeaderMap) -> Option<Route> {
    let (provider, path) =
        path.strip_prefix(PREFIX).map(|rest| rest.split_once('/').unwrap_or((rest, "")))?;
    let path = format!("/{path}");
    let known = routes::documented(&path).or_else(|| routes::documented(&format!("/v1{path}")));
    let (dialect, said) = match known {
        Some(known) => (known.dialect, known.said),
        None => (routes::speaker(headers), PathSaid::default()),
    };
    let passing = Passing { provider: provider.into(), path: path.into() };
    let (operation, spelling) = (Operation::Passthrough, Spelling::AsDocumented);
    let (takes, passing) = (Takes::default(), Some(Box::new(passing)));
    Some(Route { dialect, operation, said, takes, spelling, passing })
}

/// Whether a name among what a key may use is no model's, but stands for something else to be had of a provider, e.g.
/// `passthrough/NAME`.
pub fn is_right(name: &str) -> bool {
    let word = name.split_once('/').map_or(name, |(word, _)| word);
    let rights = [Operation::Batches, Operation::Files, Operation::Passthrough];
    rights.into_iter().any(|operation| operation.as_str() == word)
}

impl Passing {
    /// What the request counts as: what policies speak of, and one line in metrics for each provider.
    pub(crate) fn label(&self, operation: Operation) -> ModelName {
        ModelName::from(format!("{}/{}", operation.as_str(), self.provider))
    }

    /// Its only target. What is passed on has no circuit: what callers may write there could open it for others.
    pub(crate) fn resolved(&self, operation: Operation, model: &ModelName) -> Resolved {
        let target = TargetId::from(self.label(operation).to_shared());
        let model = if model.as_str().is_empty() { ModelName::from("*") } else { model.clone() };
        Resolved::Passed(Candidate { target, provider: self.provider.clone(), model })
    }

    /// Whether a body is read here before it is passed on: of JSON it is worth knowing which model is asked, and some
    /// providers want what they are sent to be signed.
    pub(crate) fn is_read(&self, parts: &Parts, gateway: &Gateway) -> bool {
        let destination = gateway.directory.find(&self.provider);
        let credential = destination.and_then(|destination| destination.credential.as_ref());
        (is_plain(&parts.headers) && is_json(&parts.headers))
            || credential.is_some_and(|credential| credential.reads_body())
    }

    /// The path and the query at the provider, whose own path is `base`.
    ///
    /// # Errors
    /// A path that leads out of there, or cannot be one.
    pub(crate) fn target(&self, base: &str, query: Option<&str>) -> Result<PathAndQuery, Cause> {
        if leads_out(&self.path) {
            return Err(wrong_path("must not lead out of the provider's address"));
        }
        joined(providers::url(base, &self.path), query)
    }

    /// The same of what is kept there, below this path.
    pub(crate) fn kept(&self, root: &PathAndQuery, query: Option<&str>) -> Result<PathAndQuery, Cause> {
        if leads_out(&self.path) {
            return Err(wrong_path("must not lead out of the provider's address"));
        }
        joined(format!("{}{}", root.path(), self.path), query)
    }
}

/// A path with what of the caller's query goes on.
fn joined(mut target: String, query: Option<&str>) -> Result<PathAndQuery, Cause> {
    let query = query.map(auth::without_credential).unwrap_or_default();
    if !query.is_empty() {
        target.push('?');
        target.push_str(&query);
    }
    PathAndQuery::try_from(target).map_err(|_| wrong_path("is no path"))
}

fn wrong_path(problem: &str) -> Cause {
    Cause::Decode(dialects::DecodeError::Field { field: "path".to_owned(), problem: problem.to_owned() })
}

/// How often a path may be encoded before it is taken for an attempt to get past this.
const MOST_ENCODINGS: usize = 4;

/// Whether a path has a dot segment (RFC 3986, section 5.2.4) in any reading that a server may have of it: encoded, with
/// a backslash for a slash, or with a parameter behind it.
fn leads_out(path: &str) -> bool {
    let mut read = path.as_bytes().to_vec();
    for _ in 0..MOST_ENCODINGS {
        let segments = read.split(|byte| matches!(byte, b'/' | b'\\'));
        let mut plain =
            segments.map(|segment| segment.split(|byte| *byte == b';').next().unwrap_or_default());
        if plain.any(|segment| matches!(segment, b"." | b"..")) {
            return true;
        }
        let decoded = dialects::percent_decoded(&read);
        if decoded == read {
            return false;
        }
        read = decoded;
    }
    true
}

/// Whether a body is as it is, not compressed (RFC 9110, section 8.4).
pub(crate) fn is_plain(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().all(|encoding| encoding == "identity")
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|text| {
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json" || essence.ends_with("+json")
    })
}

/// What can be said of a request that is passed on. Of a path that names the model, the provider goes by that.
///
/// # Errors
/// A body that names two models: which of them the provider takes is not known.
pub(crate) fn peek(said: &PathSaid, body: &Bytes, fields: &Fields) -> Result<Peek, ScanError> {
    let named = fields.find(body, "model")?.and_then(|place| body.get(place));
    let named = named.and_then(|name| serde_json::from_slice::<String>(name).ok());
    let model = said.model.as_deref().or(named.as_deref()).unwrap_or_default();
    let streams = fields.value(body, "stream") == Some(b"true");
    let delivery = if streams { Delivery::Stream { include_usage: false } } else { Delivery::Whole };
    Ok(Peek { delivery, max_tokens: None, ..Peek::of(ModelName::from(model)) })
}

/// The place at the provider, and the language whose headers its requests carry.
pub(crate) fn endpoint<'d>(
    destination: &'d Destination,
    dialect: &dyn Dialect,
) -> Option<&'d crate::Endpoint> {
    let own = destination.endpoints.iter().find(|endpoint| endpoint.dialect.id() == dialect.id());
    own.or(destination.endpoints.first())
}

/// Writes the request: the caller's headers but for what is between it and the gateway, under the provider's own, and
/// the body as it is or as it comes.
pub(crate) fn write(request: &Request, to: &Place<'_>, account: &mut Account) -> Written {
    let mut headers = outbound::head(to, account);
    headers.remove(header::CONTENT_TYPE);
    for name in request.headers.keys() {
        if goes_on(name, &request.headers) && !to.destination.headers.contains_key(name) {
            headers.remove(name);
            headers.extend(request.headers.get_all(name).iter().map(|value| (name.clone(), value.clone())));
        }
    }
    // Of what a batch has answered nothing may come that is not counted: a part could not be told from the whole.
    if request.operation.is_kept() {
        headers.remove(header::RANGE);
        headers.remove(header::IF_RANGE);
    }
    // What comes compressed could not be looked through for what was used.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let body = match account.unread.take() {
        Some(unread) => upload(*unread, request, to.destination, (&mut headers, account)),
        None => OutboundBody::Pieces(vec![request.body.clone()]),
    };
    Written { headers, body, changes: Vec::new(), aside: Aside::default() }
}

fn upload(
    unread: Unread,
    request: &Request,
    to: &Arc<Destination>,
    (headers, account): (&mut HeaderMap, &mut Account),
) -> OutboundBody {
    let idle = account.gateway().timers.request_body_idle;
    if let Some(length) = exact_length(&unread.body) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let (body, passed): (Outgoing, _) = match Reading::of(request, to, account.gateway()) {
        Some(reading) => {
            let (uploaded, judged) = Uploaded::read(unread.body, reading);
            account.facts.judged = Some(judged);
            Upload::outgoing(uploaded, idle)
        }
        None => Upload::outgoing(unread.body, idle),
    };
    account.facts.passed = Some(passed);
    OutboundBody::Stream(Box::new(body))
}

fn exact_length(body: &CallerBody) -> Option<u64> {
    http_body::Body::size_hint(body).exact()
}

/// Whether a header of the caller's means something to the provider. What is between two neighbours stays there
/// (RFC 9110, section 7.6.1), and so does everything that says who or where the caller is.
fn goes_on(name: &HeaderName, headers: &HeaderMap) -> bool {
    let text = name.as_str();
    let stays = auth::NEVER_FORWARDED.contains(name)
        || STAY.contains(&text)
        || STAY_BEGINNINGS.iter().any(|beginning| text.starts_with(beginning));
    let connection = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let mut named = connection.flat_map(|names| names.split(',')).map(str::trim);
    !stays && !named.any(|named| named.eq_ignore_ascii_case(text))
}

const STAY: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-connection",
    "referer",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
];
const STAY_BEGINNINGS: &[&str] = &["sec-", "x-forwarded-", "x-tollgate-"];

/// Whether a header of an answer goes back to the caller: what describes the body, and what clients act on. Everything
/// else may tell of the gateway's own account.
pub(crate) fn comes_back(name: &HeaderName) -> bool {
    let of_language =
        || dialects::all().iter().any(|dialect| dialect.forwarded_answer_headers().contains(name));
    COME_BACK.contains(&name.as_str()) || of_language()
}

const COME_BACK: &[&str] = &[
    "accept-ranges",
    "allow",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "link",
    "location",
    "retry-after",
    "retry-after-ms",
    "vary",
    "x-should-retry",
];

/// What an answer is: whether it is worth looking through.
pub(crate) fn content(headers: &HeaderMap, form: Option<StreamForm>, gateway: &Gateway) -> Content {
    match form {
        Some(StreamForm::Events) => Content::Events,
        Some(_) | None if is_plain(headers) && is_json(headers) => Content::Json(gateway.caps.event),
        Some(_) | None => Content::Opaque,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, base: &str, query: Option<&str>, expect: Option<&str>) {
        let route = route(path, &HeaderMap::new()).unwrap();
        let target = route.passing.unwrap().target(base, query).ok();
        assert_eq!(target.as_ref().map(PathAndQuery::as_str), expect, "{path}");
    }

    #[test]
    fn what_stands_behind_the_provider_is_joined_to_its_address() {
        check("/passthrough/a/v1/models", "/v1", None, Some("/v1/models"));
        check("/passthrough/a/models", "/v1", None, Some("/v1/models"));
        check("/passthrough/a/v1/models", "", None, Some("/v1/models"));
        check("/passthrough/a/x%2Fy", "/v1", Some("key=tg-a&b=%2e"), Some("/v1/x%2Fy?b=%2e"));
        check("/passthrough/a", "/v1", Some("key=tg-a"), Some("/v1/"));
        check("/passthrough/a//b.c/..d/", "", None, Some("//b.c/..d/"));
        assert_eq!(route("/passthroughs/a/b", &HeaderMap::new()).map(|route| route.passing), None);
    }

    #[test]
    fn no_path_leads_out_of_a_provider_s_address() {
        let ways = [
            "..",
            ".",
            "a/../..",
            "%2e%2e/b",
            "%2E./b",
            "a/.%2e",
            "..%2fb",
            "..%5cb",
            "..\\b",
            "..;a=b/c",
            "a/..;",
            "%252e%252e/b",
            "%25252e%25252e/b",
            "%ff/%2e%2e/b",
            "a%2f..%2fb",
        ];
        for way in ways {
            check(&format!("/passthrough/a/{way}"), "/v1", None, None);
        }
        check("/passthrough/a/%2525252525252e", "/v1", None, None);
    }

    #[test]
    fn what_is_between_neighbours_or_says_who_asks_stays_here() {
        let lines = [
            ("connection", "x-private, close"),
            ("x-private", "1"),
            ("cookie", "a=b"),
            ("authorization", "Bearer tg-a"),
            ("x-forwarded-for", "10.0.0.1"),
            ("openai-beta", "assistants=v2"),
            ("content-type", "text/plain"),
        ];
        let line = |(name, value): (&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers: HeaderMap = lines.into_iter().map(line).collect();
        let mut on: Vec<_> =
            headers.keys().filter(|name| goes_on(name, &headers)).map(HeaderName::as_str).collect();
        on.sort_unstable();
        assert_eq!(on, ["content-type", "openai-beta"]);
    }
}
