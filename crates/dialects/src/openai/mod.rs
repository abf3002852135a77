//! `OpenAI`'s operations that are no conversations (<https://platform.openai.com/docs/api-reference>), each a small
//! language of its own: what is asked and answered passes as it came, but for the model's name.

mod adapt;
mod ask;
mod embeddings;
mod peek;

mod vectors;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use types::conversation::Target;
use types::{DialectId, Operation, Refusal, RequestId, Standing, StreamForm, TokenClass, UnixTime};

use crate::openai_chat::OpenAiChat;
use crate::passage::{Answers, Passage};
use crate::{
    Asked, Conduit, Conversational, DecodeError, Dialect, Embedding, EncodeError, Encoded, ErrorAnswer,
    Fields, Head, Peek, Route,
};

/// One of the operations, or a few that are asked for alike.
pub struct Surface {
    id: DialectId,
    routes: &'static [Route],
    peek: fn(&Bytes, &Fields) -> Result<Peek, DecodeError>,
    adapt: fn(&Bytes, &Fields, &Target) -> Result<Encoded, EncodeError>,
    answers: Answers,
    embedding: Option<&'static Embedding>,
}

/// How a text goes on: what there was before there were chats.
pub static COMPLETIONS: Surface = Surface {
    id: DialectId("openai_completions"),
    routes: &[Route::new("/v1/completions", Operation::TextCompletion)],
    peek: peek::completions,
    adapt: adapt::completions,
    answers: Answers { needs: Some("choices"), ..Answers::DEFAULT },
    embedding: None,
};

/// Vectors for texts.
pub static EMBEDDINGS: Surface = Surface {
    id: DialectId("openai_embeddings"),
    routes: &[Route::new("/v1/embeddings", Operation::Embeddings)],
    peek: peek::embeddings,
    adapt: adapt::embeddings,
    answers: Answers { needs: Some("data"), rewrite: Some(vectors::rewrite), ..Answers::DEFAULT },
    embedding: Some(&embeddings::Embeddings),
};

/// Images, of descriptions and of images.
pub static IMAGES: Surface = Surface {
    id: DialectId("openai_images"),
    routes: &[
        Route::new("/v1/images/generations", Operation::ImageGeneration),
        Route::new("/v1/images/edits", Operation::ImageEdit).or_form(),
        Route::new("/v1/images/variations", Operation::ImageVariation).or_form(),
    ],
    peek: peek::images,
    adapt: adapt::model,
    answers: Answers { needs: Some("data"), ..Answers::DEFAULT },
    embedding: None,
};

/// Whether content is harmful.
pub static MODERATIONS: Surface = Surface {
    id: DialectId("openai_moderations"),
    routes: &[Route::new("/v1/moderations", Operation::Moderation)],
    peek: peek::moderations,
    adapt: adapt::model,
    answers: Answers { needs: Some("results"), ..Answers::DEFAULT },
    embedding: None,
};

/// Texts, spoken: the answer is sound, or events that hold it.
pub static SPEECH: Surface = Surface {
    id: DialectId("openai_speech"),
    routes: &[Route::new("/v1/audio/speech", Operation::Speech)],
    peek: peek::speech,
    adapt: adapt::model,
    answers: Answers { output: TokenClass::OutputAudio, ..Answers::DEFAULT },
    embedding: None,
};

/// What is said in recordings.
pub static TRANSCRIPTIONS: Surface = Surface {
    id: DialectId("openai_transcriptions"),
    routes: &[
        Route::new("/v1/audio/transcriptions", Operation::Transcription).or_form(),
        Route::new("/v1/audio/translations", Operation::AudioTranslation).or_form(),
    ],
    peek: peek::transcriptions,
    adapt: adapt::model,
    answers: Answers { needs: Some("text"), ..Answers::DEFAULT },
    embedding: None,
};

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

    fn peek(&self, _head: Head<'_>, body: &Bytes, fields: &Fields) -> Result<Peek, DecodeError> {
        (self.peek)(body, fields)
    }

    fn adapt_request(&self, body: &Bytes, fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
        (self.adapt)(body, fields, target)
    }

    fn forwarded_request_headers(&self) -> &'static [HeaderName] {
        OpenAiChat.forwarded_request_headers()
    }

    fn forwarded_answer_headers(&self) -> &'static [HeaderName] {
        OpenAiChat.forwarded_answer_headers()
    }

    fn forwarder(&self, asked: &Asked) -> Box<dyn Conduit> {
        Box::new(Passage::new(self.answers, asked))
    }

    fn encode_error(&self, refusal: &Refusal, request: RequestId) -> ErrorAnswer {
        OpenAiChat.encode_error(refusal, request)
    }

    fn encode_stream_error(&self, refusal: &Refusal, request: RequestId, form: StreamForm) -> Vec<u8> {
        OpenAiChat.encode_stream_error(refusal, request, form)
    }

    fn limit_headers(&self, standings: &[Standing], now: UnixTime) -> Vec<(HeaderName, HeaderValue)> {
        OpenAiChat.limit_headers(standings, now)
    }

    fn conversational(&self) -> Option<&'static dyn Conversational> {
        None
    }

    fn embedding(&self) -> Option<&'static Embedding> {
        self.embedding
    }
}
