//! Errors, both ways: the only file here that knows statuses and error JSON.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use types::{Code, ErrorClass, Fault, FaultKind, Refusal, RequestId};

use crate::{DecodeError, ErrorAnswer, read_fault, shape};

/// The documented error types and the status each comes with; the first of a status is the one it means by itself.
const TYPES: [(&str, u16); 12] = [
    ("invalid_request_error", 400),
    ("authentication_error", 401),
    ("billing_error", 402),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("conflict_error", 409),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("api_error", 500),
    ("timeout_error", 504),
    ("overloaded_error", 529),
    // Gateways say so of what they do not let through: agents give up at this word, where they try an
    // `invalid_request_error` again without one feature after the other.
    ("policy_blocked", 400),
];

/// The field that goes on with a conversation which the provider keeps. Sent to who does not, it is not found.
pub(super) const PREVIOUS: &str = "thread.previous_message_id";
const NOT_FOUND: &str = "thread_not_found";
/// What can be wrong with such a conversation: of some of these, client libraries send the whole of it again
/// (<https://docs.claude.com/en/api/errors>).
const OF_THREADS: [&str; 5] = [
    "thread_already_continued",
    "thread_continue_in_flight",
    "thread_fingerprint_mismatch",
    NOT_FOUND,
    "thread_unsupported_request",
];

#[derive(Serialize)]
struct Envelope<'a> {
    r#type: &'static str,
    error: Body<'a>,
    request_id: String,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
    tollgate_code: &'static str,
}

#[derive(Serialize)]
struct Details {
    error_code: &'static str,
}

/// Writes an error as a whole answer.
pub(super) fn whole(refusal: &Refusal, request: RequestId) -> ErrorAnswer {
    let refusal = &worded(refusal);
    let mut body = Vec::new();
    write(refusal, request, &mut body);
    let status = upstream_status(refusal).unwrap_or_else(|| of_class(refusal.class).1);
    ErrorAnswer { status, headers: Vec::new(), body }
}

/// The refusal in the language's own word, where clients act on it.
fn worded(refusal: &Refusal) -> Cow<'_, Refusal> {
    if refusal.param.as_deref() != Some(PREVIOUS) || refusal.upstream_kind.is_some() {
        return Cow::Borrowed(refusal);
    }
    Cow::Owned(Refusal { status: Some(404), upstream_kind: Some(NOT_FOUND.to_owned()), ..refusal.clone() })
}

/// Writes an error inside a stream.
pub(super) fn streamed(refusal: &Refusal, request: RequestId) -> Vec<u8> {
    let mut out = b"event: error\ndata: ".to_vec();
    write(refusal, request, &mut out);
    out.extend_from_slice(b"\n\n");
    out
}

/// What an error body or error event means that came without an error status.
pub(super) fn fault_in_answer(body: &[u8]) -> Fault {
    #[derive(Deserialize)]
    struct Typed {
        error: Option<TypedError>,
    }
    #[derive(Deserialize)]
    struct TypedError {
        r#type: Option<String>,
    }
    let kind = serde_json::from_slice::<Typed>(body).ok().and_then(|typed| typed.error?.r#type);
    let known = TYPES.iter().find(|(word, _)| Some(*word) == kind.as_deref());
    read_fault(known.map_or(200, |(_, status)| *status), body)
}

/// An answer that is not what the protocol says.
pub(super) fn unreadable(error: &DecodeError) -> Fault {
    Fault::new(FaultKind::Unreadable, format!("the provider's answer cannot be read: {error}"))
}

/// A stream that ended before its last event.
pub(super) fn broke_off() -> Fault {
    Fault::new(FaultKind::Cut, "the provider's stream broke off")
}

fn write(refusal: &Refusal, request: RequestId, out: &mut Vec<u8>) {
    let of_threads = OF_THREADS.into_iter().find(|word| Some(*word) == refusal.upstream_kind.as_deref());
    let error = Body {
        r#type: type_of(refusal),
        message: message(refusal),
        param: refusal.param.as_deref(),
        details: of_threads.map(|error_code| Details { error_code }),
        tollgate_code: refusal.code.as_str(),
    };
    shape::write(out, &Envelope { r#type: "error", error, request_id: request.to_string() });
}

/// How a sentence begins by which clients know that they have to shorten the conversation.
const TOO_LONG: &str = "prompt is too long";

fn message(refusal: &Refusal) -> Cow<'_, str> {
    let said = &refusal.message;
    if refusal.code == Code::ContextTooLong && !said.to_ascii_lowercase().contains(TOO_LONG) {
        return Cow::Owned(format!("{TOO_LONG}: {said}"));
    }
    Cow::Borrowed(said)
}

/// The upstream's own word if it is one of this language's, else the word of the status, else of the class.
fn type_of(refusal: &Refusal) -> &'static str {
    let same_word = TYPES.iter().find(|(word, _)| Some(*word) == refusal.upstream_kind.as_deref());
    let same_status = || TYPES.iter().find(|(_, status)| Some(*status) == upstream_status(refusal));
    same_word.or_else(same_status).map_or_else(|| of_class(refusal.class).0, |(word, _)| *word)
}

fn upstream_status(refusal: &Refusal) -> Option<u16> {
    refusal.status.filter(|status| (400..600).contains(status))
}

const fn of_class(class: ErrorClass) -> (&'static str, u16) {
    match class {
        ErrorClass::InvalidRequest => ("invalid_request_error", 400),
        ErrorClass::Authentication => ("authentication_error", 401),
        ErrorClass::Billing => ("billing_error", 402),
        ErrorClass::Permission => ("permission_error", 403),
        ErrorClass::NotFound => ("not_found_error", 404),
        ErrorClass::MethodNotAllowed => ("invalid_request_error", 405),
        ErrorClass::Conflict => ("conflict_error", 409),
        ErrorClass::TooLarge => ("request_too_large", 413),
        ErrorClass::HeadersTooLarge => ("invalid_request_error", 431),
        ErrorClass::RateLimited => ("rate_limit_error", 429),
        ErrorClass::Internal => ("api_error", 500),
        ErrorClass::BadGateway => ("api_error", 502),
        ErrorClass::Unavailable => ("api_error", 503),
        ErrorClass::Timeout => ("timeout_error", 504),
        ErrorClass::Loop => ("api_error", 508),
    }
}
