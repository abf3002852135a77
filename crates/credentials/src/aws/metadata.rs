//! Keys that the place gives out that the gateway runs in: a container's endpoint, or the instance's metadata service
//! (version 2). <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>

use std::path::PathBuf;

use http::{HeaderName, Method, Uri, header};
use serde::Deserialize;
use types::Secret;

use crate::cache::Issued;
use crate::error::ObtainError;
use crate::fetch::{Ask, Surroundings, origin_of};
use crate::sigv4::Keys;
use crate::{Variables, files, moment};

/// The endpoint of a container, as ECS and EKS name it in the environment.
#[derive(Clone, Debug)]
pub(super) struct Container {
    url: String,
    authorization: Option<Authorization>,
}

/// What the endpoint is shown.
#[derive(Clone, Debug)]
enum Authorization {
    /// What a file holds, which is renewed in place.
    File(PathBuf),
    Text(Secret<String>),
}

/// The instance's metadata service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instance {
    origin: String,
}

impl PartialEq for Container {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.authorization, &other.authorization) {
            (Some(Authorization::File(one)), Some(Authorization::File(two))) => one == two,
            (Some(Authorization::Text(one)), Some(Authorization::Text(two))) => one.reveal() == two.reveal(),
            (None, None) => true,
            (Some(_) | None, Some(_) | None) => false,
        };
        same && self.url == other.url
    }
}

impl Container {
    pub(super) fn new(variables: Variables<'_>) -> Option<Self> {
        let relative = variables("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("{ECS}{path}"));
        let url = relative.or_else(|| variables("AWS_CONTAINER_CREDENTIALS_FULL_URI"))?;
        let file =
            variables("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(PathBuf::from).map(Authorization::File);
        let text =
            || variables("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new).map(Authorization::Text);
        Some(Self { url, authorization: file.or_else(text) })
    }

    /// # Cancel safety
    /// Dropping it gives the question up.
    pub(super) async fn keys(&self, around: &Surroundings) -> Result<Issued<Keys>, ObtainError> {
        if !is_trusted(&self.url) {
            return Err(ObtainError::Untrusted { endpoint: origin_of(&self.url) });
        }
        let ask = Ask::of(self.url.clone()).at_metadata();
        let ask = match &self.authorization {
            Some(Authorization::File(path)) => {
                ask.with(header::AUTHORIZATION, files::read(path)?.reveal().trim())
            }
            Some(Authorization::Text(text)) => ask.with(header::AUTHORIZATION, text.reveal()),
            None => ask,
        };
        Ok(around.ask_for::<Answer>(ask).await?.into_issued(around))
    }
}

/// Whether an endpoint may be shown the container's authorisation: over TLS, on this machine, or where ECS and EKS have
/// theirs.
fn is_trusted(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    uri.scheme_str() == Some("https") || host == "localhost" || is_loopback || ENDPOINTS.contains(&host)
}

impl Instance {
    /// Unless the environment says that it is not to be asked.
    pub(super) fn new(variables: Variables<'_>) -> Option<Self> {
        let is_disabled =
            variables("AWS_EC2_METADATA_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true"));
        let is_ipv6 = variables("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
            .is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
        let usual = if is_ipv6 { IMDS_IPV6 } else { IMDS };
        let origin = variables("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| usual.to_owned());
        (!is_disabled).then(|| Self { origin: origin.trim_end_matches('/').to_owned() })
    }

    /// A session first, whose token then has to be shown; then the name of the instance's role, and its keys.
    ///
    /// # Cancel safety
    /// Dropping it gives the questions up.
    pub(super) async fn keys(&self, around: &Surroundings) -> Result<Issued<Keys>, ObtainError> {
        let at = |path: &str| Ask::of(format!("{}/latest/{path}", self.origin)).at_metadata();
        let session = Ask { method: Method::PUT, ..at("api/token") }.with(SESSION_LIFE, "21600");
        let session = text(&around.ask(session).await?);
        let folder = "meta-data/iam/security-credentials/";
        let roles = text(&around.ask(at(folder).with(SESSION, session.reveal())).await?);
        let role = roles.reveal().lines().next().unwrap_or_default().trim();
        let ask = at(&format!("{folder}{role}")).with(SESSION, session.reveal());
        Ok(around.ask_for::<Answer>(ask).await?.into_issued(around))
    }
}

fn text(bytes: &Secret<Vec<u8>>) -> Secret<String> {
    Secret::new(String::from_utf8_lossy(bytes.reveal()).into_owned())
}

/// What both endpoints answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<String>,
}

impl Answer {
    fn into_issued(self, around: &Surroundings) -> Issued<Keys> {
        let lasts = self.expiration.and_then(|end| moment::until(&end, &*around.clock));
        let value = Keys {
            access_key_id: self.access_key_id,
            secret_access_key: Secret::new(self.secret_access_key),
            session_token: self.token.map(Secret::new),
        };
        Issued { value, lasts }
    }
}

const ECS: &str = "http://169.254.170.2";
const ENDPOINTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
const IMDS: &str = "http://169.254.169.254";
const IMDS_IPV6: &str = "http://[fd00:ec2::254]";
const SESSION: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
const SESSION_LIFE: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
