//! What the tests know of each language by themselves: where its answers name the model, and what everything that is
//! written in it obeys. A new language is a row here.

mod shape;

use bytes::Bytes;
use dialects::{Conversational, Dialect, Names};
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
    /// Where a whole answer names the model, if it does.
    pub(crate) model: Option<&'static str>,
    /// Where an event of a stream names the model, if one does.
    pub(crate) model_in_event: Option<&'static str>,
    /// Where an error says what kind it is, if its body does.
    error_kind: Option<&'static str>,
    /// Where an error says what happened, as a whole answer and inside a stream.
    error_message: &'static [&'static str],
    /// Where an error has the gateway's own code.
    error_code: &'static str,
    /// Whether a caller has to ask for the usage of a stream.
    pub(crate) asks_for_usage: bool,
    /// Where arguments have to be objects.
    objects: Objects,
    /// Whether there is a word for an answer that was refused or filtered.
    pub(crate) refuses: bool,
    /// Whether an error says that it is one.
    marks_errors: bool,
    /// What an answer has that nothing is known of before: its times and ids.
    pub(crate) fleeting: &'static [&'static str],
    whole: fn(&Value) -> bool,
    stream: StreamCheck,
}

static LANGUAGES: [Language; 7] = [
    Language {
        id: "openai_chat",
        recordings: &["openai_chat.jsonl"],
        upstream: "chat = \"/v1/chat/completions\"",
        model: Some("/model"),
        error_kind: Some("/error/type"),
        error_message: &["/error/message"],
        error_code: "/error/tollgate_code",
        model_in_event: Some("/model"),
        asks_for_usage: true,
        objects: Objects::Nowhere,
        refuses: true,
        marks_errors: false,
        fleeting: &["", "/error"],
        whole: shape::is_completion,
        stream: shape::chunks,
    },
    Language {
        id: "anthropic",
        recordings: &["anthropic_messages.jsonl"],
        upstream: "chat = \"/v1/messages\"\nheaders = { anthropic-version = \"2023-06-01\" }",
        model: Some("/model"),
        error_kind: Some("/error/type"),
        error_message: &["/error/message"],
        error_code: "/error/tollgate_code",
        model_in_event: Some("/message/model"),
        asks_for_usage: false,
        objects: Objects::InWhole,
        refuses: true,
        marks_errors: true,
        fleeting: &["", "/message"],
        whole: shape::is_message,
        stream: shape::messages,
    },
    Language {
        id: "openai_responses",
        recordings: &["openai_responses.jsonl"],
        upstream: "chat = \"/v1/responses\"",
        model: Some("/model"),
        error_kind: Some("/error/type"),
        error_message: &["/error/message"],
        error_code: "/error/tollgate_code",
        model_in_event: Some("/response/model"),
        asks_for_usage: false,
        objects: Objects::Nowhere,
        refuses: true,
        marks_errors: false,
        fleeting: &["", "/response", "/item", "/response/output/0", "/response/output/1"],
        whole: shape::is_response,
        stream: shape::responses,
    },
    Language {
        id: "gemini",
        recordings: &["gemini_generate.jsonl", "gemini_stream.jsonl"],
        upstream: "chat = \"/v1beta/models/{model}:generateContent\"\nchat_stream = \"/v1beta/models/{model}:streamGenerateContent?alt=sse\"",
        model: Some("/modelVersion"),
        error_kind: Some("/error/status"),
        error_message: &["/error/message"],
        error_code: "/error/tollgate_code",
        model_in_event: Some("/modelVersion"),
        asks_for_usage: false,
        objects: Objects::Everywhere,
        refuses: true,
        marks_errors: false,
        fleeting: &[""],
        whole: shape::is_generated,
        stream: shape::generated,
    },
    Language {
        id: "bedrock",
        recordings: &["bedrock_converse.jsonl", "bedrock_converse_stream.jsonl"],
        upstream: "chat = \"/model/{model}/converse\"\nchat_stream = \"/model/{model}/converse-stream\"",
        model: None,
        // A header of its own says it.
        error_kind: None,
        error_message: &["/message"],
        error_code: "/tollgate_code",
        model_in_event: None,
        asks_for_usage: false,
        objects: Objects::InWhole,
        refuses: true,
        marks_errors: false,
        fleeting: &[""],
        whole: shape::is_converse,
        stream: shape::converse,
    },
    Language {
        id: "cohere",
        recordings: &["cohere_chat.jsonl"],
        upstream: "chat = \"/v2/chat\"",
        model: None,
        error_kind: None,
        error_message: &["/message", "/delta/error"],
        error_code: "/tollgate_code",
        model_in_event: None,
        asks_for_usage: false,
        objects: Objects::Nowhere,
        refuses: false,
        marks_errors: false,
        fleeting: &[""],
        whole: shape::is_cohere,
        stream: shape::cohere,
    },
    Language {
        id: "ollama",
        recordings: &["ollama_chat.jsonl"],
        upstream: "chat = \"/api/chat\"",
        model: Some("/model"),
        error_kind: None,
        error_message: &["/error"],
        error_code: "/tollgate_code",
        model_in_event: Some("/model"),
        asks_for_usage: false,
        objects: Objects::Everywhere,
        refuses: false,
        marks_errors: false,
        fleeting: &[""],
        whole: shape::is_line,
        stream: shape::lines,
    },
];

/// Every language in which one can have a conversation.
pub(crate) fn all() -> impl Iterator<Item = (&'static dyn Conversational, &'static Language)> {
    dialects::conversational().map(|dialect| (dialect, of(dialect)))
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
    chats.all(|route| !route.path.contains("{model}") || route.names == Names::First).then_some("/model")
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
        let names = self.model.map(|place| value.pointer(place).and_then(Value::as_str));
        let holds = (self.whole)(&value) && names.is_none_or(|named| named == Some(model));
        if holds { Ok(()) } else { Err(format!("not a whole answer: {value}")) }
    }

    /// Whether an error, as a whole answer or an event of a stream, is one of this language, and what it says.
    pub(crate) fn error(&self, error: &Value) -> Option<String> {
        let is_one = (error["type"] == "error" || !self.marks_errors)
            && self.error_kind.is_none_or(|place| error.pointer(place).is_some_and(Value::is_string))
            && error.pointer(self.error_code).is_some_and(Value::is_string);
        let message = self.error_message.iter().find_map(|place| error.pointer(place)?.as_str());
        message.filter(|_| is_one).map(str::to_owned)
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
