//! Errors, both ways: the only file here that knows statuses and error JSON
//! (<https://google.aip.dev/193>, `google.rpc.Code`).

use serde::{Deserialize, Serialize};
use types::{ErrorClass, Fault, FaultKind, Refusal, RequestId, RetryAdvice, StreamForm};

use super::wire;
use crate::{ErrorAnswer, read_fault};

/// The words for statuses, and the status each comes with.
const WORDS: [(&str, u16); 16] = [
    ("INVALID_ARGUMENT", 400),
    ("FAILED_PRECONDITION", 400),
    ("OUT_OF_RANGE", 400),
    ("UNAUTHENTICATED", 401),
    ("PERMISSION_DENIED", 403),
    ("NOT_FOUND", 404),
    ("ABORTED", 409),
    ("ALREADY_EXISTS", 409),
    ("RESOURCE_EXHAUSTED", 429),
    ("CANCELLED", 499),
    ("INTERNAL", 500),
    ("UNKNOWN", 500),
    ("DATA_LOSS", 500),
    ("UNIMPLEMENTED", 501),
    ("UNAVAILABLE", 503),
    ("DEADLINE_EXCEEDED", 504),
];

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    details: Vec<Detail<'a>>,
    /// The gateway's own stable code; client libraries ignore what they do not know.
    tollgate_code: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "@type")]
enum Detail<'a> {
    #[serde(rename = "type.googleapis.com/google.rpc.BadRequest", rename_all = "camelCase")]
    BadRequest { field_violations: [Violation<'a>; 1] },
    #[serde(rename = "type.googleapis.com/google.rpc.ErrorInfo")]
    ErrorInfo { reason: &'static str, domain: &'static str },
    #[serde(rename = "type.googleapis.com/google.rpc.RequestInfo", rename_all = "camelCase")]
    RequestInfo { request_id: String },
    #[serde(rename = "type.googleapis.com/google.rpc.RetryInfo", rename_all = "camelCase")]
    RetryInfo { retry_delay: String },
}

#[derive(Serialize)]
struct Violation<'a> {
    field: &'a str,
    description: &'a str,
}

/// Writes an error as a whole answer.
pub(super) fn whole(refusal: &Refusal, request: RequestId) -> ErrorAnswer {
    let mut body = Vec::new();
    write(refusal, request, &mut body);
    ErrorAnswer { status: status(refusal), body, headers: Vec::new() }
}

/// Writes an error inside a stream that has begun, and ends it.
pub(super) fn streamed(refusal: &Refusal, request: RequestId, form: StreamForm) -> Vec<u8> {
    let (before, after) = wire::around(form, false);
    let mut out = before.to_vec();
    write(refusal, request, &mut out);
    out.extend_from_slice(after);
    out.extend_from_slice(wire::end(form));
    out
}

/// What an error means that came without an error status.
pub(super) fn fault_in_answer(body: &[u8]) -> Fault {
    #[derive(Deserialize)]
    struct Inside {
        error: InsideError,
    }
    #[derive(Deserialize)]
    struct InsideError {
        code: Option<u16>,
        status: Option<String>,
    }
    let inside = serde_json::from_slice::<Inside>(body).ok().map(|inside| inside.error);
    let (code, word) = inside.map_or((None, None), |error| (error.code, error.status));
    let said = WORDS.iter().find(|(known, _)| Some(*known) == word.as_deref()).map(|(_, status)| *status);
    let status = code.filter(|code| (400..600).contains(code)).or(said);
    Fault { status, ..read_fault(status.unwrap_or(200), body) }
}

/// An answer that is not what the protocol says.
pub(super) fn unreadable(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Unreadable, format!("the provider's answer cannot be read: {error}"))
}

/// An answer that ended because the model failed, by the wire's word for it.
pub(super) fn failed(written: &str) -> Fault {
    let word = written.trim_matches('"');
    Fault::new(FaultKind::Server, format!("the provider ended the answer with an error: {word}"))
}

/// A stream that ended before its answer did.
pub(super) fn broke_off() -> Fault {
    Fault::new(FaultKind::Cut, "the provider's stream broke off")
}

fn write(refusal: &Refusal, request: RequestId, out: &mut Vec<u8>) {
    let mut details = vec![
        Detail::ErrorInfo { reason: refusal.code.as_str(), domain: DOMAIN },
        Detail::RequestInfo { request_id: request.to_string() },
    ];
    if let Some(field) = refusal.param.as_deref() {
        details.push(Detail::BadRequest {
            field_violations: [Violation { field, description: &refusal.message }],
        });
    }
    if let RetryAdvice::After(wait) = refusal.retry {
        details.push(Detail::RetryInfo { retry_delay: format!("{}s", wait.as_secs_f64()) });
    }
    let error = Body {
        code: status(refusal),
        message: &refusal.message,
        status: word(refusal),
        details,
        tollgate_code: refusal.code.as_str(),
    };
    wire::write(out, &Envelope { error });
}

/// Whose reasons these are.
const DOMAIN: &str = "tollgate";

fn status(refusal: &Refusal) -> u16 {
    upstream_status(refusal).unwrap_or_else(|| of_class(refusal.class).1)
}

/// The upstream's own word if it is one of this language's, else the word of the status, else of the class.
fn word(refusal: &Refusal) -> &'static str {
    let same_word = WORDS.iter().find(|(word, _)| Some(*word) == refusal.upstream_kind.as_deref());
    let same_status = || WORDS.iter().find(|(_, status)| Some(*status) == upstream_status(refusal));
    same_word.or_else(same_status).map_or_else(|| of_class(refusal.class).0, |(word, _)| *word)
}

fn upstream_status(refusal: &Refusal) -> Option<u16> {
    refusal.status.filter(|status| (400..600).contains(status))
}

const fn of_class(class: ErrorClass) -> (&'static str, u16) {
    match class {
        ErrorClass::InvalidRequest => ("INVALID_ARGUMENT", 400),
        ErrorClass::Authentication => ("UNAUTHENTICATED", 401),
        ErrorClass::Billing => ("RESOURCE_EXHAUSTED", 402),
        ErrorClass::Permission => ("PERMISSION_DENIED", 403),
        ErrorClass::NotFound => ("NOT_FOUND", 404),
        ErrorClass::MethodNotAllowed => ("UNIMPLEMENTED", 405),
        ErrorClass::Conflict => ("ABORTED", 409),
        ErrorClass::TooLarge => ("INVALID_ARGUMENT", 413),
        ErrorClass::HeadersTooLarge => ("INVALID_ARGUMENT", 431),
        ErrorClass::RateLimited => ("RESOURCE_EXHAUSTED", 429),
        ErrorClass::Internal => ("INTERNAL", 500),
        ErrorClass::BadGateway => ("UNAVAILABLE", 502),
        ErrorClass::Unavailable => ("UNAVAILABLE", 503),
        ErrorClass::Timeout => ("DEADLINE_EXCEEDED", 504),
        ErrorClass::Loop => ("INTERNAL", 508),
    }
}
