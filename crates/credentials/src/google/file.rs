//! The files of Application Default Credentials: a service account's key, a person's refresh token, an identity of
//! another cloud's, or a service account that one of these acts as.

use std::path::Path;
use std::pin::Pin;

use http::header;
use serde::Deserialize;
use serde_json::{Value, json};
use types::Secret;

use super::assertion;
use super::external::External;
use crate::bearer::{self, Bearer};
use crate::cache::Issued;
use crate::error::ObtainError;
use crate::fetch::{Ask, Surroundings, origin_of};
use crate::{files, moment};

/// What a file says, whatever its kind.
pub(super) struct CredentialFile<'p> {
    path: &'p Path,
    raw: Raw,
}

/// The kinds by their `type`.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Raw {
    AuthorizedUser(User),
    ExternalAccount(External),
    ImpersonatedServiceAccount(Impersonated),
    ServiceAccount(ServiceAccount),
}

/// A person, who once signed in.
#[derive(Deserialize)]
struct User {
    client_id: String,
    client_secret: String,
    refresh_token: String,
    #[serde(default = "token_endpoint")]
    token_uri: String,
}

/// A service account that has a key.
#[derive(Deserialize)]
struct ServiceAccount {
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
    #[serde(default = "token_endpoint")]
    token_uri: String,
}

/// A service account that somebody else acts as.
#[derive(Deserialize)]
struct Impersonated {
    service_account_impersonation_url: String,
    source_credentials: Box<Raw>,
    #[serde(default)]
    delegates: Vec<String>,
}

/// A token that is waited for.
type Token<'a> = Pin<Box<dyn Future<Output = Result<Issued<Bearer>, ObtainError>> + Send + 'a>>;

impl<'p> CredentialFile<'p> {
    pub(super) fn parse(path: &'p Path, text: &Secret<String>) -> Result<Self, ObtainError> {
        let tagged: Value = files::parse(path, text, EXPECTED)?;
        let kind = tagged.get("type").and_then(Value::as_str).unwrap_or_default();
        if !KINDS.contains(&kind) {
            let kind = kind.chars().take(LONGEST_KIND).collect();
            return Err(ObtainError::Unsupported { path: path.to_owned(), kind });
        }
        Ok(Self { path, raw: files::parse(path, text, EXPECTED)? })
    }

    pub(super) async fn token(
        &self,
        scope: &str,
        around: &Surroundings,
    ) -> Result<Issued<Bearer>, ObtainError> {
        self.raw.token(scope, around, self.path).await
    }
}

impl Raw {
    /// Boxed: one kind stands upon another.
    fn token<'a>(&'a self, scope: &'a str, around: &'a Surroundings, path: &'a Path) -> Token<'a> {
        Box::pin(async move {
            match self {
                Self::AuthorizedUser(user) => bearer::token(around, user.ask()).await,
                Self::ExternalAccount(external) => {
                    let token = external.token(scope, around, path).await?;
                    match &external.service_account_impersonation_url {
                        Some(url) => act_as(around, url, &token.value, scope, &[]).await,
                        None => Ok(token),
                    }
                }
                Self::ImpersonatedServiceAccount(account) => {
                    let token = account.source_credentials.token(scope, around, path).await?;
                    let url = &account.service_account_impersonation_url;
                    act_as(around, url, &token.value, scope, &account.delegates).await
                }
                Self::ServiceAccount(account) => bearer::token(around, account.ask(scope, around)?).await,
            }
        })
    }
}

impl User {
    /// The refresh grant (RFC 6749, section 6).
    fn ask(&self) -> Ask {
        let pairs = [
            ("grant_type", "refresh_token"),
            ("client_id", &self.client_id),
            ("client_secret", &self.client_secret),
            ("refresh_token", &self.refresh_token),
        ];
        Ask::form(self.token_uri.clone(), pairs)
    }
}

impl ServiceAccount {
    /// The assertion grant (RFC 7523, section 2.1).
    fn ask(&self, scope: &str, around: &Surroundings) -> Result<Ask, ObtainError> {
        let (now, endpoint) = (around.clock.wall().as_secs(), &self.token_uri);
        let claims =
            json!({"iss": self.client_email, "scope": scope, "aud": endpoint, "iat": now, "exp": now + HOUR});
        let assertion = assertion::signed(&claims, self.private_key_id.as_deref(), &self.private_key)?;
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        Ok(Ask::form(endpoint.clone(), [("grant_type", grant), ("assertion", assertion.reveal())]))
    }
}

/// A token of the service account whose `generateAccessToken` this is, by the IAM Credentials API.
async fn act_as(
    around: &Surroundings,
    url: &str,
    by: &Bearer,
    scope: &str,
    delegates: &[String],
) -> Result<Issued<Bearer>, ObtainError> {
    let body = json!({"scope": [scope], "lifetime": "3600s", "delegates": delegates});
    let authorization = by.header().to_str().unwrap_or_default();
    let ask = Ask::json(url.to_owned(), &body).with(header::AUTHORIZATION, authorization);
    let answer: Acting = around.ask_for(ask).await?;
    let endpoint = origin_of(url);
    let value = Bearer::new(&answer.access_token).ok_or(ObtainError::Unreadable { endpoint })?;
    Ok(Issued { value, lasts: moment::until(&answer.expire_time, &*around.clock) })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Acting {
    access_token: String,
    expire_time: String,
}

fn token_endpoint() -> String {
    "https://oauth2.googleapis.com/token".to_owned()
}

const EXPECTED: &str = "credential of Google's";
const KINDS: [&str; 4] =
    ["authorized_user", "external_account", "impersonated_service_account", "service_account"];
const LONGEST_KIND: usize = 64;
/// The longest that Google lets an assertion live, in seconds.
const HOUR: u64 = 3600;
