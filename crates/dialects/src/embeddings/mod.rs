//! The languages in which one asks for embeddings, each a file: between any two of them requests and answers are
//! translated through `types::embedding`.

/// Google's paths that end in this verb: below each of these beginnings, and those of all publishers, a model's name
/// follows.
macro_rules! routes {
    ($verb:literal; $($own:literal),*) => {
        routes!(
            @ $verb: $($own,)*
            "/v1beta1/publishers",
            "/v1/publishers",
            "/v1beta1/projects/{project}/locations/{location}/publishers",
            "/v1/projects/{project}/locations/{location}/publishers"
        )
    };
    (@ $verb:literal: $($beginning:literal),*) => {
        &[$(
            Route::new(concat!($beginning, "/{model}:", $verb), Operation::Embeddings)
                .streaming(Streams::Never),
        )*]
    };
}

mod cohere;
mod gemini;
mod inputs;
mod invoked;
mod ollama;
mod openai;
mod predict;
#[cfg(test)]
mod tests;
mod vectors;

use std::collections::HashSet;

use bytes::Bytes;
use types::conversation::{Change, Target};
use types::embedding::{Answer, Input, Overlong, Request};
use types::{Fault, FaultKind, Json};

use crate::object::Path;
use crate::{DecodeError, EncodeError, Encoded, Fields, extras, quirks};

pub use cohere::{COHERE, INVOKED};
pub use gemini::{GEMINI, GEMINI_SINGLE};
pub use invoked::{NOVA, TITAN};
pub use ollama::OLLAMA;
pub use openai::OPENAI;
pub use predict::PREDICT;

/// What callers are told of by these names, whatever theirs are.
const PURPOSE: &str = "input_type";
const OVERLONG: &str = "truncate";

/// A request that names no model.
pub(crate) fn unchanged(body: &Bytes, _fields: &Fields, target: &Target) -> Result<Encoded, EncodeError> {
    Encoded { body: vec![body.clone()], ..Encoded::default() }.checked(target)
}

/// What a request says that a language has no word for which takes nothing but texts and a length.
fn unsaid(request: &Request) -> impl Iterator<Item = Change> {
    let purpose = request.purpose.map(|_| Change::dropped(PURPOSE));
    let overlong = request.overlong.map(|_| Change::dropped(OVERLONG));
    purpose.into_iter().chain(overlong)
}

/// As many texts as callers may send to others at once (`OpenAI`'s limit): where fewer are taken, so many go in parts.
const USUAL: usize = 2048;

/// How much a language takes in one request.
#[derive(Clone, Copy)]
struct AtOnce {
    texts: usize,
    /// Of all texts together; one that is longer goes alone.
    bytes: usize,
}

impl AtOnce {
    /// One text.
    const ONE: Self = Self::texts(1);

    /// So many texts of any length.
    const fn texts(texts: usize) -> Self {
        Self { texts, bytes: usize::MAX }
    }

    /// The first of the texts that go in one request, and the others.
    fn split<'t, 'r>(self, texts: &'t [&'r str]) -> (&'t [&'r str], &'t [&'r str]) {
        let mut room = self.bytes;
        let fits = |text: &&&str| {
            let left = room.checked_sub(text.len());
            room = left.unwrap_or(0);
            left.is_some()
        };
        let count = texts.iter().take(self.texts).take_while(fits).count();
        texts.split_at(count.max(1).min(texts.len()))
    }
}

/// A request for these texts in as many parts as it takes, each written so.
fn in_parts(
    texts: &[&str],
    at_once: AtOnce,
    write: impl Fn(&[&str]) -> Vec<u8>,
) -> Result<Encoded, EncodeError> {
    let most = at_once.texts * USUAL.div_ceil(at_once.texts);
    if texts.len() > most {
        let taken = at_once.texts;
        let problem =
            format!("has more than {most} texts, of which this model's provider takes {taken} at once");
        return Err(EncodeError::Unsayable { field: "input".to_owned(), problem });
    }
    let written = |texts: &[&str]| vec![Bytes::from(write(texts))];
    let (mut earlier, mut rest) = (Vec::new(), texts);
    loop {
        let (part, later) = at_once.split(rest);
        if later.is_empty() {
            return Ok(Encoded { body: written(part), earlier, ..Encoded::default() });
        }
        earlier.push(written(part));
        rest = later;
    }
}

/// Requests for one text each, as one for all of them.
#[derive(Default)]
struct Joined {
    whole: Option<Request>,
    /// The names of the fields of that one's own language, and whether they say anything.
    named: HashSet<(String, bool)>,
}

impl Joined {
    /// Adds the request that stands there.
    fn add(&mut self, next: Request, place: &Path<'_>) -> Result<(), DecodeError> {
        let Some(whole) = &mut self.whole else {
            self.named.extend(next.extras.fields.iter().map(named));
            self.whole = Some(next);
            return Ok(());
        };
        if !is_alike(whole, &next) {
            let problem = "must be of the same length and purpose as the others for this model's provider";
            return Err(place.wrong(problem));
        }
        whole.inputs.extend(next.inputs);
        // What is said of a later text alone is no less lost where it cannot be said.
        let others = next.extras.fields.into_iter().filter(|field| self.named.insert(named(field)));
        whole.extras.fields.extend(others);
        Ok(())
    }

    /// The request for all, of which there must be one.
    fn whole(self, place: &Path<'_>) -> Result<Request, DecodeError> {
        self.whole.ok_or_else(|| place.wrong("is missing"))
    }
}

/// A field by its name, and whether it would be told as lost.
fn named((name, json): &(String, Json)) -> (String, bool) {
    (name.clone(), extras::is_said(json))
}

/// Whether the same is wanted of the vectors of two requests.
fn is_alike(one: &Request, other: &Request) -> bool {
    let said = |request: &Request| (request.dimensions, request.purpose, request.overlong);
    said(one) == said(other) && gemini::task(&one.extras) == gemini::task(&other.extras)
}

/// What becomes of an input that is too long, by whether it is cut.
const fn overlong(is_cut: bool) -> Overlong {
    if is_cut { Overlong::Truncated } else { Overlong::Refused }
}

/// The length of vectors that is asked for, unless the target has one alone.
fn dimensions(request: &Request, target: &Target, changes: &mut Vec<Change>) -> Option<u32> {
    let dimensions = request.dimensions.filter(|_| !target.has_quirk(quirks::NO_DIMENSIONS));
    if dimensions != request.dimensions {
        changes.push(Change::dropped("dimensions"));
    }
    dimensions
}

/// The vector of an answer in a language that has one in each.
fn first(answer: &Answer) -> &[f32] {
    answer.vectors.first().map_or(&[], Vec::as_slice)
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
