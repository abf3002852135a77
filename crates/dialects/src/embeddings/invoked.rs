//! Embeddings of Amazon's models as Bedrock invokes them
//! (<https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html>,
//! <https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html>): one text in a request, in which no model
//! stands. Upstreams alone speak these languages.

use serde::{Deserialize, Serialize};
use types::conversation::{Change, Extras, Target};
use types::embedding::{Answer, Input, Overlong, Purpose, Request};
use types::{DialectId, Fault, ModelName, Tokens, Usage};

use super::{AtOnce, first, overlong, unchanged, vectors};
use crate::ask::{Ask, wrong};
use crate::bedrock::{Bedrock, counted};
use crate::extras::carry;
use crate::object::{Object, Path, Readable};
use crate::openai_family::error::read_answer;
use crate::openai_family::usage::Count;
use crate::openai_family::{MAX_DEPTH, json_bytes};
use crate::passage::Answers;
use crate::surface::{Kind, Surface};
use crate::whole::WHOLE;
use crate::{Asked, DecodeError, EncodeError, Encoded, Exchange, Fields, Head, Peek, Vectors};

const TITAN_ID: DialectId = DialectId("titan_embeddings");
const NOVA_ID: DialectId = DialectId("nova_embeddings");

/// Titan's embeddings.
pub static TITAN: Surface = Surface {
    id: TITAN_ID,
    routes: &[],
    family: &Bedrock,
    peek,
    adapt: unchanged,
    answers: Answers { needs: Some("embedding"), usage: told, head: counted, ..Answers::DEFAULT },
    kind: Kind::Embedding(&Titan),
};

/// Nova's embeddings, of which a caller gets those of texts.
pub static NOVA: Surface = Surface {
    id: NOVA_ID,
    routes: &[],
    family: &Bedrock,
    peek,
    adapt: unchanged,
    answers: Answers { needs: Some("embeddings"), head: counted, ..Answers::DEFAULT },
    kind: Kind::Embedding(&Nova),
};

/// The canonical form, in and out, of Titan's.
#[derive(Debug)]
struct Titan;

/// The same of Nova's.
#[derive(Debug)]
struct Nova;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WriteTitan<'a> {
    input_text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadTitan {
    embedding: Vec<f32>,
    #[serde(default)]
    input_text_token_count: Option<Count>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct NovaRequest {
    task_type: String,
    single_embedding_params: NovaParameters,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct NovaParameters {
    embedding_purpose: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_dimension: Option<u32>,
    text: NovaText,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct NovaText {
    /// It has to be said.
    truncation_mode: String,
    value: String,
}

#[derive(Deserialize)]
struct ReadNova {
    embeddings: Vec<ReadNovaVector>,
}

#[derive(Deserialize)]
struct ReadNovaVector {
    embedding: Vec<f32>,
}

fn peek(ask: Ask<'_>) -> Result<Peek, DecodeError> {
    if ask.head.path.model.is_none() {
        return Err(wrong("model", "is missing"));
    }
    Ok(Peek::of(model(ask.head)))
}

fn model(head: Head<'_>) -> ModelName {
    ModelName::from(head.path.model.as_deref().unwrap_or_default())
}

fn told(body: &[u8], fields: &Fields) -> Option<Usage> {
    serde_json::from_slice(fields.value(body, "inputTextTokenCount")?).ok().map(tokens)
}

fn tokens(count: Count) -> Usage {
    Usage { input: Tokens(count.0), ..Usage::default() }
}

impl Exchange<Request, Answer> for Titan {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Request, DecodeError> {
        let body = Readable::read(head, body, MAX_DEPTH)?;
        let mut object = Object::of(body.root(), &Path::Root)?;
        Ok(Request {
            model: model(head),
            inputs: vec![Input::Text(object.require_text("inputText")?)],
            dimensions: object.take_as("dimensions", WHOLE)?,
            purpose: None,
            overlong: None,
            extras: Extras { dialect: Some(TITAN_ID), fields: object.rest().collect() },
        })
    }

    /// Vectors are of length one unless somebody says otherwise, as everybody else's are. What is too long is refused.
    fn encode_request(&self, request: &Request, target: &Target) -> Result<Encoded, EncodeError> {
        let mut changes = carry(&request.extras, TITAN_ID, &[])?.lost;
        changes.extend(super::unsaid(request).filter(|change| {
            change.field != super::OVERLONG || request.overlong == Some(Overlong::Truncated)
        }));
        let dimensions = super::dimensions(request, target, &mut changes);
        let part = |texts: &[&str]| {
            let input_text = texts.first().copied().unwrap_or_default();
            json_bytes(&WriteTitan { input_text, dimensions })
        };
        Encoded { changes, ..super::in_parts(&super::texts(request)?, AtOnce::ONE, part)? }.checked(target)
    }

    fn decode_answer(&self, body: &[u8]) -> Result<Answer, Fault> {
        let read: ReadTitan = read_answer(body)?;
        let usage = read.input_text_token_count.map(tokens);
        Ok(Answer { id: None, model: None, vectors: super::some(vec![read.embedding])?, usage })
    }

    fn encode_answer(&self, answer: &Answer, _asked: &Asked) -> Vec<u8> {
        let mut out = br#"{"embedding":"#.to_vec();
        vectors::write(first(answer), Vectors::Numbers, &mut out);
        if let Some(usage) = answer.usage {
            out.extend(format!(r#","inputTextTokenCount":{}"#, usage.total().0).into_bytes());
        }
        out.push(b'}');
        out
    }
}

/// What is asked for, the other tasks being for what is larger.
const SINGLE: &str = "SINGLE_EMBEDDING";

impl Exchange<Request, Answer> for Nova {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Request, DecodeError> {
        const TEXT: &str = "must ask for the embedding of a text for this model's provider";
        let body = Readable::read(head, body, MAX_DEPTH)?;
        let mut object = Object::of(body.root(), &Path::Root)?;
        let field = "singleEmbeddingParams";
        if object.take_text("taskType")?.is_some_and(|task| task != SINGLE) {
            return Err(Path::Field(&Path::Root, "taskType").wrong(TEXT));
        }
        let said: Option<NovaParameters> = object.take_as(field, TEXT)?;
        let said = said.ok_or_else(|| Path::Field(&Path::Root, field).wrong("is missing"))?;
        let truncates = said.text.truncation_mode != "NONE";
        Ok(Request {
            model: model(head),
            inputs: vec![Input::Text(said.text.value)],
            dimensions: said.embedding_dimension,
            purpose: purpose(&said.embedding_purpose),
            overlong: Some(overlong(truncates)),
            extras: Extras { dialect: Some(NOVA_ID), fields: object.rest().collect() },
        })
    }

    fn encode_request(&self, request: &Request, target: &Target) -> Result<Encoded, EncodeError> {
        let mut changes = carry(&request.extras, NOVA_ID, &[])?.lost;
        if request.purpose == Some(Purpose::Similarity) {
            changes.push(Change::rewritten(super::PURPOSE));
        }
        let truncation = if request.overlong == Some(Overlong::Truncated) { "END" } else { "NONE" };
        let part = |texts: &[&str]| {
            json_bytes(&NovaRequest {
                task_type: SINGLE.to_owned(),
                single_embedding_params: NovaParameters {
                    embedding_purpose: word(request.purpose).to_owned(),
                    embedding_dimension: request.dimensions,
                    text: NovaText {
                        truncation_mode: truncation.to_owned(),
                        value: texts.first().copied().unwrap_or_default().to_owned(),
                    },
                },
            })
        };
        Encoded { changes, ..super::in_parts(&super::texts(request)?, AtOnce::ONE, part)? }.checked(target)
    }

    fn decode_answer(&self, body: &[u8]) -> Result<Answer, Fault> {
        let read: ReadNova = read_answer(body)?;
        let vectors = read.embeddings.into_iter().map(|vector| vector.embedding);
        Ok(Answer { id: None, model: None, vectors: super::some(vectors.collect())?, usage: None })
    }

    fn encode_answer(&self, answer: &Answer, _asked: &Asked) -> Vec<u8> {
        let mut out = br#"{"embeddings":[{"embeddingType":"TEXT","embedding":"#.to_vec();
        vectors::write(first(answer), Vectors::Numbers, &mut out);
        out.extend_from_slice(b"}]}");
        out
    }
}

/// The words for purposes.
fn purpose(word: &str) -> Option<Purpose> {
    match word {
        "CLASSIFICATION" => Some(Purpose::Classification),
        "CLUSTERING" => Some(Purpose::Clustering),
        "GENERIC_INDEX" => Some(Purpose::Document),
        "GENERIC_RETRIEVAL" | "TEXT_RETRIEVAL" => Some(Purpose::Query),
        _ => None,
    }
}

/// One has to be said.
const fn word(purpose: Option<Purpose>) -> &'static str {
    match purpose {
        Some(Purpose::Classification) => "CLASSIFICATION",
        Some(Purpose::Clustering | Purpose::Similarity) => "CLUSTERING",
        Some(Purpose::Document) | None => "GENERIC_INDEX",
        Some(Purpose::Query) => "TEXT_RETRIEVAL",
    }
}
