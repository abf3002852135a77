//! `OpenAI` Chat Completions (<https://platform.openai.com/docs/api-reference/chat>), with the habits of the many
//! providers that speak it.

mod adapt;
mod answer;
mod chunk;
mod cited;
pub(crate) mod event;
mod forward;
mod history;
mod message_decode;
mod message_encode;
mod naming;
mod peek;
mod place;
mod prefix;
mod proofs;
mod reasoning;
mod request_decode;
mod request_encode;
mod restrict;
mod stream_decode;
mod stream_encode;
mod stream_tools;
pub(crate) mod usage;
mod vocabulary;
mod wire;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use types::conversation::{Answer, Conversation, Target};
use types::{DialectId, Fault, Operation, Refusal, RequestId, Standing, StreamForm, Tokens, UnixTime};

use crate::openai_family::{FILES, NOTHING_KEPT, error, json_bytes, limits};
use crate::surrogates::Halved;
use crate::{
    Asked, Conduit, Conversational, DecodeError, Decoder, Dialect, EncodeError, Encoded, Encoder,
    ErrorAnswer, Fields, FileNames, Head, Peek, Place, Route, Vocabulary,
};

/// The language's name.
pub(crate) const ID: DialectId = DialectId("openai_chat");
pub(crate) use adapt::adapt_plainly;
pub(crate) use peek::delivery;

/// `OpenAI` Chat Completions.
#[derive(Debug)]
pub struct OpenAiChat;

impl Dialect for OpenAiChat {
    fn id(&self) -> DialectId {
        ID
    }

    fn routes(&self) -> &'static [Route] {
        const {
            &[
                Route::new("/v1/chat/completions", Operation::Chat),
                Route::new("/v1/realtime", Operation::Realtime),
                Route::new("/v1/files", Operation::Files),
                Route::new("/v1/files/{id}", Operation::Files),
                Route::new("/v1/files/{id}/content", Operation::Files),
                Route::new("/v1/batches", Operation::Batches),
                Route::new("/v1/batches/{id}", Operation::Batches),
                Route::new("/v1/batches/{id}/cancel", Operation::Batches),
                Route::new("/openai/deployments/{model}/chat/completions", Operation::Chat).naming(),
            ]
        }
    }

    fn file_names(&self) -> FileNames {
        FILES
    }

    fn declined(&self, path: &str) -> Option<&'static str> {
        path.starts_with("/chat/completions/").then_some(NOTHING_KEPT)
    }

    fn is_spoken_by(&self, headers: &HeaderMap) -> bool {
        let marks = ["openai-beta", "openai-organization", "openai-project"];
        marks.into_iter().any(|name| headers.contains_key(name))
    }

    fn peek(&self, _head: Head<'_>, body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
        peek::peek(body, fields)
    }

    fn adapt_request(&self, body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
        adapt::adapt(body, fields, target)
    }

    fn forwarded_request_headers(&self) -> &'static [HeaderName] {
        static NAMES: [HeaderName; 1] = [HeaderName::from_static("openai-beta")];
        &NAMES
    }

    fn forwarded_answer_headers(&self) -> &'static [HeaderName] {
        static NAMES: [HeaderName; 2] =
            [HeaderName::from_static("openai-processing-ms"), HeaderName::from_static("openai-version")];
        &NAMES
    }

    fn forwarder(&self, asked: &Asked) -> Box<dyn Conduit> {
        Box::new(forward::Forwarder::new(asked))
    }

    fn encode_error(&self, refusal: &Refusal, _request: RequestId) -> ErrorAnswer {
        error::encode(refusal)
    }

    fn encode_stream_error(&self, refusal: &Refusal, _request: RequestId, _form: StreamForm) -> Vec<u8> {
        error::encode_in_stream(refusal)
    }

    fn limit_headers(&self, standings: &[Standing], _now: UnixTime) -> Vec<(HeaderName, HeaderValue)> {
        limits::headers(standings)
    }

    fn conversational(&self) -> Option<&'static dyn Conversational> {
        Some(&OpenAiChat)
    }
}

impl Conversational for OpenAiChat {
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
        json_bytes(&InputTokens { input_tokens: tokens.0 })
    }
}

/// A count in the form of `OpenAI`'s `input_tokens` endpoint: Chat Completions itself has none.
#[derive(Serialize)]
struct InputTokens {
    input_tokens: u64,
}

/// The answer's id: the upstream's where it looks like one of this language, else one made of the request's.
fn answer_id(upstream: Option<&str>, asked: &Asked) -> String {
    match upstream.filter(|id| id.starts_with("chatcmpl-")) {
        Some(id) => id.to_owned(),
        None => format!("chatcmpl-{}", asked.request),
    }
}

/// An id for a tool call that the upstream gave none. It holds the answer's id, so that the calls of two turns do
/// not meet under one id.
fn call_id(answer: &str, choice: usize, number: usize) -> String {
    let answer: String = answer.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("call_{answer}_{choice}_{number}")
}
