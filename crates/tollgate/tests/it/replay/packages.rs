//! What the providers' own client libraries read of the answers that were translated: over a socket, one process for
//! each language and package.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use testkit::{FakeUpstream, Reply};
use tokio::task::JoinSet;
use types::DialectId;

use crate::heard::Gist;
use crate::{question, sdk};

/// An answer that a caller got, and what it has to mean.
pub(super) struct Translated {
    pub(super) id: String,
    pub(super) caller: DialectId,
    pub(super) content_type: String,
    pub(super) is_streamed: bool,
    pub(super) body: Bytes,
    pub(super) gist: Gist,
}

/// The languages whose provider has a package for Node; all have one for Python.
const IN_NODE: &[&str] = &["anthropic", "gemini", "openai_chat", "openai_responses"];

/// Has every answer read by the packages of its language.
pub(super) async fn check(answers: Vec<Translated>) {
    let answers = Arc::new(answers);
    let told = Arc::clone(&answers);
    let upstream = FakeUpstream::start(move |request| {
        let model = question::model(request);
        let number = model.strip_prefix("read-").and_then(|number| number.parse::<usize>().ok());
        let Some(answer) = number.and_then(|number| told.get(number)) else {
            return Reply::json(404, "no answer has this number");
        };
        Reply::bytes(&answer.content_type, answer.body.clone())
    })
    .await;
    let mut languages: Vec<&str> = answers.iter().map(|answer| answer.caller.as_str()).collect();
    languages.sort_unstable();
    languages.dedup();
    let mut readers = Vec::new();
    for language in languages {
        readers.push((language, in_python(language, &upstream.url())));
        if IN_NODE.contains(&language) {
            readers.push((language, in_node(language, &upstream.url())));
        }
    }
    let mut reading = JoinSet::new();
    for (language, command) in readers {
        let (answers, language) = (Arc::clone(&answers), language.to_owned());
        reading.spawn_blocking(move || read(command, &language, &answers));
    }
    let problems: Vec<String> = reading.join_all().await.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{} of {} answers:\n{}", problems.len(), answers.len(), problems.join("\n"));
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/replay")
}

fn in_python(language: &str, url: &str) -> Command {
    let mut command = Command::new(sdk::installed("venv/bin/python"));
    command.arg(folder().join("read.py")).args([language, url]).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn in_node(language: &str, url: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(folder().join("read.mjs")).args([language, url]);
    command.env("TOLLGATE_SDK_NODE", sdk::installed("node/node_modules").parent().unwrap());
    command
}

/// What is wrong with what this program reads of the answers in a language.
fn read(mut command: Command, language: &str, answers: &[Translated]) -> Vec<String> {
    let asked = answers.iter().enumerate().filter(|(_, answer)| answer.caller.as_str() == language);
    let asked: BTreeMap<usize, &Translated> = asked.collect();
    let lines = asked.iter().map(|(number, answer)| {
        format!("{number} {}\n", if answer.is_streamed { "stream" } else { "whole" })
    });
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(list.path(), lines.collect::<String>()).unwrap();
    // A proxy of the machine's has no business between two processes on it.
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    let output =
        command.stdin(std::fs::File::open(list.path()).unwrap()).stderr(Stdio::piped()).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let read: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let program = command.get_program().to_string_lossy().into_owned();
    let mut problems = Vec::new();
    if read.len() != asked.len() {
        let said = String::from_utf8_lossy(&output.stderr);
        problems.push(format!("{program}: {language}: {} of {} were read: {said}", read.len(), asked.len()));
    }
    for read in &read {
        let number = usize::try_from(read["number"].as_u64().unwrap()).unwrap();
        let Translated { id, gist, body, .. } = asked[&number];
        if let Err(problem) = same(gist, read) {
            let body = String::from_utf8_lossy(body);
            problems.push(format!("{program}: {id} for {language}: {problem:.800} of {body:.600}"));
        }
    }
    problems
}

/// Whether a package has read what our own readers have.
fn same(gist: &Gist, read: &Value) -> Result<(), String> {
    if let Some(error) = read["error"].as_str() {
        return Err(error.to_owned());
    }
    let calls = read["calls"].as_array().into_iter().flatten();
    let calls: Vec<_> = calls.map(|call| (call[0].as_str().unwrap_or_default(), plain(&call[1]))).collect();
    let expect = gist.tool_calls.iter().enumerate().map(|(at, (name, value))| match value {
        // Of arguments that the token limit cut off, some packages make an object, and some of those leave more out.
        Value::String(_) => (name.as_str(), calls.get(at).map_or(Value::Null, |(_, read)| read.clone())),
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) => {
            (name.as_str(), plain(value))
        }
    });
    let expect: Vec<_> = expect.collect();
    let usage = (read["usage"][0].as_u64(), read["usage"][1].as_u64());
    let is_used = gist.usage.is_none_or(|(input, output)| usage == (Some(input), Some(output)));
    let is_same = read["text"] == gist.text.as_str() && read["thinking"] == gist.thinking.as_str();
    if is_same && is_used && calls == expect {
        Ok(())
    } else {
        Err(format!("expected {gist:?}, read {read}"))
    }
}

/// A value as all languages have it: texts that are JSON are what they say, and numbers are of one kind.
fn plain(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Number(number) => number.as_f64().into(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(value @ (Value::Array(_) | Value::Object(_))) => plain(&value),
            // Some models say so that there are no arguments.
            Ok(Value::Null) => Value::Object(serde_json::Map::new()),
            Ok(_) | Err(_) => value.clone(),
        },
        Value::Bool(_) | Value::Null => value.clone(),
    }
}
