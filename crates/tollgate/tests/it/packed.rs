//! An upstream that compresses its answers, though nobody asked for that: callers read them as if it had not.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use serde_json::json;
use testkit::{FakeUpstream, Received, Reply, Split};

use crate::gateway;
use crate::samples::{CHAT, MESSAGES, answer, ask, call, check_error, provider, single, stream};

/// A way to compress, and its name.
type Way = (&'static str, fn(&str) -> Vec<u8>);

const WAYS: [Way; 3] = [("gzip", gzip), ("deflate", zlib), ("deflate", raw)];

/// The text compressed, each event to be read before the next.
macro_rules! packed {
    ($text:expr, $encoder:ident) => {{
        let mut encoder = $encoder::new(Vec::new(), Compression::fast());
        for event in $text.split_inclusive("\n\n") {
            encoder.write_all(event.as_bytes()).unwrap();
            encoder.flush().unwrap();
        }
        encoder.finish().unwrap()
    }};
}

fn gzip(text: &str) -> Vec<u8> {
    packed!(text, GzEncoder)
}

fn zlib(text: &str) -> Vec<u8> {
    packed!(text, ZlibEncoder)
}

fn raw(text: &str) -> Vec<u8> {
    packed!(text, DeflateEncoder)
}

const WHOLE: &str = r#"{"id":"chatcmpl-1", "object":"chat.completion","created":1,"model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"w\u00f6rd"},"finish_reason":"stop","z":1.0}],"usage":{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14}}"#;

/// An upstream that answers as it is asked, compressed where `packing` says how.
async fn upstream(packing: Option<Way>, split: Split) -> FakeUpstream {
    FakeUpstream::start(move |request: &Received| {
        let streams = request.json()["stream"] == true;
        let text = if streams { stream(&["one", "two", "three"]) } else { WHOLE.to_owned() };
        let kind = if streams { "text/event-stream" } else { "application/json" };
        match packing {
            Some((name, pack)) => Reply::bytes(kind, pack(&text)).header("content-encoding", name),
            None => Reply::bytes(kind, text),
        }
        .split(split.clone())
    })
    .await
}

#[tokio::test]
async fn a_compressed_answer_reads_as_one_that_is_not() {
    let plain = upstream(None, Split::Nowhere).await;
    let reference = gateway().config(&single(&plain)).start().await;
    for (name, pack) in WAYS {
        for split in [Split::Nowhere, Split::EveryByte] {
            let upstream = upstream(Some((name, pack)), split).await;
            let gateway = gateway().config(&single(&upstream)).start().await;
            for path in [CHAT, MESSAGES] {
                for streams in ["false", "true"] {
                    let body = ask("m").replacen('{', &format!(r#"{{"stream":{streams},"#), 1);
                    let read = call(&gateway, path, body.clone()).send().await;
                    let expect = call(&reference, path, body).send().await;
                    assert_eq!(read.status, 200, "{name} {path}: {}", read.text());
                    assert_eq!(read.header("content-encoding"), "");
                    assert_eq!(
                        without_ids(read.text()),
                        without_ids(expect.text()),
                        "{name} {path} {streams}"
                    );
                    if (path, streams) == (CHAT, "false") {
                        assert_eq!(read.text(), WHOLE.replacen(r#""x""#, r#""m""#, 1));
                    }
                }
            }
            assert_eq!(gateway.usage()["total"]["usage"]["input"], 4 * 11);
        }
    }
}

/// The text without the ids that the gateway makes.
fn without_ids(text: &str) -> String {
    let is_id = |word: &&str| word.len() > 20 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !is_id(word))
        .collect::<Vec<_>>()
        .join(" ")
}

#[tokio::test]
async fn what_a_compressed_error_says_is_told() {
    let upstream = FakeUpstream::start(|_| {
        let error = json!({"error": {"message": "no such thing here", "type": "invalid_request_error"}});
        Reply::bytes("application/json", gzip(&error.to_string()))
            .header("content-encoding", "gzip")
            .status(400)
    })
    .await;
    let gateway = gateway().config(&single(&upstream)).start().await;
    for path in [CHAT, MESSAGES] {
        let refused = call(&gateway, path, ask("m")).send().await;
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains("no such thing here"), "{}", refused.text());
    }
}

#[tokio::test]
async fn what_cannot_be_decompressed_is_asked_for_elsewhere_or_said() {
    let sealed = |name: &'static str, body: Vec<u8>| {
        FakeUpstream::start(move |_| {
            Reply::bytes("application/json", body.clone()).header("content-encoding", name)
        })
    };
    let (packed, b) = (gzip(WHOLE), FakeUpstream::start(|_| answer("well")).await);
    for (name, body, says) in [
        ("br", b"\x1b\x00\x00".to_vec(), "compressed with `br`"),
        ("zstd", b"\x28\xb5\x2f\xfd".to_vec(), "compressed with `zstd`"),
        ("gzip", WHOLE.as_bytes().to_vec(), "cannot be decompressed"),
        ("gzip", packed[..packed.len() / 2].to_vec(), "cannot be decompressed"),
    ] {
        let a = sealed(name, body).await;
        let both = gateway().config(&crate::samples::pair(&a, &b)).start().await;
        let elsewhere = both.post(CHAT, ask("m")).send().await;
        assert_eq!((elsewhere.status, elsewhere.header("x-tollgate-attempts")), (200, "2"), "{name}");
        let alone = gateway().config(&single(&a)).start().await;
        for path in [CHAT, MESSAGES] {
            let refused = call(&alone, path, ask("m")).send().await;
            check_error(path, &refused, 502, "TG-1308");
            assert!(refused.text().contains(says), "{name}: {}", refused.text());
        }
    }
}

#[tokio::test]
async fn what_is_kept_or_passed_through_is_read_and_counted_too() {
    let upstream = FakeUpstream::start(|request| {
        let text = if request.path.contains("/files") { r#"{"id":"file-a","bytes":1.0}"# } else { WHOLE };
        let name = if request.path.contains("sealed") { "br" } else { "gzip" };
        Reply::bytes("application/json", gzip(text)).header("content-encoding", name)
    })
    .await;
    let provider = provider("a", &upstream.url()).replacen('}', ", passthrough: true}", 1);
    let gateway = gateway().config(&format!("providers: {{{provider}}}\n")).start().await;
    let file = gateway.post("/v1/files", "x").header("content-type", "multipart/form-data; boundary=x");
    let file = file.send().await;
    assert!(file.text().starts_with(r#"{"id":"file-a.a."#) && file.text().ends_with(r#"","bytes":1.0}"#));
    assert_eq!(file.header("content-encoding"), "");
    let passed = gateway.post("/passthrough/a/chat/completions", ask("x")).send().await;
    assert_eq!((passed.text(), passed.header("content-encoding")), (WHOLE, ""));
    assert_eq!(gateway.usage()["total"]["usage"]["input"], 11);
    let sealed = gateway.get("/passthrough/a/sealed").send().await;
    assert_eq!((sealed.status, sealed.header("content-encoding")), (200, "br"));
    assert_eq!(sealed.body, gzip(WHOLE));
    let head = gateway.call(http::Method::HEAD, "/passthrough/a/chat", bytes::Bytes::new()).send().await;
    assert_eq!((head.status, head.header("content-encoding")), (200, "gzip"));
}
