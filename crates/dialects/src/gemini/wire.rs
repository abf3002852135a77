//! What is written on the wire: contents and their parts, for requests and answers alike.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use types::{Json, StreamForm};

use super::proofs;
use crate::DecodeError;
use crate::calls::input;
use crate::object::{Object, Path};

/// Marks the kind of an opaque part or tool as this language's own.
const OWN: &str = "gemini:";
/// The same of a field of the candidate itself.
const CANDIDATE: &str = "gemini:candidate.";

/// An opaque part's or tool's kind, marked as this language's.
pub(super) fn own_kind(kind: &str) -> String {
    format!("{OWN}{kind}")
}

/// The kind of a candidate's field that is kept whole.
pub(super) fn candidate_kind(field: &str) -> String {
    format!("{CANDIDATE}{field}")
}

/// Whether an opaque part or tool is this language's.
pub(super) fn is_own(kind: &str) -> bool {
    kind.starts_with(OWN)
}

/// The candidate's field that an opaque block is, if it is one.
pub(super) fn candidate_field(kind: &str) -> Option<&str> {
    kind.strip_prefix(CANDIDATE)
}

/// The object that `raw` must be, by either spelling of its names.
pub(super) fn object<'a, 'p>(raw: &'a RawValue, path: &'p Path<'p>) -> Result<Object<'a, 'p>, DecodeError> {
    Object::read(raw.get(), path).map(Object::in_camel_case)
}

/// The items of a list, of which there may be one without its brackets.
pub(super) fn listed<'a>(raw: &'a RawValue, path: &Path<'_>) -> Result<Vec<&'a RawValue>, DecodeError> {
    if raw.get().starts_with('{') {
        return Ok(vec![raw]);
    }
    serde_json::from_str(raw.get()).map_err(|_| path.wrong("must be an array"))
}

/// One turn.
#[derive(Debug, Serialize)]
pub(super) struct ContentOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    pub(super) parts: Vec<PartOut<'a>>,
}

/// A part.
#[expect(clippy::large_enum_variant, reason = "nearly all are of the large kind")]
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum PartOut<'a> {
    /// One that passes through whole.
    Opaque(&'a Json),
    /// One that is written here.
    Said(Said<'a>),
}

/// What a part says.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Said<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_data: Option<FileData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_call: Option<CallOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_response: Option<ResultOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<Cow<'a, str>>,
}

/// Bytes in the request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    pub(super) mime_type: &'a str,
    pub(super) data: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display_name: Option<&'a str>,
}

/// Bytes elsewhere.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mime_type: Option<&'a str>,
    pub(super) file_uri: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display_name: Option<&'a str>,
}

/// A call of a function.
#[derive(Debug, Serialize)]
pub(super) struct CallOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) name: Cow<'a, str>,
    pub(super) args: Json,
}

/// What a function answered.
#[derive(Debug, Serialize)]
pub(super) struct ResultOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) name: Cow<'a, str>,
    pub(super) response: Json,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<PartOut<'a>>,
}

impl<'a> PartOut<'a> {
    /// Text.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Said(Said { text: Some(text.into()), ..Said::default() })
    }

    /// Reasoning, with its proof as it is written.
    pub(super) fn thought(text: &'a str, thought_signature: Option<Cow<'a, str>>) -> Self {
        Self::Said(Said { text: Some(text.into()), thought: true, thought_signature, ..Said::default() })
    }

    /// Puts this language's own proof on a text that has none yet; whether that is what it was for.
    pub(super) fn prove(&mut self, proof: &'a str) -> bool {
        let Self::Said(said) = self else { return false };
        let is_bare = said.text.is_some() && !said.thought && said.thought_signature.is_none();
        let Some(own) = proofs::own(proof).filter(|_| is_bare) else { return false };
        said.thought_signature = Some(own.into());
        true
    }

    /// The proof of reasoning that was told before, or that is not told. This language's own stands on a part that is no
    /// thought, as its models have it.
    pub(super) fn proof(proof: &'a str) -> Self {
        let thought = proofs::own(proof).is_none();
        let thought_signature = Some(proofs::written(proof));
        Self::Said(Said { text: Some("".into()), thought, thought_signature, ..Said::default() })
    }

    /// Encrypted reasoning.
    pub(super) fn redacted(data: &str) -> Self {
        let thought_signature = Some(proofs::redacted(data).into());
        Self::Said(Said { text: Some("".into()), thought: true, thought_signature, ..Said::default() })
    }

    /// A call, with the proof that is written for it.
    pub(super) fn call(call: CallOut<'a>, thought_signature: Option<Cow<'a, str>>) -> Self {
        Self::Said(Said { function_call: Some(call), thought_signature, ..Said::default() })
    }
}

/// A call's arguments as the object the wire wants: what is none is put into one.
pub(super) fn args(arguments: &str) -> (Json, Fit) {
    input(arguments)
        .map_or_else(|| (wrapped("arguments", &arguments), Fit::Wrapped), |json| (json, Fit::AsIs))
}

/// Whether a value is what the wire wants by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    AsIs,
    Wrapped,
}

/// An object with this one field.
#[expect(clippy::expect_used, reason = "an object of one text or value is JSON")]
pub(super) fn wrapped(name: &str, value: &impl Serialize) -> Json {
    Json::of(&std::collections::BTreeMap::from([(name, value)])).expect("a map with text keys is JSON")
}

/// What stands before and behind a piece of a stream. As HTTP does, Google ends lines with two characters.
pub(super) const fn around(form: StreamForm, is_first: bool) -> (&'static [u8], &'static [u8]) {
    match form {
        StreamForm::Array if is_first => (b"[", b""),
        StreamForm::Array => (b",\r\n", b""),
        // No caller reads the other forms in this language.
        StreamForm::Bytes | StreamForm::Events | StreamForm::Frames | StreamForm::Lines => {
            (b"data: ", b"\r\n\r\n")
        }
    }
}

/// What ends a stream.
pub(super) const fn end(form: StreamForm) -> &'static [u8] {
    match form {
        StreamForm::Array => b"]",
        StreamForm::Bytes | StreamForm::Events | StreamForm::Frames | StreamForm::Lines => b"",
    }
}

/// Writes `value` as JSON to the end of `out`.
#[expect(clippy::expect_used, reason = "our own structs have text keys, and a Vec takes every write")]
pub(super) fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value).expect("our own structs are JSON");
}
