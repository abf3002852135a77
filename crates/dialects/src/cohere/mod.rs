//! Cohere's language, version 2 of its chat: tools as in Chat Completions, content in parts, and a stream of events with
//! names for each part's start, pieces and end.

mod answer;
mod cited;
mod error;
mod forward;
mod message_decode;
mod message_encode;
mod peek;
mod place;
mod request_decode;
mod request_encode;
mod stream_decode;
mod stream_encode;
mod usage;
mod vocabulary;
mod wire;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use types::conversation::{Answer, Conversation, Target};
use types::{DialectId, Fault, Operation, Refusal, RequestId, Standing, StreamForm, Tokens, UnixTime};

use crate::in_turn::BlockEncoder;
use crate::splice::renamed;
use crate::surrogates::Halved;
use crate::{
    Asked, Conduit, Conversational, DecodeError, Decoder, Dialect, EncodeError, Encoded, Encoder,
    ErrorAnswer, Fields, Head, Peek, Place, Route, Vocabulary,
};

/// Deeper than anything that is read.
const MAX_DEPTH: usize = 512;

/// This language's name.
const ID: DialectId = DialectId("cohere");

/// Cohere's language.
#[derive(Debug)]
pub struct Cohere;

impl Dialect for Cohere {
    fn id(&self) -> DialectId {
        ID
    }

    fn routes(&self) -> &'static [Route] {
        const { &[Route::new("/v2/chat", Operation::Chat)] }
    }

    fn is_spoken_by(&self, headers: &HeaderMap) -> bool {
        headers.get("x-fern-sdk-name").is_some_and(|name| name.as_bytes().starts_with(b"cohere"))
    }

    fn peek(&self, _head: Head<'_>, body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
        peek::peek(body, fields)
    }

    fn adapt_request(&self, body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
        Ok(Encoded { body: renamed(body, fields, target), ..Encoded::default() })
    }

    fn forwarded_request_headers(&self) -> &'static [HeaderName] {
        &[]
    }

    fn forwarded_answer_headers(&self) -> &'static [HeaderName] {
        &[]
    }

    fn forwarder(&self, _asked: &Asked) -> Box<dyn Conduit> {
        Box::new(forward::Forwarder::default())
    }

    fn encode_error(&self, refusal: &Refusal, request: RequestId) -> ErrorAnswer {
        error::whole(refusal, request)
    }

    fn encode_stream_error(&self, refusal: &Refusal, _request: RequestId, _form: StreamForm) -> Vec<u8> {
        error::streamed(refusal)
    }

    /// None: the wire has no headers for limits but those of trial keys.
    fn limit_headers(&self, _standings: &[Standing], _now: UnixTime) -> Vec<(HeaderName, HeaderValue)> {
        Vec::new()
    }

    fn conversational(&self) -> Option<&'static dyn Conversational> {
        Some(&Cohere)
    }
}

impl Conversational for Cohere {
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
        Box::new(BlockEncoder::new(stream_encode::Events::new(asked)))
    }

    fn encode_count(&self, tokens: Tokens) -> Vec<u8> {
        format!(r#"{{"input_tokens":{}}}"#, tokens.0).into_bytes()
    }
}
