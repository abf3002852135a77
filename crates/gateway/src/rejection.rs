//! The one place where errors become bytes: every cause of a refusal, what the caller is told of it, and the answer
//! in the caller's own language.

use std::time::Duration;

use bytes::Bytes;
use dialects::Dialect;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use ledger::LedgerError;
use net::body::Outgoing;
use net::listener::{MAX_HEADERS, MalformedHead};
use net::websocket::HandshakeError;
use telemetry::Telemetry;
use telemetry::events::PanicContained;
use types::{
    Classify, Clock, Code, ErrorClass, Fault, FaultKind, ModelName, Operation, ProviderName, Refusal,
    RequestId, Retry, RetryAdvice,
};

use tracing::error;

use crate::account::Account;
use crate::answer::{self, Answer};
use crate::visit::{Declined, Visit};
use crate::{panics, routes};

/// A request that was turned away, and why.
pub struct Rejection {
    account: Box<Account>,
    cause: Cause,
}

/// Why a request is turned away.
#[derive(Debug)]
pub(crate) enum Cause {
    Body(net::body::BodyError),
    Choose(router::ChooseError),
    Decode(dialects::DecodeError),
    Draining,
    Encode(dialects::EncodeError),
    Encoding,
    Handshake(HandshakeError),
    Identify(auth::IdentifyError),
    Json(dialects::ScanError),
    Ledger(LedgerError),
    Loop,
    Method {
        method: Method,
        takes: &'static [Method],
    },
    ModelNotAllowed {
        key: String,
        model: ModelName,
    },
    NoTarget,
    /// This caller keeps nothing with such an id.
    NotKept,
    /// Nothing is passed through to this provider, or nothing of this key's.
    NotPassedThrough {
        key: Option<String>,
        provider: ProviderName,
        right: ModelName,
    },
    /// No language of the model's provider has this operation.
    NotOffered(Operation),
    Reserve(limits::ReserveError),
    UnknownPath(String),
    /// Nobody knows what the model costs at its provider, and such requests are refused.
    UnknownPrice {
        provider: ProviderName,
        model: ModelName,
    },
    Upgrade,
    Upstream(Fault),
}

impl Rejection {
    pub(crate) fn new(account: Box<Account>, cause: Cause) -> Self {
        Self { account, cause }
    }

    /// Reads what is left of the request's body, as far as that is worth it.
    ///
    /// # Cancel safety
    /// As that of [`Account::read_on`].
    pub(crate) async fn read_on(mut self) -> Self {
        if let Some(unread) = self.account.unread.take() {
            // Boxed: every request's future has room for what is awaited here.
            Box::pin(self.account.read_on(*unread)).await;
        }
        self
    }

    /// The same as a message over a connection that goes on. Closes the account.
    pub(crate) fn into_event(self) -> Vec<u8> {
        let Self { mut account, cause } = self;
        let refusal = cause.refusal(&account);
        let event = event(&refusal, &account);
        account.facts.bytes_out = event.len() as u64;
        account.close(account.caller.encode_error(&refusal, account.id).status, Some(refusal.code));
        event
    }

    /// The answer that tells the caller, in its own language. Closes the account.
    pub(crate) fn into_answer(self) -> Answer {
        let Self { mut account, cause } = self;
        if let Cause::Ledger(problem) = &cause {
            error!(error = %problem, "the ledger cannot be written");
        }
        let refusal = cause.refusal(&account);
        let mut response = written(&refusal, account.caller, account.id);
        account.facts.bytes_out = response.body().len() as u64;
        answer::add_common(response.headers_mut(), &account);
        if let Cause::Method { takes, .. } = cause
            && let Ok(allow) = HeaderValue::try_from(listed(takes))
        {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        if let Cause::Upgrade = cause {
            // RFC 9110, section 15.5.22: the protocol that is wanted instead.
            response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("HTTP/1.1"));
        }
        if let Cause::Handshake(_) = cause {
            let headers = response.headers_mut();
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        if account.facts.closes {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        account.close(response.status().as_u16(), Some(refusal.code));
        response.map(Outgoing::from)
    }
}

impl Cause {
    /// What a caller is told that this gateway no longer serves.
    fn draining() -> Refusal {
        Refusal::new(Code::Draining, "this gateway is shutting down: send the request again")
            .with_retry(RetryAdvice::After(DRAINING_WAIT))
    }

    /// What is wrong with a name that is too long for a path, or a step up in it.
    pub(crate) fn no_segment() -> Self {
        let (field, problem) = ("model".to_owned(), "cannot stand in this provider's paths".to_owned());
        Self::Decode(dialects::DecodeError::Field { field, problem })
    }

    /// What the caller is told.
    pub(crate) fn refusal(&self, account: &Account) -> Refusal {
        match self {
            Self::Body(error) => classified(error),
            Self::Choose(error) => classified(error).with_param("model"),
            Self::Decode(error) => decode(error),
            Self::Draining => Self::draining(),
            Self::Encode(error) => encode(error),
            Self::Encoding => Refusal::new(
                Code::UnsupportedEncoding,
                "the body has a content-encoding this gateway does not read; send it as it is",
            ),
            Self::Handshake(error) => {
                upgrade_required(Code::WebSocketOnly, format!("this endpoint is a WebSocket: {error}"))
            }
            Self::Identify(error) => classified(error),
            Self::Json(error) => Refusal::new(error.code(), error.to_string()),
            Self::Ledger(error) => ledger(error),
            Self::Loop => Refusal::new(
                Code::RequestLoop,
                "this request has passed through this gateway before: a provider's URL points back at it",
            ),
            Self::Method { method, takes } => method_not_allowed(method, takes),
            Self::ModelNotAllowed { key, model } => model_not_allowed(key, model),
            Self::NotKept => Refusal::new(
                Code::NotKept,
                "there is no such file or batch: its id must be as this gateway gave it to this caller",
            ),
            Self::NotPassedThrough { key, provider, right } => {
                not_passed_through(key.as_deref(), provider, right)
            }
            Self::NoTarget => Refusal::new(Code::NoTarget, "no provider of this model is available now"),
            Self::NotOffered(operation) => not_offered(*operation),
            Self::Reserve(error) => classified(error),
            Self::UnknownPath(path) => unknown_path(path),
            Self::UnknownPrice { provider, model } => unknown_price(provider, model),
            Self::Upgrade => upgrade_required(
                Code::UpgradeRefused,
                "this endpoint takes POST over plain HTTP and no WebSocket",
            ),
            // A gateway further on has noticed what this one is part of.
            Self::Upstream(fault) if fault.status == Some(LOOP_DETECTED) => Self::Loop.refusal(account),
            Self::Upstream(fault) => upstream(fault, account),
        }
    }
}

/// A refusal in a language: its body, its status, and what SDKs read before they try again.
pub(crate) fn written(refusal: &Refusal, dialect: &dyn Dialect, request: RequestId) -> Response<Bytes> {
    let error = dialect.encode_error(refusal, request);
    let mut response = Response::new(Bytes::from(error.body));
    *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.extend(error.headers);
    headers.insert(header::CONTENT_TYPE, answer::JSON);
    headers.insert(CODE, HeaderValue::from_static(refusal.code.as_str()));
    add_advice(headers, refusal.retry);
    response
}

/// A refusal of a message that is no request, in a language.
pub(crate) fn turn_event(refusal: &Refusal, dialect: &dyn Dialect) -> Vec<u8> {
    as_event(&dialect.encode_error_message(refusal, RequestId::generate()))
}

/// The language's error, that it is one, and the status that it would have had.
fn as_event(error: &dialects::ErrorAnswer) -> Vec<u8> {
    let rest = error.body.strip_prefix(b"{").unwrap_or(&error.body);
    [format!(r#"{{"type":"error","status":{},"#, error.status).as_bytes(), rest].concat()
}

/// A refusal as an event of a session: the language's error, and that it is one.
pub(crate) fn event(refusal: &Refusal, account: &Account) -> Vec<u8> {
    as_event(&account.caller.encode_error_message(refusal, account.id))
}

/// The refusal of an error that says all there is to say.
pub(crate) fn classified(error: &impl Classify) -> Refusal {
    let verdict = error.verdict();
    let refusal = Refusal::new(verdict.code, error.to_string());
    match verdict.retry {
        Retry::After(wait) => refusal.with_retry(RetryAdvice::After(wait)),
        Retry::Never => refusal.with_retry(RetryAdvice::Never),
        Retry::Elsewhere => refusal,
    }
}

/// The refusal of a request that cannot be read.
pub(crate) fn decode(error: &dialects::DecodeError) -> Refusal {
    let refusal = classified(error);
    match error {
        dialects::DecodeError::Field { field, .. } => refusal.with_param(field.clone()),
        dialects::DecodeError::Header { .. } | dialects::DecodeError::Json(_) => refusal,
    }
}

fn encode(error: &dialects::EncodeError) -> Refusal {
    let refusal = classified(error);
    match error {
        dialects::EncodeError::Unsayable { field, .. } => refusal.with_param(field.clone()),
        dialects::EncodeError::Lossy(changes) => match changes.first() {
            Some(first) => refusal.with_param(first.field.clone()),
            None => refusal,
        },
    }
}

/// What is wrong with the disk is the operator's to know. That the ledger is closed means that everything is.
fn ledger(error: &LedgerError) -> Refusal {
    let message = match error {
        LedgerError::Closed => "the gateway is shutting down; the request was not sent",
        LedgerError::AlreadyBegun { .. }
        | LedgerError::Corrupt { .. }
        | LedgerError::Locked { .. }
        | LedgerError::Open { .. }
        | LedgerError::Unwritable(_) => {
            "the request was not sent because its cost cannot be recorded now; try again shortly"
        }
    };
    Refusal { message: message.to_owned(), ..classified(error) }
}

fn not_passed_through(key: Option<&str>, provider: &ProviderName, right: &ModelName) -> Refusal {
    let message = match key {
        Some(key) => format!("key {key} is for some models only, and `{right}` is not among what it may use"),
        None => format!(
            "nothing is passed through to `{provider}`, and what all callers keep there is not listed: there is no such provider, or its operator has not set `providers.{provider}.passthrough`"
        ),
    };
    Refusal::new(Code::NotPassedThrough, message)
}

fn method_not_allowed(method: &Method, takes: &[Method]) -> Refusal {
    let message = format!("this endpoint takes {}, not {method}", listed(takes));
    Refusal::new(Code::MethodNotAllowed, message)
}

fn listed(methods: &[Method]) -> String {
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

fn model_not_allowed(key: &str, model: &ModelName) -> Refusal {
    let message = format!("key {key} may not use model `{model}`; `GET /v1/models` lists what it may use");
    Refusal::new(Code::ModelNotAllowed, message).with_param("model")
}

fn not_offered(operation: Operation) -> Refusal {
    let message = format!("the provider of this model does not offer {} in any form", operation.as_str());
    Refusal::new(Code::NotOffered, message).with_param("model")
}

fn unknown_price(provider: &ProviderName, model: &ModelName) -> Refusal {
    let message =
        format!("the price of `{model}` at {provider} is not known, and this gateway refuses such requests");
    Refusal::new(Code::UnknownPrice, message).with_param("model")
}

/// 426 is what agents take for "then without a WebSocket"; of any other status they try the upgrade again.
fn upgrade_required(code: Code, message: impl Into<String>) -> Refusal {
    Refusal { status: Some(StatusCode::UPGRADE_REQUIRED.as_u16()), ..Refusal::new(code, message) }
}

fn unknown_path(path: &str) -> Refusal {
    let known = routes::without_prefixes(path);
    if let Some(why) = dialects::all().iter().find_map(|dialect| dialect.declined(known)) {
        return Refusal::new(Code::UnknownPath, why);
    }
    let mut known: Vec<&str> = Vec::new();
    for route in dialects::all().iter().flat_map(|dialect| dialect.routes()) {
        // Some languages have a path in common.
        if !known.contains(&route.path) {
            known.push(route.path);
        }
    }
    let path: String = path.chars().take(100).collect();
    Refusal::new(
        Code::UnknownPath,
        format!("no endpoint `{path}`; there are {}, /v1/models", known.join(", ")),
    )
}

/// An upstream's failure as the caller may see it. Its own refusal of the request passes with its status and its
/// words, which clients match on; what concerns the gateway's own account there does not.
fn upstream(fault: &Fault, account: &Account) -> Refusal {
    let verdict = fault.verdict();
    let tried = account.facts.attempts;
    let message = match &account.facts.served_by {
        Some(served) => served.destination.without_credential(&fault.message),
        None => fault.message.clone(),
    };
    match fault.kind {
        FaultKind::ContextLength | FaultKind::Filtered | FaultKind::ForeignProof | FaultKind::Invalid => {
            Refusal {
                status: fault.status.filter(|status| (400..500).contains(status)),
                class: class_of(fault.status),
                param: fault.param.clone(),
                upstream_kind: fault.upstream_kind.clone(),
                ..Refusal::new(verdict.code, message)
            }
        }
        FaultKind::Overloaded => {
            let refusal = Refusal::new(verdict.code, format!("the provider is overloaded: {message}"));
            let status = fault.status.filter(|status| *status == 529 || *status == 503);
            // Who is overloaded has not counted this caller's requests.
            let class = status.map_or(refusal.class, |_| ErrorClass::Unavailable);
            let retry = fault.retry_after.map_or(refusal.retry, RetryAdvice::After);
            Refusal { status, class, retry, ..refusal }
        }
        FaultKind::Credential => Refusal::new(
            verdict.code,
            "the provider refused this gateway's own credential; tell its operator",
        )
        .with_retry(RetryAdvice::Never),
        FaultKind::Quota => Refusal::new(
            verdict.code,
            "this gateway's account at the provider is out of credit; tell its operator",
        )
        .with_retry(RetryAdvice::Never),
        FaultKind::ClientGone
        | FaultKind::Cut
        | FaultKind::Server
        | FaultKind::Timeout
        | FaultKind::TooLarge
        | FaultKind::Unreachable
        | FaultKind::Unreadable => {
            let refusal = Refusal::new(verdict.code, format!("{message} (attempts: {tried})"));
            // The gateway has tried elsewhere already: clients that retry on top of that would multiply the load.
            let retry = if tried > 1 { RetryAdvice::Never } else { refusal.retry };
            Refusal { status: fault.status.filter(|status| (500..600).contains(status)), retry, ..refusal }
        }
    }
}

/// The class of an upstream's own 4xx.
const fn class_of(status: Option<u16>) -> ErrorClass {
    match status {
        Some(404) => ErrorClass::NotFound,
        Some(409) => ErrorClass::Conflict,
        Some(413) => ErrorClass::TooLarge,
        Some(_) | None => ErrorClass::InvalidRequest,
    }
}

/// The answer to a request that the gateway's end has cut short. Its account has recorded it by then.
pub(crate) fn cut_short(known: Option<Known>) -> Answer {
    told(&Cause::draining(), known.unwrap_or_else(nobody))
}

/// The answer to a request whose handling panicked. Its account has told the operator by then, if it had one.
pub(crate) fn panicked(known: Option<Known>, telemetry: &Telemetry) -> Answer {
    let known = known.unwrap_or_else(|| {
        let known = nobody();
        PanicContained { request_id: known.1, location: "gateway" }.emit(telemetry);
        known
    });
    told(&panics::refusal(), known)
}

/// A request whose account is gone: the language it speaks and its id.
pub(crate) type Known = (&'static dyn Dialect, RequestId);

fn nobody() -> Known {
    (routes::speaker(&HeaderMap::new()), RequestId::generate())
}

fn told(refusal: &Refusal, (dialect, request): Known) -> Answer {
    let mut response = written(refusal, dialect, request);
    answer::add_ids(response.headers_mut(), request, None);
    response.map(Outgoing::from)
}

/// The answer to a request whose head could not be read, in the language its path speaks.
pub fn refused_head(
    head: &MalformedHead<'_>,
    max_head: usize,
    telemetry: &Telemetry,
    clock: &dyn Clock,
) -> Response<Bytes> {
    let mut visit = Visit::begin(&HeaderMap::new(), head.peer, telemetry, clock);
    let start = std::str::from_utf8(head.start).ok();
    let path = start.and_then(|start| start.split([' ', '?']).nth(1)).unwrap_or_default();
    if let Some(route) = routes::find(path, &HeaderMap::new()) {
        visit.caller = route.dialect;
    }
    let refusal = if head.status == StatusCode::BAD_REQUEST {
        Refusal::new(
            Code::MalformedHttp,
            "the request is not valid HTTP: its head cannot be read, or it has no Host header or more than one",
        )
    } else {
        Refusal::new(
            Code::HeadersTooLarge,
            format!(
                "the request has more than {MAX_HEADERS} headers, or they are larger than {max_head} bytes together"
            ),
        )
    };
    let mut answer = written(&refusal, visit.caller, visit.id);
    *answer.status_mut() = head.status;
    visit.decline(Declined::Worded { code: refusal.code, answer: Box::new(answer) })
}

/// What SDKs read before they try again.
fn add_advice(headers: &mut HeaderMap, advice: RetryAdvice) {
    match advice {
        RetryAdvice::Never => {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        RetryAdvice::After(wait) => {
            // Whole seconds round up: a client that waits as told must not come too early.
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            let millis = wait.as_millis().max(1);
            headers
                .insert(header::RETRY_AFTER, HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)));
            headers.insert(RETRY_AFTER_MS, HeaderValue::from(u64::try_from(millis).unwrap_or(u64::MAX)));
            if wait >= LONGEST_HEEDED {
                headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
            }
        }
    }
}

/// When to try again while this process ends: whatever takes its place is there by then, or another one is.
const DRAINING_WAIT: Duration = Duration::from_secs(1);
/// Of a longer wait the official SDKs take no notice: they come back within seconds unless they are told not to.
const LONGEST_HEEDED: Duration = Duration::from_mins(1);
/// RFC 5842, section 7.2.
const LOOP_DETECTED: u16 = 508;

pub(crate) const CODE: HeaderName = HeaderName::from_static("x-tollgate-code");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
