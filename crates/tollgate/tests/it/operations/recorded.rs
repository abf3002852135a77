//! Recorded exchanges of operations that are no conversations, through the gateway in their own language: every byte
//! comes through but for the model's name. Where there are no recordings there is nothing to replay.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;
use testkit::{FakeUpstream, Reply, Split};

use crate::exchange::{RECORDINGS, renamed};
use crate::gateway;

/// Surfaces, and what their addresses end in, with the path that the gateway has for it.
const PATHS: &[(&str, &str)] = &[
    ("/audio/speech", "/v1/audio/speech"),
    ("/audio/transcriptions", "/v1/audio/transcriptions"),
    ("/v1/completions", "/v1/completions"),
    ("/v1/embeddings", "/v1/embeddings"),
    ("/v1/images/edits", "/v1/images/edits"),
    ("/v1/images/generations", "/v1/images/generations"),
    ("/v1/moderations", "/v1/moderations"),
    ("/v1/rerank", "/v1/rerank"),
    ("/v2/embed", "/v2/embed"),
    ("/v2/rerank", "/v2/rerank"),
];

/// Exchanges that cannot come through byte by byte, of a provider or of one of its paths.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("mistral/audio/speech", "its sound is unpacked, which the caller did not want packed"),
    ("voyage", "its answers to a reranking are another language's"),
    ("perplexity", "its vectors are of eight-bit numbers, which nobody asked for"),
    ("writer", "its streams are another language's"),
];

struct Recorded {
    id: String,
    path: &'static str,
    content_type: String,
    request: Bytes,
    status: u16,
    answer_type: String,
    answer: Bytes,
}

#[tokio::test]
async fn recorded_operations_come_through_whole() {
    let recorded = Arc::new(recorded());
    let script = Arc::clone(&recorded);
    let upstream = FakeUpstream::start(move |request| {
        let number: usize = request.path.split('/').nth(1).unwrap().parse().unwrap();
        let Recorded { answer_type, answer, status, .. } = &script[number];
        Reply::bytes(answer_type, answer.clone()).status(*status).split(Split::Random(number as u64))
    })
    .await;
    let config = |number: usize| {
        let url = format!("{}/{number}", upstream.url());
        let kind = if recorded[number].path == "/v2/embed" { "cohere" } else { "vllm" };
        let kind = if recorded[number].path.contains("rerank") || kind == "cohere" { kind } else { "openai" };
        format!("c{number}: {{kind: {kind}, url: \"{url}\", key: sk-x}}")
    };
    let entries: Vec<_> = (0..recorded.len()).map(config).collect();
    let gateway = gateway().config(&format!("providers: {{{}}}\n", entries.join(", "))).start().await;
    let mut problems = Vec::new();
    for (number, exchange) in recorded.iter().enumerate() {
        let Some(body) = exchange.named(&format!("c{number}/m")) else { continue };
        let call = gateway.post(exchange.path, body).header("content-type", &exchange.content_type);
        let answer = call.send().await;
        let sent = upstream.last();
        let problem = if Some(&sent.body) != exchange.sent().as_ref() {
            Some("the request differs".to_owned())
        } else if exchange.status != 200 {
            let is_error = answer.status >= 400 && !answer.header("x-tollgate-code").is_empty();
            (!is_error).then(|| format!("the error became {} {:?}", answer.status, answer.body))
        } else {
            let expect = exchange.answered(&format!("c{number}/m"));
            (answer.body != expect)
                .then(|| format!("the answer differs: {} {:.300?}", answer.status, answer.body))
        };
        problems.extend(problem.map(|problem| format!("{} {}: {problem}", exchange.id, exchange.path)));
    }
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), recorded.len(), problems.join("\n"));
}

impl Recorded {
    /// The request for this model; none where it names none.
    fn named(&self, model: &str) -> Option<Bytes> {
        if !self.content_type.starts_with("multipart/") {
            return renamed(std::str::from_utf8(&self.request).ok()?, "/model", model).map(Bytes::from);
        }
        let mark = b"name=\"model\"\r\n\r\n";
        let start = self.request.windows(mark.len()).position(|window| window == mark)? + mark.len();
        let end = start + self.request[start..].iter().position(|byte| *byte == b'\r')?;
        Some([&self.request[..start], model.as_bytes(), &self.request[end..]].concat().into())
    }

    /// The request as it is sent on: usage is asked for at the end of a stream of completions.
    fn sent(&self) -> Option<Bytes> {
        let named = self.named("m")?;
        let Ok(value) = serde_json::from_slice::<Value>(&named) else { return Some(named) };
        if self.path != "/v1/completions" || value["stream"] != true || value.get("stream_options").is_some()
        {
            return Some(named);
        }
        let asks = r#"{"stream_options":{"include_usage":true},"#;
        Some(std::str::from_utf8(&named).ok()?.replacen('{', asks, 1).into())
    }

    /// The answer as the caller is to read it.
    fn answered(&self, model: &str) -> Bytes {
        let Ok(text) = std::str::from_utf8(&self.answer) else { return self.answer.clone() };
        if !self.answer_type.starts_with("text/event-stream") {
            return renamed(text, "/model", model).map_or_else(|| self.answer.clone(), Bytes::from);
        }
        let lines = text.split_inclusive('\n').map(|line| {
            let data = line.strip_prefix("data: ");
            let renamed =
                data.and_then(|data| Some(format!("data: {}\n", renamed(data.trim_end(), "/model", model)?)));
            renamed.unwrap_or_else(|| line.to_owned())
        });
        lines.collect::<String>().into()
    }
}

/// Every recorded exchange that the gateway has a path for.
fn recorded() -> Vec<Recorded> {
    let Ok(providers) = std::fs::read_dir(RECORDINGS) else { return Vec::new() };
    let mut files: Vec<_> = providers
        .flat_map(|provider| provider.unwrap().path().read_dir().unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let lines = files.iter().flat_map(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        text.lines().filter_map(read).collect::<Vec<_>>()
    });
    lines.collect()
}

fn read(line: &str) -> Option<Recorded> {
    // Most recordings are of conversations, which are replayed elsewhere.
    if !PATHS.iter().any(|(end, _)| line.contains(end)) {
        return None;
    }
    let record: Value = serde_json::from_str(line).unwrap();
    let text = |place: &str| record.pointer(place).and_then(Value::as_str);
    let (provider, id) = (text("/provider")?, text("/id")?);
    let url = text("/request/url")?.split('?').next()?;
    let (end, path) =
        PATHS.iter().find(|(end, _)| url.ends_with(end) && !url.ends_with("/chat/completions"))?;
    let is_of = |known: &str| known == provider || known == format!("{provider}{end}");
    if EXCEPTIONS.iter().any(|(known, _)| is_of(known)) {
        return None;
    }
    let header = |place: &str, name: &str| {
        let headers = record.pointer(place)?.as_object()?;
        let (_, value) = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        value.as_str().map(str::to_owned)
    };
    let request = text("/request/body")?;
    let request = match request.strip_prefix("base64:") {
        Some(packed) => STANDARD.decode(packed).ok()?,
        None => request.as_bytes().to_vec(),
    };
    let answer = text("/response/body")?;
    let is_packed = text("/response/encoding") == Some("base64");
    Some(Recorded {
        id: format!("{provider}/{id}"),
        path,
        content_type: header("/request/headers", "content-type")
            .unwrap_or_else(|| "application/json".to_owned()),
        request: request.into(),
        status: u16::try_from(record.pointer("/response/status")?.as_u64()?).ok()?,
        answer_type: header("/response/headers", "content-type").unwrap_or_default(),
        answer: if is_packed { STANDARD.decode(answer).ok()?.into() } else { answer.to_owned().into() },
    })
}
