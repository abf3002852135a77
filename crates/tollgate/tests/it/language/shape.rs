//! What every answer in a language obeys, told without the gateway's own decoders.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::specs::order;

/// A whole answer of Chat Completions.
pub(super) fn is_completion(answer: &Value) -> bool {
    answer["object"] == "chat.completion"
        && answer["id"].is_string()
        && answer["created"].is_u64()
        && answer["choices"][0]["message"]["role"] == "assistant"
        && answer["choices"][0]["finish_reason"].is_string()
}

/// A whole message.
pub(super) fn is_message(answer: &Value) -> bool {
    answer["type"] == "message"
        && answer["role"] == "assistant"
        && answer["content"].is_array()
        && answer["stop_reason"].is_string()
        && answer["usage"]["input_tokens"].is_u64()
        && answer["usage"]["output_tokens"].is_u64()
}

/// A response, with the types of everything that Open Responses demands of one.
pub(super) fn is_response(answer: &Value) -> bool {
    let has = |names: &[&str], holds: fn(&Value) -> bool| {
        names.iter().all(|name| answer.get(name).is_some_and(holds))
    };
    let is_done = answer["status"] == "completed" && answer["incomplete_details"].is_null();
    let is_cut = answer["status"] == "incomplete" && answer["incomplete_details"]["reason"].is_string();
    let items = answer["output"].as_array();
    answer["object"] == "response"
        && (is_done || is_cut)
        && has(&["id", "model", "status", "truncation", "service_tier"], Value::is_string)
        && has(&["created_at"], Value::is_u64)
        && has(
            &["temperature", "top_p", "presence_penalty", "frequency_penalty", "top_logprobs"],
            Value::is_number,
        )
        && has(&["parallel_tool_calls", "store", "background"], Value::is_boolean)
        && has(&["text", "reasoning", "metadata"], Value::is_object)
        && has(&["tools"], Value::is_array)
        && has(&["tool_choice"], |value| value.is_string() || value.is_object())
        && has(&["error", "previous_response_id"], Value::is_null)
        && has(&["instructions", "safety_identifier", "prompt_cache_key"], |value| {
            value.is_null() || value.is_string()
        })
        && has(&["max_output_tokens", "max_tool_calls", "completed_at"], |value| {
            value.is_null() || value.is_u64()
        })
        && answer.get("usage").is_some()
        && items.is_some_and(|items| items.iter().all(is_item))
}

/// An item of a response.
fn is_item(item: &Value) -> bool {
    let texts = |names: &[&str]| names.iter().all(|name| item[name].is_string());
    match item["type"].as_str() {
        Some("message") => {
            let parts = item["content"].as_array();
            item["role"] == "assistant"
                && texts(&["id", "status"])
                && parts.is_some_and(|parts| parts.iter().all(is_part))
        }
        Some("function_call") => texts(&["id", "status", "call_id", "name", "arguments"]),
        Some("reasoning") => texts(&["id"]) && item["summary"].is_array(),
        kind => kind.is_some(),
    }
}

fn is_part(part: &Value) -> bool {
    match part["type"].as_str() {
        Some("output_text") => part["text"].is_string() && part["annotations"].is_array(),
        Some("refusal") => part["refusal"].is_string(),
        kind => kind.is_some(),
    }
}

/// The events of a response, of which the last has all of it.
pub(super) fn responses(data: &[(String, Value)], model: &str) -> Result<(), String> {
    order::check(data)?;
    let last = &data.last().ok_or("empty")?.1["response"];
    ensure(is_response(last) && last["model"] == model, "the end is a whole response")
}

/// The chunks of a completion.
pub(super) fn chunks(data: &[(String, Value)], model: &str) -> Result<(), String> {
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

/// The events of a message.
pub(super) fn messages(data: &[(String, Value)], model: &str) -> Result<(), String> {
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

/// A whole answer of Gemini's.
pub(super) fn is_generated(answer: &Value) -> bool {
    let Some(candidates) = answer["candidates"].as_array() else { return false };
    answer["responseId"].is_string()
        && answer["modelVersion"].is_string()
        && !candidates.is_empty()
        && candidates.iter().all(|candidate| {
            let parts = candidate["content"]["parts"].as_array();
            candidate["content"]["role"] == "model"
                && candidate["index"].is_u64()
                && parts.is_some_and(|parts| !parts.is_empty() && parts.iter().all(is_generated_part))
        })
}

fn is_generated_part(part: &Value) -> bool {
    let call = &part["functionCall"];
    part["text"].is_string() || (call["name"].is_string() && call["args"].is_object())
}

/// The pieces of a stream of Gemini's.
pub(super) fn generated(events: &[(String, Value)], model: &str) -> Result<(), String> {
    let Some((_, last)) = events.last() else { return Err("no pieces".to_owned()) };
    for (name, piece) in events {
        if !name.is_empty() || !is_generated(piece) || piece["modelVersion"] != model {
            return Err(format!("not a piece of an answer: {piece}"));
        }
        if piece["responseId"] != last["responseId"] {
            return Err("the pieces have several ids".to_owned());
        }
    }
    let ends = |piece: &Value| piece["candidates"][0]["finishReason"].is_string();
    let ended = events.iter().filter(|(_, piece)| ends(piece)).count();
    if ended == 1 && ends(last) { Ok(()) } else { Err(format!("{ended} ends, not one at the end")) }
}

/// A whole answer of Converse.
pub(super) fn is_converse(answer: &Value) -> bool {
    let message = &answer["output"]["message"];
    let is_block = |block: &Value| block.as_object().is_some_and(|block| block.len() == 1);
    message["role"] == "assistant"
        && message["content"].as_array().is_some_and(|blocks| blocks.iter().all(is_block))
        && answer["stopReason"].is_string()
        && answer["usage"]["totalTokens"].is_u64()
        && answer["metrics"]["latencyMs"].is_u64()
}

/// The frames of `ConverseStream`: blocks follow each other, and only calls say what they are before they begin.
pub(super) fn converse(events: &[(String, Value)], _model: &str) -> Result<(), String> {
    let [(first, role), between @ .., (stop, reason), (last, metadata)] = events else {
        return Err("no beginning and no end".to_owned());
    };
    ensure(first == "messageStart" && role["role"] == "assistant", "the beginning of a message")?;
    ensure(stop == "messageStop" && reason["stopReason"].is_string(), "the end of a message")?;
    ensure(last == "metadata" && metadata["usage"]["totalTokens"].is_u64(), "the usage is last")?;
    let (mut open, mut next) = (false, 0);
    for (name, value) in between {
        ensure(value["contentBlockIndex"] == next, "blocks are numbered without gaps")?;
        match name.as_str() {
            "contentBlockStart" => {
                ensure(
                    !open && value["start"]["toolUse"]["toolUseId"].is_string(),
                    "a call begins with its id",
                )?;
                open = true;
            }
            "contentBlockDelta" => {
                ensure(
                    value["delta"].as_object().is_some_and(|delta| delta.len() == 1),
                    "a piece is of one kind",
                )?;
                open = true;
            }
            "contentBlockStop" => {
                ensure(std::mem::take(&mut open), "a block ends once")?;
                next += 1;
            }
            _ => return Err(format!("no event is called {name}")),
        }
    }
    ensure(!open, "every block ends")
}

/// A whole answer of Cohere's.
pub(super) fn is_cohere(answer: &Value) -> bool {
    let message = &answer["message"];
    let is_call = |call: &Value| call["id"].is_string() && call["function"]["arguments"].is_string();
    let calls = message["tool_calls"].as_array();
    let tokens = &answer["usage"]["tokens"];
    answer["id"].is_string()
        && answer["finish_reason"].is_string()
        && message["role"] == "assistant"
        && (message["content"].is_array() || calls.is_some())
        && calls.is_none_or(|calls| calls.iter().all(is_call))
        && tokens["input_tokens"].is_number()
        && tokens["output_tokens"].is_number()
}

/// The events of a message of Cohere's: parts and calls follow each other, each kind numbered without gaps.
pub(super) fn cohere(events: &[(String, Value)], _model: &str) -> Result<(), String> {
    let [(first, opened), between @ .., (last, ended), (_, done)] = events else {
        return Err("no beginning and no end".to_owned());
    };
    ensure(first == "message-start" && opened["id"].is_string(), "the beginning of a message")?;
    let tokens = &ended["delta"]["usage"]["tokens"];
    ensure(last == "message-end" && tokens["output_tokens"].is_number(), "the usage is in the end")?;
    ensure(done == "[DONE]", "the word behind the end")?;
    let (mut next, mut open) = (BTreeMap::<&str, u64>::new(), None);
    for (name, value) in between {
        ensure(value["type"] == name.as_str(), "an event's name is its type")?;
        let Some((kind, step)) = name.rsplit_once('-') else {
            return Err(format!("no event is called {name}"));
        };
        let number = next.entry(kind).or_default();
        ensure(value["index"] == *number, "each kind is numbered without gaps")?;
        match step {
            "start" => ensure(open.replace(kind).is_none(), "one at a time")?,
            "delta" => ensure(open == Some(kind), "a piece lies in its part")?,
            _ => {
                ensure(open.take() == Some(kind) && step == "end", "a part ends once")?;
                *number += 1;
            }
        }
    }
    ensure(open.is_none(), "every part ends")
}

/// A whole answer of Ollama's, or the last line of a stream.
pub(super) fn is_line(answer: &Value) -> bool {
    is_piece(answer)
        && answer["done"] == true
        && answer["done_reason"].is_string()
        && answer["prompt_eval_count"].is_u64()
        && answer["eval_count"].is_u64()
}

fn is_piece(line: &Value) -> bool {
    let is_call =
        |call: &Value| call["function"]["name"].is_string() && call["function"]["arguments"].is_object();
    let calls = line["message"]["tool_calls"].as_array();
    line["model"].is_string()
        && line["created_at"].is_string()
        && line["message"]["role"] == "assistant"
        && line["message"]["content"].is_string()
        && calls.is_none_or(|calls| calls.iter().all(is_call))
}

/// The lines of an answer of Ollama's, of which the last alone is done.
pub(super) fn lines(events: &[(String, Value)], model: &str) -> Result<(), String> {
    let Some(((_, last), before)) = events.split_last() else { return Err("no lines".to_owned()) };
    ensure(is_line(last) && last["model"] == model, "the last line is done")?;
    let is_on = |line: &Value| is_piece(line) && line["done"] == false && line["model"] == model;
    ensure(before.iter().all(|(name, line)| name.is_empty() && is_on(line)), "the others go on")
}
