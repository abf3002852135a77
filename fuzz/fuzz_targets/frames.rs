#![no_main]
//! Any split of the bytes gives the same frames, no byte is lost, and what is written is read back. The first byte says
//! how the rest is cut.

use bytes::Bytes;
use dialects::frames::{FrameError, FrameKind, FrameParser, write};
use libfuzzer_sys::fuzz_target;
use types::StreamEvent;

fn parse(body: &[u8], piece: usize) -> (Vec<StreamEvent>, Option<FrameError>) {
    let mut parser = FrameParser::new(1 << 20);
    let mut events = Vec::new();
    for chunk in body.chunks(piece.max(1)) {
        parser.push(Bytes::copy_from_slice(chunk));
        loop {
            match parser.next() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(error)),
            }
        }
    }
    (events, None)
}

fuzz_target!(|input: &[u8]| {
    let Some((piece, body)) = input.split_first() else { return };
    let (events, error) = parse(body, body.len());
    assert_eq!((events.clone(), error), parse(body, usize::from(*piece)));
    let joined: Vec<u8> = events.iter().flat_map(|event| event.raw.clone()).collect();
    assert!(body.starts_with(&joined));
    let mut written = Vec::new();
    write(&mut written, FrameKind::Event, "metadata", |out| out.extend_from_slice(body));
    let (again, error) = parse(&written, usize::from(*piece));
    assert_eq!((again.len(), error), (1, None));
    assert_eq!((&again[0].data[..], &again[0].raw), (body, &Bytes::from(written)));
});
