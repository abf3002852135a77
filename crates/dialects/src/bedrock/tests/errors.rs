//! Errors, whole and in streams, both ways.

use http::HeaderValue;
use types::{Code, FaultKind, Refusal};

use super::*;
use crate::Dialect as _;

#[track_caller]
fn check_read(status: u16, named: &str, body: &str, kind: FaultKind, upstream_kind: Option<&str>) {
    let mut headers = HeaderMap::new();
    if !named.is_empty() {
        headers.insert("x-amzn-errortype", HeaderValue::from_str(named).unwrap());
    }
    let fault = Bedrock.read_fault(status, &headers, body.as_bytes());
    assert_eq!((fault.kind, fault.upstream_kind.as_deref()), (kind, upstream_kind), "{named}");
    assert_eq!((fault.status, fault.message.as_str()), (Some(status), "no"));
}

#[test]
fn an_error_is_known_by_its_header() {
    let body = r#"{"message":"no"}"#;
    let named = "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/";
    check_read(400, named, body, FaultKind::Invalid, Some("ValidationException"));
    check_read(
        400,
        "ServiceQuotaExceededException",
        body,
        FaultKind::Quota,
        Some("ServiceQuotaExceededException"),
    );
    check_read(
        403,
        "UnrecognizedClientException",
        body,
        FaultKind::Credential,
        Some("UnrecognizedClientException"),
    );
    check_read(424, "ModelErrorException", body, FaultKind::Server, Some("ModelErrorException"));
    check_read(429, "ThrottlingException", body, FaultKind::Overloaded, Some("ThrottlingException"));
    check_read(408, "ModelTimeoutException", body, FaultKind::Timeout, Some("ModelTimeoutException"));
    check_read(503, "", body, FaultKind::Overloaded, None);
}

#[track_caller]
fn check_written(refusal: &Refusal, status: u16, name: &str) {
    let id = trial::request_id(7);
    let error = Bedrock.encode_error(refusal, id);
    let body: Value = serde_json::from_slice(&error.body).unwrap();
    let expect = serde_json::json!({"message": refusal.message, "tollgate_code": refusal.code.as_str()});
    assert_eq!((error.status, body), (status, expect.clone()));
    assert_eq!(error.headers, [("x-amzn-errortype".parse().unwrap(), HeaderValue::from_str(name).unwrap())]);
    let streamed = Bedrock.encode_stream_error(refusal, id, StreamForm::Frames);
    let [(said, payload)] = &told(&streamed)[..] else { panic!("one frame") };
    assert_eq!((said.to_lowercase(), payload), (name.to_lowercase(), &expect));
    assert!(said.starts_with(char::is_lowercase));
    // What is written is read as what it was.
    let mut decoder = Bedrock.decoder();
    let fault = decoder.push(&frames([streamed]).remove(0), &mut Vec::new()).unwrap_err();
    assert_eq!(fault.message, refusal.message);
}

#[test]
fn errors_have_the_wire_s_own_names() {
    let refusal = |code| Refusal::new(code, "no");
    check_written(&refusal(Code::InvalidField), 400, "ValidationException");
    check_written(&refusal(Code::ModelNotFound), 404, "ResourceNotFoundException");
    check_written(&refusal(Code::UpstreamFailed), 502, "InternalServerException");
    let passed = |status, kind: &str| Refusal {
        status: Some(status),
        upstream_kind: Some(kind.to_owned()),
        ..refusal(Code::UpstreamRejected)
    };
    check_written(&passed(424, "ModelErrorException"), 424, "ModelErrorException");
    check_written(&passed(429, "rate_limit_error"), 429, "ThrottlingException");
    check_written(&passed(400, "invalid_request_error"), 400, "ValidationException");
}

#[track_caller]
fn check_failure(name: &str, payload: &str, kind: FaultKind, message: &str) {
    let mut out = Vec::new();
    crate::frames::write(&mut out, crate::frames::FrameKind::Exception, name, |out| {
        out.extend_from_slice(payload.as_bytes());
    });
    let fault = read(&out).unwrap_err();
    assert_eq!(
        (fault.kind, fault.message.as_str(), fault.upstream_kind.as_deref()),
        (kind, message, Some(name))
    );
    let frames = frames([out]).into_iter().map(Frame::Event).collect();
    let (out, result, _) = pass(Bedrock.forwarder(&asked(Delivery::Stream { include_usage: true })), frames);
    assert_eq!((out.len(), result), (0, Err(fault)));
}

#[test]
fn a_failure_inside_a_stream_is_a_fault() {
    let body = r#"{"message":"no"}"#;
    check_failure("throttlingException", body, FaultKind::Overloaded, "no");
    check_failure("modelStreamErrorException", body, FaultKind::Server, "no");
    check_failure("internalServerException", body, FaultKind::Server, "no");
    check_failure("validationException", body, FaultKind::Invalid, "no");
    check_failure("modelTimeoutException", body, FaultKind::Timeout, "no");
    check_failure("InternalError", "it broke", FaultKind::Server, "it broke");
}
