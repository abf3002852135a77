//! The parser against the cases of the web platform's `eventsource/format-*` tests, and its two properties.

use bytes::Bytes;
use proptest::prelude::*;
use types::StreamEvent;

use super::*;

/// Feeds `input` in pieces that end at `cuts`; the events and the tail.
fn run(input: &[u8], cuts: &[usize]) -> (Vec<StreamEvent>, Option<Tail>) {
    let mut parser = SseParser::new(1 << 20);
    let mut events = Vec::new();
    let mut from = 0;
    for cut in cuts.iter().copied().chain([input.len()]) {
        parser.push(Bytes::copy_from_slice(&input[from..cut]));
        while let Some(event) = parser.next().unwrap() {
            events.push(event);
        }
        from = cut;
    }
    let tail = parser.finish();
    (events, tail)
}

/// The (name, data) pairs a user agent would dispatch for `input`, whole and byte by byte.
#[track_caller]
fn check(input: &str, expect: &[(&str, &str)]) {
    let every_byte: Vec<usize> = (1..input.len()).collect();
    for cuts in [&[][..], &every_byte] {
        let (mut events, tail) = run(input.as_bytes(), cuts);
        if let Some(Tail::Complete(event)) = tail {
            events.push(event);
        }
        let found: Vec<(String, String)> = events
            .iter()
            .filter(|event| !event.data.is_empty() || has_data_line(&event.raw))
            .map(|event| (text(&event.name), text(&event.data)))
            .collect();
        let expect: Vec<_> = expect.iter().map(|(name, data)| (name.to_string(), data.to_string())).collect();
        assert_eq!(found, expect, "{input:?} cut at {} places", cuts.len());
    }
}

/// Whether an event without data has a `data` line all the same: then it is dispatched.
fn has_data_line(raw: &[u8]) -> bool {
    let mut lines = raw.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.any(|line| matches!(line, b"data" | b"data:" | b"data: "))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_web_platforms_format_cases_hold() {
    check("\u{feff}data:1\n\n\u{feff}data:2\n\ndata:3\n\n", &[("", "1"), ("", "3")]);
    check("\u{feff}\u{feff}data:1\n\ndata:2\n\ndata:3\n\n", &[("", "2"), ("", "3")]);
    check("data:1\r:\0\n:\r\ndata:2\n:long\rdata:3\n:data:fail\r:long\ndata:4\n\n", &[("", "1\n2\n3\n4")]);
    check("data:\n\ndata\ndata\n\ndata:test\n\n", &[("", ""), ("", "\n"), ("", "test")]);
    check("data: data\n\n", &[("", "data")]);
    check("data:test\r\ndata\ndata:test\r\n\r\n", &[("", "test\n\ntest")]);
    check(
        "data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n",
        &[("", "\0\n 2\n1\n3\n\n4")],
    );
    check("\n\ndata:test\n\n", &[("", "test")]);
    check("data:test\n \ndata\ndata:test\n\n", &[("", "test\n\ntest")]);
    check("data:\ttest\rdata: \ndata:test\n\n", &[("", "\ttest\n\ntest")]);
    check("event:test\ndata:test\n\n", &[("test", "test")]);
    check("event: \ndata:data\n\n", &[("", "data")]);
    check("event:a\nevent:b\ndata:x\n\n", &[("b", "x")]);
    check("id:1\nretry:1000\ndata:x\n\n", &[("", "x")]);
    check("data:ok\r\rdata:two\r\r", &[("", "ok"), ("", "two")]);
    check("data:cut", &[]);
    check("data:cut\n", &[]);
    check("data:ok…\n\n", &[("", "ok…")]);
}

#[test]
fn an_error_field_becomes_an_event_named_error() {
    let (events, _) = run(b"error: {\"code\":500}\n\ndata: x\nerror: y\n\n", &[]);
    assert_eq!((&events[0].name[..], &events[0].data[..]), (&b"error"[..], &b"{\"code\":500}"[..]));
    assert_eq!((&events[1].name[..], &events[1].data[..]), (&b""[..], &b"x"[..]));
}

#[test]
fn a_comment_is_an_event_without_data() {
    let (events, tail) = run(b": ping\n\ndata: x\n\n", &[]);
    assert_eq!(events.len(), 2);
    assert_eq!((&events[0].raw[..], events[0].data.is_empty()), (&b": ping\n\n"[..], true));
    assert_eq!(tail, None);
}

#[test]
fn whole_events_are_slices_of_their_chunk() {
    let chunk = Bytes::from_static(b"event: a\ndata: one\n\ndata: two\n\ndata: thr");
    let within = |part: &Bytes| chunk.as_ptr_range().contains(&part.as_ptr());
    let mut parser = SseParser::new(1024);
    parser.push(chunk.clone());
    for _ in 0..2 {
        let event = parser.next().unwrap().unwrap();
        assert!(within(&event.raw) && within(&event.data) && (event.name.is_empty() || within(&event.name)));
    }
    assert_eq!(parser.next(), Ok(None));
    let rest = Bytes::from_static(b"ee\n\ndata: four\n\n");
    parser.push(rest.clone());
    assert_eq!(parser.next().unwrap().unwrap().data, "three");
    let four = parser.next().unwrap().unwrap();
    assert!(rest.as_ptr_range().contains(&four.raw.as_ptr()));
}

#[test]
fn an_event_past_the_limit_is_refused_for_good() {
    for (input, fits) in [("data: 34\n\n", true), ("data: 345\n\n", false), ("data: without end", false)] {
        let mut parser = SseParser::new(10);
        parser.push(Bytes::copy_from_slice(input.as_bytes()));
        assert_eq!(parser.next().is_ok(), fits, "{input:?}");
        parser.push(Bytes::from_static(b"\n\n"));
        assert_eq!(parser.next().is_ok(), fits, "{input:?}");
    }
}

#[test]
fn what_is_cut_off_is_handed_back_at_the_end() {
    let (events, tail) = run(b"data: a\n\nevent: b\ndata: half", &[]);
    assert_eq!(events.len(), 1);
    let Some(Tail::Cut(cut)) = tail else { panic!("no tail") };
    assert_eq!(
        (&cut.raw[..], &cut.name[..], &cut.data[..]),
        (&b"event: b\ndata: half"[..], &b"b"[..], &b"half"[..])
    );
}

#[test]
fn written_events_are_read_back() {
    let lines = [
        ("x", "data: x\n\n"),
        ("", "data: \n\n"),
        ("a\nb\r\nc\rd", "data: a\ndata: b\ndata: c\ndata: d\n\n"),
    ];
    for (data, expect) in lines {
        let mut out = Vec::new();
        write_event(&mut out, None, data.as_bytes());
        assert_eq!(text(&out), expect);
    }
    let mut out = Vec::new();
    write_event(&mut out, Some("ping\nid: 7"), b"{}");
    assert_eq!(text(&out), "event: pingid: 7\ndata: {}\n\n");
}

/// Streams made of the pieces that matter, and some noise.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"data: x".to_vec()),
        Just(b"data".to_vec()),
        Just(b"event: e".to_vec()),
        Just(b"error: e".to_vec()),
        Just(b": comment".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n\n".to_vec()),
        Just(b"\xEF\xBB\xBF".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events_and_all_the_bytes(
        input in stream(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let (whole, whole_tail) = run(&input, &[]);
        let (split, split_tail) = run(&input, &cuts);
        prop_assert_eq!(&whole, &split);
        prop_assert_eq!(&whole_tail, &split_tail);
        let mut joined: Vec<u8> = whole.iter().flat_map(|event| event.raw.to_vec()).collect();
        if let Some(Tail::Complete(event) | Tail::Cut(event)) = whole_tail {
            joined.extend_from_slice(&event.raw);
        }
        prop_assert_eq!(joined, input);
    }

    #[test]
    fn what_is_written_is_read_back(name in "[a-z_.]{0,12}", data in "[^\r]{0,80}") {
        let mut out = Vec::new();
        write_event(&mut out, Some(&name), data.as_bytes());
        let (events, tail) = run(&out, &[]);
        prop_assert_eq!(tail, None);
        prop_assert_eq!(events.len(), 1);
        prop_assert_eq!(&events[0].name[..], name.as_bytes());
        prop_assert_eq!(&events[0].data[..], data.as_bytes());
    }
}
