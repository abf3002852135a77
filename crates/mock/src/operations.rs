//! What the model answers where there is no conversation: small, valid and always the same for the same request.

mod audio;
mod compaction;
mod completion;
mod images;
mod judgement;
mod ranking;
mod vectors;

use bytes::Bytes;
use dialects::{Asked, DecodeError, Dialect, Fields, Head, Peek, ToolNames};
use serde_json::Value;
use types::{Code, Operation, Refusal, RequestId, UnixTime};

use crate::program::Program;
use crate::script::{self, CREATED, Pace};
use crate::{MockRequest, Script};

/// A request, and what has been read of it.
pub(crate) struct Ask<'a> {
    pub(crate) asked: &'a MockRequest,
    pub(crate) head: Head<'a>,
    pub(crate) fields: Fields,
    pub(crate) peek: Peek,
    pub(crate) program: Program,
}

/// What to answer.
pub(crate) fn respond(ask: &Ask<'_>) -> Result<Script, Refusal> {
    match ask.asked.operation {
        Operation::AudioTranslation | Operation::Transcription => Ok(audio::heard(ask)),
        Operation::Batches
        | Operation::Chat
        | Operation::CountTokens
        | Operation::Files
        | Operation::Passthrough
        | Operation::Realtime => not_offered(),
        Operation::Compaction => compaction::compacted(ask),
        Operation::Embeddings => vectors::embedded(ask),
        Operation::ImageEdit | Operation::ImageGeneration | Operation::ImageVariation => {
            Ok(images::drawn(ask))
        }
        Operation::Moderation => Ok(judgement::moderated(ask)),
        Operation::Rerank => ranking::reranked(ask),
        Operation::Speech => Ok(audio::spoken(ask)),
        Operation::TextCompletion => Ok(completion::completed(ask)),
    }
}

fn not_offered<T>() -> Result<T, Refusal> {
    Err(Refusal::new(Code::NotOffered, "the mock has no such thing in this language"))
}

fn unreadable(error: &DecodeError) -> Refusal {
    Refusal::new(Code::InvalidField, error.to_string())
}

impl Ask<'_> {
    fn dialect(&self) -> &'static dyn Dialect {
        self.asked.dialect
    }

    /// What an answer must know of this request.
    fn for_answer(&self) -> Asked {
        Asked {
            model: self.peek.model.clone(),
            delivery: self.peek.delivery,
            calls: self.peek.calls,
            form: self.peek.form,
            vectors: self.peek.vectors,
            tool_names: ToolNames::default(),
            request: RequestId::generate(),
            at: UnixTime::from_secs(CREATED),
            echo: Bytes::new(),
        }
    }

    /// A field of the request; of a form, its text.
    fn field(&self, name: &str) -> Value {
        let value = self.fields.value(&self.asked.body, name).unwrap_or_default();
        if self.fields.is_form() {
            return Value::String(String::from_utf8_lossy(value).into_owned());
        }
        serde_json::from_slice(value).unwrap_or_default()
    }

    /// A field that is a number, at most so large.
    fn count(&self, name: &str, usual: u64, most: u64) -> u64 {
        let field = self.field(name);
        let said = field.as_u64().or_else(|| field.as_str()?.parse().ok());
        said.unwrap_or(usual).min(most)
    }

    /// How long a field is, in bytes.
    fn length(&self, name: &str) -> usize {
        self.fields.value(&self.asked.body, name).map_or(0, <[u8]>::len)
    }

    /// One JSON body.
    fn whole(&self, answer: &Value, tokens: u64) -> Script {
        script::body("application/json", answer.to_string().into(), tokens, &self.program)
    }

    /// One body of another kind.
    fn body(&self, content_type: &'static str, body: impl Into<Bytes>) -> Script {
        script::body(content_type, body.into(), 0, &self.program)
    }

    /// A stream of events, the last of which comes with the one before it.
    fn events(&self, events: Vec<Value>) -> Script {
        let last = events.len().saturating_sub(1);
        let said = events.into_iter().enumerate().map(|(index, event)| {
            let pace = if index == last { Pace::AtOnce } else { Pace::Token };
            let name = event.get("type").and_then(Value::as_str).map(|name| format!("event: {name}\n"));
            (pace, format!("{}data: {event}\n\n", name.unwrap_or_default()).into_bytes())
        });
        script::paced("text/event-stream", said, &self.program)
    }
}
