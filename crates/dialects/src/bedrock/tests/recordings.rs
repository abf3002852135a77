//! Real traffic, where a folder of recordings stands beside the repository: all of it must be understood.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use types::conversation::ChangeKind;

use super::*;
use crate::{Dialect as _, unfold};

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings/exchanges/bedrock");

#[test]
fn recorded_traffic_is_understood_and_passed_on() {
    if !std::path::Path::new(RECORDINGS).is_dir() {
        return;
    }
    let (mut problems, mut count) = (Vec::new(), 0);
    for surface in ["bedrock_converse", "bedrock_converse_stream"] {
        let lines = std::fs::read_to_string(format!("{RECORDINGS}/{surface}.jsonl")).unwrap();
        for line in lines.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            count += 1;
            if let Err(problem) = exchange(&record) {
                problems.push(format!("{}: {problem}", record["id"]));
            }
        }
    }
    assert!(problems.is_empty(), "{} of {count}:\n{}", problems.len(), problems.join("\n"));
    assert!(count > 0);
}

fn exchange(record: &Value) -> Result<(), String> {
    let response = &record["response"];
    request(&record["request"]["body"])?;
    let body = response["body"].as_str().unwrap();
    if response["status"] != 200 {
        return Ok(());
    }
    // The streams are base64, whatever is said of them.
    match STANDARD.decode(body) {
        Ok(bytes) => streamed(&bytes),
        Err(_) => whole(body),
    }
}

fn request(body: &Value) -> Result<(), String> {
    let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    let read = decode(&text).map_err(|error| error.to_string())?;
    let encoded = Bedrock.encode_request(&read, &target(&[])).map_err(|error| error.to_string())?;
    let written = String::from_utf8(encoded.body.concat()).unwrap();
    let again = decode(&written).map_err(|error| format!("{error}: {written}"))?;
    // Two turns of one speaker are written as one, and a blank text not at all.
    let said = |conversation: &Conversation| {
        let contents = conversation.messages.iter().flat_map(|message| message.content.clone());
        contents.filter(|content| *content != Content::text("")).collect::<Vec<_>>()
    };
    let is_same = said(&again) == said(&read) && again.tools == read.tools;
    let is_rewritten = encoded.changes.iter().any(|change| change.kind != ChangeKind::Dropped);
    if is_same || is_rewritten { Ok(()) } else { Err(format!("reads differently:\n{read:?}\n{again:?}")) }
}

fn whole(body: &str) -> Result<(), String> {
    let answer = Bedrock.decode_answer(body.as_bytes()).map_err(|fault| fault.to_string())?;
    let again = Bedrock.decode_answer(&Bedrock.encode_answer(&answer, &asked(Delivery::Whole)));
    same(&answer, &again.map_err(|fault| fault.to_string())?)?;
    same(&answer, &fold(unfold(&answer)))?;
    let frames = vec![Frame::Whole(Bytes::from(body.to_owned()))];
    let (out, result, tally) = pass(Bedrock.forwarder(&asked(Delivery::Whole)), frames);
    result.map_err(|fault| fault.to_string())?;
    if out == body.as_bytes() && tally.usage == answer.usage {
        Ok(())
    } else {
        Err(format!("passed on differently: {tally:?}"))
    }
}

fn streamed(body: &[u8]) -> Result<(), String> {
    let events = read(body).map_err(|fault| fault.to_string())?;
    let answer = fold(events.clone());
    let frames = frames([body]).into_iter().map(Frame::Event).collect();
    let (out, result, tally) =
        pass(Bedrock.forwarder(&asked(Delivery::Stream { include_usage: true })), frames);
    result.map_err(|fault| fault.to_string())?;
    if out != body || tally.usage != answer.usage || tally.stop != answer.choices[0].stop {
        return Err(format!("passed on differently: {tally:?}\n{answer:?}"));
    }
    let mut again = fold(read(&write(&events)).map_err(|fault| fault.to_string())?);
    // The provider's own tools have no word in a stream to another's caller.
    let mut answer = answer;
    for choice in answer.choices.iter_mut().chain(&mut again.choices) {
        choice.content.retain(|content| !matches!(content, Content::Opaque { .. }));
    }
    same(&answer, &again)
}

fn same(first: &Answer, second: &Answer) -> Result<(), String> {
    if first.choices == second.choices && first.usage == second.usage {
        Ok(())
    } else {
        Err(format!("the answer reads differently:\n{first:?}\n{second:?}"))
    }
}
