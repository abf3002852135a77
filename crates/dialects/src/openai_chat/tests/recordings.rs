//! Real traffic, where a folder of recordings stands beside the repository: all of it must be understood.

use std::path::Path;

use types::conversation::{Answer, ChangeKind};

use super::*;
use crate::{read_fault, unfold};

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings/exchanges");

#[test]
fn recorded_traffic_is_understood_and_passed_on() {
    let Ok(providers) = std::fs::read_dir(RECORDINGS) else { return };
    let mut problems = Vec::new();
    let mut count = 0;
    for provider in providers {
        let Ok(lines) = std::fs::read_to_string(provider.unwrap().path().join("openai_chat.jsonl")) else {
            continue;
        };
        for line in lines.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            count += 1;
            if let Err(problem) = exchange(&record) {
                problems.push(format!("{} {}: {problem}", record["provider"], record["id"]));
            }
        }
    }
    assert!(problems.is_empty(), "{} of {count}:\n{}", problems.len(), problems.join("\n"));
    assert!(Path::new(RECORDINGS).is_dir() && count > 0);
}

fn exchange(record: &Value) -> Result<(), String> {
    let body = record["response"]["body"].as_str().unwrap_or_default();
    let status = record["response"]["status"].as_u64().unwrap();
    if status != 200 {
        read_fault(u16::try_from(status).unwrap(), body.as_bytes());
        return Ok(());
    }
    request(&record["request"]["body"])?;
    // OpenRouter sends white space in front of a whole answer to keep the connection open.
    if body.trim_start().starts_with('{') { whole(body) } else { streamed(body) }
}

fn request(body: &Value) -> Result<(), String> {
    let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    if !text.contains("\"messages\"") {
        return Ok(());
    }
    let read = OpenAiChat
        .decode_request(Head::of(&http::HeaderMap::new()), text.as_bytes())
        .map_err(|error| error.to_string())?;
    let same =
        Target { model: read.model.clone(), ..target(&["cache_control", "reasoning_content", "top_k"]) };
    let encoded = OpenAiChat.encode_request(&read, &same).map_err(|error| error.to_string())?;
    let again = OpenAiChat.decode_request(Head::of(&http::HeaderMap::new()), &encoded.body.concat());
    let again = again.map_err(|error| error.to_string())?;
    let mut kept = read.extras.clone();
    kept.fields.retain(|(name, _)| !encoded.changes.iter().any(|change| change.field == *name));
    let is_emulated = encoded.changes.iter().any(|change| change.kind == ChangeKind::Emulated);
    if (is_emulated || again.messages == read.messages) && again.tools == read.tools && again.extras == kept {
        Ok(())
    } else {
        Err(format!("the request reads differently: {read:?}\n{again:?}"))
    }
}

fn whole(body: &str) -> Result<(), String> {
    let has_choices = serde_json::from_str::<Value>(body).is_ok_and(|body| body.get("choices").is_some());
    let answer = match OpenAiChat.decode_answer(body.as_bytes()) {
        Ok(answer) => answer,
        Err(_) if !has_choices => return Ok(()),
        Err(fault) => return Err(fault.to_string()),
    };
    let asked = asked(Delivery::Whole);
    let again = OpenAiChat.decode_answer(&OpenAiChat.encode_answer(&answer, &asked));
    same(&answer, &again.map_err(|fault| fault.to_string())?)?;
    same(&answer, &fold(unfold(&answer)))?;
    let frames = vec![Frame::Whole(Bytes::from(body.to_owned()))];
    let (out, result, tally) = pass(OpenAiChat.forwarder(&asked), frames);
    result.map_err(|fault| fault.to_string())?;
    let (mut first, second): (Value, Value) =
        (serde_json::from_str(body).unwrap(), serde_json::from_str(&out).unwrap());
    first["model"] = "public".into();
    if first != second || tally.usage != answer.usage {
        return Err(format!("passed on differently: {out}"));
    }
    Ok(())
}

fn streamed(body: &str) -> Result<(), String> {
    let (_, forwarded, tally) = forward(body, &asked(STREAM_WITH_USAGE));
    let events = match (decode(body), forwarded) {
        (Ok(events), Ok(())) => events,
        (Err(fault), Err(same)) if fault == same && fault.message != "the provider's stream broke off" => {
            return Ok(());
        }
        (read, passed) => return Err(format!("{:?} but {passed:?}", read.map(|events| events.len()))),
    };
    let answer = fold(events.clone());
    if tally.usage != answer.usage || tally.stop != answer.choices.first().and_then(|choice| choice.stop) {
        return Err(format!(
            "tally differs: {tally:?} {:?} {:?}",
            answer.usage,
            answer.choices.first().map(|choice| choice.stop)
        ));
    }
    let again = decode(&encode(&events, &asked(STREAM_WITH_USAGE))).map_err(|fault| fault.to_string())?;
    same(&answer, &fold(again))
}

fn same(first: &Answer, second: &Answer) -> Result<(), String> {
    if first.choices == second.choices
        && first.usage.map(|usage| usage.total()) == second.usage.map(|usage| usage.total())
    {
        Ok(())
    } else {
        Err(format!("the answer reads differently:\n{first:?}\n{second:?}"))
    }
}
