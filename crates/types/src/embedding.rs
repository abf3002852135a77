//! Vectors for texts, in the form in which any two languages that have embeddings meet.

use crate::conversation::Extras;
use crate::{ModelName, Usage};

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The model as the caller named it.
    pub model: ModelName,
    /// What to embed, in order.
    pub inputs: Vec<Input>,
    /// How long each vector is to be; the model's own length if not said.
    pub dimensions: Option<u32>,
    /// What the vectors are for.
    pub purpose: Option<Purpose>,
    /// What becomes of an input that is too long; as the provider likes if not said.
    pub overlong: Option<Overlong>,
    /// Fields only the caller's language knows.
    pub extras: Extras,
}

/// One thing to embed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A text.
    Text(String),
    /// A text as the numbers of its tokens, in the model's own vocabulary.
    Tokens(Vec<u32>),
}

/// What vectors are for: models that know make better ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To sort texts into classes.
    Classification,
    /// To find groups of texts.
    Clustering,
    /// To be found: a document.
    Document,
    /// To find documents with: a query.
    Query,
    /// To compare texts with each other.
    Similarity,
}

/// What becomes of an input that is longer than the model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Overlong {
    /// It is an error.
    Refused,
    /// Its end is left out.
    Truncated,
}

/// The vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The upstream's id for it.
    pub id: Option<String>,
    /// The upstream's name for the model.
    pub model: Option<String>,
    /// One for each input, in the order of the inputs.
    pub vectors: Vec<Vec<f32>>,
    /// What it used, if the upstream said so.
    pub usage: Option<Usage>,
}
