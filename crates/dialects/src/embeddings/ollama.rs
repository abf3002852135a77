//! Ollama's embeddings (<https://docs.ollama.com/api/embed>).

use serde::{Deserialize, Serialize};
use types::conversation::{Change, Extras, Target};
use types::embedding::{Answer, Overlong, Request};
use types::{DialectId, Fault, ModelName, Operation, Tokens, Usage};

use super::inputs::Texts;
use super::vectors;
use crate::ask::Ask;
use crate::extras::carry;
use crate::object::{Object, Path, Readable};
use crate::openai_family::error::read_answer;
use crate::openai_family::usage::Count;
use crate::openai_family::{MAX_DEPTH, json_bytes};
use crate::passage::Answers;
use crate::surface::{Kind, Surface};
use crate::whole::WHOLE;
use crate::{Asked, DecodeError, EncodeError, Encoded, Exchange, Fields, Head, Peek, Route, Vectors, openai};

/// The language's name.
const ID: DialectId = DialectId("ollama_embeddings");

/// Ollama's embeddings.
pub static OLLAMA: Surface = Surface {
    id: ID,
    routes: &[Route::new("/api/embed", Operation::Embeddings)],
    family: &crate::ollama::Ollama,
    peek,
    adapt: openai::model,
    answers: Answers { needs: Some("embeddings"), usage: evaluated, ..Answers::DEFAULT },
    kind: Kind::Embedding(&Ollama),
};

/// The canonical form, in and out.
#[derive(Debug)]
struct Ollama;

#[derive(Serialize)]
struct WriteRequest<'a> {
    model: &'a str,
    input: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate: Option<bool>,
}

#[derive(Deserialize)]
struct ReadAnswer {
    #[serde(default)]
    model: Option<String>,
    embeddings: Vec<Vec<f32>>,
    #[serde(default)]
    prompt_eval_count: Option<Count>,
}

fn peek(ask: Ask<'_>) -> Result<Peek, DecodeError> {
    let model = ask.model()?;
    ask.require("input")?;
    Ok(Peek::of(model))
}

/// The tokens that were evaluated.
fn evaluated(body: &[u8], fields: &Fields) -> Option<Usage> {
    let count: Count = serde_json::from_slice(fields.value(body, "prompt_eval_count")?).ok()?;
    Some(of_input(count))
}

fn of_input(count: Count) -> Usage {
    Usage { input: Tokens(count.0), ..Usage::default() }
}

impl Exchange<Request, Answer> for Ollama {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Request, DecodeError> {
        let body = Readable::read(head, body, MAX_DEPTH)?;
        let mut object = Object::of(body.root(), &Path::Root)?;
        let model = ModelName::from(object.require_text("model")?);
        let texts: Option<Texts> =
            object.take_as("input", "must be a string or an array of at most 65536 strings")?;
        let truncates: Option<bool> = object.take_as("truncate", "must be a boolean")?;
        // How long a model stays loaded is nothing to others.
        object.take("keep_alive")?;
        Ok(Request {
            model,
            inputs: texts.ok_or_else(|| Path::Field(&Path::Root, "input").wrong("is missing"))?.0,
            dimensions: object.take_as("dimensions", WHOLE)?,
            purpose: None,
            overlong: truncates.map(super::overlong),
            extras: Extras { dialect: Some(ID), fields: object.rest().collect() },
        })
    }

    fn encode_request(&self, request: &Request, target: &Target) -> Result<Encoded, EncodeError> {
        let mut changes = carry(&request.extras, ID, &[])?.lost;
        changes.extend(request.purpose.map(|_| Change::dropped("input_type")));
        let body = WriteRequest {
            model: target.model.as_str(),
            input: super::texts(request)?,
            dimensions: request.dimensions,
            truncate: request.overlong.map(|overlong| overlong == Overlong::Truncated),
        };
        Encoded::of(&body, changes).checked(target)
    }

    fn decode_answer(&self, body: &[u8]) -> Result<Answer, Fault> {
        let read: ReadAnswer = read_answer(body)?;
        let usage = read.prompt_eval_count.map(of_input);
        Ok(Answer { id: None, model: read.model, vectors: super::some(read.embeddings)?, usage })
    }

    fn encode_answer(&self, answer: &Answer, asked: &Asked) -> Vec<u8> {
        let mut out = br#"{"model":"#.to_vec();
        out.extend(json_bytes(&asked.model));
        out.extend_from_slice(br#","embeddings":"#);
        vectors::write_all(&answer.vectors, Vectors::Numbers, &mut out);
        let tokens = answer.usage.unwrap_or_default().total().0;
        out.extend(
            format!(r#","total_duration":0,"load_duration":0,"prompt_eval_count":{tokens}}}"#).into_bytes(),
        );
        out
    }
}
