//! The order of a Responses stream: the answer begins, each item is added, told and done, and the end has all of it again.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What is told piece by piece.
struct Family {
    /// The events' names begin with it.
    name: &'static str,
    /// Which part of its item it is; none where an item has one.
    index: Option<&'static str>,
    /// The field that has all of it in the end.
    whole: &'static str,
    /// The part that it lies in.
    part: Option<&'static str>,
}

const FAMILIES: [Family; 5] = [
    Family {
        name: "response.output_text",
        index: Some("content_index"),
        whole: "text",
        part: Some("response.content_part"),
    },
    Family {
        name: "response.refusal",
        index: Some("content_index"),
        whole: "refusal",
        part: Some("response.content_part"),
    },
    Family {
        name: "response.reasoning_text",
        index: Some("content_index"),
        whole: "text",
        part: Some("response.content_part"),
    },
    Family {
        name: "response.reasoning_summary_text",
        index: Some("summary_index"),
        whole: "text",
        part: Some("response.reasoning_summary_part"),
    },
    Family { name: "response.function_call_arguments", index: None, whole: "arguments", part: None },
];

/// An item under way.
struct Item {
    id: Value,
    kind: Value,
    /// What it became.
    done: Option<Value>,
    /// Its parts, by the name of their events and their number.
    parts: BTreeMap<(&'static str, u64), Part>,
}

/// How far a part has come.
#[derive(Default)]
struct Part {
    told: String,
    /// Its text is complete.
    is_told: bool,
    is_done: bool,
}

/// Whether the events, which have these names, come in the order that they have.
pub(crate) fn check(events: &[(String, Value)]) -> Result<(), String> {
    let mut items: Vec<Item> = Vec::new();
    for (number, (name, event)) in events.iter().enumerate() {
        ensure(event["type"] == name.as_str(), "an event's name is its type")?;
        ensure(event["sequence_number"] == number, "events are numbered without gaps")?;
        let placed = place(&mut items, name, event);
        placed.map_err(|problem| format!("event {number}, {name}: {problem}"))?;
    }
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    if names == ["error"] {
        // What fails before it has begun says so and nothing else.
        return Ok(());
    }
    ensure(names.starts_with(&["response.created", "response.in_progress"]), "the beginning of a response")?;
    let [_, _, middle @ .., last] = &names[..] else { return Err("the end of a response".to_owned()) };
    let is_frame = |name: &&&str| matches!(**name, "response.created" | "response.in_progress") || ends(name);
    ensure(!middle.iter().any(|name| is_frame(&name)), "one beginning and one end")?;
    let errors = middle.iter().filter(|name| **name == "error").count();
    ensure(
        errors == 0 || (errors == 1 && names.ends_with(&["error", "response.failed"])),
        "an error is the end",
    )?;
    match *last {
        "response.failed" => Ok(()),
        "response.completed" | "response.incomplete" => end(items, &events[events.len() - 1].1["response"]),
        _ => Err("the end of a response".to_owned()),
    }
}

fn ends(name: &str) -> bool {
    matches!(name, "response.completed" | "response.incomplete" | "response.failed")
}

/// The last event has everything again.
fn end(items: Vec<Item>, response: &Value) -> Result<(), String> {
    let done: Option<Vec<Value>> = items.into_iter().map(|item| item.done).collect();
    let done = done.ok_or("an item is not done")?;
    ensure(response["output"] == json!(done), "the end has all of it again")?;
    let usage = &response["usage"];
    let sum = usage["input_tokens"].as_u64().zip(usage["output_tokens"].as_u64());
    let total = sum.map(|(input, output)| input + output);
    ensure(
        usage.is_null() || (total.is_some() && total == usage["total_tokens"].as_u64()),
        "the tokens add up",
    )
}

/// Puts an event in its place.
fn place(items: &mut Vec<Item>, name: &str, event: &Value) -> Result<(), String> {
    let Some(index) = event["output_index"].as_u64() else { return Ok(()) };
    let item = &event["item"];
    if name == "response.output_item.added" {
        ensure(index == items.len() as u64, "items are numbered without gaps")?;
        ensure(
            item["id"].is_string() && item["status"] != "completed",
            "an item begins with an id, and not done",
        )?;
        items.push(Item {
            id: item["id"].clone(),
            kind: item["type"].clone(),
            done: None,
            parts: BTreeMap::new(),
        });
        return Ok(());
    }
    let known = usize::try_from(index).ok().and_then(|index| items.get_mut(index));
    let known = known.filter(|known| known.done.is_none()).ok_or("a piece lies in its item")?;
    if name == "response.output_item.done" {
        let is_call = known.kind == "function_call";
        ensure(known.id == item["id"] && known.kind == item["type"], "an item stays what it is")?;
        ensure(!is_call || !known.parts.is_empty(), "a call's arguments are told")?;
        ensure(known.parts.values().all(|part| part.is_done), "an item's parts are done before it")?;
        known.done = Some(item.clone());
        return Ok(());
    }
    ensure(event["item_id"] == known.id, "a piece names its item")?;
    for family in &FAMILIES {
        let part =
            family.part.filter(|part| name.strip_prefix(part).is_some_and(|rest| rest.starts_with('.')));
        if let Some(part) = part {
            return known.part((part, family), name, event);
        }
        if name.strip_prefix(family.name).is_some_and(|rest| rest.starts_with('.')) {
            return known.piece(family, name, event);
        }
    }
    Ok(())
}

impl Item {
    /// A part begins or ends.
    fn part(
        &mut self,
        (own, family): (&'static str, &Family),
        name: &str,
        event: &Value,
    ) -> Result<(), String> {
        let index = family.index.and_then(|index| event[index].as_u64()).ok_or("a part has a number")?;
        if step(name) == "added" {
            ensure(index == self.parts.len() as u64, "parts are numbered without gaps")?;
            self.parts.insert((own, index), Part::default());
            return Ok(());
        }
        let part = self.parts.get_mut(&(own, index)).filter(|part| part.is_told && !part.is_done);
        let part = part.ok_or("a part ends once, behind its text")?;
        let whole = event["part"].get("text").or(event["part"].get("refusal"));
        ensure(whole == Some(&json!(part.told)), "a part has all of its text in the end")?;
        part.is_done = true;
        Ok(())
    }

    /// A piece of a text or of arguments, or all of it.
    fn piece(&mut self, family: &Family, name: &str, event: &Value) -> Result<(), String> {
        let index =
            family.index.map_or(Some(0), |index| event[index].as_u64()).ok_or("a piece has a number")?;
        let part = match family.part {
            Some(own) => self.parts.get_mut(&(own, index)).ok_or("a piece lies in its part")?,
            None => self.parts.entry((family.name, index)).or_default(),
        };
        if name.ends_with(".annotation.added") {
            return ensure(!part.is_done, "what is cited stands in its part");
        }
        ensure(!part.is_told, "a text is complete once")?;
        if step(name) == "delta" {
            part.told.push_str(event["delta"].as_str().ok_or("a piece has a text")?);
            return Ok(());
        }
        ensure(event[family.whole] == part.told.as_str(), "a text is its pieces")?;
        part.is_told = true;
        part.is_done = family.part.is_none();
        Ok(())
    }
}

/// What an event's name ends in.
fn step(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or_default()
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

#[test]
fn a_stream_out_of_order_is_found() {
    let response = |status: &str, output: Value| json!({"status": status, "output": output});
    let item = json!({"type": "message", "id": "m", "status": "completed", "content": []});
    let begun = json!({"type": "message", "id": "m", "status": "in_progress", "content": []});
    let text = json!({"type": "output_text", "text": "hi"});
    let events = [
        json!({"type": "response.created", "response": response("in_progress", json!([]))}),
        json!({"type": "response.in_progress", "response": response("in_progress", json!([]))}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": begun}),
        json!({"type": "response.content_part.added", "output_index": 0, "item_id": "m", "content_index": 0}),
        json!({"type": "response.output_text.delta", "output_index": 0, "item_id": "m", "content_index": 0, "delta": "hi"}),
        json!({"type": "response.output_text.done", "output_index": 0, "item_id": "m", "content_index": 0, "text": "hi"}),
        json!({"type": "response.content_part.done", "output_index": 0, "item_id": "m", "content_index": 0, "part": text}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": response("completed", json!([item]))}),
    ];
    let numbered = |events: Vec<Value>| {
        let mut named = Vec::new();
        for (number, mut event) in events.into_iter().enumerate() {
            event["sequence_number"] = number.into();
            named.push((event["type"].as_str().unwrap().to_owned(), event));
        }
        check(&named)
    };
    assert_eq!(numbered(events.to_vec()), Ok(()));
    for left_out in 0..events.len() {
        let mut fewer = events.to_vec();
        fewer.remove(left_out);
        assert!(numbered(fewer).is_err(), "without {}", events[left_out]["type"]);
    }
    for swapped in 0..events.len() - 1 {
        let mut others = events.to_vec();
        others.swap(swapped, swapped + 1);
        assert!(numbered(others).is_err(), "{} too early", events[swapped + 1]["type"]);
    }
}
