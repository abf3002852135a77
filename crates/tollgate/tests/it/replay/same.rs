//! One language on both sides: every byte arrives as it was sent, but for the fields that are declared to change.

use bytes::Bytes;
use serde_json::Value;

use super::{Stage, Way, answer_of_error, upstream_name};
use crate::exchange::{Exchange, renamed};
use crate::{heard, language};

/// Sends the exchange's own request and compares both directions byte by byte.
pub(super) async fn check(stage: &Stage, index: usize) -> Result<(), String> {
    let exchange = &stage.exchanges[index];
    let model = stage.public_name(Way::Same, index);
    let caller = exchange.dialect;
    let (answer, received) = stage.call((Way::Same, index), caller, exchange.request_for(&model)).await?;
    sent(exchange, &received.body, &upstream_name(Way::Same, index))?;
    let readable = heard::answer(caller, exchange.is_streamed(), &exchange.body);
    if exchange.status != 200 || readable.is_err() {
        return answer_of_error(exchange, caller, readable.err(), &answer);
    }
    if answer.status != 200 {
        return Err(format!("{} {:?}", answer.status, answer.body));
    }
    let expect = if exchange.is_streamed() {
        stream(exchange, &model)
    } else {
        let body = std::str::from_utf8(&exchange.body).unwrap();
        let renamed = language::of(caller).model.and_then(|place| renamed(body, place, &model));
        renamed.map_or_else(|| exchange.body.clone(), Bytes::from)
    };
    equal("the answer", &expect, &answer.body)
}

/// The request differs in the model's name and in that a stream's usage is always asked for.
fn sent(exchange: &Exchange, sent: &Bytes, model: &str) -> Result<(), String> {
    let expect = exchange.request_for(model);
    let value: Value = serde_json::from_str(&expect).unwrap();
    let adds_usage = value["stream"] == true && language::of(exchange.dialect).asks_for_usage;
    if !adds_usage || exchange.wants_usage() {
        return equal("the request", expect.as_bytes(), sent);
    }
    if value.get("stream_options").is_none() {
        let expect = expect.replacen('{', "{\"stream_options\":{\"include_usage\":true},", 1);
        return equal("the request", expect.as_bytes(), sent);
    }
    let mut expect = value;
    expect["stream_options"] = serde_json::json!({"include_usage": true});
    let sent: Value = serde_json::from_slice(sent).map_err(|error| error.to_string())?;
    if expect == sent { Ok(()) } else { Err(format!("the request: {expect}\n{sent}")) }
}

/// The recorded stream with the caller's name for the model, and without the chunk that only tells the usage where
/// the caller did not ask for it.
fn stream(exchange: &Exchange, model: &str) -> Bytes {
    let language = language::of(exchange.dialect);
    let Some(pointer) = language.model_in_event else { return exchange.body.clone() };
    let drops_usage = language.asks_for_usage && !exchange.wants_usage();
    let mut expect = String::new();
    for event in events(std::str::from_utf8(&exchange.body).unwrap()) {
        let data: Vec<&str> = event.lines().filter_map(data).collect();
        let [data] = data[..] else {
            expect.push_str(event);
            continue;
        };
        let value: Value = serde_json::from_str(data).unwrap_or_default();
        if drops_usage && value["choices"] == serde_json::json!([]) && value["usage"].is_object() {
            continue;
        }
        match renamed(data, pointer, model) {
            Some(renamed) => expect.push_str(&event.replacen(data, &renamed, 1)),
            None => expect.push_str(event),
        }
    }
    expect.into()
}

/// What a line of a stream says, which is itself data where streams are lines of JSON.
fn data(line: &str) -> Option<&str> {
    if line.starts_with('{') { Some(line) } else { line.strip_prefix("data:") }
}

/// The stream cut behind every blank line, or behind every line of JSON.
fn events(stream: &str) -> Vec<&str> {
    if stream.starts_with('{') {
        return stream.split_inclusive('\n').collect();
    }
    let mut events = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in stream.split_inclusive('\n') {
        at += line.len();
        if line.trim_end_matches(['\r', '\n']).is_empty() {
            events.push(&stream[start..at]);
            start = at;
        }
    }
    events.push(&stream[start..]);
    events
}

fn equal(what: &str, expect: &[u8], found: &[u8]) -> Result<(), String> {
    if expect == found {
        return Ok(());
    }
    let at = expect.iter().zip(found).take_while(|(left, right)| left == right).count();
    let around = |bytes: &[u8]| {
        let from = at.saturating_sub(60);
        String::from_utf8_lossy(&bytes[from.min(bytes.len())..(at + 120).min(bytes.len())]).into_owned()
    };
    Err(format!(
        "{what} differs at byte {at}:\n  expected {:?}\n  found    {:?}",
        around(expect),
        around(found)
    ))
}
