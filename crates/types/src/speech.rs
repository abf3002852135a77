//! A text to be spoken, in the form in which any two languages that speak meet.

use crate::conversation::Extras;
use crate::{ModelName, Usage};

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The model as the caller named it.
    pub model: ModelName,
    /// What is to be said.
    pub text: String,
    /// Who is to say it, by the provider's name; as the provider likes if not said.
    pub voice: Option<String>,
    /// The form of the sound.
    pub format: Format,
    /// Fields only the caller's language knows.
    pub extras: Extras,
}

/// The form of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Made shorter, by the word for how; by the usual one if not said.
    Compressed(Option<String>),
    /// Nothing but samples of 16 bits, the lower byte first.
    Samples,
    /// The same as a file of Microsoft's RIFF.
    Wave,
}

/// The sound.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The upstream's id for it.
    pub id: Option<String>,
    /// The upstream's name for the model.
    pub model: Option<String>,
    /// What is heard.
    pub sound: Vec<u8>,
    /// How many samples a second has, where it is nothing but samples; it is a file otherwise.
    pub rate: Option<u32>,
    /// What it used, if the upstream said so.
    pub usage: Option<Usage>,
}
