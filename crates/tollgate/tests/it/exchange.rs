//! Exchanges with providers, as recorded or as in the repository's own fixtures, and how their bytes must change on
//! the way through the gateway.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dialects::{Conversational, Head, PathSaid, Streams};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use types::StreamForm;
use types::conversation::Conversation;

use crate::language;

/// Recordings beside the repository; they are not part of it.
pub(crate) const RECORDINGS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings/exchanges");
/// The built-in providers.
pub(crate) const CATALOGUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../providers/catalogue");

/// How addresses end of what was asked in an older language than is spoken.
const OLDER: &[&str] = &["/v1/chat"];

/// What a client sent to a provider, and what came back.
pub(crate) struct Exchange {
    /// `provider/id`, or `provider/file` of a fixture, between which a language may stand.
    pub(crate) id: String,
    /// The folder of the fixture, if it is one.
    pub(crate) fixtures: PathBuf,
    pub(crate) dialect: &'static dyn Conversational,
    pub(crate) request_headers: HeaderMap,
    pub(crate) request: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What decides where a body ends, and how it is packed: a replay has its own.
const FRAMING: &[&str] =
    &["connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"];

impl Exchange {
    /// Whether the answer is a stream.
    pub(crate) fn is_streamed(&self) -> bool {
        let content_type = self.headers.get("content-type").map_or(&b""[..], HeaderValue::as_bytes);
        StreamForm::of_content_type(content_type).is_some()
    }

    /// Whether the caller asked for usage at the end of a stream.
    pub(crate) fn wants_usage(&self) -> bool {
        let request: Value = serde_json::from_str(&self.request).unwrap();
        request.pointer("/stream_options/include_usage") == Some(&json!(true))
    }

    /// The request for this model.
    pub(crate) fn request_for(&self, model: &str) -> String {
        match language::model_in_request(self.dialect) {
            Some(pointer) => renamed(&self.request, pointer, model).unwrap(),
            None => self.request.clone(),
        }
    }

    /// Reads a request of the exchange's language that has these headers.
    pub(crate) fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Conversation, String> {
        let streams = if self.is_streamed() { Streams::Always } else { Streams::Never };
        let path = PathSaid { model: Some("m".into()), streams, ..PathSaid::default() };
        let head = Head { path: &path, ..Head::of(headers) };
        self.dialect.decode_request(head, body).map_err(|error| error.to_string())
    }

    /// The exchange of a record; none of what was asked without a body, which asked for no answer, or in an older
    /// language.
    fn of_record(record: &Value) -> Option<Self> {
        let text = |place: &str| record.pointer(place).and_then(Value::as_str).unwrap();
        let file = format!("{}.jsonl", text("/surface"));
        let (dialect, _) =
            language::all().find(|(_, language)| language.recordings.contains(&file.as_str())).unwrap();
        let request = match &record["request"]["body"] {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            body @ (Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
                body.to_string()
            }
        };
        if OLDER.iter().any(|path| text("/request/url").ends_with(path)) {
            return None;
        }
        let body = text("/response/body");
        // Frames are base64, whatever is said of them.
        let is_framed = text("/surface") == "bedrock_converse_stream";
        let bytes = STANDARD.decode(body).ok().filter(|_| is_framed);
        Some(Self {
            id: format!("{}/{}", text("/provider"), text("/id")),
            fixtures: PathBuf::new(),
            dialect,
            request_headers: header_map(&record["request"]["headers"]),
            request,
            status: u16::try_from(record["response"]["status"].as_u64().unwrap()).unwrap(),
            headers: header_map(&record["response"]["headers"]),
            body: bytes.map_or_else(|| body.to_owned().into(), Bytes::from),
        })
    }
}

fn header_map(headers: &Value) -> HeaderMap {
    let named = headers.as_object().into_iter().flatten().filter_map(|(name, value)| {
        let name = HeaderName::try_from(name).ok()?;
        let value = HeaderValue::try_from(value.as_str()?).ok()?;
        (!FRAMING.contains(&name.as_str())).then_some((name, value))
    });
    named.collect()
}

/// Every recorded exchange in a language that is spoken; none where there is no such folder.
pub(crate) fn recorded() -> Vec<Exchange> {
    let Ok(providers) = std::fs::read_dir(RECORDINGS) else { return Vec::new() };
    let mut files: Vec<PathBuf> = providers
        .flat_map(|provider| {
            let folder = provider.unwrap().path();
            let files = language::all().flat_map(|(_, language)| language.recordings);
            files.map(move |file| folder.join(file)).collect::<Vec<_>>()
        })
        .filter(|file| file.is_file())
        .collect();
    files.sort();
    let text: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter_map(|record| Exchange::of_record(&record)).collect()
}

/// The exchanges of the repository's own fixtures: each request with every answer its provider gives.
pub(crate) fn of_fixtures() -> Vec<Exchange> {
    let providers = std::fs::read_dir(CATALOGUE).unwrap().map(|entry| entry.unwrap().path().join("fixtures"));
    // Those of another language than the preferred one have a folder of their own.
    let of_provider = |folder: PathBuf| {
        let others = dialects::all().iter().map(|dialect| folder.join(dialect.id().as_str()));
        others.chain([folder.clone()]).collect::<Vec<_>>()
    };
    let mut folders: Vec<PathBuf> = providers.flat_map(of_provider).collect();
    folders.retain(|folder| folder.join("chat.request.json").is_file());
    folders.sort();
    folders.iter().flat_map(|folder| of_folder(folder)).collect()
}

fn of_folder(folder: &Path) -> Vec<Exchange> {
    let expect = std::fs::read_to_string(folder.join("expect.toml")).unwrap();
    let expect: toml::Table = expect.parse().unwrap();
    let dialect = dialects::by_name(expect["dialect"].as_str().unwrap()).unwrap().conversational().unwrap();
    let within = folder.strip_prefix(CATALOGUE).unwrap().to_str().unwrap();
    let within = within.replacen("/fixtures", "", 1);
    let request = std::fs::read_to_string(folder.join("chat.request.json")).unwrap();
    let says_stream = language::model_in_request(dialect).is_some();
    // Some languages stream unless they are told not to.
    let asked = |is_streamed: bool| {
        let stream = format!("{{\"stream\":{is_streamed},");
        if says_stream { request.replacen('{', &stream, 1) } else { request.clone() }
    };
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| is_answer(name))
        .collect();
    files.sort();
    let exchange = |file: &String| {
        let is_streamed = is_stream(file);
        let kind = stream_kind(file).unwrap_or("application/json");
        let status = file.strip_prefix("error.").and_then(|rest| rest.get(..3)?.parse().ok());
        Exchange {
            id: format!("{within}/{file}"),
            fixtures: folder.to_owned(),
            dialect,
            request_headers: HeaderMap::new(),
            request: asked(is_streamed),
            status: status.unwrap_or(200),
            headers: header_map(&json!({ "content-type": kind })),
            body: std::fs::read(folder.join(file)).unwrap().into(),
        }
    };
    files.iter().map(exchange).collect()
}

fn is_answer(file: &str) -> bool {
    file == "chat.response.json" || file.starts_with("error.") || is_stream(file)
}

fn is_stream(file: &str) -> bool {
    stream_kind(file).is_some()
}

/// The media type of a stream in a file that ends so.
fn stream_kind(file: &str) -> Option<&'static str> {
    let forms = [("frames", StreamForm::Frames), ("ndjson", StreamForm::Lines), ("sse", StreamForm::Events)];
    let ending = Path::new(file).extension()?;
    forms.into_iter().find(|(known, _)| ending == *known).map(|(_, form)| form.content_type())
}

/// The text of a JSON object with another name for the model at `pointer` and every other byte as it was; none if
/// there is no name there.
pub(crate) fn renamed(text: &str, pointer: &str, model: &str) -> Option<String> {
    const MARK: &str = "\u{1}";
    serde_json::from_str::<Value>(text).ok()?.pointer(pointer)?.as_str()?;
    let key = &format!("\"{}\"", pointer.rsplit('/').next()?);
    let with = |at: usize, literal: &Value| {
        let rest = text[at + key.len()..].trim_start().strip_prefix(':')?.trim_start();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        values.next()?.ok()?.as_str()?;
        let start = text.len() - rest.len();
        Some(format!("{}{literal}{}", &text[..start], &rest[values.byte_offset()..]))
    };
    // The name may stand in other places too: the right one is where a mark is found at the pointer.
    let at = text.match_indices(key).map(|(at, _)| at).find(|at| {
        let marked = with(*at, &json!(MARK)).and_then(|text| serde_json::from_str::<Value>(&text).ok());
        marked.is_some_and(|value| value.pointer(pointer) == Some(&json!(MARK)))
    })?;
    with(at, &json!(model))
}
