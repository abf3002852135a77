//! The paths of a language: what each asks for, and what it says by itself.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderMap;
use types::Operation;

use crate::{Fields, Splice};

/// One path that callers use, below any prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The path. `{model}` stands for a model's name, slashes included; any other `{word}` for one segment.
    pub path: &'static str,
    /// What it asks for.
    pub operation: Operation,
    /// Whether the answer is to be a stream.
    pub streams: Streams,
    /// How its bodies are laid out.
    pub takes: Takes,
    /// What the model's name in the path is to the one in the body.
    pub names: Names,
}

/// What a model's name in a path is to one in the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// The language's own affair: its bodies have none, or a path has none.
    #[default]
    Alone,
    /// It goes before the one that the body says or lacks.
    First,
}

/// How the bodies of a path are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Takes {
    /// As a JSON object.
    #[default]
    Json,
    /// As a JSON object, or as a form (RFC 7578) where the headers say so.
    JsonOrForm,
}

/// Who says whether an answer is to be a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streams {
    /// The path: it always is.
    Always,
    /// The body.
    #[default]
    AsAsked,
    /// The path: it never is.
    Never,
}

impl Route {
    /// A path whose requests say everything in their bodies.
    pub const fn new(path: &'static str, operation: Operation) -> Self {
        Self { path, operation, streams: Streams::AsAsked, takes: Takes::Json, names: Names::Alone }
    }

    /// The same path, whose model is the one that a body otherwise names.
    #[must_use]
    pub const fn naming(self) -> Self {
        Self { names: Names::First, ..self }
    }

    /// The same path, saying whether the answer is to be a stream.
    #[must_use]
    pub const fn streaming(self, streams: Streams) -> Self {
        Self { streams, ..self }
    }

    /// The same path, whose bodies may be forms.
    #[must_use]
    pub const fn or_form(self) -> Self {
        Self { takes: Takes::JsonOrForm, ..self }
    }

    /// What `path` says, if it is of this form.
    pub fn read(&self, path: &str) -> Option<PathSaid> {
        let model = match fits(self.path, path) {
            Fit::Not => return None,
            Fit::Whole => None,
            Fit::Model(model) => Some(decoded(model).into()),
        };
        Some(PathSaid { model, streams: self.streams, names: self.names })
    }
}

/// What a request's path says by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathSaid {
    /// The model's name, decoded.
    pub model: Option<Box<str>>,
    /// Whether the answer is to be a stream.
    pub streams: Streams,
    /// What the model's name is to the one in the body.
    pub names: Names,
}

impl PathSaid {
    /// The body with the path's name for the model in it, where that goes before its own.
    pub fn named(&self, body: &Bytes, fields: &Fields) -> Option<Bytes> {
        let model = self.model.as_deref().filter(|_| self.names == Names::First)?;
        let mut splice = Splice::default();
        crate::openai::name(body, fields, model, &mut splice);
        Some(splice.apply(body).concat().into())
    }
}

/// A request without its body, as far as a language reads it, and what is known of that.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The headers.
    pub headers: &'a HeaderMap,
    /// What the path says.
    pub path: &'a PathSaid,
    /// What stands behind the path's question mark.
    pub query: Option<&'a str>,
    /// What is known of the body already.
    pub scanned: Option<&'a Fields>,
}

/// What the path of a request says whose path says nothing.
static NOTHING: PathSaid = PathSaid { model: None, streams: Streams::AsAsked, names: Names::Alone };

impl<'a> Head<'a> {
    /// The head of a request that says everything in its headers and its body.
    pub fn of(headers: &'a HeaderMap) -> Self {
        Self { headers, path: &NOTHING, query: None, scanned: None }
    }

    /// The value of a parameter of the query, as it is written. The name is what a server reads, encoded or not.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        let mut pairs = self.query?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find(|(known, _)| decoded(known) == name).map(|(_, value)| value)
    }
}

/// Whether a path has the form of a pattern.
enum Fit<'p> {
    /// It has, and this text stands for the model.
    Model(&'p str),
    /// It has not.
    Not,
    /// It has, and says nothing else.
    Whole,
}

fn fits<'p>(pattern: &str, path: &'p str) -> Fit<'p> {
    // A look at the first bytes is enough for nearly every pattern.
    let pairs = pattern.bytes().zip(path.bytes());
    let same = pairs.take_while(|(wanted, given)| wanted == given && *wanted != b'{').count();
    let (Some(rest), Some(tail)) = (pattern.get(same..), path.get(same..)) else { return Fit::Not };
    let Some(rest) = rest.strip_prefix('{') else {
        return if rest.is_empty() && tail.is_empty() { Fit::Whole } else { Fit::Not };
    };
    let Some((word, after)) = rest.split_once('}') else { return Fit::Not };
    if word == "model" {
        // The last placeholder: what is left of the pattern is what the path ends in.
        let model = tail.strip_suffix(after).filter(|model| !model.is_empty());
        return model.map_or(Fit::Not, Fit::Model);
    }
    let end = tail.find('/').unwrap_or(tail.len());
    if end == 0 { Fit::Not } else { fits(after, tail.get(end..).unwrap_or_default()) }
}

/// `text` with its percent-encoded bytes as they are meant (RFC 3986, section 2.1); what is no text stays as it is.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    String::from_utf8(percent_decoded(text.as_bytes())).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// `text` with its percent-encoded bytes as they are meant (RFC 3986, section 2.1).
pub fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(hexadecimal);
        rest = if escaped.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
        bytes.push(escaped.unwrap_or(*first));
    }
    bytes
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|d| d.is_ascii_hexdigit()))?;
    u8::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &'static str, path: &str, model: Option<&str>) {
        let said = Route::new(pattern, Operation::Chat).read(path);
        let said = said.map(|said| said.model.unwrap_or_default());
        assert_eq!(said.as_deref(), model, "{path}");
    }

    #[test]
    fn a_model_in_the_path_is_read_decoded_and_with_its_slashes() {
        check("/v1/chat", "/v1/chat", Some(""));
        check("/v1/chat", "/v1/chat/", None);
        let pattern = "/v1beta/models/{model}:generateContent";
        check(pattern, "/v1beta/models/gemini-3:generateContent", Some("gemini-3"));
        check(pattern, "/v1beta/models/vertex/gemini-3:generateContent", Some("vertex/gemini-3"));
        check(pattern, "/v1beta/models/a%3Ab%2Fc:generateContent", Some("a:b/c"));
        check(pattern, "/v1beta/models/%zz%:generateContent", Some("%zz%"));
        check(pattern, "/v1beta/models/%ff:generateContent", Some("%ff"));
        check(pattern, "/v1beta/models/:generateContent", None);
        check(pattern, "/v1beta/models/gemini-3:countTokens", None);
        let pattern = "/v1/projects/{project}/models/{model}/converse";
        check(pattern, "/v1/projects/p/models/m/n/converse", Some("m/n"));
        check(pattern, "/v1/projects//models/m/converse", None);
        check("/v1/files/{id}", "/v1/files/f", Some(""));
        check("/v1/files/{id}", "/v1/files/f/content", None);
        check("/v1/files/{id}", "/v1/files/", None);
        check("/v1/files/{id}/content", "/v1/files/f/content", Some(""));
    }

    #[test]
    fn parameters_of_the_query_are_found_by_name() {
        let headers = HeaderMap::new();
        let head = Head { query: Some("a&alt=sse&b=1"), ..Head::of(&headers) };
        assert_eq!(head.parameter("alt"), Some("sse"));
        assert_eq!(head.parameter("a"), Some(""));
        assert_eq!(head.parameter("c"), None);
    }
}
