//! Signatures as the other side checks them: by a program in another language, from what arrived alone.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;
use testkit::{FakeUpstream, Received};

use super::{SIGNED, cloud};
use crate::samples::{CHAT, answer, ask};

/// What a service that knows the secret would compute for this request.
fn recomputed(request: &Received, secret: &str) -> String {
    let headers: serde_json::Map<String, serde_json::Value> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
        .collect();
    let body = std::str::from_utf8(&request.body).unwrap();
    let asked = json!({"method": request.method, "path": request.path, "headers": headers, "body": body, "secret": secret});
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/credentials/verify.py");
    let mut python =
        Command::new("python3").arg(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn what_is_signed_is_what_arrives() {
    let upstream = FakeUpstream::start(|_| answer("hello")).await;
    let settings = "variables: {region: us-east-1}, credential: {access_key_id: AKIAEXAMPLE, secret_access_key: \"${SECRET}\"}";
    let gateway = cloud(SIGNED, &upstream, settings, "").env("SECRET", "key-secret-1/+").start().await;
    // A body that is signed beside the worker's thread, too.
    for words in ["hi", &"long ".repeat(100_000)] {
        let body = ask("m").replace("hi", words);
        assert_eq!(gateway.post(CHAT, body).send().await.status, 200);
        let sent = upstream.last();
        assert_eq!(sent.path, "/model/a.b-v1%3A0/chat");
        let authorization = sent.header("authorization");
        let (signed, signature) = authorization.split_once(", Signature=").unwrap();
        assert!(
            signed.ends_with("SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date"),
            "{signed}"
        );
        assert_eq!(signature, recomputed(&sent, "key-secret-1/+"));
        assert_ne!(signature, recomputed(&sent, "another"));
    }
    super::check_silent(&gateway);
}
