//! `OpenAI` Responses (<https://platform.openai.com/docs/api-reference/responses>) and what providers make of it, which
//! Open Responses (<https://www.openresponses.org>) writes down.
//!
//! The gateway keeps no answers. What refers to one that a provider keeps (`previous_response_id`, `conversation`, a
//! stored `prompt`) is passed on to providers of this language, untouched, and refused elsewhere. Only the provider
//! that keeps it can find it, so such a chain holds together where a model has one target of this language.

mod adapt;
mod answer;
mod cited;
mod echo;
mod error;
mod forward;
mod message_decode;
mod message_encode;
mod peek;
mod place;
mod reasoning;
mod request_decode;
mod request_encode;
mod resource;
mod restrict;
mod stream_decode;
mod stream_encode;
mod stream_events;
mod stream_items;
mod turns;
mod usage;
mod vocabulary;
mod wire;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use types::conversation::{Answer, Conversation, Target};
use types::{DialectId, Fault, Operation, Refusal, RequestId, Standing, StreamForm, Tokens, UnixTime};

use crate::openai_family::{FILES, NOTHING_KEPT, json_bytes, limits};
use crate::surrogates::Halved;
use crate::{
    Asked, Conduit, Conversational, DecodeError, Decoder, Dialect, EncodeError, Encoded, Encoder,
    ErrorAnswer, Fields, FileNames, Head, Peek, Place, Route, Vocabulary,
};

/// The language's name.
pub(crate) const ID: DialectId = DialectId("openai_responses");

/// `OpenAI` Responses.
#[derive(Debug)]
pub struct OpenAiResponses;

impl Dialect for OpenAiResponses {
    fn id(&self) -> DialectId {
        ID
    }

    fn routes(&self) -> &'static [Route] {
        const {
            &[
                Route::new("/v1/responses", Operation::Chat),
                Route::new("/v1/responses/input_tokens", Operation::CountTokens),
            ]
        }
    }

    fn continued(&self) -> Option<&'static str> {
        Some("previous_response_id")
    }

    fn declined(&self, path: &str) -> Option<&'static str> {
        let is_kept = |root| path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
        let is_of_conversations = path == "/conversations" || is_kept("/conversations");
        (is_of_conversations || is_kept("/responses")).then_some(NOTHING_KEPT)
    }

    fn turns(&self) -> Option<Box<dyn crate::Turns>> {
        Some(Box::new(turns::Turns::default()))
    }

    fn file_names(&self) -> FileNames {
        FILES
    }

    /// Never: its clients send the same headers as those of Chat Completions, and read the same errors.
    fn is_spoken_by(&self, _headers: &HeaderMap) -> bool {
        false
    }

    fn peek(&self, _head: Head<'_>, body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
        peek::peek(body, fields)
    }

    fn adapt_request(&self, body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
        adapt::adapt(body, fields, target)
    }

    fn echo(&self, body: &Bytes, fields: &Fields) -> Bytes {
        echo::of_request(body, fields)
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

    fn encode_error_message(&self, refusal: &Refusal, _request: RequestId) -> ErrorAnswer {
        error::encode_message(refusal)
    }

    fn encode_stream_error(&self, refusal: &Refusal, _request: RequestId, _form: StreamForm) -> Vec<u8> {
        error::encode_in_stream(refusal, 0)
    }

    fn limit_headers(&self, standings: &[Standing], _now: UnixTime) -> Vec<(HeaderName, HeaderValue)> {
        limits::headers(standings)
    }

    fn conversational(&self) -> Option<&'static dyn Conversational> {
        Some(&OpenAiResponses)
    }
}

impl Conversational for OpenAiResponses {
    fn decode_request(&self, head: Head<'_>, body: &[u8]) -> Result<Conversation, DecodeError> {
        request_decode::decode(head, body)
    }

    fn encode_request(&self, conversation: &Conversation, target: &Target) -> Result<Encoded, EncodeError> {
        request_encode::encode(conversation, target)
    }

    fn indispensable(&self) -> &'static [(&'static str, &'static str)] {
        const KEPT: &str = "refers to what a provider of Responses keeps; the provider of this model is spoken to \
                            in another language, and this gateway keeps no answers: send the whole input";
        &[
            ("background", "has no equivalent in the language of this model's provider"),
            ("conversation", KEPT),
            ("previous_response_id", KEPT),
            ("prompt", KEPT),
        ]
    }

    fn indispensable_block(&self, kind: &str) -> Option<&'static str> {
        const ONLY_MAKER: &str = "holds what was said before, which only the provider that made it shorter can read; the \
                                  provider of this model is another: send the whole input";
        const KEPT: &str = "refers to an item that a provider of Responses keeps; the provider of this model is spoken to \
                            in another language, and this gateway keeps no answers: send the items themselves \
                            (clients do with `store: false`)";
        if message_decode::is_reference(kind) {
            return Some(KEPT);
        }
        message_decode::is_compaction(kind).then_some(ONLY_MAKER)
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
        json_bytes(&InputTokens { object: "response.input_tokens", input_tokens: tokens.0 })
    }
}

/// A count in the form of the `input_tokens` endpoint.
#[derive(Serialize)]
struct InputTokens {
    object: &'static str,
    input_tokens: u64,
}

/// The answer's id: the upstream's where it is one of this language, else one made of the request's.
fn answer_id(upstream: Option<&str>, asked: &Asked) -> String {
    match upstream.filter(|id| id.starts_with("resp_")) {
        Some(id) => id.to_owned(),
        None => format!("resp_{}", asked.request),
    }
}
