//! What the tests know of each language by themselves: where its answers name the model, and what everything that is
//! written in it obeys. A new language is a row here.

mod shape;

use bytes::Bytes;
use dialects::{Conversational, Dialect};
use serde_json::{Value, json};
use testkit::Builder;
use types::Operation;

use crate::heard;

/// What is wrong with the names and data of a stream's events, of which the answer's name for the model is known.
type StreamCheck = fn(&[(String, Value)], &str) -> Result<(), String>;

/// Where arguments that are no JSON, because the token limit cut them off, have to be put into an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Objects {
    Everywhere,
    InWhole,
    Nowhere,
}

/// What is known of one language.
pub(crate) struct Language {
    /// Its name.
    id: &'static str,
    /// The files of its recordings, in each provider's folder.
    pub(crate) recordings: &'static [&'static str],
    /// Where an upstream has it, and the headers it wants, as in `provider.toml`.
    upstream: &'static str,
    /// Where a whole answer names the model.
    pub(crate) model: &'static str,
    /// Where an event of a stream names the model.
    pub(crate) model_in_event: &'static str,
    /// Where an error says what kind it is.
    pub(crate) error_kind: &'static str,
    /// Whether a caller has to ask for the usage of a stream.
    pub(crate) asks_for_usage: bool,
    /// Where arguments have to be objects.
    objects: Objects,
    /// Whether an error says that it is one.
    pub(crate) marks_errors: bool,
    /// What an answer has that nothing is known of before: its times and ids.
    pub(crate) fleeting: &'static [&'static str],
    whole: fn(&Value) -> bool,
    stream: StreamCheck,
}

static LANGUAGES: [Language; 4] = [
    Language {
        id: "openai_chat",
        recordings: &["openai_chat.jsonl"],
        upstream: "chat = \"/v1/chat/completions\"",
        model: "/model",
        error_kind: "/error/type",
        model_in_event: "/model",
        asks_for_usage: true,
        objects: Objects::Nowhere,
        marks_errors: false,
        fleeting: &["", "/error"],
        whole: shape::is_completion,
        stream: shape::chunks,
    },
    Language {
        id: "anthropic",
        recordings: &["anthropic_messages.jsonl"],
        upstream: "chat = \"/v1/messages\"\nheaders = { anthropic-version = \"2023-06-01\" }",
        model: "/model",
        error_kind: "/error/type",
        model_in_event: "/message/model",
        asks_for_usage: false,
        objects: Objects::InWhole,
        marks_errors: true,
        fleeting: &["", "/message"],
        whole: shape::is_message,
        stream: shape::messages,
    },
    Language {
        id: "openai_responses",
        recordings: &["openai_responses.jsonl"],
        upstream: "chat = \"/v1/responses\"",
        model: "/model",
        error_kind: "/error/type",
        model_in_event: "/response/model",
        asks_for_usage: false,
        objects: Objects::Nowhere,
        marks_errors: false,
        fleeting: &["", "/response", "/item", "/response/output/0", "/response/output/1"],
        whole: shape::is_response,
        stream: shape::responses,
    },
    Language {
        id: "gemini",
        recordings: &["gemini_generate.jsonl", "gemini_stream.jsonl"],
        upstream: "chat = \"/v1beta/models/{model}:generateContent\"\nchat_stream = \"/v1beta/models/{model}:streamGenerateContent?alt=sse\"",
        model: "/modelVersion",
        error_kind: "/error/status",
        model_in_event: "/modelVersion",
        asks_for_usage: false,
        objects: Objects::Everywhere,
        marks_errors: false,
        fleeting: &[""],
        whole: shape::is_generated,
        stream: shape::generated,
    },
];

/// What has no row, and why.
const ROWLESS: &[(&str, &str)] = &[
    ("bedrock", "its streams are no server-sent events; its folder tries its recordings"),
    ("cohere", "its answers name no model; its folder tries its recordings"),
    ("ollama", "its streams are no server-sent events; its folder tries its recordings"),
];

/// Every language that exchanges are replayed in.
pub(crate) fn all() -> impl Iterator<Item = (&'static dyn Conversational, &'static Language)> {
    dialects::conversational().filter(|dialect| is_replayed(*dialect)).map(|dialect| (dialect, of(dialect)))
}

/// Whether exchanges are replayed in this language.
pub(crate) fn is_replayed(dialect: &dyn Conversational) -> bool {
    ROWLESS.iter().all(|(id, _)| *id != dialect.id().as_str())
}

/// What is known of this language.
#[track_caller]
pub(crate) fn of(dialect: &dyn Dialect) -> &'static Language {
    let id = dialect.id().as_str();
    let language = LANGUAGES.iter().find(|language| language.id == id);
    assert!(language.is_some(), "no row for {id}");
    language.unwrap()
}

/// Where a request of this language names the model; none where its path does, and says whether it is to be streamed.
pub(crate) fn model_in_request(dialect: &dyn Dialect) -> Option<&'static str> {
    let mut chats = dialect.routes().iter().filter(|route| route.operation == Operation::Chat);
    chats.all(|route| !route.path.contains("{model}")).then_some("/model")
}

impl Language {
    /// Whether arguments are objects in an answer of this form, whatever the model gave.
    pub(crate) fn has_objects(&self, is_streamed: bool) -> bool {
        match self.objects {
            Objects::Everywhere => true,
            Objects::InWhole => !is_streamed,
            Objects::Nowhere => false,
        }
    }

    /// Whether `body` is a whole answer that names this model.
    pub(crate) fn check_whole(&self, body: &[u8], model: &str) -> Result<(), String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let names = value.pointer(self.model).and_then(Value::as_str);
        let holds = (self.whole)(&value) && names == Some(model);
        if holds { Ok(()) } else { Err(format!("not a whole answer: {value}")) }
    }

    /// Whether `body` is a stream that names this model.
    pub(crate) fn check_stream(&self, body: &Bytes, model: &str) -> Result<(), String> {
        let mut data = Vec::new();
        for event in heard::events(body).iter().filter(|event| !event.data.is_empty()) {
            let text = std::str::from_utf8(&event.data).map_err(|error| error.to_string())?;
            let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
            data.push((String::from_utf8_lossy(&event.name).into_owned(), value));
        }
        let told = (self.stream)(&data, model);
        told.map_err(|problem| format!("{problem}: {}", String::from_utf8_lossy(body)))
    }
}

/// A gateway with a provider for each language, called like it, that speaks it alone. All are at this address.
pub(crate) fn spoken_alone(builder: Builder, url: &str) -> Builder {
    let folder = builder.folder().join("languages").display().to_string();
    let mut entries = Vec::new();
    let mut builder = builder;
    for language in &LANGUAGES {
        let Language { id, upstream, .. } = language;
        let kind = format!("speaks-{}", id.replace('_', "-"));
        let provider = format!(
            "title = \"{id}\"\ndocs = \"https://example.test\"\nkind = \"local\"\nbase_url = \"{url}\"\n\
             semconv = \"example\"\n[credential]\nheader = \"authorization\"\nprefix = \"Bearer \"\nrequired = true\n\
             [dialects.{id}]\n{upstream}\n"
        );
        builder = builder.file(&format!("languages/{kind}/provider.toml"), &provider);
        entries.push(format!("{id}: {{kind: {kind}, url: \"{url}\", key: \"sk-test\"}}"));
    }
    let entries = entries.join("\n  ");
    builder.config(&format!("server: {{catalogue: \"{folder}\"}}\nproviders:\n  {entries}\n"))
}
