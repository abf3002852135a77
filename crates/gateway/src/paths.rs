//! Where an operation is at a provider: paths, of which the model's name may be a part.

use http::uri::{InvalidUri, PathAndQuery};
use types::conversation::Delivery;
use types::{ModelName, Operation};

/// The paths of one language at one provider.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// Each operation's path.
    pub operations: Vec<(Operation, UpstreamPath)>,
    /// The path for a turn of a conversation that is to be streamed, where that is another one.
    pub chat_stream: Option<UpstreamPath>,
}

impl Paths {
    /// The path for this operation, where there is one.
    pub(crate) fn find(&self, operation: Operation, delivery: Delivery) -> Option<&UpstreamPath> {
        let streamed = self.chat_stream.as_ref();
        let streamed = streamed.filter(|_| operation == Operation::Chat && delivery.is_stream());
        let listed = || self.operations.iter().find(|(known, _)| *known == operation).map(|(_, path)| path);
        streamed.or_else(listed)
    }
}

/// A path at a provider, its query included.
#[derive(Clone, Debug)]
pub enum UpstreamPath {
    /// The same for every model.
    Fixed(PathAndQuery),
    /// With the model's name between two texts.
    OfModel {
        /// What stands before the name.
        before: Box<str>,
        /// What stands behind it.
        after: Box<str>,
    },
}

/// What stands for the model's name in a path.
const MODEL: &str = "{model}";

impl UpstreamPath {
    /// Reads a path that may hold `{model}`.
    ///
    /// # Errors
    /// What is no path.
    pub fn parse(text: &str) -> Result<Self, InvalidUri> {
        let Some((before, after)) = text.split_once(MODEL) else {
            return PathAndQuery::try_from(text).map(Self::Fixed);
        };
        PathAndQuery::try_from(format!("{before}m{after}"))?;
        Ok(Self::OfModel { before: before.into(), after: after.into() })
    }

    /// The path for this model; none where the name cannot be a segment of one.
    pub(crate) fn of(&self, model: &ModelName) -> Option<PathAndQuery> {
        match self {
            Self::Fixed(path) => Some(path.clone()),
            // A segment of dots alone would lead out of the folder, encoded or not (RFC 3986, section 5.2.4).
            Self::OfModel { .. } if model.as_str().bytes().all(|byte| byte == b'.') => None,
            Self::OfModel { before, after } => {
                PathAndQuery::try_from(format!("{before}{}{after}", encoded(model.as_str()))).ok()
            }
        }
    }
}

/// `text` with its percent-encoded bytes as they are meant (RFC 3986, section 2.1).
pub fn decoded(text: &str) -> String {
    String::from_utf8_lossy(&dialects::percent_decoded(text.as_bytes())).into_owned()
}

/// `name` as one segment of a path (RFC 3986, section 2.3): all but unreserved characters are percent-encoded.
pub(crate) fn encoded(name: &str) -> String {
    let mut segment = String::with_capacity(name.len() + 8);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            segment.push(char::from(byte));
        } else {
            let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase();
            segment.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(template: &str, model: &str, expect: &str) {
        let path = UpstreamPath::parse(template).unwrap();
        assert_eq!(path.of(&ModelName::from(model)).unwrap().as_str(), expect);
    }

    #[test]
    fn a_model_s_name_is_one_segment_of_its_path() {
        check("/v1/chat/completions", "gpt-5", "/v1/chat/completions");
        check(
            "/v1beta/models/{model}:streamGenerateContent?alt=sse",
            "gemini-3.1",
            "/v1beta/models/gemini-3.1:streamGenerateContent?alt=sse",
        );
        check(
            "/model/{model}/converse",
            "us.anthropic.claude-v1:0",
            "/model/us.anthropic.claude-v1%3A0/converse",
        );
        check("/model/{model}/converse", "arn:aws:x/é?#", "/model/arn%3Aaws%3Ax%2F%C3%A9%3F%23/converse");
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let path = UpstreamPath::parse("/model/{model}/converse").unwrap();
        for name in ["", ".", "..", "..."] {
            assert_eq!(path.of(&ModelName::from(name)), None, "{name}");
        }
        assert!(UpstreamPath::parse("/a b").is_err());
        assert!(UpstreamPath::parse("/a{model}\n").is_err());
    }
}
