//! Google's embeddings as predictions
//! (<https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api>). The model stands in
//! the path alone.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use types::conversation::Target;
use types::embedding::{Answer, Input, Overlong, Request};
use types::{DialectId, Fault, Json, ModelName, Operation, Tokens, Units, Usage};

use super::gemini::{self, About};
use super::{AtOnce, Joined, overlong, vectors};
use crate::ask::Ask;
use crate::gemini::{Gemini, model};
use crate::object::{Object, Path, Readable};
use crate::openai_family::error::read_answer;
use crate::openai_family::usage::Count;
use crate::openai_family::{MAX_DEPTH, json_bytes};
use crate::passage::Answers;
use crate::surface::{Kind, Surface};
use crate::whole::WHOLE;
use crate::{
    Asked, DecodeError, EncodeError, Encoded, Exchange, Fields, Head, Peek, Route, Streams, Vectors, quirks,
};

/// The language's name.
pub(super) const ID: DialectId = DialectId("predict_embeddings");
/// As many texts as are taken at once, and as many bytes of them as tokens are: no token is less than a byte.
const AT_ONCE: AtOnce = AtOnce { texts: 250, bytes: 20_000 };

/// Embeddings as predictions.
pub static PREDICT: Surface = Surface {
    id: ID,
    routes: routes!["predict";],
    family: &Gemini,
    peek,
    adapt: super::unchanged,
    answers: Answers { needs: Some("predictions"), usage: counted, ..Answers::DEFAULT },
    kind: Kind::Embedding(&Predict),
};

/// The canonical form, in and out.
#[derive(Debug)]
struct Predict;

#[derive(Serialize)]
struct WriteRequest<'a> {
    instances: Vec<WriteInstance<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<WriteParameters>,
}

#[derive(Serialize)]
struct WriteInstance<'a> {
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct WriteParameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_truncate: Option<bool>,
}

/// An answer, whose vectors may be of no interest.
#[derive(Deserialize)]
struct ReadAnswer<V> {
    predictions: Vec<ReadPrediction<V>>,
    #[serde(default)]
    metadata: Option<ReadMetadata>,
}

#[derive(Deserialize)]
struct ReadPrediction<V> {
    embeddings: ReadEmbedding<V>,
}

#[derive(Deserialize)]
struct ReadEmbedding<V> {
    values: V,
    #[serde(default)]
    statistics: Option<ReadStatistics>,
}

#[derive(Deserialize)]
struct ReadStatistics {
    #[serde(default)]
    token_count: Option<Count>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadMetadata {
    #[serde(default)]
    billable_character_count: Option<Count>,
}

fn peek(ask: Ask<'_>) -> Result<Peek, DecodeError> {
    ask.require("instances")?;
    Ok(Peek::of(model(ask.head.path)?))
}

fn counted(body: &[u8], _fields: &Fields) -> Option<Usage> {
    serde_json::from_slice::<ReadAnswer<IgnoredAny>>(body).ok()?.usage()
}

impl<V> ReadAnswer<V> {
    /// The tokens of all texts, and the characters that some models are charged by.
    fn usage(&self) -> Option<Usage> {
        let statistics =
            self.predictions.iter().filter_map(|prediction| prediction.embeddings.statistics.as_ref());
        let tokens = statistics.filter_map(|told| Some(told.token_count?.0)).reduce(u64::saturating_add);
        let characters = self.metadata.as_ref().and_then(|told| told.billable_character_count);
        let is_told = tokens.is_some() || characters.is_some();
        let units = Units { input_character: characters.map_or(0, |count| count.0), ..Units::default() };
        is_told.then(|| Usage { input: Tokens(tokens.unwrap_or_default()), units, ..Usage::default() })
    }
}

impl Exchange<Request, Answer> for Predict {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Request, DecodeError> {
        let body = Readable::read(head, body, MAX_DEPTH)?;
        let mut object = Object::of(body.root(), &Path::Root)?;
        let model = model(head.path)?;
        let place = Path::Field(&Path::Root, "instances");
        let mut joined = Joined::default();
        for (index, raw) in object.take_list("instances")?.into_iter().enumerate() {
            let path = Path::Item(&place, index);
            joined.add(instance(Object::read(raw.get(), &path)?, model.clone())?, &path)?;
        }
        let mut request = joined.whole(&place)?;
        let place = Path::Field(&Path::Root, "parameters");
        if let Some(part) = object.take_part("parameters")? {
            let mut parameters = Object::of(part, &place)?;
            request.dimensions = parameters.take_as("outputDimensionality", WHOLE)?;
            let truncates: Option<bool> = parameters.take_as("autoTruncate", "must be a boolean")?;
            request.overlong = truncates.map(overlong);
            request.extras.fields.extend(named_within("parameters", parameters));
        }
        request.extras.fields.extend(object.rest());
        Ok(request)
    }

    fn encode_request(&self, request: &Request, target: &Target) -> Result<Encoded, EncodeError> {
        let texts = super::texts(request)?;
        let about = About::read(request, ID)?;
        // Each text has a title of its own: of several, it is not known whose this one is.
        let title = about.title.filter(|_| texts.len() == 1);
        let parameters =
            (request.dimensions.is_some() || request.overlong.is_some()).then(|| WriteParameters {
                output_dimensionality: request.dimensions,
                auto_truncate: request.overlong.map(|overlong| overlong == Overlong::Truncated),
            });
        let part = |texts: &[&str]| {
            let instances =
                texts.iter().map(|content| WriteInstance { content, task_type: about.task, title });
            json_bytes(&WriteRequest { instances: instances.collect(), parameters })
        };
        let at_once = if target.has_quirk(quirks::SINGLE_TEXT) { AtOnce::ONE } else { AT_ONCE };
        let changes = about.lost(title.is_some());
        Encoded { changes, ..super::in_parts(&texts, at_once, part)? }.checked(target)
    }

    fn decode_answer(&self, body: &[u8]) -> Result<Answer, Fault> {
        let read: ReadAnswer<Vec<f32>> = read_answer(body)?;
        let usage = read.usage();
        let vectors = read.predictions.into_iter().map(|prediction| prediction.embeddings.values);
        Ok(Answer { id: None, model: None, vectors: super::some(vectors.collect())?, usage })
    }

    /// The tokens of all texts are told with the first: whose they are each, only this language itself knows.
    fn encode_answer(&self, answer: &Answer, _asked: &Asked) -> Vec<u8> {
        let mut out = br#"{"predictions":["#.to_vec();
        for (index, vector) in answer.vectors.iter().enumerate() {
            let start =
                if index > 0 { r#",{"embeddings":{"values":"# } else { r#"{"embeddings":{"values":"# };
            out.extend_from_slice(start.as_bytes());
            vectors::write(vector, Vectors::Numbers, &mut out);
            if let Some(usage) = answer.usage.filter(|_| index == 0) {
                let tokens = usage.total().0;
                let told = format!(r#","statistics":{{"token_count":{tokens},"truncated":false}}"#);
                out.extend(told.into_bytes());
            }
            out.extend_from_slice(b"}}");
        }
        out.push(b']');
        if let Some(characters) =
            answer.usage.map(|usage| usage.units.input_character).filter(|count| *count > 0)
        {
            out.extend(format!(r#","metadata":{{"billableCharacterCount":{characters}}}"#).into_bytes());
        }
        out.push(b'}');
        out
    }
}

/// One text and what is said of it.
fn instance(mut object: Object<'_, '_>, model: ModelName) -> Result<Request, DecodeError> {
    let text = object.require_text("content")?;
    let task = object.take_text("task_type")?;
    let task = task.or(object.take_text("taskType")?);
    Ok(gemini::about(model, Input::Text(text), task, ID, object))
}

/// What is left of an object, by names that say where it stood.
fn named_within(place: &str, object: Object<'_, '_>) -> Vec<(String, Json)> {
    object.rest().map(|(name, json)| (format!("{place}.{name}"), json)).collect()
}
