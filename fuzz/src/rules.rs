//! What every stream obeys that is written in a language, as its clients take it for granted.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::json;
use types::StreamEvent;

use crate::PUBLIC;

/// Blocks follow each other without gaps; there is one beginning, one reason and one end.
pub fn messages(events: &[StreamEvent]) {
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
pub fn responses(events: &[StreamEvent]) {
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
pub fn pieces(events: &[StreamEvent]) {
    let mut finished: BTreeMap<u64, u64> = BTreeMap::new();
    for event in events.iter().filter(|event| !event.data.is_empty()) {
        let Some(piece) = crate::json(&event.data) else { return };
        assert_eq!(piece["modelVersion"], PUBLIC);
        for candidate in piece["candidates"].as_array().into_iter().flatten() {
            let index = candidate["index"].as_u64().unwrap_or_default();
            *finished.entry(index).or_default() += u64::from(candidate["finishReason"].is_string());
        }
    }
    assert!(finished.values().all(|times| *times == 1));
}

/// Calls are numbered without gaps and named in their first piece; each choice ends once; `[DONE]` is last.
pub fn chunks(events: &[StreamEvent]) {
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
                // A call of a custom tool stands as its provider wrote it, even without an id.
                let is_first = number == *known;
                assert!(call["type"] == "custom" || is_first == call.get("id").is_some());
                *known += u64::from(number == *known);
            }
        }
    }
    assert!(finished.values().all(|times| *times == 1));
}

/// Blocks follow each other without gaps, each with something in it; only calls say what they are before they begin; the
/// usage is last.
pub fn blocks(events: &[StreamEvent]) {
    let (mut open, mut next, mut names) = (None, 0_u64, Vec::new());
    for event in events {
        let name = std::str::from_utf8(&event.name).expect("names are text");
        let Some(data) = crate::json(&event.data) else { return };
        let index = data["contentBlockIndex"].as_u64();
        match name {
            "contentBlockStart" => {
                assert_eq!((open.replace(next), index), (None, Some(next)));
                assert!(data["start"]["toolUse"]["toolUseId"].is_string());
            }
            "contentBlockDelta" => {
                assert_eq!((*open.get_or_insert(next), index), (next, Some(next)));
                assert_eq!(data["delta"].as_object().map(serde_json::Map::len), Some(1));
            }
            "contentBlockStop" => {
                assert_eq!((open.take(), index), (Some(next), Some(next)));
                next += 1;
            }
            _ => names.push(name),
        }
    }
    assert_eq!(names, ["messageStart", "messageStop", "metadata"]);
    assert!(open.is_none() && events.last().is_some_and(|event| &event.name[..] == b"metadata"));
}

/// Parts and calls follow each other, each kind numbered without gaps; `[DONE]` is behind the end.
pub fn parts(events: &[StreamEvent]) {
    let [first, between @ .., last, done] = events else { panic!("a stream has a start and an end") };
    assert_eq!((&first.name[..], &last.name[..]), (&b"message-start"[..], &b"message-end"[..]));
    assert_eq!(&done.data[..], b"[DONE]");
    let mut next: BTreeMap<&str, u64> = BTreeMap::new();
    let mut open = None;
    for event in between {
        let Some(data) = crate::json(&event.data) else { return };
        let name = std::str::from_utf8(&event.name).expect("names are text");
        assert_eq!(data["type"], name);
        let (kind, step) =
            name.rsplit_once('-').expect("a name says of what it is the start, a piece or the end");
        if kind == "citation" {
            continue;
        }
        let number = next.entry(kind).or_default();
        assert_eq!(data["index"], *number);
        match step {
            "start" => assert_eq!(open.replace(kind.to_owned()), None),
            "delta" => assert_eq!(open.as_deref(), Some(kind)),
            _ => {
                assert_eq!((open.take().as_deref(), step), (Some(kind), "end"));
                *number += 1;
            }
        }
    }
    assert_eq!(open, None);
}

/// Every line is a part of the answer, and the last one alone says that it is done, and why.
pub fn lines(events: &[StreamEvent]) {
    for (number, event) in (1..).zip(events) {
        let Some(line) = crate::json(&event.data) else { return };
        assert_eq!((&line["model"], &line["message"]["role"]), (&json!(PUBLIC), &json!("assistant")));
        assert!(line["message"]["content"].is_string() && line["created_at"].is_string());
        assert_eq!(line["done"], number == events.len());
        assert_eq!(line["done_reason"].is_string(), number == events.len());
    }
    assert!(!events.is_empty());
}
