//! Real traffic, where a folder of recordings stands beside the repository: all of it must be understood.

use types::conversation::ChangeKind;

use super::*;
use crate::{Dialect as _, unfold};

const RECORDINGS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings/exchanges/cohere/cohere_chat.jsonl");

#[test]
fn recorded_traffic_is_understood_and_passed_on() {
    let Ok(text) = std::fs::read_to_string(RECORDINGS) else { return };
    let mut problems = Vec::new();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        if !record["request"]["url"].as_str().unwrap().ends_with("/v2/chat") {
            continue;
        }
        let body = &record["request"]["body"];
        let asked = request(&body.as_str().map_or_else(|| body.to_string(), str::to_owned));
        let answered = if record["response"]["status"] == 200 {
            answer(record["response"]["body"].as_str().unwrap())
        } else {
            Ok(())
        };
        let result = asked.and(answered);
        problems.extend(result.err().map(|problem| format!("{}: {problem}", record["id"])));
    }
    assert!(problems.is_empty(), "{}:\n{}", problems.len(), problems.join("\n"));
}

fn request(body: &str) -> Result<(), String> {
    let read = decode(body).map_err(|error| error.to_string())?;
    let encoded = Cohere.encode_request(&read, &target(&[])).map_err(|error| error.to_string())?;
    let written = String::from_utf8(encoded.body.concat()).unwrap();
    let again = decode(&written).map_err(|error| format!("{error}: {written}"))?;
    let is_kept = encoded.changes.iter().all(|change| change.kind == ChangeKind::Dropped);
    let same = is_kept && again.messages.len() == read.messages.len() && again.tools == read.tools;
    if same { Ok(()) } else { Err(format!("reads differently:\n{read:?}\n{again:?}")) }
}

fn answer(body: &str) -> Result<(), String> {
    let (answer, frames, delivery) = if body.starts_with('{') {
        let answer = Cohere.decode_answer(body.as_bytes()).map_err(|fault| fault.to_string())?;
        (answer, vec![Frame::Whole(Bytes::from(body.to_owned()))], Delivery::Whole)
    } else {
        let read = read(body.as_bytes()).map_err(|fault| fault.to_string())?;
        (fold(read), events(body.as_bytes()).into_iter().map(Frame::Event).collect(), STREAMED)
    };
    let again = fold(read(&write(&unfold(&answer))).map_err(|fault| fault.to_string())?);
    let whole = Cohere.decode_answer(&Cohere.encode_answer(&answer, &asked(Delivery::Whole)));
    let whole = whole.map_err(|fault| fault.to_string())?;
    let (out, result, tally) = pass(Cohere.forwarder(&asked(delivery)), frames);
    result.map_err(|fault| fault.to_string())?;
    let is_counted = tally.usage == answer.usage && tally.stop == answer.choices[0].stop;
    let is_same = again.choices == answer.choices && whole.choices == answer.choices;
    if out == body.as_bytes() && is_counted && is_same && whole.usage == answer.usage {
        Ok(())
    } else {
        Err(format!("{tally:?}\n{answer:?}\n{again:?}\n{whole:?}"))
    }
}
