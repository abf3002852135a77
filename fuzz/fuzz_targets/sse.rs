#![no_main]
//! Any split of the bytes gives the same events, no byte is lost, and what is written is read back. The first byte
//! says how the rest is cut.

use bytes::Bytes;
use fuzz::sse::{SseParser, Tail, write_event};
use libfuzzer_sys::fuzz_target;
use types::StreamEvent;

fn parse(body: &[u8], piece: usize) -> (Vec<StreamEvent>, Option<Tail>) {
    let mut parser = SseParser::new(1 << 20);
    let mut events = Vec::new();
    for chunk in body.chunks(piece.max(1)) {
        parser.push(Bytes::copy_from_slice(chunk));
        while let Ok(Some(event)) = parser.next() {
            events.push(event);
        }
    }
    let tail = parser.finish();
    (events, tail)
}

fuzz_target!(|input: &[u8]| {
    let Some((piece, body)) = input.split_first() else { return };
    let (events, tail) = parse(body, body.len());
    assert_eq!((&events, &tail), (&parse(body, usize::from(*piece)).0, &parse(body, usize::from(*piece)).1));
    let last = tail.as_ref().map(|(Tail::Complete(event) | Tail::Cut(event))| &event.raw);
    let joined: Vec<u8> = events.iter().map(|event| &event.raw).chain(last).flatten().copied().collect();
    assert_eq!(joined, body);
    for event in events.iter().filter(|event| !event.data.is_empty()) {
        let name = std::str::from_utf8(&event.name).ok().filter(|name| !name.is_empty());
        let mut written = Vec::new();
        write_event(&mut written, name, &event.data);
        let (again, tail) = parse(&written, written.len());
        assert_eq!((again.len(), &tail), (1, &None));
        assert_eq!(again[0].data, event.data);
        assert_eq!(&again[0].name[..], name.unwrap_or_default().as_bytes());
    }
});
