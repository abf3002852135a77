//! Voyage's reranking (<https://docs.voyageai.com/reference/reranker-api>). Its path is the same as the other
//! language's, in which all callers are answered: upstreams alone speak this one.

use serde::{Deserialize, Serialize};
use types::conversation::{Change, Extras, Target};
use types::rerank::{Answer, Ranked, Request};
use types::{DialectId, Fault, ModelName};

use super::documents;
use crate::ask::Ask;
use crate::extras::carry;
use crate::object::{Object, Path, Readable};
use crate::openai_chat::OpenAiChat;
use crate::openai_family::error::read_answer;
use crate::openai_family::{MAX_DEPTH, json_bytes};
use crate::passage::Answers;
use crate::passage::usage::ReadUsage;
use crate::surface::{Kind, Surface};
use crate::whole::WHOLE;
use crate::{Asked, DecodeError, EncodeError, Encoded, Exchange, Head, Peek, openai};

/// The language's name.
const ID: DialectId = DialectId("voyage_rerank");

/// Documents reranked by Voyage.
pub static VOYAGE: Surface = Surface {
    id: ID,
    routes: &[],
    family: &OpenAiChat,
    peek,
    adapt: openai::model,
    answers: Answers { needs: Some("data"), ..Answers::DEFAULT },
    kind: Kind::Reranking(&Voyage),
};

/// The canonical form, in and out.
#[derive(Debug)]
struct Voyage;

#[derive(Serialize)]
struct WriteRequest<'a> {
    model: &'a str,
    query: &'a str,
    documents: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_documents: Option<bool>,
}

#[derive(Deserialize)]
struct ReadAnswer {
    data: Vec<ReadRanked>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<ReadUsage>,
}

#[derive(Deserialize)]
struct ReadRanked {
    index: u64,
    relevance_score: f64,
    #[serde(default)]
    document: Option<String>,
}

#[derive(Serialize)]
struct WriteAnswer<'a> {
    object: &'static str,
    data: Vec<WriteRanked<'a>>,
    model: &'a ModelName,
    usage: WriteUsage,
}

#[derive(Serialize)]
struct WriteRanked<'a> {
    index: u64,
    relevance_score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<&'a str>,
}

#[derive(Serialize)]
struct WriteUsage {
    total_tokens: u64,
}

fn peek(ask: Ask<'_>) -> Result<Peek, DecodeError> {
    Ok(Peek::of(ask.model()?))
}

impl Exchange<Request, Answer> for Voyage {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Request, DecodeError> {
        let body = Readable::read(head, body, MAX_DEPTH)?;
        let mut object = Object::of(body.root(), &Path::Root)?;
        Ok(Request {
            model: ModelName::from(object.require_text("model")?),
            query: object.require_text("query")?,
            documents: documents(&mut object)?,
            most: object.take_as("top_k", WHOLE)?,
            repeats: object.take_as("return_documents", "must be a boolean")?,
            extras: Extras { dialect: Some(ID), fields: object.rest().collect() },
        })
    }

    fn encode_request(&self, request: &Request, target: &Target) -> Result<Encoded, EncodeError> {
        let mut changes = carry(&request.extras, ID, &[])?.lost;
        // None at all cannot be asked for here; the answer is as short as it can be.
        let most = request.most.map(|most| most.max(1));
        if most != request.most {
            changes.push(Change::rewritten("top_n"));
        }
        let body = WriteRequest {
            model: target.model.as_str(),
            query: &request.query,
            documents: &request.documents,
            top_k: most,
            return_documents: request.repeats,
        };
        Encoded::of(&body, changes).checked(target)
    }

    fn decode_answer(&self, body: &[u8]) -> Result<Answer, Fault> {
        let read: ReadAnswer = read_answer(body)?;
        let ranked = read.data.into_iter().map(|ranked| Ranked {
            index: ranked.index,
            score: ranked.relevance_score,
            text: ranked.document,
        });
        let usage = read.usage.and_then(|usage| usage.to_usage());
        Ok(Answer { id: None, model: read.model, ranked: ranked.collect(), usage, searches: None })
    }

    fn encode_answer(&self, answer: &Answer, asked: &Asked) -> Vec<u8> {
        let ranked = answer.ranked.iter().map(|ranked| WriteRanked {
            index: ranked.index,
            relevance_score: ranked.score,
            document: ranked.text.as_deref(),
        });
        json_bytes(&WriteAnswer {
            object: "list",
            data: ranked.collect(),
            model: &asked.model,
            usage: WriteUsage { total_tokens: answer.usage.unwrap_or_default().total().0 },
        })
    }
}
