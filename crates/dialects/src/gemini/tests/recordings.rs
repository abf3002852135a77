//! Real traffic, where a folder of recordings stands beside the repository: all of it must be understood.

use types::conversation::ChangeKind;

use super::*;
use crate::{read_fault, unfold};

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings/exchanges");

#[test]
fn recorded_traffic_is_understood_and_passed_on() {
    let Ok(providers) = std::fs::read_dir(RECORDINGS) else { return };
    let mut problems = Vec::new();
    let mut count = 0;
    for provider in providers {
        let provider = provider.unwrap().path();
        for name in ["gemini_generate.jsonl", "gemini_stream.jsonl"] {
            let lines = std::fs::read_to_string(provider.join(name)).unwrap_or_default();
            for record in lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
                count += 1;
                if let Err(problem) = exchange(&record) {
                    problems.push(format!("{} {}: {problem}", record["provider"], record["id"]));
                }
            }
        }
    }
    assert!(count > 0 && problems.is_empty(), "{} of {count}:\n{}", problems.len(), problems.join("\n"));
}

fn exchange(record: &Value) -> Result<(), String> {
    let body = record["response"]["body"].as_str().unwrap_or_default();
    let status = record["response"]["status"].as_u64().unwrap();
    if status != 200 {
        read_fault(u16::try_from(status).unwrap(), body.as_bytes());
        return Ok(());
    }
    request(&record["request"]["body"])?;
    if body.starts_with('{') { whole(body) } else { streamed(body) }
}

fn request(body: &Value) -> Result<(), String> {
    let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    let read = decode(&text).map_err(|error| error.to_string())?;
    let encoded = Gemini.encode_request(&read, &target(&[])).map_err(|error| error.to_string())?;
    let again =
        decode(&String::from_utf8(encoded.body.concat()).unwrap()).map_err(|error| error.to_string())?;
    let has = |kind| encoded.changes.iter().any(|change| change.kind == kind);
    let is_moved = has(ChangeKind::Emulated) || has(ChangeKind::Rewritten);
    if is_moved || (again.messages.len() == read.messages.len() && again.tools == read.tools) {
        return Ok(());
    }
    // Turns of one speaker are joined.
    let said =
        |conversation: &Conversation| conversation.messages.iter().map(|m| m.content.len()).sum::<usize>();
    if said(&again) == said(&read) { Ok(()) } else { Err(format!("reads differently: {read:?}\n{again:?}")) }
}

fn whole(body: &str) -> Result<(), String> {
    let answer = Gemini.decode_answer(body.as_bytes()).map_err(|fault| fault.to_string())?;
    let asked = asked(Delivery::Whole, StreamForm::Array);
    let again =
        Gemini.decode_answer(&Gemini.encode_answer(&answer, &asked)).map_err(|fault| fault.to_string())?;
    same(&answer, &again)?;
    same(&answer, &fold(unfold(&answer)))?;
    let (out, result, tally) =
        pass(Gemini.forwarder(&asked), vec![Frame::Whole(Bytes::copy_from_slice(body.as_bytes()))]);
    result.map_err(|fault| fault.to_string())?;
    if out != renamed(body, &answer) || tally.usage != answer.usage || tally.stop != answer.choices[0].stop {
        return Err(format!("passed on differently: {tally:?}"));
    }
    Ok(())
}

fn streamed(body: &str) -> Result<(), String> {
    let answer = fold(read(body).map_err(|fault| fault.to_string())?);
    let conduit = Gemini.forwarder(&asked(STREAMED, StreamForm::Events));
    let (out, result, tally) = pass(conduit, events(body).into_iter().map(Frame::Event).collect());
    result.map_err(|fault| fault.to_string())?;
    if out != renamed(body, &answer) || tally.usage != answer.usage || tally.stop != answer.choices[0].stop {
        return Err(format!("passed on differently: {tally:?} {answer:?}"));
    }
    let again = read(&write(&unfold(&answer), StreamForm::Events)).map_err(|fault| fault.to_string())?;
    same(&answer, &fold(again))
}

/// What is passed on: the same with the model's name as the caller knows it.
fn renamed(body: &str, answer: &Answer) -> String {
    let model = answer.model.as_deref().unwrap_or_default();
    [": ", ":"].iter().fold(body.to_owned(), |body, colon| {
        let named = |model: &str| format!("\"modelVersion\"{colon}\"{model}\"");
        body.replace(&named(model), &named("gemini-public"))
    })
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
