//! Anthropic Messages, versions 2023-06-01 and 2026-10-21.

mod adapt;
mod answer;
mod blocks;
mod cited;
mod error;
mod forward;
mod history;
mod ids;
mod limits;
mod marks;
mod peek;
mod place;
mod prefix;
mod reasoning;
mod request_decode;
mod request_encode;
mod request_messages;
mod request_tools;
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

use crate::surrogates::Halved;
use crate::{
    Asked, Conduit, Conversational, DecodeError, Decoder, Dialect, EncodeError, Encoded, Encoder,
    ErrorAnswer, Fields, FileNames, Head, Peek, Place, Route, Vocabulary,
};

/// Deeper than any answer a provider sends.
const ANSWER_DEPTH: usize = 256;

/// This language's name.
const ID: DialectId = DialectId("anthropic");

/// What a caller says of the API rather than of the question: it goes on to an upstream of the same language.
static FORWARDED: [HeaderName; 2] =
    [HeaderName::from_static(peek::VERSION_HEADER), HeaderName::from_static("anthropic-beta")];

/// Anthropic Messages.
#[derive(Debug)]
pub struct Anthropic;

impl Dialect for Anthropic {
    fn id(&self) -> DialectId {
        ID
    }

    fn routes(&self) -> &'static [Route] {
        const {
            &[
                Route::new("/v1/messages", Operation::Chat),
                Route::new("/v1/messages/count_tokens", Operation::CountTokens),
                Route::new("/v1/messages/batches", Operation::Batches),
                Route::new("/v1/messages/batches/{id}", Operation::Batches),
                Route::new("/v1/messages/batches/{id}/cancel", Operation::Batches),
                Route::new("/v1/messages/batches/{id}/results", Operation::Batches),
                Route::new("/v1/files", Operation::Files),
                Route::new("/v1/files/{id}", Operation::Files),
                Route::new("/v1/files/{id}/content", Operation::Files),
            ]
        }
    }

    fn file_names(&self) -> FileNames {
        FileNames {
            types: &["container_upload", "file"],
            apart: &["input", "input_schema"],
            ..FileNames::NONE
        }
    }

    fn is_spoken_by(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(peek::VERSION_HEADER) || headers.contains_key("x-api-key")
    }

    fn peek(&self, head: Head<'_>, body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
        peek::peek(head.headers, body, fields)
    }

    fn adapt_request(&self, body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
        adapt::adapt(body, fields, target)
    }

    fn forwarded_request_headers(&self) -> &'static [HeaderName] {
        &FORWARDED
    }

    /// None: an upstream's limits, organisation and request id are the gateway's, not the caller's.
    fn forwarded_answer_headers(&self) -> &'static [HeaderName] {
        &[]
    }

    fn forwarder(&self, asked: &Asked) -> Box<dyn Conduit> {
        Box::new(forward::Forwarder::new(asked))
    }

    fn encode_error(&self, refusal: &Refusal, request: RequestId) -> ErrorAnswer {
        error::whole(refusal, request)
    }

    fn encode_stream_error(&self, refusal: &Refusal, request: RequestId, _form: StreamForm) -> Vec<u8> {
        error::streamed(refusal, request)
    }

    fn sign_of_life(&self, _form: StreamForm) -> Option<&'static [u8]> {
        Some(b"event: ping\ndata: {\"type\": \"ping\"}\n\n")
    }

    fn limit_headers(&self, standings: &[Standing], now: UnixTime) -> Vec<(HeaderName, HeaderValue)> {
        limits::headers(standings, now)
    }

    fn conversational(&self) -> Option<&'static dyn Conversational> {
        Some(&Anthropic)
    }
}

impl Conversational for Anthropic {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Conversation, DecodeError> {
        request_decode::decode(head, body)
    }

    fn encode_request(&self, conversation: &Conversation, target: &Target) -> Result<Encoded, EncodeError> {
        request_encode::encode(conversation, target)
    }

    fn indispensable(&self) -> &'static [(&'static str, &'static str)] {
        &[(
            error::PREVIOUS,
            "goes on with what a provider of Messages keeps; the provider of this model is spoken to in another language, \
             and this gateway keeps no conversations: send the whole of it",
        )]
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
        answer::encode_count(tokens)
    }
}
