//! Errors, both ways: a sentence and nothing else. The only file of this language that knows statuses and error JSON.

use serde::Serialize;
use types::{Fault, FaultKind, Refusal};

use crate::fault::status_of;
use crate::{DecodeError, ErrorAnswer, read_fault, shape};

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    /// The gateway's own stable code; client libraries ignore what they do not know.
    tollgate_code: &'static str,
}

/// Writes an error as a whole answer.
pub(super) fn whole(refusal: &Refusal) -> ErrorAnswer {
    let mut body = Vec::new();
    write(refusal, &mut body);
    let status = refusal.status.filter(|status| (400..600).contains(status));
    ErrorAnswer { status: status.unwrap_or_else(|| status_of(refusal.class)), headers: Vec::new(), body }
}

/// Writes an error inside a stream: a line like any other.
pub(super) fn streamed(refusal: &Refusal) -> Vec<u8> {
    let mut line = Vec::new();
    write(refusal, &mut line);
    line.push(b'\n');
    line
}

fn write(refusal: &Refusal, out: &mut Vec<u8>) {
    shape::write(out, &Body { error: &refusal.message, tollgate_code: refusal.code.as_str() });
}

/// What an error means that came inside an answer without an error status.
pub(super) fn fault_inside(body: &[u8]) -> Fault {
    let fault = read_fault(200, body);
    Fault { status: None, ..fault }
}

/// An answer that is not what the protocol says.
pub(super) fn unreadable(error: &DecodeError) -> Fault {
    Fault::new(FaultKind::Unreadable, format!("the provider's answer cannot be read: {error}"))
}

/// An answer that is no JSON object.
pub(super) fn not_json() -> Fault {
    Fault::new(FaultKind::Unreadable, "the provider's answer is not a JSON object")
}

/// A stream that ended before its last line.
pub(super) fn broke_off() -> Fault {
    Fault::new(FaultKind::Cut, "the provider's stream broke off")
}
