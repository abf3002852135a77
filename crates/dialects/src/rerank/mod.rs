//! The languages in which one has documents reranked, each a file: between any two of them requests and answers are
//! translated through `types::rerank`.

mod plain;
#[cfg(test)]
mod tests;
mod voyage;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::object::{Object, Path};
use crate::{DecodeError, shape};

pub use plain::{INVOKED, RERANK};
pub use voyage::VOYAGE;

/// A document: a text, or an object that holds one.
#[derive(Deserialize)]
struct WithText {
    text: String,
}

/// The text of a document.
fn text_of(document: &RawValue) -> Option<String> {
    let json = document.get();
    let text = serde_json::from_str(json).ok();
    text.or_else(|| shape::object::<WithText>(json.as_bytes()).map(|document| document.text))
}

/// The documents of a request, which must all hold a text.
fn documents(object: &mut Object<'_, '_>) -> Result<Vec<String>, DecodeError> {
    let path = Path::Field(&Path::Root, "documents");
    let documents = object.take_list("documents")?;
    let each = documents.into_iter().enumerate().map(|(index, document)| {
        let wrong = || Path::Item(&path, index).wrong("must be a string or an object with a text");
        text_of(document).ok_or_else(wrong)
    });
    let documents: Vec<String> = each.collect::<Result<_, _>>()?;
    if documents.is_empty() { Err(path.wrong("must hold at least one document")) } else { Ok(documents) }
}
