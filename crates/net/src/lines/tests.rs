//! The same lines wherever the bytes are cut, and no line that fills memory.

use proptest::prelude::*;

use super::*;

fn read(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> (Vec<StreamEvent>, Option<StreamEvent>) {
    let mut parser = LineParser::new(1 << 16);
    let mut events = Vec::new();
    for piece in pieces {
        parser.push(Bytes::copy_from_slice(piece.as_ref()));
        while let Some(event) = parser.next().unwrap() {
            events.push(event);
        }
    }
    let tail = parser.finish();
    (events, tail)
}

#[test]
fn lines_end_in_a_line_feed_and_say_what_is_between() {
    let (events, tail) = read(["{\"a\":1}\r\n\n {\"b\":2}\n{\"c\""]);
    let data: Vec<&[u8]> = events.iter().map(|event| event.data.as_ref()).collect();
    assert_eq!(data, [&b"{\"a\":1}"[..], b"", b"{\"b\":2}"]);
    assert_eq!(events[0].raw.as_ref(), b"{\"a\":1}\r\n");
    assert_eq!(tail.unwrap().data.as_ref(), b"{\"c\"");
}

#[test]
fn a_line_beyond_the_limit_is_refused_before_it_has_ended() {
    let mut parser = LineParser::new(4);
    parser.push(Bytes::from_static(b"123\n12345"));
    assert!(parser.next().unwrap().is_some());
    assert_eq!(parser.next(), Err(LineError::TooLarge { limit: 4 }));
    parser.push(Bytes::from_static(b"\n1\n"));
    assert_eq!(parser.next(), Err(LineError::TooLarge { limit: 4 }));
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_lines(text in "[a{\" \r\n]{0,60}", size in 1_usize..9) {
        let whole = read([&text]);
        prop_assert_eq!(&read(text.as_bytes().chunks(size)), &whole);
        let (events, tail) = whole;
        let raws = events.iter().chain(&tail).map(|event| event.raw.clone());
        prop_assert_eq!(raws.collect::<Vec<_>>().concat(), text.into_bytes());
    }
}
