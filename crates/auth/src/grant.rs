//! The request of the token endpoint: the client-credentials grant of OAuth 2.0 (RFC 6749 section 4.4), where the API
//! key is the client's secret.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap};
use types::{Blame, Classify, Code, Retry, Secret, Verdict};

use crate::{IdentifyError, Reason, form};

/// When to try again while no token can be issued.
const UNAVAILABLE_WAIT: Duration = Duration::from_secs(1);

/// A well-formed request for a token.
#[derive(Debug)]
pub struct Grant {
    client: Option<String>,
    secret: Secret<String>,
}

impl Grant {
    /// Reads the form in `body`, and the client's credentials from it or from `Authorization: Basic`.
    pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, GrantError> {
        let form = Form::read(body)?;
        match form.grant_type.as_deref() {
            Some("client_credentials") => {}
            Some(_) => return Err(GrantError::UnsupportedGrantType),
            None => return Err(GrantError::InvalidRequest("grant_type is missing")),
        }
        match (basic(headers)?, form.client_secret) {
            (Some(_), Some(_)) => Err(GrantError::InvalidRequest("two ways of client authentication")),
            (Some((client, _)), None) if form.client_id.as_ref().is_some_and(|named| *named != client) => {
                Err(GrantError::InvalidRequest("two different client ids"))
            }
            (Some((client, secret)), None) => Ok(Self { client: Some(client), secret }.normal()),
            (None, Some(secret)) => Ok(Self { client: form.client_id, secret: Secret::new(secret) }.normal()),
            (None, None) => Err(GrantError::InvalidClient(Reason::Missing)),
        }
    }

    /// The API key.
    pub(crate) fn secret(&self) -> &[u8] {
        self.secret.reveal().as_bytes()
    }

    /// The id or name of the key, if the client says it.
    pub(crate) fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// An empty client id is none.
    fn normal(self) -> Self {
        Self { client: self.client.filter(|client| !client.is_empty()), ..self }
    }
}

/// Why no token was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantError {
    /// The client's credentials are not good; the reason is for the operator.
    InvalidClient(Reason),
    /// The request is not well formed.
    InvalidRequest(&'static str),
    /// Keys cannot be checked or tokens not made now.
    Unavailable,
    /// Another grant than `client_credentials`.
    UnsupportedGrantType,
}

impl GrantError {
    /// The word in the answer's `error` field (RFC 6749 section 5.2; `temporarily_unavailable` from 4.1.2.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidClient(_) => "invalid_client",
            Self::InvalidRequest(_) => "invalid_request",
            Self::Unavailable => "temporarily_unavailable",
            Self::UnsupportedGrantType => "unsupported_grant_type",
        }
    }
}

impl fmt::Display for GrantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidClient(_) => f.write_str("the client_secret is not a valid key of this client"),
            Self::InvalidRequest(detail) => f.write_str(detail),
            Self::Unavailable => f.write_str("no token can be issued now: try again shortly"),
            Self::UnsupportedGrantType => f.write_str("the only grant_type here is client_credentials"),
        }
    }
}

impl std::error::Error for GrantError {}

impl From<IdentifyError> for GrantError {
    fn from(refused: IdentifyError) -> Self {
        match refused {
            IdentifyError::BadCredential(reason) => Self::InvalidClient(reason),
            IdentifyError::Conflict(_) => Self::InvalidRequest("two ways of client authentication"),
            IdentifyError::Unavailable => Self::Unavailable,
        }
    }
}

impl Classify for GrantError {
    fn verdict(&self) -> Verdict {
        let (blame, retry, code) = match self {
            Self::InvalidClient(_) => (Blame::Caller, Retry::Never, Code::BadCredential),
            Self::InvalidRequest(_) | Self::UnsupportedGrantType => {
                (Blame::Caller, Retry::Never, Code::BadGrant)
            }
            Self::Unavailable => (Blame::Gateway, Retry::After(UNAVAILABLE_WAIT), Code::AuthenticationDown),
        };
        Verdict { blame, retry, code }
    }
}

/// The fields that are read; others, such as `scope`, are ignored as RFC 6749 section 3.2 says.
#[derive(Default)]
struct Form {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

impl Form {
    /// No field may stand twice, and an empty one is none (RFC 6749 section 3.2).
    fn read(body: &[u8]) -> Result<Self, GrantError> {
        let mut read = Self::default();
        for (name, value) in form::pairs(body) {
            let field = match &*name {
                b"grant_type" => &mut read.grant_type,
                b"client_id" => &mut read.client_id,
                b"client_secret" => &mut read.client_secret,
                _ => continue,
            };
            let value = text(value.into_owned())?;
            if !value.is_empty() && field.replace(value).is_some() {
                return Err(GrantError::InvalidRequest("a field stands twice"));
            }
        }
        Ok(read)
    }
}

/// The client id and secret of `Authorization: Basic`, each form-encoded inside (RFC 6749 section 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, Secret<String>)>, GrantError> {
    const MALFORMED: GrantError = GrantError::InvalidRequest("the basic authorization is malformed");
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let Some((scheme, credentials)) = value.as_bytes().trim_ascii().split_at_checked("Basic ".len()) else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return Ok(None);
    }
    let pair = STANDARD.decode(credentials.trim_ascii()).map_err(|_| MALFORMED)?;
    let pair = Secret::new(pair);
    let mut halves = pair.reveal().splitn(2, |byte| *byte == b':');
    let (Some(client), Some(secret)) = (halves.next(), halves.next()) else { return Err(MALFORMED) };
    let client = text(form::decoded(client).into_owned())?;
    let secret = Secret::new(text(form::decoded(secret).into_owned())?);
    Ok(Some((client, secret)))
}

fn text(bytes: Vec<u8>) -> Result<String, GrantError> {
    String::from_utf8(bytes).map_err(|_| GrantError::InvalidRequest("a field is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(authorization: &str, body: &str) -> Result<Grant, GrantError> {
        let mut headers = HeaderMap::new();
        if let Some(pair) = authorization.strip_prefix("Basic ") {
            let value = format!("Basic {}", STANDARD.encode(pair));
            headers.insert(AUTHORIZATION, value.parse().unwrap());
        } else if !authorization.is_empty() {
            headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        }
        Grant::read(&headers, body.as_bytes())
    }

    #[track_caller]
    fn check(authorization: &str, body: &str, client: Option<&str>, secret: &str) {
        let grant = read(authorization, body).expect("a grant");
        assert_eq!((grant.client(), grant.secret()), (client, secret.as_bytes()), "{authorization} {body}");
    }

    #[track_caller]
    fn check_refused(authorization: &str, body: &str, word: &str) {
        let refused = read(authorization, body).expect_err("refused");
        assert_eq!(refused.as_str(), word, "{authorization} {body}");
    }

    const GRANT: &str = "grant_type=client_credentials";

    #[test]
    fn the_secret_comes_in_the_body_or_as_basic() {
        check("", &format!("{GRANT}&client_secret=tg-a"), None, "tg-a");
        check("", &format!("client_secret=tg%2Da&client_id=k_1&{GRANT}&scope=x"), Some("k_1"), "tg-a");
        check("Basic k_1:tg-a", GRANT, Some("k_1"), "tg-a");
        check("Basic :tg-a", GRANT, None, "tg-a");
        check("Basic my%20app:tg%2Da", &format!("{GRANT}&client_id=my+app"), Some("my app"), "tg-a");
    }

    #[test]
    fn what_is_not_well_formed_is_refused_with_the_words_of_the_rfc() {
        check_refused("", "", "invalid_request");
        check_refused("", "client_secret=tg-a", "invalid_request");
        check_refused("", "grant_type=password&client_secret=tg-a", "unsupported_grant_type");
        check_refused("", GRANT, "invalid_client");
        check_refused("", &format!("{GRANT}&client_secret="), "invalid_client");
        check_refused("", &format!("{GRANT}&{GRANT}&client_secret=tg-a"), "invalid_request");
        check_refused("", &format!("{GRANT}&client_secret=%ff"), "invalid_request");
        check_refused("", r#"{"grant_type":"client_credentials"}"#, "invalid_request");
        check_refused("Basic k_1:tg-a", &format!("{GRANT}&client_secret=tg-a"), "invalid_request");
        check_refused("Basic k_1:tg-a", &format!("{GRANT}&client_id=k_2"), "invalid_request");
        check_refused("Basic nocolon", GRANT, "invalid_request");
        check_refused("Bearer tg-a", GRANT, "invalid_client");
    }
}
