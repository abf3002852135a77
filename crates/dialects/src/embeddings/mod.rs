//! The languages in which one asks for embeddings, each a file: between any two of them requests and answers are
//! translated through `types::embedding`.

mod cohere;
mod gemini;
mod inputs;
mod ollama;
mod openai;
#[cfg(test)]
mod tests;
mod vectors;

use types::conversation::Change;
use types::embedding::{Input, Request};
use types::{Fault, FaultKind};

use crate::EncodeError;

pub use cohere::COHERE;
pub use gemini::{GEMINI, GEMINI_SINGLE};
pub use ollama::OLLAMA;
pub use openai::OPENAI;

/// What a request says that a language has no word for which takes nothing but texts and a length.
fn unsaid(request: &Request) -> impl Iterator<Item = Change> {
    let purpose = request.purpose.map(|_| Change::dropped("input_type"));
    let overlong = request.overlong.map(|_| Change::dropped("truncate"));
    purpose.into_iter().chain(overlong)
}

/// The inputs as texts, for a language that takes no others.
fn texts<'r>(request: &'r Request) -> Result<Vec<&'r str>, EncodeError> {
    let text = |input: &'r Input| match input {
        Input::Text(text) => Ok(text.as_str()),
        Input::Tokens(_) => Err(EncodeError::Unsayable {
            field: "input".to_owned(),
            problem: "holds tokens, and this model's provider takes texts only".to_owned(),
        }),
    };
    request.inputs.iter().map(text).collect()
}

/// The vectors of an answer, of which there must be some.
fn some(vectors: Vec<Vec<f32>>) -> Result<Vec<Vec<f32>>, Fault> {
    let is_empty = vectors.iter().all(Vec::is_empty);
    let none = || Fault::new(FaultKind::Unreadable, "the provider's answer has no vectors");
    if is_empty { Err(none()) } else { Ok(vectors) }
}
