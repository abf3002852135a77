//! Errors and limits as callers see them.

use std::time::Duration;

use serde_json::json;
use types::{Code, Counted, ErrorClass, Refusal, Standing};

use super::*;

#[track_caller]
fn check(refusal: &Refusal, status: u16, kind: &str, code: &Value) {
    let answer = OpenAiChat.encode_error(refusal, RequestId::generate());
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let expect = json!({"error":{"message":refusal.message,"type":kind,"param":refusal.param,"code":code,
        "tollgate_code":refusal.code.as_str()}});
    assert_eq!((answer.status, body), (status, expect));
}

#[test]
fn errors_have_the_language_s_words() {
    let refusal = |code| Refusal::new(code, "no");
    check(
        &refusal(Code::ModelNotFound).with_param("model"),
        404,
        "invalid_request_error",
        &json!("model_not_found"),
    );
    check(&refusal(Code::UnknownPath), 404, "invalid_request_error", &json!("unknown_url"));
    check(&refusal(Code::BadCredential), 401, "invalid_request_error", &json!("invalid_api_key"));
    check(&refusal(Code::RateLimited), 429, "rate_limit_error", &json!("rate_limit_exceeded"));
    check(&refusal(Code::UpstreamFailed), 502, "server_error", &json!(null));
    let mut passed_on = refusal(Code::UpstreamRejected);
    passed_on.status = Some(422);
    passed_on.upstream_kind = Some("string_too_long".to_owned());
    check(&passed_on, 422, "invalid_request_error", &json!("string_too_long"));
    assert_eq!(passed_on.class, ErrorClass::InvalidRequest);
}

#[test]
fn an_error_in_a_stream_is_an_event_that_client_libraries_raise() {
    let written = OpenAiChat.encode_stream_error(
        &Refusal::new(Code::UpstreamCut, "it broke"),
        RequestId::generate(),
        StreamForm::Events,
    );
    let text = String::from_utf8(written).unwrap();
    assert!(
        text.starts_with(r#"data: {"error":{"message":"it broke","#) && text.ends_with("}\n\n"),
        "{text}"
    );
}

#[track_caller]
fn check_reset(millis: u64, expect: &str) {
    let reset = Duration::from_millis(millis);
    let standing = Standing { counted: Counted::Tokens, limit: 10, remaining: 3, reset };
    let headers = OpenAiChat.limit_headers(&[standing], UnixTime::from_secs(0));
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let names = ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];
    assert_eq!(headers, [(names[0], "10"), (names[1], "3"), (names[2], expect)]);
}

#[test]
fn resets_are_go_durations() {
    check_reset(0, "0s");
    check_reset(12, "12ms");
    check_reset(1_000, "1s");
    check_reset(7_660, "7.66s");
    check_reset(360_000, "6m0s");
    check_reset(3_601_500, "1h0m1.5s");
}
