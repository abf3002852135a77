//! Real traffic, where a folder of recordings stands beside the repository: all of it must be understood.

use types::conversation::ChangeKind;

use super::*;
use crate::{Dialect as _, unfold};

const RECORDINGS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings/exchanges/ollama/ollama_chat.jsonl");

#[test]
fn recorded_traffic_is_understood_and_passed_on() {
    let Ok(text) = std::fs::read_to_string(RECORDINGS) else { return };
    let mut problems = Vec::new();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let body = &record["request"]["body"];
        let asked = request(&body.as_str().map_or_else(|| body.to_string(), str::to_owned));
        let answered = answer(record["response"]["body"].as_str().unwrap());
        let result = asked.and(answered);
        problems.extend(result.err().map(|problem| format!("{}: {problem}", record["id"])));
    }
    assert!(problems.is_empty(), "{}:\n{}", problems.len(), problems.join("\n"));
}

fn request(body: &str) -> Result<(), String> {
    let read = decode(body).map_err(|error| error.to_string())?;
    let encoded = Ollama.encode_request(&read, &target(&[])).map_err(|error| error.to_string())?;
    let written = String::from_utf8(encoded.body.concat()).unwrap();
    let again = decode(&written).map_err(|error| format!("{error}: {written}"))?;
    let kept = |conversation: &Conversation| {
        let messages = conversation.messages.iter().filter(|message| !message.content.is_empty());
        messages.cloned().collect::<Vec<_>>()
    };
    let is_kept = encoded.changes.iter().all(|change| change.kind == ChangeKind::Dropped);
    let same = is_kept && kept(&again).len() == kept(&read).len() && again.tools == read.tools;
    if same { Ok(()) } else { Err(format!("reads differently:\n{read:?}\n{again:?}")) }
}

fn answer(body: &str) -> Result<(), String> {
    let is_whole = body.trim_end().lines().count() == 1 && body.contains("\"done\":true");
    let (answer, frames, delivery) = if is_whole {
        let answer = Ollama.decode_answer(body.as_bytes()).map_err(|fault| fault.to_string())?;
        (answer, vec![Frame::Whole(Bytes::from(body.to_owned()))], Delivery::Whole)
    } else {
        let events = read(body.as_bytes()).map_err(|fault| fault.to_string())?;
        (fold(events), lines(body.as_bytes()).into_iter().map(Frame::Event).collect(), STREAMED)
    };
    let again = fold(read(&write(&unfold(&answer))).map_err(|fault| fault.to_string())?);
    let (out, result, tally) = pass(Ollama.forwarder(&asked(delivery)), frames);
    result.map_err(|fault| fault.to_string())?;
    let name = answer.model.clone().unwrap_or_default();
    let is_passed = String::from_utf8(out).unwrap().replace("\"public\"", &format!("\"{name}\"")) == body;
    let is_counted = tally.usage == answer.usage && tally.stop == answer.choices[0].stop;
    let is_same = again.choices == answer.choices;
    if is_passed && is_counted && is_same { Ok(()) } else { Err(format!("{tally:?}\n{answer:?}\n{again:?}")) }
}
