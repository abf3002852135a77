//! One question to whoever gives out tokens, and its answer. The network is an argument: [`Fetch`].

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Uri, header};
use net::client::Reach;
use net::drain::Tasks;
use serde::de::DeserializeOwned;
use types::{Clock, Secret};

use crate::error::{FetchError, ObtainError};
use crate::escape::form;

/// One question.
#[derive(Debug)]
pub struct Ask {
    /// The method.
    pub method: Method,
    /// The whole address, query included.
    pub url: String,
    /// The headers. Those with secrets are marked sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; it may hold secrets.
    pub body: Secret<String>,
    /// Whether it may go to a metadata service.
    pub reach: Reach,
}

/// One answer.
#[derive(Debug)]
pub struct Heard {
    /// The HTTP status.
    pub status: u16,
    /// The whole body; it may hold secrets.
    pub body: Secret<Vec<u8>>,
}

/// An answer that is waited for.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Heard, FetchError>> + Send + 'a>>;

/// Carries questions to whoever gives out tokens.
pub trait Fetch: Send + Sync {
    /// # Cancel safety
    /// Dropping the future gives the question up.
    fn fetch(&self, ask: Ask) -> Fetching<'_>;
}

/// Told how each attempt to obtain a credential ended.
pub type Report = Arc<dyn Fn(Result<(), &ObtainError>) + Send + Sync>;

/// What credentials that have to be obtained need around them.
#[derive(Clone)]
pub struct Surroundings {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The network.
    pub fetch: Arc<dyn Fetch>,
    /// How long obtaining a credential may take in all.
    pub limit: Duration,
    /// Told how each attempt ended.
    pub report: Report,
    /// Owns the attempts.
    pub tasks: Tasks,
}

impl Ask {
    /// A question without a body.
    pub(crate) fn of(url: String) -> Self {
        let (headers, body) = (Vec::new(), Secret::new(String::new()));
        Self { method: Method::GET, url, headers, body, reach: Reach::NotMetadata }
    }

    /// A form that is posted.
    pub(crate) fn form<'a>(url: String, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let body = Secret::new(form(pairs));
        let headers = vec![(header::CONTENT_TYPE, FORM)];
        Self { method: Method::POST, headers, body, ..Self::of(url) }
    }

    /// A JSON body that is posted.
    pub(crate) fn json(url: String, body: &serde_json::Value) -> Self {
        let headers = vec![(header::CONTENT_TYPE, JSON)];
        Self { method: Method::POST, headers, body: Secret::new(body.to_string()), ..Self::of(url) }
    }

    /// With a header. A value that HTTP does not allow is left out: whoever is asked then says what is missing.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.push((name, value));
        }
        self
    }

    /// To a metadata service.
    pub(crate) fn at_metadata(self) -> Self {
        Self { reach: Reach::Everywhere, ..self }
    }
}

impl Surroundings {
    /// Asks, and takes the answer if it is a good one.
    ///
    /// # Cancel safety
    /// Dropping it gives the question up.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Secret<Vec<u8>>, ObtainError> {
        let endpoint = origin_of(&ask.url);
        match self.fetch.fetch(ask).await {
            Ok(Heard { status: 200..=299, body }) => Ok(body),
            Ok(Heard { status, body }) => {
                Err(ObtainError::Refused { endpoint, status, word: word(body.reveal()) })
            }
            Err(cause) => Err(ObtainError::Unanswered { endpoint, cause }),
        }
    }

    /// Asks, and reads the answer as JSON of this shape.
    ///
    /// # Cancel safety
    /// Dropping it gives the question up.
    pub(crate) async fn ask_for<T: DeserializeOwned>(&self, ask: Ask) -> Result<T, ObtainError> {
        let endpoint = origin_of(&ask.url);
        let body = self.ask(ask).await?;
        // The parser's message is left out: it may quote what it read.
        serde_json::from_slice(body.reveal()).map_err(|_| ObtainError::Unreadable { endpoint })
    }
}

/// Scheme, host and port: what may be told of an address.
pub(crate) fn origin_of(url: &str) -> String {
    let uri = url.parse::<Uri>().unwrap_or_default();
    format!(
        "{}://{}",
        uri.scheme_str().unwrap_or("unknown"),
        uri.authority().map_or("", |place| place.as_str())
    )
}

/// A refusal's own word for why: OAuth 2.0's `error` (RFC 6749, section 5.2), Google's `error.status`, AWS's `Code`. A
/// word only: sentences may quote what was sent.
pub(crate) fn word(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let json: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let places = ["/error/status", "/error/code", "/error", "/Code", "/code"];
    let found = places.iter().find_map(|place| json.pointer(place)?.as_str());
    let found = found.or_else(|| element(text, "Code"))?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!found.is_empty() && found.len() <= LONGEST_WORD && found.chars().all(is_word)).then(|| found.to_owned())
}

/// The text of the first XML element of this name. Those that are read here hold letters and digits only.
pub(crate) fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    after.split_once(&format!("</{name}>")).map(|(inside, _)| inside.trim())
}

const LONGEST_WORD: usize = 64;
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expect: Option<&str>) {
        assert_eq!(word(body.as_bytes()).as_deref(), expect, "{body}");
    }

    #[test]
    fn of_a_refusal_its_word_is_told_and_no_sentence() {
        check(r#"{"error":"invalid_grant","error_description":"secret"}"#, Some("invalid_grant"));
        check(
            r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"secret"}}"#,
            Some("PERMISSION_DENIED"),
        );
        check(
            "<ErrorResponse><Error><Code>ExpiredTokenException</Code></Error></ErrorResponse>",
            Some("ExpiredTokenException"),
        );
        check(r#"{"error":"a secret sentence"}"#, None);
        check("gateway timeout", None);
        check("\u{fffd}", None);
    }

    #[test]
    fn an_address_is_told_by_its_origin() {
        assert_eq!(origin_of("https://host.example:8443/a?token=secret"), "https://host.example:8443");
        assert_eq!(origin_of("nonsense secret"), "unknown://");
    }
}
