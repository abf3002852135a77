//! Errors, both ways: the only file here that knows statuses and error JSON. Which error it is stands in a header, or
//! in the name of a frame.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use types::{ErrorClass, Fault, FaultKind, Refusal, StreamEvent};

use crate::frames::{self, FrameKind};
use crate::{DecodeError, ErrorAnswer, read_fault, shape};

/// The header that names the error.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// The documented errors, the status each comes with, and the kind of fault where the status does not say it.
/// Of several with one status the usual one is first.
const TYPES: [(&str, u16, Option<FaultKind>); 11] = [
    ("ValidationException", 400, None),
    ("ServiceQuotaExceededException", 400, Some(FaultKind::Quota)),
    ("AccessDeniedException", 403, None),
    ("ResourceNotFoundException", 404, None),
    ("ModelTimeoutException", 408, None),
    ("ModelErrorException", 424, Some(FaultKind::Server)),
    ("ModelStreamErrorException", 424, Some(FaultKind::Server)),
    ("ThrottlingException", 429, None),
    ("ModelNotReadyException", 429, None),
    ("InternalServerException", 500, None),
    ("ServiceUnavailableException", 503, None),
];

#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    /// The gateway's own stable code; client libraries ignore what they do not know.
    tollgate_code: &'static str,
}

/// Writes an error as a whole answer.
pub(super) fn whole(refusal: &Refusal) -> ErrorAnswer {
    let mut body = Vec::new();
    write(refusal, &mut body);
    let headers = vec![(ERROR_TYPE, HeaderValue::from_static(type_of(refusal)))];
    ErrorAnswer { status: status(refusal), headers, body }
}

/// Writes an error inside a stream: its names there begin with a small letter.
pub(super) fn streamed(refusal: &Refusal) -> Vec<u8> {
    let mut name = type_of(refusal).to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let mut out = Vec::new();
    frames::write(&mut out, FrameKind::Exception, &name, |out| write(refusal, out));
    out
}

fn write(refusal: &Refusal, out: &mut Vec<u8>) {
    shape::write(out, &Body { message: &refusal.message, tollgate_code: refusal.code.as_str() });
}

/// What an upstream's error answer means. The header may have an address behind its name.
pub(super) fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Fault {
    let fault = read_fault(status, body);
    let named = headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok());
    let name = named.and_then(|name| name.split([':', ',']).next()).filter(|name| !name.is_empty());
    let Some(name) = name else { return fault };
    let kind = find(name).and_then(|(_, _, kind)| kind).unwrap_or(fault.kind);
    Fault { kind, upstream_kind: Some(name.to_owned()), ..fault }
}

/// Whether an event of a stream is a failure. Errors may have names of any form, and only their frames tell them.
pub(super) fn is_failure(event: &StreamEvent) -> bool {
    let name = event.name.as_ref();
    let is_named_so = name.ends_with(b"Exception") || name.ends_with(b"Error");
    is_named_so || (!is_known(name) && frames::is_failure(&event.raw))
}

/// Whether it is the name of an event that belongs to an answer.
pub(super) fn is_known(name: &[u8]) -> bool {
    matches!(
        name,
        b"messageStart"
            | b"contentBlockStart"
            | b"contentBlockDelta"
            | b"contentBlockStop"
            | b"messageStop"
            | b"metadata"
    )
}

/// What a failure inside a stream means. Its payload is JSON, or nothing but a sentence.
pub(super) fn fault_in_stream(name: &[u8], payload: &[u8]) -> Fault {
    let name = String::from_utf8_lossy(name);
    let (status, kind) = find(&name).map_or((500, None), |(_, status, kind)| (status, kind));
    let mut fault = read_fault(status, payload);
    if !payload.starts_with(b"{") && !payload.is_empty() {
        fault.message = String::from_utf8_lossy(payload).into_owned();
    }
    Fault { kind: kind.unwrap_or(fault.kind), upstream_kind: Some(name.into_owned()), ..fault }
}

/// An answer that is not what the protocol says.
pub(super) fn unreadable(error: &DecodeError) -> Fault {
    Fault::new(FaultKind::Unreadable, format!("the provider's answer cannot be read: {error}"))
}

/// An answer that is no JSON object.
pub(super) fn not_json() -> Fault {
    Fault::new(FaultKind::Unreadable, "the provider's answer is not a JSON object")
}

/// A stream that ended before its last event.
pub(super) fn broke_off() -> Fault {
    Fault::new(FaultKind::Cut, "the provider's stream broke off")
}

/// The documented error of this name, however its first letter is written.
fn find(name: &str) -> Option<(&'static str, u16, Option<FaultKind>)> {
    TYPES.into_iter().find(|(known, _, _)| known.eq_ignore_ascii_case(name))
}

/// The upstream's own name if it is one of this language's, else that of its status, else that of the class.
fn type_of(refusal: &Refusal) -> &'static str {
    let same_name = refusal.upstream_kind.as_deref().and_then(find);
    let same_status = || TYPES.into_iter().find(|(_, status, _)| Some(*status) == upstream_status(refusal));
    let known = same_name.or_else(same_status);
    known.map_or_else(|| of_class(refusal.class).0, |(name, _, _)| name)
}

fn status(refusal: &Refusal) -> u16 {
    upstream_status(refusal).unwrap_or_else(|| of_class(refusal.class).1)
}

fn upstream_status(refusal: &Refusal) -> Option<u16> {
    refusal.status.filter(|status| (400..600).contains(status))
}

const fn of_class(class: ErrorClass) -> (&'static str, u16) {
    match class {
        ErrorClass::InvalidRequest => ("ValidationException", 400),
        ErrorClass::Authentication => ("AccessDeniedException", 401),
        ErrorClass::Billing => ("ServiceQuotaExceededException", 402),
        ErrorClass::Permission => ("AccessDeniedException", 403),
        ErrorClass::NotFound => ("ResourceNotFoundException", 404),
        ErrorClass::MethodNotAllowed => ("ValidationException", 405),
        ErrorClass::Conflict => ("ValidationException", 409),
        ErrorClass::TooLarge => ("ValidationException", 413),
        ErrorClass::HeadersTooLarge => ("ValidationException", 431),
        ErrorClass::RateLimited => ("ThrottlingException", 429),
        ErrorClass::Internal => ("InternalServerException", 500),
        ErrorClass::BadGateway => ("InternalServerException", 502),
        ErrorClass::Unavailable => ("ServiceUnavailableException", 503),
        ErrorClass::Timeout => ("ModelTimeoutException", 504),
        ErrorClass::Loop => ("InternalServerException", 508),
    }
}
