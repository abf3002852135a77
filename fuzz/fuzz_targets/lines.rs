#![no_main]
//! Any split of the bytes gives the same lines, and no byte is lost. The first byte says how the rest is cut.

use bytes::Bytes;
use fuzz::lines::LineParser;
use libfuzzer_sys::fuzz_target;
use types::StreamEvent;

fn parse(body: &[u8], piece: usize) -> Vec<StreamEvent> {
    let mut parser = LineParser::new(1 << 20);
    let mut events = Vec::new();
    for chunk in body.chunks(piece.max(1)) {
        parser.push(Bytes::copy_from_slice(chunk));
        while let Ok(Some(event)) = parser.next() {
            events.push(event);
        }
    }
    events.extend(parser.finish());
    events
}

fuzz_target!(|input: &[u8]| {
    let Some((piece, body)) = input.split_first() else { return };
    let events = parse(body, body.len());
    assert_eq!(events, parse(body, usize::from(*piece)));
    let joined: Vec<u8> = events.iter().flat_map(|event| event.raw.iter().copied()).collect();
    assert_eq!(joined, body);
    assert!(events.iter().all(|event| !event.data.contains(&b'\n')));
});
