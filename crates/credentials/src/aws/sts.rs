//! The Security Token Service: a role's short-lived keys, for other keys or for a web identity's token.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html>

use std::path::PathBuf;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method};
use net::client::Origin;
use types::Secret;

use crate::cache::Issued;
use crate::error::{FetchError, ObtainError};
use crate::fetch::{Ask, Surroundings, element, origin_of};
use crate::sigv4::{Keys, Scope, Unsigned, sign};
use crate::{Variables, files, moment};

/// Where the service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sts {
    endpoint: String,
    region: String,
}

/// A role that is taken on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) session: Option<String>,
    pub(super) external_id: Option<String>,
}

/// A role that is taken on by another identity provider's token, which is renewed in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WebIdentity {
    pub(super) file: PathBuf,
    pub(super) role: Role,
}

impl Role {
    pub(super) const fn new(arn: String) -> Self {
        Self { arn, session: None, external_id: None }
    }

    fn session(&self) -> &str {
        self.session.as_deref().unwrap_or(SESSION)
    }
}

impl WebIdentity {
    /// The one that the environment names, as Kubernetes does for its service accounts.
    pub(super) fn new(variables: Variables<'_>) -> Option<Self> {
        let file = PathBuf::from(variables("AWS_WEB_IDENTITY_TOKEN_FILE")?);
        let session = variables("AWS_ROLE_SESSION_NAME");
        let role = Role { session, ..Role::new(variables("AWS_ROLE_ARN")?) };
        Some(Self { file, role })
    }
}

impl Sts {
    /// The region's own endpoint, unless the environment names another.
    pub(super) fn new(region: &str, variables: Variables<'_>) -> Self {
        let named = variables("AWS_ENDPOINT_URL_STS").or_else(|| variables("AWS_ENDPOINT_URL"));
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let endpoint = named.unwrap_or_else(|| format!("https://sts.{region}.{domain}"));
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Self { endpoint, region: region.to_owned() }
    }

    /// The role's keys, for the token in the identity's file.
    ///
    /// # Cancel safety
    /// Dropping it gives the question up.
    pub(super) async fn exchange(
        &self,
        identity: &WebIdentity,
        around: &Surroundings,
    ) -> Result<Issued<Keys>, ObtainError> {
        let token = files::read(&identity.file)?;
        let pairs = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", VERSION),
            ("RoleArn", &identity.role.arn),
            ("RoleSessionName", identity.role.session()),
            ("WebIdentityToken", token.reveal().trim()),
        ];
        self.keys(Ask::form(format!("{}/", self.endpoint), pairs), around).await
    }

    /// The role's keys, for other keys.
    ///
    /// # Cancel safety
    /// Dropping it gives the question up.
    pub(super) async fn assume(
        &self,
        role: &Role,
        by: &Keys,
        around: &Surroundings,
    ) -> Result<Issued<Keys>, ObtainError> {
        let named = [
            ("Action", "AssumeRole"),
            ("Version", VERSION),
            ("RoleArn", &role.arn),
            ("RoleSessionName", role.session()),
        ];
        let external = role.external_id.as_deref().map(|id| ("ExternalId", id));
        let ask = Ask::form(format!("{}/", self.endpoint), named.into_iter().chain(external));
        self.keys(self.signed(ask, by, around)?, around).await
    }

    fn signed(&self, mut ask: Ask, by: &Keys, around: &Surroundings) -> Result<Ask, ObtainError> {
        let no_address = |cause| {
            let endpoint = origin_of(&self.endpoint);
            ObtainError::Unanswered { endpoint, cause: FetchError::Url(cause) }
        };
        let (origin, base) = Origin::parse(&self.endpoint).map_err(no_address)?;
        let mut path = PathAndQuery::try_from(format!("{base}/")).unwrap_or(PathAndQuery::from_static("/"));
        let mut headers: HeaderMap = ask.headers.drain(..).collect();
        let body = [Bytes::copy_from_slice(ask.body.reveal().as_bytes())];
        let mut unsigned = Unsigned {
            method: &Method::POST,
            host: origin.host_header(),
            path: &mut path,
            headers: &mut headers,
            body: &body,
        };
        let scope = Scope { region: self.region.clone(), service: "sts".to_owned() };
        sign(&mut unsigned, by, &scope, around.clock.wall());
        ask.headers.extend(headers.into_iter().filter_map(|(name, value)| Some((name?, value))));
        Ok(ask)
    }

    async fn keys(&self, ask: Ask, around: &Surroundings) -> Result<Issued<Keys>, ObtainError> {
        let answer = around.ask(ask).await?;
        let unreadable = || ObtainError::Unreadable { endpoint: origin_of(&self.endpoint) };
        let text = std::str::from_utf8(answer.reveal()).map_err(|_| unreadable())?;
        let part = |name: &str| element(text, name).map(str::to_owned);
        let keys = || {
            Some(Keys {
                access_key_id: part("AccessKeyId")?,
                secret_access_key: Secret::new(part("SecretAccessKey")?),
                session_token: Some(Secret::new(part("SessionToken")?)),
            })
        };
        let lasts = element(text, "Expiration").and_then(|end| moment::until(end, &*around.clock));
        Ok(Issued { value: keys().ok_or_else(unreadable)?, lasts })
    }
}

const VERSION: &str = "2011-06-15";
/// What AWS's own logs call this gateway.
const SESSION: &str = "tollgate";
