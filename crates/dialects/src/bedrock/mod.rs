//! Bedrock Converse and `ConverseStream`: JSON whose unions are objects with one member, streams of binary frames, and
//! the model's name in the path.

mod answer;
mod blocks;
mod cited;
mod error;
mod formats;
mod forward;
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

use crate::in_turn::BlockEncoder;
use crate::surrogates::Halved;
use crate::{
    Asked, Conduit, Conversational, DecodeError, Decoder, Dialect, EncodeError, Encoded, Encoder,
    ErrorAnswer, Fields, FileNames, Head, Peek, Place, Route, Splice, Streams, Vocabulary,
};

pub(crate) use usage::counted;

/// Deeper than anything that is read.
const MAX_DEPTH: usize = 512;

/// This language's name.
const ID: DialectId = DialectId("bedrock");

/// Bedrock Converse.
#[derive(Debug)]
pub struct Bedrock;

impl Dialect for Bedrock {
    fn id(&self) -> DialectId {
        ID
    }

    fn routes(&self) -> &'static [Route] {
        const {
            &[
                Route::new("/model/{model}/converse", Operation::Chat).streaming(Streams::Never),
                Route::new("/model/{model}/converse-stream", Operation::Chat).streaming(Streams::Always),
            ]
        }
    }

    fn file_names(&self) -> FileNames {
        FileNames { addresses: &["uri"], apart: &["input", "inputSchema", "json"], ..FileNames::NONE }
    }

    fn is_spoken_by(&self, headers: &HeaderMap) -> bool {
        headers.contains_key("amz-sdk-invocation-id")
    }

    fn peek(&self, head: Head<'_>, body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
        peek::peek(head, body, fields)
    }

    /// The body as it came but for the marks that the target wants: which model it is for stands in the path.
    fn adapt_request(&self, body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
        let mut splice = Splice::default();
        let changes = prefix::MARKS.set(body, fields, target, &mut splice).into_iter().collect();
        Encoded { body: splice.apply(body), changes, ..Encoded::default() }.checked(target)
    }

    fn forwarded_request_headers(&self) -> &'static [HeaderName] {
        &[]
    }

    /// None: an upstream's request id and latency are the gateway's, not the caller's.
    fn forwarded_answer_headers(&self) -> &'static [HeaderName] {
        &[]
    }

    fn forwarder(&self, _asked: &Asked) -> Box<dyn Conduit> {
        Box::new(forward::Forwarder::default())
    }

    fn read_fault(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Fault {
        error::read(status, headers, body)
    }

    fn encode_error(&self, refusal: &Refusal, _request: RequestId) -> ErrorAnswer {
        error::whole(refusal)
    }

    fn encode_stream_error(&self, refusal: &Refusal, _request: RequestId, _form: StreamForm) -> Vec<u8> {
        error::streamed(refusal)
    }

    /// None: the wire has no headers for limits.
    fn limit_headers(&self, _standings: &[Standing], _now: UnixTime) -> Vec<(HeaderName, HeaderValue)> {
        Vec::new()
    }

    fn conversational(&self) -> Option<&'static dyn Conversational> {
        Some(&Bedrock)
    }
}

impl Conversational for Bedrock {
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

    fn encode_answer(&self, answer: &Answer, _asked: &Asked) -> Vec<u8> {
        answer::encode(answer)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Halved::<stream_decode::StreamDecoder>::default())
    }

    fn encoder(&self, _asked: &Asked) -> Box<dyn Encoder> {
        Box::new(BlockEncoder::new(stream_encode::Frames::default()))
    }

    /// In the form of the provider's own `CountTokens`.
    fn encode_count(&self, tokens: Tokens) -> Vec<u8> {
        format!(r#"{{"inputTokens":{}}}"#, tokens.0).into_bytes()
    }
}
