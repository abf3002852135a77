//! Real traffic, where a folder of recordings stands beside the repository: all of it must be understood.

use types::conversation::Answer;

use super::streams::valid;
use super::*;
use crate::{read_fault, unfold};

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings/exchanges");

#[test]
fn recorded_traffic_is_understood_and_passed_on() {
    let Ok(providers) = std::fs::read_dir(RECORDINGS) else { return };
    let mut problems = Vec::new();
    let mut count = 0;
    for provider in providers {
        let file = provider.unwrap().path().join("openai_responses.jsonl");
        let Ok(lines) = std::fs::read_to_string(file) else { continue };
        for line in lines.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            count += 1;
            if let Err(problem) = exchange(&record) {
                problems.push(format!("{} {}: {problem:.3000}", record["provider"], record["id"]));
            }
        }
    }
    assert!(problems.is_empty(), "{} of {count}:\n{}", problems.len(), problems.join("\n"));
    assert!(count > 0);
}

fn exchange(record: &Value) -> Result<(), String> {
    let body = record["response"]["body"].as_str().unwrap_or_default();
    let status = record["response"]["status"].as_u64().unwrap();
    if status != 200 {
        read_fault(u16::try_from(status).unwrap(), body.as_bytes());
        return Ok(());
    }
    request(&record["request"]["body"])?;
    if body.trim_start().starts_with('{') { whole(body) } else { streamed(body) }
}

fn request(body: &Value) -> Result<(), String> {
    let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    let headers = http::HeaderMap::new();
    let read = OpenAiResponses
        .decode_request(Head::of(&headers), text.as_bytes())
        .map_err(|error| error.to_string())?;
    let same = Target { model: read.model.clone(), ..target(&[]) };
    let encoded = OpenAiResponses.encode_request(&read, &same).map_err(|error| error.to_string())?;
    let again = OpenAiResponses.decode_request(Head::of(&headers), &encoded.body.concat());
    let again = again.map_err(|error| error.to_string())?;
    let is_told = |name: &String| encoded.changes.iter().any(|change| change.field == *name);
    let mut kept = read.clone();
    kept.extras.fields.retain(|(name, _)| !is_told(name));
    kept.extras.fields.sort_by(|left, right| left.0.cmp(&right.0));
    let mut found = again;
    found.extras.fields.sort_by(|left, right| left.0.cmp(&right.0));
    if found == kept { Ok(()) } else { Err(format!("the request reads differently: {kept:?}\n{found:?}")) }
}

fn whole(body: &str) -> Result<(), String> {
    let answer = OpenAiResponses.decode_answer(body.as_bytes()).map_err(|fault| fault.to_string())?;
    let asked = asked(Delivery::Whole);
    let again = OpenAiResponses.decode_answer(&OpenAiResponses.encode_answer(&answer, &asked));
    same(&answer, &again.map_err(|fault| fault.to_string())?)?;
    same(&answer, &fold(unfold(&answer)))?;
    let written = encode(&unfold(&answer), &super::asked(STREAM));
    valid(&written);
    same(&answer, &fold(decode(&written).map_err(|fault| fault.to_string())?))?;
    let frames = vec![Frame::Whole(Bytes::from(body.to_owned()))];
    let (out, result, tally) = pass(OpenAiResponses.forwarder(&asked), frames);
    result.map_err(|fault| fault.to_string())?;
    let (mut first, second): (Value, Value) =
        (serde_json::from_str(body).unwrap(), serde_json::from_str(&out).unwrap());
    first["model"] = "public".into();
    if first != second || tally.usage != answer.usage || tally.stop != answer.choices[0].stop {
        return Err(format!("passed on differently: {tally:?} {out}"));
    }
    Ok(())
}

fn streamed(body: &str) -> Result<(), String> {
    let (_, forwarded, tally) = forward(body, &asked(STREAM));
    let events = match (decode(body), forwarded) {
        (Ok(events), Ok(())) => events,
        (read, passed) => return Err(format!("{:?} but {passed:?}", read.map(|events| events.len()))),
    };
    let answer = fold(events.clone());
    if tally.usage != answer.usage || tally.stop != answer.choices[0].stop {
        return Err(format!("tally differs: {tally:?} {:?} {:?}", answer.usage, answer.choices[0].stop));
    }
    let last = split(body).into_iter().rev().find_map(|event| {
        let data: Value = serde_json::from_slice(&event.data).ok()?;
        data["response"]["output"].as_array().is_some_and(|output| !output.is_empty()).then_some(data)
    });
    if let Some(last) = last {
        let whole = OpenAiResponses.decode_answer(last["response"].to_string().as_bytes());
        said_the_same(&whole.map_err(|fault| fault.to_string())?, &answer)?;
    }
    let written = encode(&events, &asked(STREAM));
    valid(&written);
    same(&answer, &fold(decode(&written).map_err(|fault| fault.to_string())?))
}

fn same(first: &Answer, second: &Answer) -> Result<(), String> {
    // What is kept whole stands on one line in a stream.
    let plain = |answer: &Answer| format!("{:?}", answer.choices).replace(['\n', '\r'], "");
    if plain(first) == plain(second)
        && first.usage.map(|usage| usage.total()) == second.usage.map(|usage| usage.total())
    {
        Ok(())
    } else {
        Err(format!("the answer reads differently:\n{first:?}\n{second:?}"))
    }
}

/// What a stream says piece by piece is what its last event says. Proofs are made anew for each event.
fn said_the_same(first: &Answer, second: &Answer) -> Result<(), String> {
    use types::conversation::Content;
    let plain = |answer: &Answer| {
        let mut content = answer.choices[0].content.clone();
        for block in &mut content {
            if let Content::Thinking { signature, .. } = block {
                *signature = None;
            }
        }
        // Blocks are numbered as they begin, items as they are added.
        content.sort_by_key(|block| format!("{block:?}"));
        content
    };
    if plain(first) == plain(second) {
        Ok(())
    } else {
        Err(format!("the end says otherwise:\n{first:?}\n{second:?}"))
    }
}
