//! What is written is read, wherever it is cut, and what is damaged is noticed.

use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Vectors of the AWS SDKs, where a folder of them stands beside the repository.
const VECTORS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings/wire-vectors/aws-eventstream");

const LIMIT: usize = 1 << 16;

/// The frames in these pieces.
fn read(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Vec<StreamEvent>, FrameError> {
    let mut parser = FrameParser::new(LIMIT);
    let mut events = Vec::new();
    for piece in pieces {
        parser.push(Bytes::copy_from_slice(piece.as_ref()));
        while let Some(event) = parser.next()? {
            events.push(event);
        }
    }
    Ok(events)
}

fn written(frames: &[(FrameKind, &str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, name, payload) in frames {
        write(&mut out, *kind, name, |out| out.extend_from_slice(payload.as_bytes()));
    }
    out
}

/// A frame of these headers, each a name, a type and the bytes of its value.
fn framed(headers: &[(&str, u8, &[u8])], payload: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, kind, value) in headers {
        block.push(u8::try_from(name.len()).unwrap());
        block.extend_from_slice(name.as_bytes());
        block.push(*kind);
        block.extend_from_slice(value);
    }
    let total = u32::try_from(PRELUDE + block.len() + payload.len() + CHECKSUM).unwrap();
    let mut frame = prelude([total, u32::try_from(block.len()).unwrap()]).to_vec();
    frame.extend_from_slice(&block);
    frame.extend_from_slice(payload);
    let checksum = crc32fast::hash(&frame).to_be_bytes();
    frame.extend_from_slice(&checksum);
    frame
}

fn text(value: &str) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&length[..], value.as_bytes()].concat()
}

#[track_caller]
fn check(frame: &[u8], expect: Result<(&str, &str), FrameError>) {
    let found = read([frame]).map(|events| {
        let [event] = &events[..] else { panic!("{} events", events.len()) };
        assert_eq!(event.raw, frame);
        let part = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        (part(&event.name), part(&event.data))
    });
    assert_eq!(found, expect.map(|(name, data)| (name.to_owned(), data.to_owned())));
}

#[test]
fn a_frame_is_written_as_the_specification_says() {
    let bytes = written(&[(FrameKind::Event, "messageStart", r#"{"role":"assistant"}"#)]);
    assert_eq!(bytes[..8], [0, 0, 0, 118, 0, 0, 0, 82]);
    assert_eq!(bytes[12..34], *b"\x0b:event-type\x07\0\x0cmessage");
    check(&bytes, Ok(("messageStart", r#"{"role":"assistant"}"#)));
    check(
        &written(&[(FrameKind::Exception, "throttlingException", "{}")]),
        Ok(("throttlingException", "{}")),
    );
}

#[test]
fn headers_of_every_type_are_passed_over() {
    let (name, kind) = (text("metadata"), text("event"));
    let headers: &[(&str, u8, &[u8])] = &[
        ("true", 0, b""),
        ("false", 1, b""),
        ("byte", 2, b"1"),
        ("short", 3, b"12"),
        ("int", 4, b"1234"),
        ("long", 5, b"12345678"),
        ("bytes", 6, b"\0\x03\xff\xfe\xfd"),
        ("time", 8, b"12345678"),
        ("uuid", 9, b"1234567890123456"),
        (":event-type", 7, &name),
        (":message-type", 7, &kind),
    ];
    check(&framed(headers, b"{}"), Ok(("metadata", "{}")));
    check(&framed(&[], b"bare"), Ok(("", "bare")));
}

#[test]
fn an_error_without_a_model_says_so_in_its_headers() {
    let (kind, code, message) = (text("error"), text("InternalError"), text("it broke"));
    let headers: &[(&str, u8, &[u8])] =
        &[(":message-type", 7, &kind), (":error-code", 7, &code), (":error-message", 7, &message)];
    check(&framed(headers, b""), Ok(("InternalError", "it broke")));
    check(&framed(headers, b"{}"), Ok(("InternalError", "{}")));
}

#[test]
fn a_failure_is_known_by_its_frame_and_by_no_name() {
    let frame = |kind: &str, name: &'static str| {
        let (kind, value) = (text(kind), text("Throttled"));
        framed(&[(":message-type", 7, &kind), (name, 7, &value)], b"{}").into()
    };
    assert!(is_failure(&frame("error", ":error-code")));
    assert!(is_failure(&frame("exception", ":exception-type")));
    assert!(!is_failure(&frame("event", ":event-type")));
    for odd in [&b""[..], b"short", &[0xff; 40]] {
        assert!(!is_failure(&Bytes::copy_from_slice(odd)));
    }
}

#[test]
fn what_is_damaged_is_noticed() {
    let whole = written(&[(FrameKind::Event, "metadata", "{}")]);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        let of = if at < PRELUDE { "prelude" } else { "frame" };
        check(&damaged, Err(FrameError::Checksum { of }));
    }
    let header = FrameError::Malformed { expected: "a header" };
    check(&framed(&[("", 0, b"")], b""), Err(header));
    check(&framed(&[("a", 10, b"")], b""), Err(header));
    check(&framed(&[("a", 7, b"\0\x09short")], b""), Err(header));
    check(&framed(&[("a", 7, b"\0\x01\xff")], b""), Err(header));
    check(&framed(&[("a", 7, b"\0")], b""), Err(header));
    let lengths = FrameError::Malformed { expected: "lengths that fit into each other" };
    check(&prelude([15, 0]), Err(lengths));
    check(&prelude([20, 5]), Err(lengths));
    check(&prelude([u32::MAX, 0]), Err(FrameError::TooLarge { limit: LIMIT }));
}

#[test]
fn the_first_error_is_the_last_word() {
    let mut parser = FrameParser::new(LIMIT);
    parser.push(Bytes::from(prelude([15, 0]).to_vec()));
    let error = parser.next().unwrap_err();
    parser.push(Bytes::from(written(&[(FrameKind::Event, "metadata", "{}")])));
    assert_eq!(parser.next(), Err(error));
}

#[test]
fn the_vectors_of_the_aws_sdks_are_read_as_they_are_named() {
    let Ok(folder) = std::fs::read_dir(VECTORS) else { return };
    for entry in folder {
        let path = entry.unwrap().path();
        let read = read([std::fs::read(&path).unwrap()]);
        let is_valid = Path::new(path.file_name().unwrap()).to_string_lossy().starts_with("valid");
        assert_eq!(read.is_ok(), is_valid, "{}: {read:?}", path.display());
    }
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_frames(
        payloads in proptest::collection::vec("[a-z]{0,40}", 1..5),
        size in 1_usize..200,
        cut in any::<prop::sample::Index>(),
    ) {
        let frames: Vec<_> =
            payloads.iter().map(|payload| (FrameKind::Event, "metadata", payload.as_str())).collect();
        let bytes = written(&frames);
        let whole = read([&bytes]).unwrap();
        prop_assert_eq!(whole.len(), payloads.len());
        prop_assert_eq!(&read(bytes.chunks(size)).unwrap(), &whole);
        // Half a frame at the end says nothing.
        let cut = cut.index(bytes.len());
        let (begin, _) = bytes.split_at(cut);
        let kept = whole.iter().scan(0, |end, event| { *end += event.raw.len(); Some(*end) });
        prop_assert_eq!(read(begin.chunks(size)).unwrap().len(), kept.filter(|end| *end <= cut).count());
    }

    #[test]
    fn bytes_of_any_kind_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 1_usize..9) {
        drop(read(bytes.chunks(size)));
    }

    #[test]
    fn headers_of_any_kind_never_panic(block in proptest::collection::vec(any::<u8>(), 0..60)) {
        drop(Headers::read(&block.into()));
    }
}
