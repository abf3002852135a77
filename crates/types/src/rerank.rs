//! Documents by how well they answer a query, in the form in which any two languages that rerank meet.

use crate::conversation::Extras;
use crate::{ModelName, Usage};

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The model as the caller named it.
    pub model: ModelName,
    /// What is looked for.
    pub query: String,
    /// Where it is looked for.
    pub documents: Vec<String>,
    /// How many of the best are wanted; all if not said.
    pub most: Option<u64>,
    /// Whether the answer repeats the documents; as the provider likes if not said.
    pub repeats: Option<bool>,
    /// Fields only the caller's language knows.
    pub extras: Extras,
}

/// The documents in their new order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The upstream's id for it.
    pub id: Option<String>,
    /// The upstream's name for the model.
    pub model: Option<String>,
    /// The best first.
    pub ranked: Vec<Ranked>,
    /// The tokens it used, if the upstream said so.
    pub usage: Option<Usage>,
    /// The searches it is billed as, if the upstream said so.
    pub searches: Option<u64>,
}

/// One document's place.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// Which of the documents of the request.
    pub index: u64,
    /// How well it answers: larger is better, on a scale of the model's own.
    pub score: f64,
    /// Its text, where the answer repeats it.
    pub text: Option<String>,
}
