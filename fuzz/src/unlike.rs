//! Languages that are unlike the others: their bodies name no model, or their streams are no server-sent events. The
//! first byte says what the rest is: `a` an answer, `r` a request, anything else a stream.

use bytes::Bytes;
use dialects::frames::{self, FrameKind, FrameParser};
use dialects::{Conversational, Delivered, Head, PathSaid, Streams, conduit, unfold};
use types::conversation::{Conversation, Delivery, Event, Target};
use types::{Fault, Frame, StreamEvent, StreamForm};

use crate::answer::fold;
use crate::sse::SseParser;
use crate::stream::{STREAM, validate};
use crate::{asked, essence, headers, json, languages, pass};

/// What is read is written such that it reads the same, passed on as it came, and told to callers of another language
/// by that one's rules.
pub fn check(language: &str, form: StreamForm, input: &[u8]) {
    let dialect =
        dialects::by_name(language).and_then(dialects::Dialect::conversational).expect("there is one");
    match input.split_first() {
        Some((b'a', body)) => answer(dialect, body),
        Some((b'r', body)) => request(dialect, body),
        Some((_, body)) => stream(dialect, &events(form, body)),
        None => {}
    }
}

fn answer(dialect: &'static dyn Conversational, body: &[u8]) {
    let Ok(answer) = dialect.decode_answer(body) else { return };
    let encoded = dialect.encode_answer(&answer, &asked(Delivery::Whole));
    let again = dialect.decode_answer(&encoded).expect("what is written is read");
    let twice = dialect.decode_answer(&dialect.encode_answer(&again, &asked(Delivery::Whole)));
    assert_eq!(twice.as_ref().map(essence), Ok(essence(&again)));
    let frames = vec![Frame::Whole(Bytes::copy_from_slice(body))];
    let (_, tally) = pass(dialect.forwarder(&asked(Delivery::Whole)), frames).expect("it is passed on");
    assert_eq!(tally.usage, answer.usage);
}

fn read(dialect: &dyn Conversational, body: &[u8]) -> Option<Conversation> {
    let (headers, path) = (headers(), PathSaid { model: Some("m".into()), streams: Streams::AsAsked });
    dialect.decode_request(Head { path: &path, ..Head::of(&headers) }, body).ok()
}

fn request(dialect: &'static dyn Conversational, body: &[u8]) {
    let Some(conversation) = read(dialect, body) else { return };
    let target = |quirks: &[&str]| Target {
        model: "m".into(),
        max_output_tokens: Some(4096),
        quirks: quirks.iter().map(|quirk| (*quirk).to_owned()).collect(),
        strict: false,
    };
    if let Ok(encoded) = dialect.encode_request(&conversation, &target(&[])) {
        let written = encoded.body.concat();
        let again = read(dialect, &written).expect("what is written is read");
        let twice = dialect.encode_request(&again, &target(&[])).expect("what was written can be written");
        assert_eq!(json(&twice.body.concat()), json(&written));
    }
    for other in dialects::conversational() {
        for quirks in dialects::QUIRKS.iter().map(std::slice::from_ref).chain([dialects::QUIRKS]) {
            if let Ok(encoded) = other.encode_request(&conversation, &target(quirks)) {
                json(&encoded.body.concat());
            }
        }
    }
}

/// The events of a stream. Frames are made of lines, each a name and a payload: no mutation finds a checksum.
fn events(form: StreamForm, body: &[u8]) -> Vec<StreamEvent> {
    let lines = || body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    match form {
        StreamForm::Frames => framed(lines()),
        StreamForm::Lines => lines()
            .map(|line| {
                let raw = Bytes::from([line, b"\n"].concat());
                StreamEvent { name: Bytes::new(), data: raw.slice(..line.len()), raw }
            })
            .collect(),
        StreamForm::Array | StreamForm::Bytes | StreamForm::Events => {
            let mut parser = SseParser::new(1 << 20);
            parser.push(Bytes::copy_from_slice(body));
            std::iter::from_fn(|| parser.next().ok().flatten()).collect()
        }
    }
}

fn framed<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<StreamEvent> {
    let mut written = Vec::new();
    for line in lines {
        let (name, payload) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()));
        let Ok(name) = std::str::from_utf8(name) else { continue };
        let kind = if name.ends_with("Exception") { FrameKind::Exception } else { FrameKind::Event };
        frames::write(&mut written, kind, name, |out| out.extend_from_slice(payload.trim_ascii()));
    }
    parsed(&written)
}

fn parsed(written: &[u8]) -> Vec<StreamEvent> {
    let mut parser = FrameParser::new(1 << 20);
    parser.push(Bytes::copy_from_slice(written));
    std::iter::from_fn(|| parser.next().expect("what is written is read")).collect()
}

fn stream(dialect: &'static dyn Conversational, events: &[StreamEvent]) {
    let frames = || events.iter().cloned().map(Frame::Event).collect::<Vec<_>>();
    let Ok(read) = decode(dialect, events) else { return };
    let answer = fold(read);
    let (_, tally) = pass(dialect.forwarder(&asked(STREAM)), frames()).expect("it is passed on");
    assert_eq!(tally.usage, answer.usage);
    let mut encoder = dialect.encoder(&asked(STREAM));
    let mut out = Vec::new();
    unfold(&answer).iter().for_each(|event| encoder.push(event, &mut out));
    let (chat, others) = languages("openai_chat");
    for caller in others.into_iter().chain([chat]) {
        let way = conduit(dialect, caller, &asked(STREAM), Delivered::Stream).expect("there is a way");
        let (out, _) = pass(way, frames()).expect("what is understood is translated");
        validate(caller.id().as_str(), &out);
    }
}

fn decode(dialect: &dyn Conversational, said: &[StreamEvent]) -> Result<Vec<Event>, Fault> {
    let (mut decoder, mut events) = (dialect.decoder(), Vec::new());
    said.iter().try_for_each(|event| decoder.push(event, &mut events))?;
    decoder.end(&mut events)?;
    Ok(events)
}
