//! What every answer in a language obeys, told without the gateway's own decoders.

use bytes::Bytes;
use dialects::Conversational;
use serde_json::{Value, json};

use crate::heard;

/// A whole answer.
pub(super) fn whole(dialect: &dyn Conversational, body: &[u8], model: &str) -> Result<(), String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let place = |pointer: &str| value.pointer(pointer).unwrap_or(&Value::Null);
    let holds = match dialect.id().as_str() {
        "openai_chat" => {
            place("/object") == "chat.completion"
                && place("/id").is_string()
                && place("/created").is_u64()
                && place("/choices/0/message/role") == "assistant"
                && place("/choices/0/finish_reason").is_string()
        }
        _ => {
            place("/type") == "message"
                && place("/role") == "assistant"
                && place("/content").is_array()
                && place("/stop_reason").is_string()
                && place("/usage/input_tokens").is_u64()
                && place("/usage/output_tokens").is_u64()
        }
    };
    if holds && place("/model") == model { Ok(()) } else { Err(format!("not a whole answer: {value}")) }
}

/// A stream.
pub(super) fn stream(dialect: &dyn Conversational, body: &Bytes, model: &str) -> Result<(), String> {
    let events = heard::events(body);
    let mut data = Vec::new();
    for event in events.iter().filter(|event| !event.data.is_empty()) {
        let text = std::str::from_utf8(&event.data).map_err(|error| error.to_string())?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        data.push((String::from_utf8_lossy(&event.name).into_owned(), value));
    }
    let told = match dialect.id().as_str() {
        "openai_chat" => chunks(&data, model),
        _ => messages(&data, model),
    };
    told.map_err(|problem| format!("{problem}: {}", String::from_utf8_lossy(body)))
}

fn chunks(data: &[(String, Value)], model: &str) -> Result<(), String> {
    let [chunks @ .., (_, done)] = data else { return Err("empty".to_owned()) };
    ensure(done == "[DONE]", "no `[DONE]`")?;
    let mut calls = 0;
    let mut finished = 0;
    for (_, chunk) in chunks {
        ensure(chunk["object"] == "chat.completion.chunk" && chunk["model"] == model, "no chunk")?;
        ensure(chunk["id"].is_string() && chunk["id"] == chunks[0].1["id"], "another id")?;
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            finished += usize::from(choice["finish_reason"].is_string());
            for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
                let opens = call["index"].as_u64() == Some(calls);
                calls += u64::from(opens);
                ensure(opens == call["id"].is_string(), "a tool call's first piece has its id")?;
                ensure(call["index"].as_u64() < Some(calls), "indices have no gaps")?;
            }
        }
    }
    ensure(finished == 1, "one finish reason")
}

fn messages(data: &[(String, Value)], model: &str) -> Result<(), String> {
    let mut open = None;
    let mut next = 0;
    for (name, value) in data {
        ensure(value["type"] == name.as_str(), "an event's name is its type")?;
        match name.as_str() {
            "content_block_start" => {
                ensure(open.is_none() && value["index"] == next, "blocks follow each other")?;
                open = Some(next);
                next += 1;
            }
            "content_block_delta" => {
                ensure(open.is_some() && value["index"] == next - 1, "a delta lies in its block")?;
            }
            "content_block_stop" => ensure(open.take().is_some(), "a block ends once")?,
            _ => {}
        }
    }
    let names: Vec<&str> =
        data.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "ping").collect();
    ensure(open.is_none() && names.first() == Some(&"message_start"), "the frame of a message")?;
    ensure(names.ends_with(&["message_delta", "message_stop"]), "the end of a message")?;
    ensure(data[0].1["message"]["model"] == model, "the caller's name for the model")
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}
