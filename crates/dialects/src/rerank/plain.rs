//! Cohere's reranking (<https://docs.cohere.com/reference/rerank>), which Jina, vLLM, llama.cpp and others have taken
//! over, each with a word or two of its own.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use types::conversation::{Change, Extras, Target};
use types::rerank::{Answer, Ranked, Request};
use types::{DialectId, Fault, Foreseen, ModelName, Operation, Units};

use super::{documents, text_of};
use crate::ask::Ask;
use crate::bedrock::{Bedrock, counted};
use crate::embeddings::unchanged;
use crate::extras::carry;
use crate::object::{Object, Path, Readable};
use crate::openai::rename;
use crate::openai_family::error::read_answer;
use crate::openai_family::usage::Count;
use crate::openai_family::{MAX_DEPTH, json_bytes};
use crate::passage::Answers;
use crate::passage::usage::{self, ReadUsage};
use crate::splice::quoted;
use crate::surface::{Kind, Surface};
use crate::whole::WHOLE;
use crate::{Asked, DecodeError, EncodeError, Encoded, Exchange, Fields, Head, Peek, Route, Splice, quirks};

/// The language's name.
const ID: DialectId = DialectId("rerank");
const INVOKED_ID: DialectId = DialectId("bedrock_rerank");
/// The version of the language that is spoken.
const VERSION: u8 = 2;
/// The most documents of one search (<https://docs.cohere.com/docs/rerank-overview>).
const SEARCH: usize = 100;
/// Fields that those do not know who take documents as texts alone.
const OLDER: [&str; 3] = ["return_documents", "rank_fields", "max_chunks_per_doc"];

/// Documents reranked.
pub static RERANK: Surface = Surface {
    id: ID,
    routes: &[Route::new("/v1/rerank", Operation::Rerank), Route::new("/v2/rerank", Operation::Rerank)],
    family: &crate::cohere::Cohere,
    peek,
    adapt,
    answers: Answers { needs: Some("results"), units: searches, ..Answers::DEFAULT },
    kind: Kind::Reranking(&Plain { is_invoked: false }),
};

/// The same language where Bedrock invokes the model: the path names it, and documents are texts alone. Upstreams alone
/// speak it.
pub static INVOKED: Surface = Surface {
    id: INVOKED_ID,
    routes: &[],
    family: &Bedrock,
    peek,
    adapt: unchanged,
    answers: Answers { needs: Some("results"), units: searches, head: counted, ..Answers::DEFAULT },
    kind: Kind::Reranking(&Plain { is_invoked: true }),
};

/// The canonical form, in and out.
#[derive(Debug)]
struct Plain {
    /// Whether the path names the model.
    is_invoked: bool,
}

impl Plain {
    const fn id(&self) -> DialectId {
        if self.is_invoked { INVOKED_ID } else { ID }
    }
}

#[derive(Serialize)]
struct WriteRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    query: &'a str,
    documents: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    top_n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_documents: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<u8>,
}

#[derive(Deserialize)]
struct ReadAnswer<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(borrow)]
    results: Vec<ReadRanked<'a>>,
    #[serde(default)]
    meta: Option<ReadMeta>,
    #[serde(default)]
    usage: Option<ReadUsage>,
}

#[derive(Deserialize)]
struct ReadRanked<'a> {
    index: u64,
    relevance_score: f64,
    #[serde(borrow, default)]
    document: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ReadMeta {
    #[serde(default)]
    billed_units: Option<ReadBilled>,
}

#[derive(Deserialize)]
struct ReadBilled {
    #[serde(default)]
    search_units: Option<Count>,
}

#[derive(Serialize)]
struct WriteAnswer<'a> {
    id: String,
    model: &'a ModelName,
    results: Vec<WriteRanked<'a>>,
    meta: WriteMeta,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<WriteUsage>,
}

#[derive(Serialize)]
struct WriteRanked<'a> {
    index: u64,
    relevance_score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<WriteDocument<'a>>,
}

#[derive(Serialize)]
struct WriteDocument<'a> {
    text: &'a str,
}

#[derive(Serialize)]
struct WriteMeta {
    api_version: WriteVersion,
    billed_units: WriteBilled,
}

#[derive(Serialize)]
struct WriteVersion {
    version: &'static str,
}

#[derive(Serialize)]
struct WriteBilled {
    #[serde(skip_serializing_if = "Option::is_none")]
    search_units: Option<u64>,
}

#[derive(Serialize)]
struct WriteUsage {
    prompt_tokens: u64,
    total_tokens: u64,
}

fn peek(ask: Ask<'_>) -> Result<Peek, DecodeError> {
    let model = ask.model()?;
    ask.require("query")?;
    let documents = ask.require("documents")?;
    let documents = serde_json::from_slice::<Vec<&RawValue>>(documents).map_or(1, |list| list.len());
    let guessed = Units { query: documents.div_ceil(SEARCH) as u64, ..Units::default() };
    Ok(Peek { foreseen: Foreseen { guessed, ..Foreseen::default() }, ..Peek::of(model) })
}

/// The searches that an answer is billed as.
fn searches(body: &[u8], fields: &Fields) -> Units {
    usage::billed(body, fields).map_or_else(Units::default, |usage| usage.units)
}

/// The request with the target's name for the model, with the one word for how many are wanted, and with documents as
/// the target takes them.
fn adapt(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let (mut splice, mut changes) = (Splice::default(), Vec::new());
    rename(body, fields, target, &mut splice);
    if let Some(key) = fields.key_span(body, "top_k")
        && fields.value(body, "top_n").is_none()
    {
        splice.replace(key, "top_n");
    }
    if target.has_quirk(quirks::PLAIN_DOCUMENTS) {
        splice.cut(body, fields, &OLDER);
        let said = |name: &&str| !matches!(fields.value(body, name), None | Some(b"null" | b"false"));
        changes.extend(OLDER.iter().filter(|name| said(name)).map(|name| Change::dropped(*name)));
        flatten(body, fields, &mut splice);
    }
    Encoded { body: splice.apply(body), changes, ..Encoded::default() }.checked(target)
}

/// Puts the text of a document in the place of the object that holds it.
fn flatten(body: &Bytes, fields: &Fields, splice: &mut Splice) {
    let documents = fields.value(body, "documents").unwrap_or_default();
    let documents: Vec<&RawValue> = serde_json::from_slice(documents).unwrap_or_default();
    for document in documents.into_iter().filter(|document| document.get().starts_with('{')) {
        if let Some(text) = text_of(document) {
            // A piece of the body, which serde has borrowed.
            let start = document.get().as_ptr().addr() - body.as_ptr().addr();
            splice.replace(start..start + document.get().len(), quoted(&text));
        }
    }
}

impl Exchange<Request, Answer> for Plain {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Request, DecodeError> {
        let body = Readable::read(head, body, MAX_DEPTH)?;
        let mut object = Object::of(body.root(), &Path::Root)?;
        let most = object.take_as("top_n", WHOLE)?;
        Ok(Request {
            model: object.model(head)?,
            query: object.require_text("query")?,
            documents: documents(&mut object)?,
            most: most.or(object.take_as("top_k", WHOLE)?),
            repeats: object.take_as("return_documents", "must be a boolean")?,
            extras: Extras { dialect: Some(self.id()), fields: object.rest().collect() },
        })
    }

    fn encode_request(&self, request: &Request, target: &Target) -> Result<Encoded, EncodeError> {
        let mut changes = carry(&request.extras, self.id(), &[])?.lost;
        let is_plain = self.is_invoked || target.has_quirk(quirks::PLAIN_DOCUMENTS);
        let repeats = request.repeats.filter(|_| !is_plain);
        if request.repeats == Some(true) && repeats.is_none() {
            changes.push(Change::dropped("return_documents"));
        }
        let body = WriteRequest {
            model: (!self.is_invoked).then_some(target.model.as_str()),
            query: &request.query,
            documents: &request.documents,
            top_n: request.most,
            return_documents: repeats,
            api_version: target.has_quirk(quirks::VERSIONED_BODY).then_some(VERSION),
        };
        Encoded::of(&body, changes).checked(target)
    }

    fn decode_answer(&self, body: &[u8]) -> Result<Answer, Fault> {
        let read: ReadAnswer<'_> = read_answer(body)?;
        let ranked = read.results.into_iter().map(|ranked| Ranked {
            index: ranked.index,
            score: ranked.relevance_score,
            text: ranked.document.and_then(text_of),
        });
        Ok(Answer {
            id: read.id,
            model: read.model,
            ranked: ranked.collect(),
            usage: read.usage.and_then(|usage| usage.to_usage()),
            searches: read.meta.and_then(|meta| Some(meta.billed_units?.search_units?.0)),
        })
    }

    fn encode_answer(&self, answer: &Answer, asked: &Asked) -> Vec<u8> {
        let ranked = answer.ranked.iter().map(|ranked| WriteRanked {
            index: ranked.index,
            relevance_score: ranked.score,
            document: ranked.text.as_deref().map(|text| WriteDocument { text }),
        });
        json_bytes(&WriteAnswer {
            id: answer.id.clone().unwrap_or_else(|| asked.request.to_string()),
            model: &asked.model,
            results: ranked.collect(),
            meta: WriteMeta {
                api_version: WriteVersion { version: "2" },
                billed_units: WriteBilled { search_units: answer.searches },
            },
            usage: answer.usage.map(|usage| {
                let tokens = usage.total().0;
                WriteUsage { prompt_tokens: tokens, total_tokens: tokens }
            }),
        })
    }
}
