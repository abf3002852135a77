//! Gemini's embeddings (<https://ai.google.dev/api/embeddings>): of several contents, and of one. The model stands in
//! the path, and again in each request of several.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use types::conversation::{Change, Extras, Target};
use types::embedding::{Answer, Input, Overlong, Purpose, Request};
use types::{DialectId, Fault, Json, ModelName, Operation, Tokens, Usage};

use super::{AtOnce, Joined, first, overlong, predict, vectors};
use crate::ask::Ask;
use crate::extras::carry;
use crate::gemini::{Gemini, model};
use crate::object::{Object, Path, Readable};
use crate::openai_family::error::read_answer;
use crate::openai_family::usage::Count;
use crate::openai_family::{MAX_DEPTH, json_bytes};
use crate::passage::Answers;
use crate::splice::quoted;
use crate::surface::{Kind, Surface};
use crate::whole::WHOLE;
use crate::{
    Asked, DecodeError, EncodeError, Encoded, Exchange, Fields, Head, Peek, Route, Splice, Streams, Vectors,
    quirks,
};

/// The languages' names. Of two that a provider speaks, the first by name is asked by callers of other languages.
const ID: DialectId = DialectId("gemini_embeddings");
const SINGLE: DialectId = DialectId("gemini_single_embedding");
/// As many requests as are taken at once.
const AT_ONCE: AtOnce = AtOnce::texts(100);

/// Embeddings of several contents.
pub static GEMINI: Surface = Surface {
    id: ID,
    routes: routes!["batchEmbedContents"; "/v1beta/models", "/v1/models"],
    family: &Gemini,
    peek: |ask| peek(ask, "requests"),
    adapt,
    answers: Answers { needs: Some("embeddings"), usage: counted, ..Answers::DEFAULT },
    kind: Kind::Embedding(&Several),
};

/// The embedding of one content.
pub static GEMINI_SINGLE: Surface = Surface {
    id: SINGLE,
    routes: routes!["embedContent"; "/v1beta/models", "/v1/models"],
    family: &Gemini,
    peek: |ask| peek(ask, "content"),
    adapt: adapt_single,
    answers: Answers { needs: Some("embedding"), usage: counted, ..Answers::DEFAULT },
    kind: Kind::Embedding(&Single),
};

/// The canonical form, in and out, of several.
#[derive(Debug)]
struct Several;

/// The same of one.
#[derive(Debug)]
struct Single;

#[derive(Deserialize)]
struct ReadContent {
    parts: Vec<ReadPart>,
}

#[derive(Deserialize)]
struct ReadPart {
    text: Option<String>,
}

#[derive(Serialize)]
struct WriteRequests<'a> {
    requests: Vec<WriteRequest<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WriteRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    content: WriteContent<'a>,
    #[serde(flatten)]
    plain: Option<WriteConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embed_content_config: Option<WriteConfig<'a>>,
}

/// What is said of a text: beside it, or in an object of its own.
#[derive(Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct WriteConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_truncate: Option<bool>,
}

#[derive(Serialize)]
struct WriteContent<'a> {
    parts: [WritePart<'a>; 1],
}

#[derive(Serialize)]
struct WritePart<'a> {
    text: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadAnswer {
    #[serde(default)]
    embeddings: Vec<ReadVector>,
    #[serde(default)]
    embedding: Option<ReadVector>,
    #[serde(default)]
    usage_metadata: Option<ReadUsage>,
}

#[derive(Deserialize)]
struct ReadVector {
    values: Vec<f32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadUsage {
    prompt_token_count: Option<Count>,
}

fn peek(ask: Ask<'_>, holds: &str) -> Result<Peek, DecodeError> {
    ask.require(holds)?;
    Ok(Peek::of(model(ask.head.path)?))
}

fn counted(body: &[u8], fields: &Fields) -> Option<Usage> {
    serde_json::from_slice::<ReadUsage>(fields.value(body, "usageMetadata")?).ok()?.to_usage()
}

impl ReadUsage {
    fn to_usage(&self) -> Option<Usage> {
        self.prompt_token_count.map(|count| Usage { input: Tokens(count.0), ..Usage::default() })
    }
}

/// The model as requests name it, where not the path alone does.
fn resource(target: &Target) -> Option<String> {
    (!target.has_quirk(quirks::VERTEX_BODY)).then(|| format!("models/{}", target.model))
}

/// Several requests with the target's name for the model in each of them.
fn adapt(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let mut splice = Splice::default();
    let requests = fields.value(body, "requests").unwrap_or_default();
    let requests: Vec<&RawValue> = serde_json::from_slice(requests).map_err(|_| EncodeError::Unsayable {
        field: "requests".to_owned(),
        problem: "must be an array of objects".to_owned(),
    })?;
    for request in requests {
        // A piece of the body, which serde has borrowed.
        let start = request.get().as_ptr().addr() - body.as_ptr().addr();
        rename(request.get().as_bytes(), start, target, &mut splice);
    }
    Encoded { body: splice.apply(body), ..Encoded::default() }.checked(target)
}

/// One request with the target's name for the model, if it names one.
fn adapt_single(body: &Bytes, _fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let mut splice = Splice::default();
    rename(body, 0, target, &mut splice);
    Encoded { body: splice.apply(body), ..Encoded::default() }.checked(target)
}

/// Replaces the model's name in the request that begins at `start` of the body. One that stands there twice is left
/// to the provider.
fn rename(request: &[u8], start: usize, target: &Target, splice: &mut Splice) {
    let Ok(fields) = Fields::scan(request, MAX_DEPTH) else { return };
    if let Ok(Some(span)) = fields.find(request, "model") {
        // Where the path alone names it, nothing else may stand there than nothing.
        let name = quoted(&resource(target).unwrap_or_default());
        splice.replace(start + span.start..start + span.end, name);
    }
}

impl Exchange<Request, Answer> for Several {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Request, DecodeError> {
        let body = Readable::read(head, body, MAX_DEPTH)?;
        let mut object = Object::of(body.root(), &Path::Root)?;
        let place = Path::Field(&Path::Root, "requests");
        let mut joined = Joined::default();
        for (index, raw) in object.take_list("requests")?.into_iter().enumerate() {
            let path = Path::Item(&place, index);
            joined.add(one(Object::read(raw.get(), &path)?, head, ID)?, &path)?;
        }
        joined.whole(&place)
    }

    fn encode_request(&self, request: &Request, target: &Target) -> Result<Encoded, EncodeError> {
        encoded(request, target, (ID, AT_ONCE), |requests| json_bytes(&WriteRequests { requests }))
    }

    fn decode_answer(&self, body: &[u8]) -> Result<Answer, Fault> {
        answer(body)
    }

    fn encode_answer(&self, answer: &Answer, _asked: &Asked) -> Vec<u8> {
        let mut out = br#"{"embeddings":["#.to_vec();
        for (index, vector) in answer.vectors.iter().enumerate() {
            out.extend_from_slice(if index > 0 { br#",{"values":"# } else { br#"{"values":"#.as_slice() });
            vectors::write(vector, Vectors::Numbers, &mut out);
            out.push(b'}');
        }
        out.push(b']');
        finish(out, answer)
    }
}

impl Exchange<Request, Answer> for Single {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Request, DecodeError> {
        let body = Readable::read(head, body, MAX_DEPTH)?;
        one(Object::of(body.root(), &Path::Root)?, head, SINGLE)
    }

    fn encode_request(&self, request: &Request, target: &Target) -> Result<Encoded, EncodeError> {
        encoded(request, target, (SINGLE, AtOnce::ONE), |requests| json_bytes(&requests.first()))
    }

    fn decode_answer(&self, body: &[u8]) -> Result<Answer, Fault> {
        answer(body)
    }

    fn encode_answer(&self, answer: &Answer, _asked: &Asked) -> Vec<u8> {
        let mut out = br#"{"embedding":{"values":"#.to_vec();
        vectors::write(first(answer), Vectors::Numbers, &mut out);
        out.push(b'}');
        finish(out, answer)
    }
}

/// One content and what is said of it.
fn one(mut object: Object<'_, '_>, head: Head<'_>, dialect: DialectId) -> Result<Request, DecodeError> {
    const TEXTS: &str = "must be texts for this model's provider";
    let path = *object.path();
    let content: Option<ReadContent> = object.take_as("content", TEXTS)?;
    let content = content.ok_or_else(|| Path::Field(&path, "content").wrong("is missing"))?;
    let texts: Option<Vec<String>> = content.parts.into_iter().map(|part| part.text).collect();
    let text = texts.ok_or_else(|| Path::Field(&path, "content").wrong(TEXTS))?.join("\n");
    object.take("model")?;
    let mut said = Said::read(&mut object)?;
    let place = Path::Field(&path, CONFIG);
    let mut more = Vec::new();
    if let Some(part) = object.take_part(CONFIG)? {
        let mut config = Object::of(part, &place)?;
        said = Said::read(&mut config)?.or(said);
        more.extend(config.rest().map(|(name, json)| match name.as_str() {
            TITLE => (name, json),
            _ => (format!("{CONFIG}.{name}"), json),
        }));
    }
    let mut request = about(model(head.path)?, Input::Text(text), said.task, dialect, object);
    request.dimensions = said.dimensions;
    request.overlong = said.truncates.map(overlong);
    request.extras.fields.extend(more);
    Ok(request)
}

/// The object that may hold what is said of a content.
const CONFIG: &str = "embedContentConfig";

/// What is said of a content.
struct Said {
    task: Option<String>,
    dimensions: Option<u32>,
    truncates: Option<bool>,
}

impl Said {
    fn read(object: &mut Object<'_, '_>) -> Result<Self, DecodeError> {
        let task = object.take_text(TASK)?;
        let dimensions = object.take_as("outputDimensionality", WHOLE)?;
        Ok(Self {
            task: task.or(object.take_text("task_type")?),
            dimensions: dimensions.or(object.take_as("output_dimensionality", WHOLE)?),
            truncates: object.take_as("autoTruncate", "must be a boolean")?,
        })
    }

    /// What is said here, or else there.
    fn or(self, other: Self) -> Self {
        Self {
            task: self.task.or(other.task),
            dimensions: self.dimensions.or(other.dimensions),
            truncates: self.truncates.or(other.truncates),
        }
    }
}

/// A request for one text: what its task is, and what is left of the object that asks for it.
pub(super) fn about(
    model: ModelName,
    input: Input,
    task: Option<String>,
    dialect: DialectId,
    object: Object<'_, '_>,
) -> Request {
    let mut fields: Vec<(String, Json)> = object.rest().collect();
    let purpose = task.as_deref().and_then(purpose);
    if let Some(task) = task.filter(|_| purpose.is_none())
        && let Some(json) = Json::of(&task)
    {
        fields.push((TASK.to_owned(), json));
    }
    let extras = Extras { dialect: Some(dialect), fields };
    Request { model, inputs: vec![input], dimensions: None, purpose, overlong: None, extras }
}

/// The fields that all of Google's languages for embeddings have beside the canonical ones.
const TASK: &str = "taskType";
const TITLE: &str = "title";

/// What texts are for, where only Google has a word for it.
pub(super) fn task(extras: &Extras) -> Option<&str> {
    let (_, json) = extras.fields.iter().find(|(name, _)| name == TASK)?;
    json.to::<&str>()
}

/// What is said of the texts of a request in Google's words.
pub(super) struct About<'r> {
    /// What they are for.
    pub(super) task: Option<&'r str>,
    /// What the one text is called.
    pub(super) title: Option<&'r str>,
    lost: Vec<Change>,
}

impl<'r> About<'r> {
    /// What `request` says of them, for an upstream of this language.
    pub(super) fn read(request: &'r Request, dialect: DialectId) -> Result<Self, EncodeError> {
        let lost = carry(&request.extras, dialect, &[])?.lost;
        let is_shared = request.extras.dialect.is_some_and(|id| [ID, SINGLE, predict::ID].contains(&id));
        let fields = request.extras.fields.iter().filter(|_| is_shared);
        let said = |wanted: &str| {
            let mut fields = fields.clone();
            fields.find(|(name, _)| name == wanted).and_then(|(_, json)| json.to::<&str>())
        };
        Ok(Self { task: request.purpose.map(word).or_else(|| said(TASK)), title: said(TITLE), lost })
    }

    /// What is not said, where the task is and the title may be.
    pub(super) fn lost(&self, is_titled: bool) -> Vec<Change> {
        let is_lost = |change: &&Change| match change.field.as_str() {
            TASK => self.task.is_none(),
            TITLE => !is_titled,
            _ => true,
        };
        self.lost.iter().filter(is_lost).cloned().collect()
    }
}

/// The request in as many parts as it takes.
fn encoded(
    request: &Request,
    target: &Target,
    (dialect, at_once): (DialectId, AtOnce),
    write: impl Fn(Vec<WriteRequest<'_>>) -> Vec<u8>,
) -> Result<Encoded, EncodeError> {
    let (texts, about, model) = (super::texts(request)?, About::read(request, dialect)?, resource(target));
    let title = about.title.filter(|_| texts.len() == 1);
    // Where the path alone names the model, what is said of texts has an object of its own, which knows more.
    let truncates = request.overlong.filter(|_| model.is_none());
    let config = WriteConfig {
        task_type: about.task,
        title,
        output_dimensionality: request.dimensions,
        auto_truncate: truncates.map(|overlong| overlong == Overlong::Truncated),
    };
    let part = |texts: &[&str]| {
        let requests = texts.iter().map(|text| WriteRequest {
            model: model.as_deref(),
            content: WriteContent { parts: [WritePart { text }] },
            plain: model.is_some().then_some(config),
            embed_content_config: (model.is_none() && config != WriteConfig::default()).then_some(config),
        });
        write(requests.collect())
    };
    let encoded = super::in_parts(&texts, at_once, part)?;
    let mut changes = about.lost(title.is_some());
    changes.extend(request.overlong.filter(|_| model.is_some()).map(|_| Change::dropped(super::OVERLONG)));
    Encoded { changes, ..encoded }.checked(target)
}

fn answer(body: &[u8]) -> Result<Answer, Fault> {
    let read: ReadAnswer = read_answer(body)?;
    let usage = read.usage_metadata.and_then(|usage| usage.to_usage());
    let vectors = read.embedding.into_iter().chain(read.embeddings).map(|vector| vector.values);
    Ok(Answer { id: None, model: None, vectors: super::some(vectors.collect())?, usage })
}

/// The end of an answer: its usage, where it is known.
fn finish(mut out: Vec<u8>, answer: &Answer) -> Vec<u8> {
    if let Some(usage) = answer.usage {
        out.extend(format!(r#","usageMetadata":{{"promptTokenCount":{}}}"#, usage.total().0).into_bytes());
    }
    out.push(b'}');
    out
}

/// The words for purposes.
fn purpose(word: &str) -> Option<Purpose> {
    match word {
        "CLASSIFICATION" => Some(Purpose::Classification),
        "CLUSTERING" => Some(Purpose::Clustering),
        "RETRIEVAL_DOCUMENT" => Some(Purpose::Document),
        "RETRIEVAL_QUERY" => Some(Purpose::Query),
        "SEMANTIC_SIMILARITY" => Some(Purpose::Similarity),
        _ => None,
    }
}

const fn word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Classification => "CLASSIFICATION",
        Purpose::Clustering => "CLUSTERING",
        Purpose::Document => "RETRIEVAL_DOCUMENT",
        Purpose::Query => "RETRIEVAL_QUERY",
        Purpose::Similarity => "SEMANTIC_SIMILARITY",
    }
}
