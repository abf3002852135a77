//! `OpenAI`'s operations that are no conversations (<https://platform.openai.com/docs/api-reference>), each a small
//! language of its own: what is asked and answered passes as it came, but for the model's name. Embeddings, which
//! others have too, are among the [`crate::embeddings`].

mod adapt;
mod packed;
mod peek;
mod speech;
#[cfg(test)]
mod tests;

use types::{DialectId, Operation};

use crate::Route;
use crate::openai_chat::OpenAiChat;
use crate::openai_responses::OpenAiResponses;
use crate::passage::{Answers, usage};
use crate::surface::{Kind, Surface};

pub(crate) use adapt::{model, name, rename};

/// Conversations made shorter. A provider's answer holds what only the same provider can read again.
pub static COMPACTIONS: Surface = Surface {
    id: DialectId("openai_compactions"),
    routes: &[Route::new("/v1/responses/compact", Operation::Compaction)],
    family: &OpenAiResponses,
    peek: peek::compactions,
    adapt: model,
    answers: Answers { needs: Some("output"), ..Answers::DEFAULT },
    kind: Kind::Own,
};

/// How a text goes on: what there was before there were chats.
pub static COMPLETIONS: Surface = Surface {
    id: DialectId("openai_completions"),
    routes: &[
        Route::new("/v1/completions", Operation::TextCompletion),
        Route::new("/openai/deployments/{model}/completions", Operation::TextCompletion).naming(),
    ],
    family: &OpenAiChat,
    peek: peek::completions,
    adapt: adapt::completions,
    answers: Answers { needs: Some("choices"), ..Answers::DEFAULT },
    kind: Kind::Own,
};

/// Images, of descriptions and of images.
pub static IMAGES: Surface = Surface {
    id: DialectId("openai_images"),
    routes: &[
        Route::new("/v1/images/generations", Operation::ImageGeneration),
        Route::new("/v1/images/edits", Operation::ImageEdit).or_form(),
        Route::new("/v1/images/variations", Operation::ImageVariation).or_form(),
        Route::new("/openai/deployments/{model}/images/generations", Operation::ImageGeneration).naming(),
        Route::new("/openai/deployments/{model}/images/edits", Operation::ImageEdit).or_form().naming(),
    ],
    family: &OpenAiChat,
    peek: peek::images,
    adapt: model,
    answers: Answers { needs: Some("data"), usage: usage::drawn, units: usage::pictures, ..Answers::DEFAULT },
    kind: Kind::Own,
};

/// Whether content is harmful.
pub static MODERATIONS: Surface = Surface {
    id: DialectId("openai_moderations"),
    routes: &[Route::new("/v1/moderations", Operation::Moderation)],
    family: &OpenAiChat,
    peek: peek::moderations,
    adapt: model,
    answers: Answers { needs: Some("results"), ..Answers::DEFAULT },
    kind: Kind::Own,
};

/// Texts, spoken: the answer is sound, or events that hold it.
pub static SPEECH: Surface = Surface {
    id: DialectId("openai_speech"),
    routes: &[
        Route::new("/v1/audio/speech", Operation::Speech),
        Route::new("/openai/deployments/{model}/audio/speech", Operation::Speech).naming(),
    ],
    family: &OpenAiChat,
    peek: peek::speech,
    adapt: adapt::speech,
    answers: Answers {
        usage: usage::spoken,
        is_sound: true,
        unpack: packed::unpacked,
        echo: speech::format,
        ..Answers::DEFAULT
    },
    kind: Kind::Speaking(&speech::Speech),
};

/// What is said in recordings.
pub static TRANSCRIPTIONS: Surface = Surface {
    id: DialectId("openai_transcriptions"),
    routes: &[
        Route::new("/v1/audio/transcriptions", Operation::Transcription).or_form(),
        Route::new("/v1/audio/translations", Operation::AudioTranslation).or_form(),
        Route::new("/openai/deployments/{model}/audio/transcriptions", Operation::Transcription)
            .or_form()
            .naming(),
        Route::new("/openai/deployments/{model}/audio/translations", Operation::AudioTranslation)
            .or_form()
            .naming(),
    ],
    family: &OpenAiChat,
    peek: peek::transcriptions,
    adapt: model,
    answers: Answers { needs: Some("text"), units: usage::heard, ..Answers::DEFAULT },
    kind: Kind::Own,
};
