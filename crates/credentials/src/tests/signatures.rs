//! Signatures: those that AWS publishes, and a folder of them where one stands beside the repository.

use std::path::Path;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;
use types::{Secret, UnixTime};

use crate::sigv4::{Canonical, Scope, digest_of, normalised, sign, stamp};
use crate::{Keys, Unsigned};

const VECTORS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../shared/recordings/wire-vectors/aws-sigv4/tests/aws-signing-test-suite/v4"
);

fn keys(session_token: Option<&str>) -> Keys {
    Keys {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
        session_token: session_token.map(|token| Secret::new(token.to_owned())),
    }
}

fn scope(service: &str) -> Scope {
    Scope { region: "us-east-1".to_owned(), service: service.to_owned() }
}

/// 2015-08-30T12:36:00Z, the time of every published example.
const TIME: UnixTime = UnixTime::from_secs(1_440_938_160);
const DATE: &str = "20150830T123600Z";

/// The example of AWS's own documentation, whose every intermediate value is published.
#[test]
fn the_documented_example_is_signed_as_documented() {
    let headers = vec![
        ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("Host", "iam.amazonaws.com"),
        ("X-Amz-Date", DATE),
    ];
    let canonical =
        Canonical::new("GET", "/", "Action=ListUsers&Version=2010-05-08", headers, &digest_of(&[]));
    let expect = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date, \
        Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
    assert_eq!(stamp(TIME), DATE);
    assert_eq!(canonical.authorization(&keys(None), &scope("iam"), DATE), expect);
}

#[track_caller]
fn check_path(path: &str, expect: &str) {
    let canonical = Canonical::new("POST", &normalised(path), "", Vec::new(), "");
    assert_eq!(canonical.text.lines().nth(1), Some(expect));
}

#[test]
fn a_path_is_encoded_once_more_than_it_is_sent() {
    check_path("/model/a.b-v1%3A0/converse", "/model/a.b-v1%253A0/converse");
    check_path("/model/a.b-v1:0/converse", "/model/a.b-v1%3A0/converse");
    check_path("/model/arn%3Aaws%3Ax%2Fy/invoke", "/model/arn%253Aaws%253Ax%252Fy/invoke");
    check_path("//a/./b/../c/", "/a/c/");
    check_path("", "/");
}

#[test]
fn a_request_is_sent_with_what_its_signature_covers() {
    let mut path = "/model/m%3A0/converse-stream".parse().unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in [("content-type", "application/json"), ("via", "1.1 x"), ("x-amz-target", "y")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let host = HeaderValue::from_static("host.example");
    let body = [Bytes::from_static(b"{\"a\":"), Bytes::from_static(b"1}")];
    let mut unsigned =
        Unsigned { method: &Method::POST, host: &host, path: &mut path, headers: &mut headers, body: &body };
    sign(&mut unsigned, &keys(Some("token")), &scope("service"), TIME);
    let digest = digest_of(&[Bytes::from_static(b"{\"a\":1}")]);
    assert_eq!(headers["x-amz-content-sha256"], digest.as_str());
    assert_eq!(headers["x-amz-date"], DATE);
    assert_eq!(headers["x-amz-security-token"], "token");
    assert!(headers["x-amz-security-token"].is_sensitive() && headers["authorization"].is_sensitive());
    let signed =
        "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-target, Signature=";
    assert!(
        headers["authorization"].to_str().unwrap().contains(signed),
        "{:?}",
        headers["authorization"].to_str()
    );
}

#[test]
fn the_published_vectors_are_signed_as_published() {
    let Ok(cases) = std::fs::read_dir(VECTORS) else { return };
    let mut count = 0;
    for case in cases {
        check_vector(&case.unwrap().path());
        count += 1;
    }
    assert!(count > 0);
}

fn check_vector(case: &Path) {
    let file = |name: &str| std::fs::read_to_string(case.join(name)).unwrap();
    let context: Value = serde_json::from_str(&file("context.json")).unwrap();
    let signed = file("header-signed-request.txt");
    let (head, body) = signed.split_once("\n\n").unwrap_or((&signed, ""));
    let mut lines = head.lines();
    let target = lines.next().unwrap().strip_suffix(" HTTP/1.1").unwrap();
    let (method, target) = target.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let token = context["credentials"]["token"].as_str();
    // A session token that is added after signing is no part of what is signed.
    let is_signed = |name: &str| context["omit_session_token"] != true || name != "X-Amz-Security-Token";
    let headers = headers(lines.collect());
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers: Vec<_> = headers.filter(|(name, _)| is_signed(name)).collect();
    let (authorization, headers): (Vec<_>, Vec<_>) =
        headers.into_iter().partition(|(name, _)| *name == "Authorization");
    let path = if context["normalize"] == true { normalised(path) } else { path.to_owned() };
    let digest = digest_of(&[Bytes::copy_from_slice(body.trim_end_matches('\n').as_bytes())]);
    let canonical = Canonical::new(method, &path, query, headers, &digest);
    let (keys, scope) = (keys(token), scope("service"));
    let said = case.display();
    assert_eq!(canonical.text, file("header-canonical-request.txt"), "{said}");
    assert_eq!(canonical.string_to_sign(&scope, DATE), file("header-string-to-sign.txt"), "{said}");
    assert_eq!(canonical.authorization(&keys, &scope, DATE), authorization[0].1, "{said}");
}

/// Names and values of a head as it is written; a value may go on in an indented line.
fn headers(lines: Vec<&str>) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with(' ') {
            headers.last_mut().unwrap().1.push_str(line);
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    headers
}

/// The signatures are those of botocore 1.44 for the same requests.
#[test]
fn a_request_is_signed_as_awss_own_library_signs_it() {
    for (path, signature) in [
        ("/model/m%3A0/converse-stream", "135232ca53c9f75126ebf984685584ba63fbb8bee28090bcd9bed34ff50fdeb8"),
        (
            "/model/arn%3Aaws%3Ax%2Fy/invoke?b=2&a=1%2F3",
            "ee990b33deccbe6c0e5a471a80fd6140a44160876ad2db0c229b4a29042f65cb",
        ),
    ] {
        let (mut path, mut headers) = (path.parse().unwrap(), HeaderMap::new());
        for (name, value) in [("content-type", "application/json"), ("x-amz-target", "y")] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let (host, body) = (HeaderValue::from_static("host.example"), [Bytes::from_static(b"{\"a\":1}")]);
        let (path, headers) = (&mut path, &mut headers);
        let mut unsigned = Unsigned { method: &Method::POST, host: &host, path, headers, body: &body };
        sign(&mut unsigned, &keys(Some("token")), &scope("service"), TIME);
        let authorization = headers["authorization"].to_str().unwrap();
        assert_eq!(authorization.split_once(", Signature=").unwrap().1, signature, "{authorization}");
    }
}
