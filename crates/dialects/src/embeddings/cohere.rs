//! Cohere's embeddings, version 2 (<https://docs.cohere.com/v2/reference/embed>).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use types::conversation::{Change, Extras, Target};
use types::embedding::{Answer, Input, Overlong, Purpose, Request};
use types::{DialectId, Fault, Operation};

use super::{AtOnce, vectors};
use crate::ask::Ask;
use crate::bedrock::{Bedrock, counted};
use crate::extras::carry;
use crate::object::{Object, Path, Readable};
use crate::openai_family::error::{fault_inside, unreadable};
use crate::openai_family::{MAX_DEPTH, json_bytes};
use crate::passage::Answers;
use crate::passage::usage::{self, ReadUsage};
use crate::surface::{Kind, Surface};
use crate::whole::WHOLE;
use crate::{Asked, DecodeError, EncodeError, Encoded, Exchange, Head, Peek, Route, Vectors, openai, quirks};

/// The language's name.
const ID: DialectId = DialectId("cohere_embeddings");
const INVOKED_ID: DialectId = DialectId("bedrock_cohere_embeddings");
/// As many texts as are taken at once.
const AT_ONCE: AtOnce = AtOnce::texts(96);
/// What texts are for where nobody says: the field must be there.
const USUAL_PURPOSE: &str = "search_document";

/// Cohere's embeddings.
pub static COHERE: Surface = Surface {
    id: ID,
    routes: &[Route::new("/v2/embed", Operation::Embeddings)],
    family: &crate::cohere::Cohere,
    peek,
    adapt: openai::model,
    answers: Answers { needs: Some("embeddings"), usage: usage::billed, ..Answers::DEFAULT },
    kind: Kind::Embedding(&Cohere { is_invoked: false }),
};

/// The same language where Bedrock invokes the model
/// (<https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html>): the path names it, and a header
/// tells what was used. Upstreams alone speak it.
pub static INVOKED: Surface = Surface {
    id: INVOKED_ID,
    routes: &[],
    family: &Bedrock,
    peek,
    adapt: super::unchanged,
    answers: Answers { needs: Some("embeddings"), usage: usage::billed, head: counted, ..Answers::DEFAULT },
    kind: Kind::Embedding(&Cohere { is_invoked: true }),
};

/// The canonical form, in and out.
#[derive(Debug)]
struct Cohere {
    /// Whether the path names the model.
    is_invoked: bool,
}

#[derive(Serialize)]
struct WriteRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    texts: &'a [&'a str],
    input_type: &'static str,
    embedding_types: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimension: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate: Option<&'static str>,
}

/// One of `inputs`.
#[derive(Deserialize)]
struct ReadInput {
    content: Vec<ReadPart>,
}

#[derive(Deserialize)]
struct ReadPart {
    text: Option<String>,
}

#[derive(Deserialize)]
struct ReadAnswer<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(borrow)]
    embeddings: &'a RawValue,
    #[serde(default)]
    meta: Option<Meta>,
}

/// Vectors by the kind of their numbers.
#[derive(Deserialize)]
struct ByType {
    float: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    billed_units: Option<ReadUsage>,
}

#[derive(Serialize)]
struct WriteMeta {
    api_version: Version,
    billed_units: Billed,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

#[derive(Serialize)]
struct Billed {
    input_tokens: u64,
}

fn peek(ask: Ask<'_>) -> Result<Peek, DecodeError> {
    let vectors = match ask.find("embedding_types")? {
        Some(types) if is_base64(types) => Vectors::Base64,
        Some(_) | None => Vectors::Numbers,
    };
    Ok(Peek { vectors, ..Peek::of(ask.model()?) })
}

fn is_base64(types: &[u8]) -> bool {
    serde_json::from_slice::<Vec<String>>(types).is_ok_and(|types| types == ["base64"])
}

impl Cohere {
    const fn id(&self) -> DialectId {
        if self.is_invoked { INVOKED_ID } else { ID }
    }
}

impl Exchange<Request, Answer> for Cohere {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Request, DecodeError> {
        const PARTS: &str = "must be texts: this model's provider is asked in another language";
        let body = Readable::read(head, body, MAX_DEPTH)?;
        let mut object = Object::of(body.root(), &Path::Root)?;
        let wrong = |field: &str, problem: &str| Path::Field(&Path::Root, field).wrong(problem);
        let model = object.model(head)?;
        let mut inputs: Vec<String> =
            object.take_as("texts", "must be an array of strings")?.unwrap_or_default();
        for input in object.take_as::<Vec<ReadInput>>("inputs", PARTS)?.unwrap_or_default() {
            let texts: Option<Vec<String>> = input.content.into_iter().map(|part| part.text).collect();
            inputs.push(texts.ok_or_else(|| wrong("inputs", PARTS))?.join("\n"));
        }
        if inputs.is_empty() {
            return Err(wrong("texts", "is missing"));
        }
        let purpose = object.take_text("input_type")?.as_deref().and_then(purpose);
        let overlong = object.take_text("truncate")?;
        let types: Vec<String> =
            object.take_as("embedding_types", "must be an array of strings")?.unwrap_or_default();
        if types.iter().any(|kind| kind != "float" && kind != "base64") || types.len() > 1 {
            return Err(wrong("embedding_types", "must be `float` or `base64` for this model's provider"));
        }
        Ok(Request {
            model,
            inputs: inputs.into_iter().map(Input::Text).collect(),
            dimensions: object.take_as("output_dimension", WHOLE)?,
            purpose,
            overlong: overlong.map(|word| super::overlong(word != "NONE")),
            extras: Extras { dialect: Some(self.id()), fields: object.rest().collect() },
        })
    }

    fn encode_request(&self, request: &Request, target: &Target) -> Result<Encoded, EncodeError> {
        let mut changes = carry(&request.extras, self.id(), &[])?.lost;
        let input_type = request.purpose.map_or(USUAL_PURPOSE, word);
        if request.purpose == Some(Purpose::Similarity) {
            changes.push(Change::rewritten(super::PURPOSE));
        }
        let output_dimension = super::dimensions(request, target, &mut changes);
        let end = if target.has_quirk(quirks::TRUNCATES_RIGHT) { "RIGHT" } else { "END" };
        let part = |texts: &[&str]| {
            json_bytes(&WriteRequest {
                model: (!self.is_invoked).then_some(target.model.as_str()),
                texts,
                input_type,
                embedding_types: ["float"],
                output_dimension,
                truncate: request.overlong.map(|overlong| match overlong {
                    Overlong::Refused => "NONE",
                    Overlong::Truncated => end,
                }),
            })
        };
        Encoded { changes, ..super::in_parts(&super::texts(request)?, AT_ONCE, part)? }.checked(target)
    }

    fn decode_answer(&self, body: &[u8]) -> Result<Answer, Fault> {
        let unreadable = |error| fault_inside(body).unwrap_or_else(|| unreadable(&error));
        let read: ReadAnswer<'_> = serde_json::from_slice(body).map_err(unreadable)?;
        let vectors = read.embeddings.get();
        // Version 1 had a list alone.
        let vectors = if vectors.starts_with('[') {
            serde_json::from_str(vectors)
        } else {
            serde_json::from_str(vectors).map(|ByType { float }| float)
        };
        let vectors = vectors.map_err(unreadable)?;
        let usage = read.meta.and_then(|meta| meta.billed_units?.to_usage());
        Ok(Answer { id: read.id, model: None, vectors: super::some(vectors)?, usage })
    }

    fn encode_answer(&self, answer: &Answer, asked: &Asked) -> Vec<u8> {
        let id = answer.id.clone().unwrap_or_else(|| asked.request.to_string());
        let mut out = br#"{"id":"#.to_vec();
        out.extend(json_bytes(&id));
        out.extend_from_slice(match asked.vectors {
            Vectors::Base64 => br#","embeddings":{"base64":"#.as_slice(),
            Vectors::Numbers => br#","embeddings":{"float":"#,
        });
        vectors::write_all(&answer.vectors, asked.vectors, &mut out);
        out.extend_from_slice(br#"},"texts":[],"meta":"#);
        out.extend(json_bytes(&WriteMeta {
            api_version: Version { version: "2" },
            billed_units: Billed { input_tokens: answer.usage.unwrap_or_default().total().0 },
        }));
        out.extend_from_slice(br#","response_type":"embeddings_by_type"}"#);
        out
    }
}

/// The words for purposes.
fn purpose(word: &str) -> Option<Purpose> {
    match word {
        "classification" => Some(Purpose::Classification),
        "clustering" => Some(Purpose::Clustering),
        "search_document" => Some(Purpose::Document),
        "search_query" => Some(Purpose::Query),
        _ => None,
    }
}

const fn word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Classification => "classification",
        Purpose::Clustering | Purpose::Similarity => "clustering",
        Purpose::Document => "search_document",
        Purpose::Query => "search_query",
    }
}
