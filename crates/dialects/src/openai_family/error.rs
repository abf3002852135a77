//! Errors, both ways. The only file of these languages that knows HTTP statuses and error JSON.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use types::{Code, ErrorClass, Fault, FaultKind, Refusal};

use super::{json_bytes, lenient};
use crate::fault::status_of;
use crate::{ErrorAnswer, read_fault};

#[derive(Serialize)]
struct WireError<'a> {
    error: WireErrorBody<'a>,
}

/// The inside of an error.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct WireErrorBody<'a> {
    pub(crate) message: &'a str,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) param: Option<&'a str>,
    pub(crate) code: Option<&'a str>,
    /// The gateway's own stable code; client libraries ignore what they do not know.
    tollgate_code: &'static str,
}

/// Writes an error as a whole answer.
pub(crate) fn encode(refusal: &Refusal) -> ErrorAnswer {
    let status = refusal.status.unwrap_or(status_of(refusal.class));
    ErrorAnswer { status, headers: Vec::new(), body: json_bytes(&wire(refusal)) }
}

/// Writes an error inside a stream that has begun.
pub(crate) fn encode_in_stream(refusal: &Refusal) -> Vec<u8> {
    let mut out = b"data: ".to_vec();
    out.extend(json_bytes(&wire(refusal)));
    out.extend(b"\n\n");
    out
}

fn wire(refusal: &Refusal) -> WireError<'_> {
    WireError { error: body_of(refusal) }
}

/// The inside of the error that a refusal is.
pub(crate) fn body_of(refusal: &Refusal) -> WireErrorBody<'_> {
    WireErrorBody {
        message: &refusal.message,
        kind: kind(refusal.class),
        param: refusal.param.as_deref(),
        code: code(refusal),
        tollgate_code: refusal.code.as_str(),
    }
}

/// The upstream's own word, but for what every client of this family knows by one.
fn code(refusal: &Refusal) -> Option<&str> {
    if refusal.code == Code::ContextTooLong {
        return Some("context_length_exceeded");
    }
    refusal.upstream_kind.as_deref().or_else(|| word(refusal.code, refusal.class))
}

/// `OpenAI`'s `type` for a class.
const fn kind(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Authentication
        | ErrorClass::Conflict
        | ErrorClass::HeadersTooLarge
        | ErrorClass::InvalidRequest
        | ErrorClass::MethodNotAllowed
        | ErrorClass::NotFound
        | ErrorClass::TooLarge => "invalid_request_error",
        ErrorClass::Billing => "insufficient_quota",
        ErrorClass::Permission => "permission_error",
        ErrorClass::RateLimited => "rate_limit_error",
        ErrorClass::BadGateway
        | ErrorClass::Internal
        | ErrorClass::Loop
        | ErrorClass::Timeout
        | ErrorClass::Unavailable => "server_error",
    }
}

/// `OpenAI`'s `code` where clients match on one.
fn word(code: Code, class: ErrorClass) -> Option<&'static str> {
    match class {
        ErrorClass::NotFound if code == Code::UnknownPath => Some("unknown_url"),
        ErrorClass::Authentication => Some("invalid_api_key"),
        ErrorClass::Billing => Some("insufficient_quota"),
        ErrorClass::NotFound => Some("model_not_found"),
        ErrorClass::Permission => Some("permission_denied"),
        ErrorClass::RateLimited => Some("rate_limit_exceeded"),
        ErrorClass::TooLarge => Some("request_too_large"),
        ErrorClass::BadGateway
        | ErrorClass::Conflict
        | ErrorClass::HeadersTooLarge
        | ErrorClass::Internal
        | ErrorClass::InvalidRequest
        | ErrorClass::Loop
        | ErrorClass::MethodNotAllowed
        | ErrorClass::Timeout
        | ErrorClass::Unavailable => None,
    }
}

/// The `error` of a body or event that came under a status of success.
#[derive(Deserialize)]
struct Inside<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// Where such an error says what its status would have been: Azure and OpenRouter do.
#[derive(Default, Deserialize)]
#[serde(default)]
struct InsideStatus {
    #[serde(deserialize_with = "lenient")]
    status: Option<u16>,
    #[serde(deserialize_with = "lenient")]
    code: Option<u16>,
}

/// The fault in a body or event that holds a top-level `error`, if it holds one.
pub(crate) fn fault_inside(body: &[u8]) -> Option<Fault> {
    let inside: Inside<'_> = serde_json::from_slice(body).ok()?;
    let error = inside.error.filter(|error| is_truthy(error.get().as_bytes()))?;
    let said: InsideStatus = serde_json::from_str(error.get()).unwrap_or_default();
    let status = said.status.or(said.code).filter(|status| (400..600).contains(status));
    Some(Fault { status, ..read_fault(status.unwrap_or(200), body) })
}

/// The fault in an event that is an error by its name.
pub(crate) fn fault_of_event(data: &[u8]) -> Fault {
    fault_inside(data).unwrap_or_else(|| Fault { status: None, ..read_fault(200, data) })
}

/// Whether a client library would take this value of `error` for an error.
pub(crate) fn is_truthy(value: &[u8]) -> bool {
    !matches!(value, b"null" | b"false" | b"0" | b"\"\"" | b"{}" | b"[]")
}

/// A whole answer, which may be an error in spite of its status.
pub(crate) fn read_answer<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| fault_inside(body).unwrap_or_else(|| unreadable(&error)))
}

/// An answer that is not what the protocol says.
pub(crate) fn unreadable(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Unreadable, format!("the provider's answer cannot be read: {error}"))
}

/// A stream that ended without saying that it was complete.
pub(crate) fn broken_off() -> Fault {
    Fault::new(FaultKind::Cut, "the provider's stream broke off")
}

/// A stream that was complete before it said anything.
pub(crate) fn empty_stream() -> Fault {
    Fault::new(FaultKind::Server, "the provider's stream was empty")
}
