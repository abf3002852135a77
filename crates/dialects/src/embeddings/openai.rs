//! Embeddings between the canonical form and this language
//! (<https://platform.openai.com/docs/api-reference/embeddings>).

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use types::conversation::{Change, Extras, Target};
use types::embedding::{Answer, Input, Request};
use types::{DialectId, Fault, ModelName, Operation, Usage};

use super::inputs::Inputs;
use super::vectors::{self, Item};
use crate::ask::{Ask, wrong};
use crate::extras::carry;
use crate::object::{Object, Path, Readable};
use crate::openai::rename;
use crate::openai_chat::OpenAiChat;
use crate::openai_family::error::read_answer;
use crate::openai_family::{MAX_DEPTH, json_bytes};
use crate::passage::Answers;
use crate::passage::usage::ReadUsage;
use crate::surface::{Kind, Surface};
use crate::whole::WHOLE;
use crate::{
    Asked, DecodeError, EncodeError, Encoded, Exchange, Fields, Head, Peek, Route, Splice, Vectors, quirks,
};

/// The language's name.
const ID: DialectId = DialectId("openai_embeddings");

/// Vectors for texts, in the form that most providers have taken over.
pub static OPENAI: Surface = Surface {
    id: ID,
    routes: &[
        Route::new("/v1/embeddings", Operation::Embeddings),
        Route::new("/openai/deployments/{model}/embeddings", Operation::Embeddings).naming(),
    ],
    family: &OpenAiChat,
    peek,
    adapt,
    answers: Answers { needs: Some("data"), rewrite: Some(vectors::rewrite), ..Answers::DEFAULT },
    kind: Kind::Embedding(&OpenAi),
};

/// The canonical form, in and out.
#[derive(Debug)]
pub(super) struct OpenAi;

#[derive(Serialize)]
struct WriteRequest<'a> {
    model: &'a str,
    input: Vec<WriteInput<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimension: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_format: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WriteInput<'a> {
    Text(&'a str),
    Tokens(&'a [u32]),
}

#[derive(Deserialize)]
struct ReadAnswer<'a> {
    #[serde(borrow)]
    data: Vec<Item<'a>>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<ReadUsage>,
}

#[derive(Serialize)]
struct WriteUsage {
    prompt_tokens: u64,
    total_tokens: u64,
}

fn peek(ask: Ask<'_>) -> Result<Peek, DecodeError> {
    let model = ask.model()?;
    ask.require("input")?;
    let vectors = match ask.text("encoding_format")?.as_deref() {
        None | Some("float") => Vectors::Numbers,
        Some("base64") => Vectors::Base64,
        Some(_) => return Err(wrong("encoding_format", "must be `float` or `base64`")),
    };
    Ok(Peek { vectors, ..Peek::of(model) })
}

/// The request with the target's name for the model, and its words for the length and the form of vectors.
fn adapt(body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    let (mut splice, mut changes) = (Splice::default(), Vec::new());
    rename(body, fields, target, &mut splice);
    if target.has_quirk(quirks::OUTPUT_DIMENSION)
        && let Some(key) = fields.key_span(body, "dimensions")
        && fields.value(body, "output_dimension").is_none()
    {
        splice.replace(key, "output_dimension");
    }
    if target.has_quirk(quirks::NO_ENCODING_FORMAT) && fields.value(body, "encoding_format").is_some() {
        // The answer is given in the form that was asked for all the same.
        splice.cut(body, fields, &["encoding_format"]);
        changes.push(Change::emulated("encoding_format"));
    }
    Encoded { body: splice.apply(body), changes, ..Encoded::default() }.checked(target)
}

impl Exchange<Request, Answer> for OpenAi {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Request, DecodeError> {
        const INPUT: &str =
            "must be a string, an array of strings, or one or more arrays of tokens, at most 65536 of them";
        let body = Readable::read(head, body, MAX_DEPTH)?;
        let mut object = Object::of(body.root(), &Path::Root)?;
        let model = ModelName::from(object.require_text("model")?);
        let inputs: Option<Inputs> = object.take_as("input", INPUT)?;
        // How the answer is written is the caller's affair: every upstream is asked for what it likes.
        object.take("encoding_format")?;
        Ok(Request {
            model,
            inputs: inputs.ok_or_else(|| Path::Field(&Path::Root, "input").wrong("is missing"))?.0,
            dimensions: object.take_as("dimensions", WHOLE)?,
            purpose: None,
            overlong: None,
            extras: Extras { dialect: Some(ID), fields: object.rest().collect() },
        })
    }

    fn encode_request(&self, request: &Request, target: &Target) -> Result<Encoded, EncodeError> {
        let carried = carry(&request.extras, ID, &[])?;
        let mut changes = carried.lost;
        changes.extend(super::unsaid(request));
        let renames = target.has_quirk(quirks::OUTPUT_DIMENSION);
        let body = WriteRequest {
            model: target.model.as_str(),
            input: request.inputs.iter().map(written).collect(),
            dimensions: request.dimensions.filter(|_| !renames),
            output_dimension: request.dimensions.filter(|_| renames),
            encoding_format: (!target.has_quirk(quirks::NO_ENCODING_FORMAT)).then_some("float"),
        };
        Encoded::of(&body, changes).checked(target)
    }

    fn decode_answer(&self, body: &[u8]) -> Result<Answer, Fault> {
        let read: ReadAnswer<'_> = read_answer(body)?;
        let mut items: Vec<_> = read.data.iter().enumerate().collect();
        items.sort_by_key(|(place, item)| item.index.unwrap_or(*place));
        let vectors: Result<Vec<_>, Fault> =
            items.into_iter().map(|(_, item)| vectors::read(item.embedding.get())).collect();
        let vectors = super::some(vectors?)?;
        let usage = read.usage.and_then(|usage| usage.to_usage());
        Ok(Answer { id: read.id, model: read.model, vectors, usage })
    }

    fn encode_answer(&self, answer: &Answer, asked: &Asked) -> Vec<u8> {
        let mut out = br#"{"object":"list","data":["#.to_vec();
        for (index, vector) in answer.vectors.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(br#"{"object":"embedding","index":"#);
            out.extend_from_slice(itoa::Buffer::new().format(index).as_bytes());
            out.extend_from_slice(br#","embedding":"#);
            vectors::write(vector, asked.vectors, &mut out);
            out.push(b'}');
        }
        out.extend_from_slice(br#"],"model":"#);
        out.extend_from_slice(&json_bytes(&asked.model));
        out.extend_from_slice(br#","usage":"#);
        out.extend_from_slice(&json_bytes(&usage(answer.usage)));
        out.push(b'}');
        out
    }
}

fn written(input: &Input) -> WriteInput<'_> {
    match input {
        Input::Text(text) => WriteInput::Text(text),
        Input::Tokens(tokens) => WriteInput::Tokens(tokens),
    }
}

fn usage(usage: Option<Usage>) -> WriteUsage {
    let tokens = usage.unwrap_or_default().total().0;
    WriteUsage { prompt_tokens: tokens, total_tokens: tokens }
}
