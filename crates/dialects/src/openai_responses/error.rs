//! Errors, both ways. The only file of this language that knows HTTP statuses and error JSON; what it shares with the
//! other languages of its family is in theirs.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use types::{ErrorClass, Fault, FaultKind, Refusal};

use crate::openai_family::error::{WireErrorBody, body_of, encode as encode_of_family};
use crate::openai_family::json_bytes;
use crate::{ErrorAnswer, read_fault};

/// Writes an error as a whole answer. A model that nobody knows is a wrong field here, not a wrong address.
pub(super) fn encode(refusal: &Refusal) -> ErrorAnswer {
    let refusal = &worded(refusal);
    let answer = encode_of_family(refusal);
    let is_model = refusal.class == ErrorClass::NotFound && refusal.param.as_deref() == Some("model");
    if is_model && refusal.status.is_none() { ErrorAnswer { status: 400, ..answer } } else { answer }
}

/// Writes an error as a message. Open Responses demands a code of one; where there is none, its type says most.
pub(super) fn encode_message(refusal: &Refusal) -> ErrorAnswer {
    let refusal = worded(refusal);
    let body = body_of(&refusal);
    match body.code {
        Some(_) => encode(&refusal),
        None => {
            encode(&Refusal { upstream_kind: Some(body.kind.to_owned()), ..refusal.clone().into_owned() })
        }
    }
}

/// The refusal in the provider's own word, where clients act on it: of an answer that is not to be gone on from they send
/// the whole conversation again.
fn worded(refusal: &Refusal) -> Cow<'_, Refusal> {
    let is_previous = refusal.param.as_deref() == Some("previous_response_id");
    if !is_previous || refusal.upstream_kind.is_some() {
        return Cow::Borrowed(refusal);
    }
    let upstream_kind = Some("previous_response_not_found".to_owned());
    Cow::Owned(Refusal { upstream_kind, ..refusal.clone() })
}

/// The event that says that a stream has failed: flat as `OpenAI` documents it, and nested as Open Responses does and
/// as client libraries look for it.
#[derive(Serialize)]
struct ErrorEvent<'a> {
    r#type: &'static str,
    sequence_number: u64,
    code: Option<&'a str>,
    message: &'a str,
    param: Option<&'a str>,
    error: WireErrorBody<'a>,
}

/// Writes an error inside a stream that has begun, as its event of this number.
pub(super) fn encode_in_stream(refusal: &Refusal, sequence_number: u64) -> Vec<u8> {
    let error = body_of(refusal);
    let event = ErrorEvent {
        r#type: "error",
        sequence_number,
        code: error.code,
        message: error.message,
        param: error.param,
        error,
    };
    let mut out = b"event: error\ndata: ".to_vec();
    out.extend(json_bytes(&event));
    out.extend(b"\n\n");
    out
}

/// The error of an answer that has failed.
#[derive(Debug, Serialize)]
pub(super) struct Failure<'a> {
    code: &'a str,
    message: &'a str,
}

impl<'a> Failure<'a> {
    /// What a refusal is in an answer. The codes that clients act on are the provider's own words; where there is
    /// none, it is one of the two that the language has for everything else.
    pub(super) fn of(refusal: &'a Refusal) -> Self {
        let own = refusal.upstream_kind.as_deref();
        let code = own.unwrap_or(match refusal.class {
            ErrorClass::RateLimited => "rate_limit_exceeded",
            ErrorClass::Authentication
            | ErrorClass::BadGateway
            | ErrorClass::Billing
            | ErrorClass::Conflict
            | ErrorClass::HeadersTooLarge
            | ErrorClass::Internal
            | ErrorClass::InvalidRequest
            | ErrorClass::Loop
            | ErrorClass::MethodNotAllowed
            | ErrorClass::NotFound
            | ErrorClass::Permission
            | ErrorClass::Timeout
            | ErrorClass::TooLarge
            | ErrorClass::Unavailable => "server_error",
        });
        Self { code, message: &refusal.message }
    }
}

/// What is looked at of a failed answer or an error event.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Failed<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    code: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Coded {
    code: Option<String>,
}

/// The fault that a failed answer or an error event tells of.
pub(super) fn fault_of(body: &[u8]) -> Fault {
    let failed: Failed<'_> = serde_json::from_slice(body).unwrap_or_default();
    let inner: Coded =
        failed.error.and_then(|error| serde_json::from_str(error.get()).ok()).unwrap_or_default();
    let status = status_of(inner.code.or(failed.code).as_deref().unwrap_or_default());
    let fault = Fault { status: None, ..read_fault(status, body) };
    // Without an error to read, all that is known is that the provider failed.
    if failed.error.is_none() && fault.upstream_kind.as_deref() == Some("error") {
        return Fault { upstream_kind: None, ..fault };
    }
    fault
}

/// The status that an error of this code would have had by itself.
fn status_of(code: &str) -> u16 {
    const BEGINNINGS: &[&str] =
        &["bio_policy", "context_length", "empty_image", "image_", "invalid_", "unsupported_"];
    match code {
        "insufficient_quota" | "rate_limit_exceeded" => 429,
        "server_error" | "vector_store_timeout" => 500,
        _ if BEGINNINGS.iter().any(|beginning| code.starts_with(beginning)) => 400,
        // Nothing but the words of the error is left to go by.
        _ => 200,
    }
}

/// An answer that ended before it began to say anything, for no reason that it tells.
pub(super) fn cancelled() -> Fault {
    Fault::new(FaultKind::Server, "the provider cancelled the answer")
}
