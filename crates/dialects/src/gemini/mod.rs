//! Gemini's `generateContent` (<https://ai.google.dev/api/generate-content>), as Google AI Studio and Vertex AI speak it.

mod adapt;
mod answer;
mod chunk;
mod cited;
mod contents;
mod error;
mod forward;
mod ids;
mod logprobs;
mod parts;
mod peek;
mod place;
mod proofs;
mod reasoning;
mod request_contents;
mod request_decode;
mod request_encode;
mod request_tools;
mod results;
mod schema;
mod speech;
mod stream_decode;
mod stream_encode;
mod tree;
mod usage;
mod vocabulary;
mod wire;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use types::conversation::{Answer, Conversation, Target};
use types::{DialectId, Fault, Operation, Refusal, RequestId, Standing, StreamForm, Tokens, UnixTime, Usage};

use crate::outline::Part;
use crate::surrogates::Halved;
use crate::{
    Asked, Conduit, Conversational, DecodeError, Decoder, Dialect, EncodeError, Encoded, Encoder,
    ErrorAnswer, Fields, FileNames, Head, Peek, Place, Route, Streams, Vocabulary,
};

pub(crate) use peek::model;
pub use speech::SPEECH;

/// The language's name.
const ID: DialectId = DialectId("gemini");
/// How deeply an upstream's answer, or a part of a request, may be nested; `serde_json`'s own limit.
const MAX_DEPTH: usize = 128;

/// The paths below these beginnings, each of which is followed by a model's name.
macro_rules! routes {
    ($($beginning:literal),*) => {
        &[$(
            Route::new(concat!($beginning, "/{model}:generateContent"), Operation::Chat)
                .streaming(Streams::Never),
            Route::new(concat!($beginning, "/{model}:streamGenerateContent"), Operation::Chat)
                .streaming(Streams::Always),
            Route::new(concat!($beginning, "/{model}:countTokens"), Operation::CountTokens)
                .streaming(Streams::Never),
        )*]
    };
}

/// What an answer's report counts, whoever reads it.
pub(crate) fn counted(report: Part<'_>) -> Option<Usage> {
    usage::ReadUsage::read(report).map(|read| read.canonical(0))
}

/// Gemini's `generateContent`.
#[derive(Debug)]
pub struct Gemini;

impl Dialect for Gemini {
    fn id(&self) -> DialectId {
        ID
    }

    fn routes(&self) -> &'static [Route] {
        // What follows the publishers is `{publisher}/models/{model}`.
        const {
            routes![
                "/v1beta/models",
                "/v1/models",
                "/v1beta1/projects/{project}/locations/{location}/publishers",
                "/v1/projects/{project}/locations/{location}/publishers",
                "/v1beta1/publishers",
                "/v1/publishers"
            ]
        }
    }

    fn file_names(&self) -> FileNames {
        FileNames {
            addresses: &["fileUri", "file_uri"],
            apart: &["args", "parameters", "parametersJsonSchema"],
            ..FileNames::NONE
        }
    }

    fn is_spoken_by(&self, headers: &HeaderMap) -> bool {
        headers.contains_key("x-goog-api-key") || headers.contains_key("x-goog-api-client")
    }

    fn peek(&self, head: Head<'_>, body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
        peek::peek(head, body, fields)
    }

    fn adapt_request(&self, body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
        adapt::adapt(body, fields, target)
    }

    /// None: what its clients say in headers is about themselves.
    fn forwarded_request_headers(&self) -> &'static [HeaderName] {
        &[]
    }

    fn forwarded_answer_headers(&self) -> &'static [HeaderName] {
        static NAMES: [HeaderName; 1] = [HeaderName::from_static("x-gemini-service-tier")];
        &NAMES
    }

    fn forwarder(&self, asked: &Asked) -> Box<dyn Conduit> {
        Box::new(forward::Forwarder::new(asked))
    }

    fn encode_error(&self, refusal: &Refusal, request: RequestId) -> ErrorAnswer {
        error::whole(refusal, request)
    }

    fn encode_stream_error(&self, refusal: &Refusal, request: RequestId, form: StreamForm) -> Vec<u8> {
        error::streamed(refusal, request, form)
    }

    fn sign_of_life(&self, form: StreamForm) -> Option<&'static [u8]> {
        match form {
            // The official clients take a comment for an answer, and an end of a line for nothing.
            StreamForm::Events => Some(b"\r\n"),
            StreamForm::Array => Some(b" "),
            StreamForm::Bytes | StreamForm::Frames | StreamForm::Lines => None,
        }
    }

    /// None: the language has no headers for limits.
    fn limit_headers(&self, _standings: &[Standing], _now: UnixTime) -> Vec<(HeaderName, HeaderValue)> {
        Vec::new()
    }

    fn conversational(&self) -> Option<&'static dyn Conversational> {
        Some(&Gemini)
    }
}

impl Conversational for Gemini {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Conversation, DecodeError> {
        request_decode::decode(head, body)
    }

    fn encode_request(&self, conversation: &Conversation, target: &Target) -> Result<Encoded, EncodeError> {
        request_encode::encode(conversation, target)
    }

    fn place(&self, conversation: &Conversation, place: Place<'_>) -> String {
        place::place(conversation, place)
    }

    fn vocabulary(&self) -> &'static Vocabulary {
        &vocabulary::VOCABULARY
    }

    fn decode_answer(&self, body: &[u8]) -> Result<Answer, Fault> {
        answer::decode(body)
    }

    fn encode_answer(&self, answer: &Answer, asked: &Asked) -> Vec<u8> {
        answer::encode(answer, asked)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Halved::<stream_decode::StreamDecoder>::default())
    }

    fn encoder(&self, asked: &Asked) -> Box<dyn Encoder> {
        Box::new(stream_encode::StreamEncoder::new(asked))
    }

    fn encode_count(&self, tokens: Tokens) -> Vec<u8> {
        format!(r#"{{"totalTokens":{}}}"#, tokens.0).into_bytes()
    }
}
