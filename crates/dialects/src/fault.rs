//! Reads an upstream's error body, whatever its shape: the providers wrap the same few facts differently.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;
use types::{ErrorClass, Fault, FaultKind};

/// The most of an upstream's own sentence that is told on.
const MAX_MESSAGE: usize = 4096;

/// Where the sentence stands, in the order they are tried: `OpenAI`, Anthropic and Google; Mistral, Cerebras,
/// Cohere and Bedrock; `FastAPI` servers; pydantic lists; xAI, Ollama and Hugging Face; problem details; the list that
/// Google wraps an error of `OpenAI`'s language in; the lists of Cloudflare and IBM.
const MESSAGE: &[&str] = &[
    "/error/message",
    "/message",
    "/detail",
    "/detail/0/msg",
    "/error",
    "/title",
    "/0/error/message",
    "/errors/0/message",
];
/// Where the type or code stands: the more specific first.
const KIND: &[&str] = &[
    "/error/details/error_code",
    "/error/code",
    "/error/type",
    "/reason",
    "/error_code",
    "/code",
    "/error_type",
    "/type",
    "/error/status",
    "/0/error/status",
    "/errors/0/code",
];
const PARAM: &[&str] = &["/error/param", "/param"];

/// Words for a full context window, in the sentences and codes of the providers.
const CONTEXT_WORDS: &[&str] = &[
    "context_length_exceeded",
    "context length",
    "context window",
    "prompt is too long",
    "too many tokens",
    "too_many_tokens",
    "input is too long",
    "exceed_context_size",
    "maximum prompt length",
];
/// Words for an account without credit.
const QUOTA_WORDS: &[&str] = &["insufficient_quota", "billing_error"];
/// Words for content refused by policy.
const FILTER_WORDS: &[&str] =
    &["content_filter", "content_policy_violation", "policy_blocked", "responsibleaipolicyviolation"];
/// Words for reasoning that somebody else has signed or encrypted, in the order of OpenAI, Anthropic, Amazon and Google.
const PROOF_WORDS: &[&str] = &[
    "invalid_encrypted_content",
    "invalid `signature` in `thinking` block",
    "invalid signature in thinking block",
    "thought signature is not valid",
    "corrupted thought signature",
];
/// Words for a refused credential where the status does not say so (xAI and Google answer 400).
const CREDENTIAL_WORDS: &[&str] = &["invalid_api_key", "api_key_invalid", "authentication_error"];

/// What an upstream's error answer means, by what all providers have in common. The words that only one of them
/// uses are in its catalogue.
pub fn read_fault(status: u16, body: &[u8]) -> Fault {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    // Google answers a request for a stream with a list.
    let first = value.as_array().and_then(|list| list.first()).cloned();
    let value = first.unwrap_or(value);
    let message = first_text(&value, MESSAGE).map_or_else(|| plain_message(status, body), Cow::into_owned);
    let upstream_kind = kind(&value).map(Cow::into_owned);
    let kind = upstream_kind.as_deref().unwrap_or_default();
    let mut words = format!("{kind} {}", first_text(&value, &["/error/type"]).unwrap_or_default());
    let details = details(&value);
    for reason in details.iter().filter_map(|detail| detail.get("reason")?.as_str()) {
        words.push(' ');
        words.push_str(reason);
    }
    let words = words.to_lowercase();
    let all = format!("{words} {}", message.to_lowercase());
    Fault {
        kind: kind_of(status, &words, &all),
        status: Some(status),
        message: shorten(message),
        upstream_kind,
        param: first_text(&value, PARAM).map(Cow::into_owned),
        retry_after: details.iter().find_map(retry_delay),
    }
}

/// The kind of a fault from its status, its type and code, and everything it says, in lower case. What takes a
/// target out of service is believed of types and codes alone: sentences repeat what the caller has written.
fn kind_of(status: u16, words: &str, all: &str) -> FaultKind {
    let is = |list: &[&str]| list.iter().any(|word| words.contains(word));
    let says = |list: &[&str]| list.iter().any(|word| all.contains(word));
    match status {
        402 => FaultKind::Quota,
        401 | 403 => FaultKind::Credential,
        408 | 504 => FaultKind::Timeout,
        429 if is(QUOTA_WORDS) => FaultKind::Quota,
        429 | 503 | 529 => FaultKind::Overloaded,
        400..=499 if is(CREDENTIAL_WORDS) => FaultKind::Credential,
        400..=499 if is(QUOTA_WORDS) => FaultKind::Quota,
        400..=499 if says(CONTEXT_WORDS) => FaultKind::ContextLength,
        400..=499 if says(PROOF_WORDS) => FaultKind::ForeignProof,
        400..=499 if says(FILTER_WORDS) => FaultKind::Filtered,
        400..=499 => FaultKind::Invalid,
        // An error inside a 200 or a stream has no status of its own: only its words are left.
        200..=299 if says(&["overloaded", "rate_limit", "rate limit"]) => FaultKind::Overloaded,
        200..=299 if says(&["invalid_request"]) => FaultKind::Invalid,
        _ => FaultKind::Server,
    }
}

/// The type or code. Google's code is the HTTP status again, and its status the word.
fn kind(value: &Value) -> Option<Cow<'_, str>> {
    let status = value.pointer("/error/status").and_then(Value::as_str).filter(|word| !word.is_empty());
    status.map(Cow::Borrowed).or_else(|| first_text(value, KIND))
}

/// What Google says of an error beyond its sentence (`google.rpc.ErrorInfo`, `RetryInfo` and the like).
fn details(value: &Value) -> &[Value] {
    value.pointer("/error/details").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// How long a `google.rpc.RetryInfo` asks to wait: seconds with an `s` behind them.
fn retry_delay(detail: &Value) -> Option<Duration> {
    let seconds: f64 = detail.get("retryDelay")?.as_str()?.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The status of a refusal of this class, where a language has no other for it.
pub(crate) const fn status_of(class: ErrorClass) -> u16 {
    match class {
        ErrorClass::InvalidRequest => 400,
        ErrorClass::Authentication => 401,
        ErrorClass::Billing => 402,
        ErrorClass::Permission => 403,
        ErrorClass::NotFound => 404,
        ErrorClass::MethodNotAllowed => 405,
        ErrorClass::Conflict => 409,
        ErrorClass::TooLarge => 413,
        ErrorClass::RateLimited => 429,
        ErrorClass::HeadersTooLarge => 431,
        ErrorClass::Internal => 500,
        ErrorClass::BadGateway => 502,
        ErrorClass::Unavailable => 503,
        ErrorClass::Timeout => 504,
        ErrorClass::Loop => 508,
    }
}

/// The first of these places that holds a text or a number.
fn first_text<'a>(value: &'a Value, pointers: &[&str]) -> Option<Cow<'a, str>> {
    pointers.iter().find_map(|pointer| match value.pointer(pointer)? {
        Value::String(text) if !text.is_empty() => Some(Cow::Borrowed(text.as_str())),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })
}

/// What is said of a body that is not JSON or says nothing. Its text is not told on: an HTML page may hold the
/// names of the operator's machines.
fn plain_message(status: u16, body: &[u8]) -> String {
    if body.is_empty() {
        format!("the provider answered {status} without a body")
    } else {
        format!("the provider answered {status} with a body that is not an error message")
    }
}

fn shorten(mut message: String) -> String {
    if message.len() > MAX_MESSAGE {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, kind: FaultKind, message: &str) {
        let fault = read_fault(status, body.as_bytes());
        assert_eq!((fault.kind, fault.message.as_str()), (kind, message), "{body}");
    }

    #[test]
    fn every_provider_s_shape_is_read() {
        check(
            429,
            r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            FaultKind::Quota,
            "You exceeded your current quota",
        );
        check(
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            FaultKind::Overloaded,
            "Overloaded",
        );
        check(401, r#"{"detail":"Unauthorized"}"#, FaultKind::Credential, "Unauthorized");
        check(
            400,
            r#"{"code":"invalid-argument","error":"Incorrect API key provided"}"#,
            FaultKind::Invalid,
            "Incorrect API key provided",
        );
        check(
            422,
            r#"{"detail":[{"loc":["body"],"msg":"Input should be a list"}]}"#,
            FaultKind::Invalid,
            "Input should be a list",
        );
        check(
            400,
            r#"[{"error":{"code":400,"message":"Please use a valid role","status":"INVALID_ARGUMENT"}}]"#,
            FaultKind::Invalid,
            "Please use a valid role",
        );
        check(
            401,
            r#"{"errors":[{"message":"Authentication error","code":10000}],"success":false}"#,
            FaultKind::Credential,
            "Authentication error",
        );
        check(404, r#"{"error":"model not found"}"#, FaultKind::Invalid, "model not found");
        check(
            400,
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens","code":"context_length_exceeded"}}"#,
            FaultKind::ContextLength,
            "This model's maximum context length is 8192 tokens",
        );
        check(
            502,
            "<html>bad gateway</html>",
            FaultKind::Server,
            "the provider answered 502 with a body that is not an error message",
        );
    }
}
