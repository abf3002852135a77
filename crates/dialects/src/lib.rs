//! Wire languages, as pure functions over bytes and the canonical conversation.
//!
//! A dialect is a language, not a provider: nothing here knows an address, a key or a price. Same language on
//! both sides passes the bytes through a [`Conduit`] that changes only what must change; two languages meet in
//! `types::conversation`.

mod ask;
mod betas;
mod calls;
mod citations;
mod conduit;
mod described;
mod exchanged;
mod extras;
mod fault;
mod files;
mod fold;
mod form;
mod in_turn;
mod meaning;
mod media;
mod metered;
mod names;
mod object;
mod openai_family;
mod outline;
mod passage;
mod passed_on;
mod place;
mod prefix;
mod proofs;
mod quirks;
mod route;
mod sampling;
mod scan;
mod scanner;
mod schema;
mod shape;
mod shown;
mod sound;
mod splice;
mod surface;
mod surrogates;
mod thinking;
mod tool_answers;
mod translation;
#[cfg(test)]
mod trial;
mod turns;
mod vocabulary;
mod whole;

pub mod anthropic;
pub mod bedrock;
pub mod cohere;
pub mod embeddings;
pub mod frames;
pub mod gemini;
pub mod ollama;
pub mod openai;
pub mod openai_chat;
pub mod openai_responses;
pub mod rerank;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use types::conversation::{Answer, Change, ChangeKind, Conversation, Delivery, Event, Target};
use types::embedding;
use types::{
    DialectId, Fault, FaultKind, Foreseen, ModelName, Refusal, RequestId, Standing, StreamForm, Tokens,
    UnixTime, Usage,
};

pub use conduit::{Conduit, Tally};
pub use described::{Said, described};
pub use fault::read_fault;
pub use files::{FileNames, NamedFiles, OVERLAP, may_name, named_files, named_in_batch};
pub use fold::{Fold, unfold};
pub use form::{FormError, boundary};
pub use meaning::Meaning;
pub use metered::Metered;
pub use names::ToolNames;
pub use passed_on::{Content, PassedOn};
pub use place::Place;
pub use quirks::QUIRKS;
pub use route::{Head, Names, PathSaid, Route, Streams, Takes, percent_decoded};
pub use scan::{Fields, ScanError, Span};
pub use splice::{Splice, quoted};
pub use surface::Surface;
pub use vocabulary::Vocabulary;

/// Every wire language there is. A new one is a folder and a line here.
static DIALECTS: [&dyn Dialect; 26] = [
    &openai_chat::OpenAiChat,
    &anthropic::Anthropic,
    &openai_responses::OpenAiResponses,
    &bedrock::Bedrock,
    &cohere::Cohere,
    &gemini::Gemini,
    &ollama::Ollama,
    &embeddings::OPENAI,
    &embeddings::COHERE,
    &embeddings::GEMINI,
    &embeddings::GEMINI_SINGLE,
    &embeddings::OLLAMA,
    &embeddings::PREDICT,
    &embeddings::INVOKED,
    &embeddings::NOVA,
    &embeddings::TITAN,
    &openai::COMPACTIONS,
    &openai::COMPLETIONS,
    &openai::IMAGES,
    &openai::MODERATIONS,
    &openai::SPEECH,
    &openai::TRANSCRIPTIONS,
    &rerank::RERANK,
    &rerank::VOYAGE,
    &rerank::INVOKED,
    &gemini::SPEECH,
];

/// Every wire language. The first is the one errors are told in when nothing says which the caller speaks.
pub fn all() -> &'static [&'static dyn Dialect] {
    &DIALECTS
}

/// The languages in which one can have a conversation: each can be translated into each other.
pub fn conversational() -> impl Iterator<Item = &'static dyn Conversational> {
    DIALECTS.iter().filter_map(|dialect| dialect.conversational())
}

/// The language with this name, as `provider.toml` writes it.
pub fn by_name(name: &str) -> Option<&'static dyn Dialect> {
    DIALECTS.iter().copied().find(|dialect| dialect.id().as_str() == name)
}

/// One wire language. Every method is a pure function of its arguments.
pub trait Dialect: Send + Sync {
    /// Its name.
    fn id(&self) -> DialectId;

    /// The paths callers use for it.
    fn routes(&self) -> &'static [Route];

    /// The field of a request by which it goes on from an answer that its provider keeps.
    fn continued(&self) -> Option<&'static str> {
        None
    }

    /// Why a path of this language's, given without prefixes, is not served; `None` of a path that it does not know.
    fn declined(&self, _path: &str) -> Option<&'static str> {
        None
    }

    /// A conversation in messages over one connection; most languages have none.
    fn turns(&self) -> Option<Box<dyn Turns>> {
        None
    }

    /// Whether these request headers give the caller away as a speaker of this language.
    fn is_spoken_by(&self, headers: &HeaderMap) -> bool;

    /// Reads of a request what routing and limits need; the rest stays bytes.
    fn peek(&self, head: Head<'_>, body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError>;

    /// Changes a request of this language as little as this target allows: the model's name, and what the
    /// target's quirks demand.
    fn adapt_request(&self, body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError>;

    /// How its requests name files that a provider keeps.
    fn file_names(&self) -> FileNames {
        FileNames::NONE
    }

    /// What a translated answer repeats of the request, as a JSON object; nothing in most languages.
    fn echo(&self, _body: &Bytes, _fields: &Fields) -> Bytes {
        Bytes::new()
    }

    /// The caller's headers that go on to an upstream of the same language.
    fn forwarded_request_headers(&self) -> &'static [HeaderName];

    /// The upstream's headers that go back to a caller of the same language.
    fn forwarded_answer_headers(&self) -> &'static [HeaderName];

    /// Passes an answer of this language through to a caller of the same language.
    fn forwarder(&self, asked: &Asked) -> Box<dyn Conduit>;

    /// What the head of an answer says was used, where no body does; most languages say it in bodies.
    fn read_head(&self, _headers: &HeaderMap) -> Option<Usage> {
        None
    }

    /// Reads an upstream's error answer.
    fn read_fault(&self, status: u16, _headers: &HeaderMap, body: &[u8]) -> Fault {
        read_fault(status, body)
    }

    /// Writes an error as a whole answer.
    fn encode_error(&self, refusal: &Refusal, request: RequestId) -> ErrorAnswer;

    /// Writes an error as a message over a connection that goes on: as a whole answer, but for what only messages have.
    fn encode_error_message(&self, refusal: &Refusal, request: RequestId) -> ErrorAnswer {
        self.encode_error(refusal, request)
    }

    /// Writes an error inside a stream of this form that has begun, and ends it.
    fn encode_stream_error(&self, refusal: &Refusal, request: RequestId, form: StreamForm) -> Vec<u8>;

    /// What says in a stream of this form, between two of its events, that there will be more: clients and what is
    /// between them and here take silence for an end. It means nothing.
    fn sign_of_life(&self, form: StreamForm) -> Option<&'static [u8]> {
        match form {
            StreamForm::Events => Some(b": keep-alive\n\n"),
            // White space, which JSON may have in front of any value.
            StreamForm::Array | StreamForm::Lines => Some(b" "),
            StreamForm::Bytes | StreamForm::Frames => None,
        }
    }

    /// The caller's own limits in this language's header names.
    fn limit_headers(&self, standings: &[Standing], now: UnixTime) -> Vec<(HeaderName, HeaderValue)>;

    /// The same language, if one can have a conversation in it.
    fn conversational(&self) -> Option<&'static dyn Conversational>;

    /// The same language, if one can ask for embeddings in it.
    fn embedding(&self) -> Option<&'static Embedding> {
        None
    }

    /// The same language, if one can have texts spoken in it.
    fn speaking(&self) -> Option<&'static Speaking> {
        None
    }

    /// The same language, if one can have documents reranked in it.
    fn reranking(&self) -> Option<&'static Reranking> {
        None
    }
}

/// A wire language in which one asks for embeddings: each can be translated into each other.
pub type Embedding = dyn Exchange<embedding::Request, embedding::Answer>;

/// A wire language in which one has documents reranked: each can be translated into each other.
pub type Reranking = dyn Exchange<types::rerank::Request, types::rerank::Answer>;

/// A wire language in which one has texts spoken: each can be translated into each other.
pub type Speaking = dyn Exchange<types::speech::Request, types::speech::Answer>;

/// A wire language in which one asks once and is answered in one body, in canonical forms of both.
pub trait Exchange<Asks, Answers>: Send + Sync {
    /// Reads a whole request.
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Asks, DecodeError>;

    /// Writes a request for an upstream that speaks this language.
    fn encode_request(&self, request: &Asks, target: &Target) -> Result<Encoded, EncodeError>;

    /// Reads a whole answer.
    fn decode_answer(&self, body: &[u8]) -> Result<Answers, Fault>;

    /// Writes a whole answer.
    fn encode_answer(&self, answer: &Answers, asked: &Asked) -> Vec<u8>;

    /// The media type of an answer that is no JSON.
    fn media_type(&self, _answer: &Answers, _asked: &Asked) -> Option<&'static str> {
        None
    }
}

/// What a message of a conversation asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing that a model would have to answer: these events are the answer.
    Answered(Vec<Bytes>),
    /// An answer to the request with this body.
    Request(Bytes),
}

/// The turns of a conversation over one connection, in messages.
pub trait Turns: Send {
    /// Remembers no more than this from here on, and takes no turn that is longer with what it goes on from.
    fn limit(&mut self, bytes: usize);

    /// What a message that comes at this time asks for.
    fn ask(&mut self, message: &Bytes, at: UnixTime) -> Result<Turn, DecodeError>;

    /// Takes in an event of the answer, an error among them: a later turn may go on from it, or no longer from what it
    /// went on from itself.
    fn hear(&mut self, event: &[u8]);
}

/// A wire language in which one can have a conversation.
pub trait Conversational: Dialect {
    /// Reads a whole request.
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Conversation, DecodeError>;

    /// Writes a request for an upstream that speaks this language.
    fn encode_request(&self, conversation: &Conversation, target: &Target) -> Result<Encoded, EncodeError>;

    /// The fields of a request without which it makes no sense in another language, and why, as a clause. They are
    /// found among a conversation's extras.
    fn indispensable(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Why a conversation makes no sense without a block of this kind, which only this language has, as a clause. It does
    /// without most.
    fn indispensable_block(&self, _kind: &str) -> Option<&'static str> {
        None
    }

    /// Where in the request that was read as `conversation` the thing stands that the canonical conversation has
    /// at `place`, e.g. `system[0].cache_control`.
    fn place(&self, conversation: &Conversation, place: Place<'_>) -> String;

    /// What its answers can say: what they cannot, a caller of it is told.
    fn vocabulary(&self) -> &'static Vocabulary;

    /// Reads a whole answer.
    fn decode_answer(&self, body: &[u8]) -> Result<Answer, Fault>;

    /// Writes a whole answer.
    fn encode_answer(&self, answer: &Answer, asked: &Asked) -> Vec<u8>;

    /// Reads a stream.
    fn decoder(&self) -> Box<dyn Decoder>;

    /// Writes a stream.
    fn encoder(&self, asked: &Asked) -> Box<dyn Encoder>;

    /// Writes the answer to [`types::Operation::CountTokens`].
    fn encode_count(&self, tokens: Tokens) -> Vec<u8>;
}

/// Reads the events of an upstream's stream.
pub trait Decoder: Send {
    /// Takes one event of the stream and appends what it means.
    fn push(&mut self, event: &types::StreamEvent, events: &mut Vec<Event>) -> Result<(), Fault>;

    /// The upstream's body has ended: closes what is open, or says that the stream broke off.
    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Fault>;
}

/// Writes the events of a caller's stream.
pub trait Encoder: Send {
    /// Appends the bytes that say `event`; none for what the language has no word for.
    fn push(&mut self, event: &Event, out: &mut Vec<u8>);

    /// Says that the answer ends here by an error, where what has been written decides how that is said. `None`
    /// where [`Dialect::encode_stream_error`] says it.
    fn fail(&mut self, _refusal: &Refusal) -> Option<Vec<u8>> {
        None
    }
}

/// What routing and limits need of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    /// The model's name as the caller wrote it.
    pub model: ModelName,
    /// Whole or streamed.
    pub delivery: Delivery,
    /// The most tokens the caller wants.
    pub max_tokens: Option<u64>,
    /// How the caller is told of calls.
    pub calls: Calls,
    /// The form in which the caller reads a stream.
    pub form: StreamForm,
    /// The form in which the caller reads vectors.
    pub vectors: Vectors,
    /// What is used beside tokens, as far as the request says.
    pub foreseen: Foreseen,
}

impl Peek {
    /// What there is to know of a request for one body and no tokens.
    pub fn of(model: ModelName) -> Self {
        Self {
            model,
            delivery: Delivery::Whole,
            max_tokens: Some(0),
            calls: Calls::default(),
            form: StreamForm::default(),
            vectors: Vectors::default(),
            foreseen: Foreseen::default(),
        }
    }
}

/// The form in which a caller reads vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Vectors {
    /// As the base64 of their numbers, each four bytes, the lowest first.
    Base64,
    /// As lists of numbers.
    #[default]
    Numbers,
}

/// How a caller is told that the model wants something called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calls {
    /// As the one `function_call` of Chat Completions as it was before it had tools.
    Function,
    /// As calls of tools.
    #[default]
    Tools,
}

/// A request as bytes for an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The body, in pieces that are sent one after the other.
    pub body: Vec<Bytes>,
    /// What is asked in requests of its own before it, where it is more than is taken at once: their bodies, in order.
    pub earlier: Vec<Vec<Bytes>>,
    /// Headers this language needs for it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What differs from what the caller asked.
    pub changes: Vec<Change>,
    /// The tools that had to be given other names.
    pub tool_names: ToolNames,
}

/// What an answer must know of the request it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The public name the caller used: what the answer names as its model.
    pub model: ModelName,
    /// Whole or streamed.
    pub delivery: Delivery,
    /// How the caller is told of calls.
    pub calls: Calls,
    /// The form in which the caller reads a stream.
    pub form: StreamForm,
    /// The form in which the caller reads vectors.
    pub vectors: Vectors,
    /// The tools that go by other names at this upstream.
    pub tool_names: ToolNames,
    /// The gateway's id for the request.
    pub request: RequestId,
    /// When, for dialects whose answers carry a time and whose upstream said none.
    pub at: UnixTime,
    /// What the answer repeats of the request: see [`Dialect::echo`].
    pub echo: Bytes,
}

/// An error as a whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Headers in which this language says a part of it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The JSON body.
    pub body: Vec<u8>,
}

/// Why a request cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// A field is missing, of the wrong type or out of range.
    Field {
        /// Which, e.g. `messages[2].content`.
        field: String,
        /// What is wrong with it, as a clause: `must be a string`.
        problem: String,
    },
    /// A header is missing or wrong.
    Header {
        /// Which.
        header: &'static str,
        /// What is wrong with it, as a clause.
        problem: String,
    },
    /// The body is not the JSON it has to be.
    Json(ScanError),
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Field { field, problem } => write!(f, "`{field}` {problem}"),
            Self::Header { header, problem } => write!(f, "header `{header}` {problem}"),
            Self::Json(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DecodeError {}

impl types::Classify for DecodeError {
    fn verdict(&self) -> types::Verdict {
        let code = match self {
            Self::Field { .. } | Self::Header { .. } => types::Code::InvalidField,
            Self::Json(error) => error.code(),
        };
        types::Verdict { blame: types::Blame::Caller, retry: types::Retry::Never, code }
    }
}

/// Why a request cannot be said in a target's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// In strict mode: what would be dropped or rewritten.
    Lossy(Vec<Change>),
    /// Something without which the request makes no sense, e.g. an opaque block as the only message.
    Unsayable {
        /// The field in the caller's own language.
        field: String,
        /// Why, as a clause: `has no equivalent in …`.
        problem: String,
    },
}

impl EncodeError {
    /// Of all that was said, the language can say nothing.
    pub(crate) fn nothing_sayable() -> Self {
        let problem = "holds nothing that the provider's language can say".to_owned();
        Self::Unsayable { field: "messages".to_owned(), problem }
    }
}

impl std::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lossy(changes) => {
                f.write_str("strict mode forbids these changes:")?;
                changes.iter().try_for_each(|change| write!(f, " {change}"))
            }
            Self::Unsayable { field, problem } => write!(f, "`{field}` {problem}"),
        }
    }
}

impl std::error::Error for EncodeError {}

impl types::Classify for EncodeError {
    fn verdict(&self) -> types::Verdict {
        let code = types::Code::Untranslatable;
        types::Verdict { blame: types::Blame::Caller, retry: types::Retry::Never, code }
    }
}

impl Encoded {
    /// A request that is this JSON.
    pub(crate) fn of(body: &impl serde::Serialize, changes: Vec<Change>) -> Self {
        let mut bytes = Vec::new();
        shape::write(&mut bytes, body);
        Self { body: vec![bytes.into()], changes, ..Self::default() }
    }

    /// In strict mode, an error if anything of what was asked would be lost. What is reached by other means is not.
    pub fn checked(mut self, target: &Target) -> Result<Self, EncodeError> {
        let is_lossy = |change: &Change| change.kind != ChangeKind::Emulated;
        if target.strict && self.changes.iter().any(is_lossy) {
            self.changes.retain(is_lossy);
            return Err(EncodeError::Lossy(self.changes));
        }
        Ok(self)
    }
}

/// The way from an upstream's answer to the caller: the bytes themselves where both speak the same language and
/// the upstream answered in the form the caller asked for, a translation otherwise.
///
/// # Errors
/// A fault where the upstream's language cannot be translated into the caller's.
pub fn conduit(
    upstream: &'static dyn Dialect,
    caller: &'static dyn Dialect,
    asked: &Asked,
    answered: Delivered,
) -> Result<Box<dyn Conduit>, Fault> {
    let is_same = upstream.id() == caller.id();
    if let (Some(upstream), Some(caller)) = (upstream.conversational(), caller.conversational())
        && !(is_same && answered.is_as(asked.delivery))
    {
        return Ok(Box::new(translation::Translation::new(upstream, caller, asked)));
    }
    if is_same {
        return Ok(caller.forwarder(asked));
    }
    if let (Some(upstream), Some(caller)) = (upstream.embedding(), caller.embedding()) {
        return Ok(Box::new(exchanged::Exchanged::new(upstream, caller, asked)));
    }
    if let (Some(upstream), Some(caller)) = (upstream.reranking(), caller.reranking()) {
        return Ok(Box::new(exchanged::Exchanged::new(upstream, caller, asked)));
    }
    if let (Some(upstream), Some(caller)) = (upstream.speaking(), caller.speaking()) {
        return Ok(Box::new(exchanged::Exchanged::new(upstream, caller, asked)));
    }
    Err(Fault::new(
        FaultKind::Unreadable,
        format!("an answer in {} has no translation into {}", upstream.id(), caller.id()),
    ))
}

/// The form in which an upstream really answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// As a stream of events.
    Stream,
    /// In one body.
    Whole,
}

impl Delivered {
    /// Whether the caller asked for the same.
    pub const fn is_as(self, delivery: Delivery) -> bool {
        match self {
            Self::Stream => delivery.is_stream(),
            Self::Whole => !delivery.is_stream(),
        }
    }
}
