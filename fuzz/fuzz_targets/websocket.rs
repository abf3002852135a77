#![no_main]
//! Any split of the bytes gives the same messages, and what is written is read back. The first byte says how the rest
//! is cut, the second whose end it comes to.

use fuzz::websocket::{End, Message, Parser, Violation, write};
use libfuzzer_sys::fuzz_target;

const MOST: usize = 4096;

fn parse(end: End, bytes: &[u8], piece: usize) -> (Vec<Message>, Option<Violation>) {
    let mut parser = Parser::new(end, MOST);
    let mut messages = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        parser.push(piece);
        loop {
            match parser.next() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(violation) => return (messages, Some(violation)),
            }
        }
    }
    (messages, None)
}

fuzz_target!(|input: &[u8]| {
    let [piece, end, bytes @ ..] = input else { return };
    let (end, mask) =
        if end % 2 == 0 { (End::Client, None) } else { (End::Server, Some([*piece, *end, 3, 4])) };
    let (messages, violation) = parse(end, bytes, bytes.len());
    assert_eq!(parse(end, bytes, usize::from(*piece)), (messages.clone(), violation));
    let mut written = Vec::new();
    for message in &messages {
        write(message, mask, &mut written);
    }
    assert_eq!(parse(end, &written, written.len()), (messages, None));
});
