//! Workload identity: another identity provider's token is exchanged for one of Google's (RFC 8693).
//! <https://google.aip.dev/auth/4117>

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use http::{HeaderName, Uri};
use serde::Deserialize;
use serde_json::Value;
use types::Secret;

use crate::bearer::{self, Bearer};
use crate::cache::Issued;
use crate::error::ObtainError;
use crate::fetch::{Ask, Surroundings};
use crate::files;

/// A file of type `external_account`.
#[derive(Deserialize)]
pub(super) struct External {
    audience: String,
    subject_token_type: String,
    token_url: String,
    pub(super) service_account_impersonation_url: Option<String>,
    credential_source: Source,
}

/// Where the other token is.
#[derive(Deserialize)]
struct Source {
    file: Option<PathBuf>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    format: Option<Format>,
}

/// What the other token is written in: its text unless said otherwise.
#[derive(Deserialize)]
struct Format {
    subject_token_field_name: Option<String>,
}

impl External {
    /// The exchanged token.
    ///
    /// # Cancel safety
    /// Dropping it gives the question up.
    pub(super) async fn token(
        &self,
        scope: &str,
        around: &Surroundings,
        path: &Path,
    ) -> Result<Issued<Bearer>, ObtainError> {
        let subject = self.credential_source.subject(around, path).await?;
        // Where a service account is acted as, the token is good for that alone, and for any of its scopes.
        let scope = if self.service_account_impersonation_url.is_some() { CLOUD } else { scope };
        let pairs = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", &self.audience),
            ("scope", scope),
            ("subject_token_type", &self.subject_token_type),
            ("subject_token", subject.reveal()),
        ];
        bearer::token(around, Ask::form(self.token_url.clone(), pairs)).await
    }
}

impl Source {
    async fn subject(&self, around: &Surroundings, path: &Path) -> Result<Secret<String>, ObtainError> {
        let (text, place) = match (&self.file, &self.url) {
            (Some(file), _) => (files::read(file)?, file.as_path()),
            (None, Some(url)) => {
                let body = around.ask(self.ask(url)).await?;
                (Secret::new(String::from_utf8_lossy(body.reveal()).into_owned()), path)
            }
            // Of AWS's keys and of programs that print a token.
            (None, None) => {
                let kind = "credential_source".to_owned();
                return Err(ObtainError::Unsupported { path: path.to_owned(), kind });
            }
        };
        let field = self.format.as_ref().and_then(|format| format.subject_token_field_name.as_ref());
        let Some(field) = field else { return Ok(Secret::new(text.reveal().trim().to_owned())) };
        let json: Value = files::parse(place, &text, SUBJECT)?;
        let token = json.get(field).and_then(Value::as_str);
        let token = token.ok_or(ObtainError::Malformed { path: place.to_owned(), expected: SUBJECT })?;
        Ok(Secret::new(token.to_owned()))
    }

    /// Other clouds give out their tokens at their metadata services.
    fn ask(&self, url: &str) -> Ask {
        let is_metadata = url.parse::<Uri>().is_ok_and(|url| url.scheme_str() == Some("http"));
        let ask = if is_metadata { Ask::of(url.to_owned()).at_metadata() } else { Ask::of(url.to_owned()) };
        let named =
            self.headers.iter().filter_map(|(name, value)| Some((name.parse::<HeaderName>().ok()?, value)));
        named.fold(ask, |ask, (name, value)| ask.with(name, value))
    }
}

const CLOUD: &str = "https://www.googleapis.com/auth/cloud-platform";
const SUBJECT: &str = "token to exchange";
