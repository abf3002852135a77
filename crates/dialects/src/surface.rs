//! A language without conversations, as data: its paths, what is read of its requests, what is changed in them and in
//! its answers. Its errors and headers are those of the language with conversations that its speakers use beside it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use types::conversation::Target;
use types::{DialectId, Fault, Refusal, RequestId, Standing, StreamForm, UnixTime, Usage};

use crate::ask::Ask;
use crate::passage::{Answers, Passage};
use crate::{
    Asked, Conduit, Conversational, DecodeError, Dialect, Embedding, EncodeError, Encoded, ErrorAnswer,
    Fields, FileNames, Head, Peek, Reranking, Route, Speaking,
};

/// A language without conversations.
pub struct Surface {
    pub(crate) id: DialectId,
    pub(crate) routes: &'static [Route],
    /// The language whose errors and headers it has.
    pub(crate) family: &'static dyn Dialect,
    pub(crate) peek: fn(Ask<'_>) -> Result<Peek, DecodeError>,
    pub(crate) adapt: fn(&Bytes, &Fields, &Target) -> Result<Encoded, EncodeError>,
    pub(crate) answers: Answers,
    pub(crate) kind: Kind,
}

/// Into which languages it can be translated.
pub(crate) enum Kind {
    /// Into those that have embeddings.
    Embedding(&'static Embedding),
    /// Into none.
    Own,
    /// Into those that rerank.
    Reranking(&'static Reranking),
    /// Into those that speak.
    Speaking(&'static Speaking),
}

impl Dialect for Surface {
    fn id(&self) -> DialectId {
        self.id
    }

    fn routes(&self) -> &'static [Route] {
        self.routes
    }

    /// Whoever speaks this language speaks the one with conversations too, which is asked first.
    fn is_spoken_by(&self, _headers: &HeaderMap) -> bool {
        false
    }

    fn continued(&self) -> Option<&'static str> {
        self.family.continued()
    }

    fn file_names(&self) -> FileNames {
        self.family.file_names()
    }

    fn peek(&self, head: Head<'_>, body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
        (self.peek)(Ask { head, body, fields })
    }

    fn adapt_request(&self, body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
        (self.adapt)(body, fields, target)
    }

    fn forwarded_request_headers(&self) -> &'static [HeaderName] {
        self.family.forwarded_request_headers()
    }

    fn forwarded_answer_headers(&self) -> &'static [HeaderName] {
        self.family.forwarded_answer_headers()
    }

    fn forwarder(&self, asked: &Asked) -> Box<dyn Conduit> {
        Box::new(Passage::new(self.answers, asked))
    }

    fn read_head(&self, headers: &HeaderMap) -> Option<Usage> {
        (self.answers.head)(headers)
    }

    fn read_fault(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Fault {
        self.family.read_fault(status, headers, body)
    }

    fn encode_error(&self, refusal: &Refusal, request: RequestId) -> ErrorAnswer {
        self.family.encode_error(refusal, request)
    }

    fn encode_stream_error(&self, refusal: &Refusal, request: RequestId, form: StreamForm) -> Vec<u8> {
        self.family.encode_stream_error(refusal, request, form)
    }

    fn limit_headers(&self, standings: &[Standing], now: UnixTime) -> Vec<(HeaderName, HeaderValue)> {
        self.family.limit_headers(standings, now)
    }

    fn conversational(&self) -> Option<&'static dyn Conversational> {
        None
    }

    fn embedding(&self) -> Option<&'static Embedding> {
        match self.kind {
            Kind::Embedding(language) => Some(language),
            Kind::Own | Kind::Reranking(_) | Kind::Speaking(_) => None,
        }
    }

    fn reranking(&self) -> Option<&'static Reranking> {
        match self.kind {
            Kind::Reranking(language) => Some(language),
            Kind::Embedding(_) | Kind::Own | Kind::Speaking(_) => None,
        }
    }

    fn speaking(&self) -> Option<&'static Speaking> {
        match self.kind {
            Kind::Speaking(language) => Some(language),
            Kind::Embedding(_) | Kind::Own | Kind::Reranking(_) => None,
        }
    }

    fn echo(&self, body: &Bytes, fields: &Fields) -> Bytes {
        (self.answers.echo)(body, fields)
    }
}
