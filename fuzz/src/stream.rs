//! Streams: what is understood survives, what is passed on is the upstream's own, and what is written obeys the rules
//! of its language.

use std::collections::BTreeMap;

use bytes::Bytes;
use dialects::{Conversational, Delivered, conduit};
use serde_json::json;
use types::conversation::{Delivery, Event};
use types::{Fault, Frame, StreamEvent};

use crate::answer::{fold, named};
use crate::sse::{SseParser, Tail};
use crate::{PUBLIC, asked, essence, languages, pass};

pub const STREAM: Delivery = Delivery::Stream { include_usage: true };

/// What is read as a stream is written such that it reads the same; what is passed on differs in the model's name
/// only; the other language's callers get a stream that obeys its rules.
pub fn check(language: &str, body: &[u8]) {
    let (dialect, others) = languages(language);
    let events = parse(body);
    let frames = || events.iter().cloned().map(Frame::Event).collect::<Vec<_>>();
    let passed = pass(dialect.forwarder(&asked(STREAM)), frames());
    if let Ok((out, _)) = &passed {
        // One language ends its streams by a word that the other must not hear.
        let is_heard = |event: &&StreamEvent| language != "anthropic" || &event.data[..] != b"[DONE]";
        unchanged(&events.iter().filter(is_heard).collect::<Vec<_>>(), &parse(out));
    }
    if !events.iter().all(is_called_by_its_type) {
        return;
    }
    let Ok(read) = decode(dialect, &events) else { return };
    let Ok((_, tally)) = passed else { panic!("understood and not passed on: {passed:?}") };
    let answer = fold(read.clone());
    assert_eq!(tally.usage, answer.usage);
    let written = encode(dialect, &read);
    validate(language, &written);
    let again = fold(decode(dialect, &parse(&written)).expect("what is written is read"));
    let twice = encode(dialect, &dialects::unfold(&again));
    let twice = fold(decode(dialect, &parse(&twice)).expect("what is written is read"));
    assert_eq!(essence(&twice), essence(&again));
    for (caller, delivery) in others.into_iter().flat_map(|other| [(other, STREAM), (other, Delivery::Whole)])
    {
        let way = conduit(dialect, caller, &asked(delivery), Delivered::Stream).expect("there is a way");
        let (out, _) = pass(way, frames()).expect("what is understood is translated");
        match delivery {
            Delivery::Stream { .. } => validate(caller.id().as_str(), &out),
            Delivery::Whole => assert!(crate::json(&out).is_none_or(|out| *named(&out) == PUBLIC)),
        }
    }
}

/// The events of a stream.
fn parse(body: &[u8]) -> Vec<StreamEvent> {
    let mut parser = SseParser::new(1 << 20);
    parser.push(Bytes::copy_from_slice(body));
    let mut events = Vec::new();
    while let Ok(Some(event)) = parser.next() {
        events.push(event);
    }
    if let Some(Tail::Complete(event)) = parser.finish() {
        events.push(event);
    }
    events
}

/// Whether an event's name, where it has one, is the type that its data says: clients go by either.
fn is_called_by_its_type(event: &StreamEvent) -> bool {
    let data: Option<serde_json::Value> = serde_json::from_slice(&event.data).ok();
    let kind = data.as_ref().and_then(|data| data.get("type")?.as_str());
    event.name.is_empty() || kind.is_none_or(|kind| kind.as_bytes() == event.name)
}

/// Every event has come through, with no other change than that of the model's name.
fn unchanged(before: &[&StreamEvent], after: &[StreamEvent]) {
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(after) {
        if before.raw == after.raw {
            continue;
        }
        assert!(before.name == after.name || before.name.is_empty());
        let (Some(mut expect), Some(found)) = (crate::json(&before.data), crate::json(&after.data)) else {
            continue;
        };
        for place in ["/message/model", "/model", "/modelVersion", "/response/model"] {
            if let Some(model) = expect.pointer_mut(place)
                && found.pointer(place) == Some(&PUBLIC.into())
            {
                *model = PUBLIC.into();
            }
        }
        assert_eq!(expect, found);
    }
}

fn decode(dialect: &dyn Conversational, said: &[StreamEvent]) -> Result<Vec<Event>, Fault> {
    let mut decoder = dialect.decoder();
    let mut events = Vec::new();
    said.iter().try_for_each(|event| decoder.push(event, &mut events))?;
    decoder.end(&mut events)?;
    Ok(events)
}

fn encode(dialect: &dyn Conversational, events: &[Event]) -> Vec<u8> {
    let mut encoder = dialect.encoder(&asked(STREAM));
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.push(event, &mut out));
    out
}

/// The stream obeys the rules of its language.
pub fn validate(language: &str, stream: &[u8]) {
    let events = parse(stream);
    match language {
        "anthropic" => messages(&events),
        "gemini" => pieces(&events),
        "openai_responses" => responses(&events),
        _ => chunks(&events),
    }
}

/// Blocks follow each other without gaps; there is one beginning, one reason and one end.
fn messages(events: &[StreamEvent]) {
    let (mut open, mut next, mut arguments) = (None, 0_u64, String::new());
    let mut kinds = Vec::new();
    for event in events {
        // Without the value nothing of the order can be told.
        let Some(data) = crate::json(&event.data) else { return };
        let kind = data["type"].as_str().expect("every event has a type").to_owned();
        assert_eq!(kind.as_bytes(), event.name);
        match kind.as_str() {
            "content_block_start" => {
                assert_eq!((&open, &data["index"]), (&None, &json!(next)));
                open = data["content_block"]["type"].as_str().map(str::to_owned);
                (next, arguments) = (next + 1, String::new());
            }
            "content_block_delta" => {
                assert_eq!((open.is_some(), &data["index"]), (true, &json!(next - 1)));
                arguments.push_str(data["delta"]["partial_json"].as_str().unwrap_or_default());
            }
            "content_block_stop" if open.take().as_deref() == Some("tool_use") => {
                assert!(!arguments.is_empty())
            }
            _ => {}
        }
        if kind != "ping" {
            kinds.push(kind);
        }
    }
    assert_eq!(open, None);
    assert_eq!(kinds.first().map(String::as_str), Some("message_start"));
    assert_eq!(kinds.iter().filter(|kind| *kind == "message_start").count(), 1);
    assert_eq!(kinds.iter().filter(|kind| *kind == "message_delta").count(), 1);
    assert_eq!(kinds.last().map(String::as_str), Some("message_stop"));
}

/// Events and items are numbered without gaps, each piece lies in its item, and the end has all of it again.
fn responses(events: &[StreamEvent]) {
    let mut items: BTreeMap<u64, serde_json::Value> = BTreeMap::new();
    let mut last = serde_json::Value::Null;
    let said = events.iter().filter(|event| !event.data.is_empty());
    for (number, event) in said.enumerate() {
        // Without the value nothing of the order can be told.
        let Some(data) = crate::json(&event.data) else { return };
        let kind = data["type"].as_str().expect("every event has a type");
        assert_eq!((kind.as_bytes(), &data["sequence_number"]), (&event.name[..], &json!(number)));
        match (kind, data["output_index"].as_u64()) {
            ("response.output_item.added", Some(index)) => {
                assert_eq!(index, items.len() as u64);
                items.insert(index, serde_json::Value::Null);
            }
            ("response.output_item.done", Some(index)) => {
                assert_eq!(items.insert(index, data["item"].clone()), Some(serde_json::Value::Null));
            }
            (_, Some(index)) => assert_eq!(items.get(&index), Some(&serde_json::Value::Null)),
            (_, None) => {}
        }
        last = data;
    }
    assert!(matches!(last["type"].as_str(), Some("response.completed" | "response.incomplete")));
    assert_eq!(last["response"]["model"], PUBLIC);
    assert_eq!(last["response"]["output"], items.into_values().collect::<serde_json::Value>());
}

/// Every piece names the model, each candidate ends once, and the last piece tells the usage or the end.
fn pieces(events: &[StreamEvent]) {
    let mut finished: BTreeMap<u64, u64> = BTreeMap::new();
    for event in events.iter().filter(|event| !event.data.is_empty()) {
        let Some(piece) = crate::json(&event.data) else { return };
        assert_eq!(named(&piece), PUBLIC);
        for candidate in piece["candidates"].as_array().into_iter().flatten() {
            let index = candidate["index"].as_u64().unwrap_or_default();
            *finished.entry(index).or_default() += u64::from(candidate["finishReason"].is_string());
        }
    }
    assert!(finished.values().all(|times| *times == 1));
}

/// Calls are numbered without gaps and named in their first piece; each choice ends once; `[DONE]` is last.
fn chunks(events: &[StreamEvent]) {
    let mut data: Vec<&Bytes> =
        events.iter().map(|event| &event.data).filter(|data| !data.is_empty()).collect();
    assert_eq!(data.pop().map(|data| &data[..]), Some(&b"[DONE]"[..]));
    let mut calls: BTreeMap<u64, u64> = BTreeMap::new();
    let mut finished: BTreeMap<u64, u64> = BTreeMap::new();
    for data in data {
        let Some(chunk) = crate::json(data) else { return };
        assert_eq!((&chunk["object"], &chunk["model"]), (&json!("chat.completion.chunk"), &json!(PUBLIC)));
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            let index = choice["index"].as_u64().expect("choices are numbered");
            *finished.entry(index).or_default() += u64::from(choice["finish_reason"].is_string());
            for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                let number = call["index"].as_u64().expect("calls are numbered");
                let known = calls.entry(index).or_default();
                assert!(number <= *known);
                assert_eq!(number == *known, call.get("id").is_some());
                *known += u64::from(number == *known);
            }
        }
    }
    assert!(finished.values().all(|times| *times == 1));
}
