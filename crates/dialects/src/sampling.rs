//! How tokens are drawn, as far as languages without a word for it have to say so.

use types::conversation::{Change, Conversation, Sampling};

use crate::{EncodeError, Place, place};

/// Which of these fields were asked for: they are lost.
pub(crate) fn unsaid<'a>(
    sampling: &'a Sampling,
    fields: &'a [&'static str],
) -> impl Iterator<Item = Change> + 'a {
    let penalises = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty.abs() > f64::EPSILON);
    let asked = move |field: &str| match field {
        "frequency_penalty" => penalises(sampling.frequency_penalty),
        "logprobs" => sampling.logprobs == Some(true),
        "presence_penalty" => penalises(sampling.presence_penalty),
        "seed" => sampling.seed.is_some(),
        "top_k" => sampling.top_k.is_some(),
        "top_logprobs" => sampling.top_logprobs.is_some_and(|count| count > 0),
        _ => false,
    };
    fields.iter().filter(move |field| asked(field)).map(|field| Change::dropped(*field))
}

/// An error where several answers are asked for of a provider that gives one, by its language or by itself.
pub(crate) fn single_choice(conversation: &Conversation) -> Result<(), EncodeError> {
    if conversation.sampling.choices.is_none_or(|choices| choices <= 1) {
        return Ok(());
    }
    Err(gives_one(place::own(conversation, Place::Field(SEVERAL))))
}

/// The field that asks for several answers.
pub(crate) const SEVERAL: &str = "n";

/// The error itself, of the caller's field.
pub(crate) fn gives_one(field: String) -> EncodeError {
    let problem = "must be 1: the model's provider gives one answer per request".to_owned();
    EncodeError::Unsayable { field, problem }
}
