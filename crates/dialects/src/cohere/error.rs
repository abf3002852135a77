//! Errors, both ways: the only file of this language that knows statuses and error JSON.

use serde::Serialize;
use types::{Fault, FaultKind, Refusal, RequestId};

use crate::fault::status_of;
use crate::{DecodeError, ErrorAnswer, shape};

#[derive(Serialize)]
struct Body<'a> {
    id: String,
    message: &'a str,
    /// The gateway's own stable code; client libraries ignore what they do not know.
    tollgate_code: &'static str,
}

#[derive(Serialize)]
struct LastEvent<'a> {
    r#type: &'static str,
    delta: Failure<'a>,
    tollgate_code: &'static str,
}

#[derive(Serialize)]
struct Failure<'a> {
    error: &'a str,
    finish_reason: &'static str,
}

/// Writes an error as a whole answer.
pub(super) fn whole(refusal: &Refusal, request: RequestId) -> ErrorAnswer {
    let (mut body, code) = (Vec::new(), refusal.code.as_str());
    let error = Body { id: request.to_string(), message: &refusal.message, tollgate_code: code };
    shape::write(&mut body, &error);
    let status = refusal.status.filter(|status| (400..600).contains(status));
    ErrorAnswer { status: status.unwrap_or_else(|| status_of(refusal.class)), headers: Vec::new(), body }
}

/// Writes an error inside a stream: as the reason why the message ended.
pub(super) fn streamed(refusal: &Refusal) -> Vec<u8> {
    let mut out = b"event: message-end\ndata: ".to_vec();
    let delta = Failure { error: &refusal.message, finish_reason: ERROR };
    let last = LastEvent { r#type: "message-end", delta, tollgate_code: refusal.code.as_str() };
    shape::write(&mut out, &last);
    out.extend_from_slice(b"\n\n");
    out
}

/// The reason to end that is a failure.
const ERROR: &str = "ERROR";

/// What a reason to end means that is a failure, with the sentence beside it.
pub(super) fn failure(reason: &str, message: Option<String>) -> Option<Fault> {
    let kind = match reason {
        ERROR | "ERROR_TOXIC" => FaultKind::Server,
        "ERROR_LIMIT" => FaultKind::ContextLength,
        "TIMEOUT" => FaultKind::Timeout,
        _ => return None,
    };
    let message = message.unwrap_or_else(|| format!("the provider ended its answer with {reason}"));
    Some(Fault { upstream_kind: Some(reason.to_owned()), ..Fault::new(kind, message) })
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
