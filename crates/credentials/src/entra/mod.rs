//! Microsoft Entra's access tokens: for an application by its secret or by a federated identity, and for the managed
//! identity of the place the gateway runs in. <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

mod managed;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use types::Secret;

use crate::bearer::{self, Bearer};
use crate::cache::{Cache, Issued};
use crate::credential::cached;
use crate::error::ObtainError;
use crate::fetch::{Ask, Surroundings};
use crate::{Variables, files};

use self::managed::Managed;

/// What the configuration says of where a token comes from. What it leaves out, the environment may say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The directory.
    pub tenant: Option<String>,
    /// The application, or the managed identity where there are several.
    pub client: Option<String>,
    /// The application's secret.
    pub secret: Option<Secret<String>>,
    /// A file with a federated identity's token.
    pub token_file: Option<PathBuf>,
}

/// Where a token of Entra's comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    place: Place,
    scope: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Place {
    Application { endpoint: String, client: String, proof: Proof },
    Managed(Managed),
}

/// What an application proves itself by.
#[derive(Clone, Debug)]
enum Proof {
    /// What a file holds, which is renewed in place.
    Federated(PathBuf),
    Secret(Secret<String>),
}

impl PartialEq for Proof {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Federated(one), Self::Federated(two)) => one == two,
            (Self::Secret(one), Self::Secret(two)) => one.reveal() == two.reveal(),
            (Self::Federated(_), Self::Secret(_)) | (Self::Secret(_), Self::Federated(_)) => false,
        }
    }
}

/// An application's secret or federated token is configured, and not which application's in which directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoApplication;

impl fmt::Display for NoApplication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no application is named: set `tenant` and `client`, or AZURE_TENANT_ID and AZURE_CLIENT_ID",
        )
    }
}

impl std::error::Error for NoApplication {}

impl Plan {
    /// A token for `scope`: of the application that is named and proves itself, else of the managed identity.
    ///
    /// # Errors
    /// [`NoApplication`] where `options` has a proof and nothing says whose.
    pub fn new(options: Options, scope: String, variables: Variables<'_>) -> Result<Self, NoApplication> {
        let Options { tenant, client, secret, token_file } = options;
        let is_configured = secret.is_some() || token_file.is_some();
        let tenant = tenant.or_else(|| variables("AZURE_TENANT_ID"));
        let client = client.or_else(|| variables("AZURE_CLIENT_ID"));
        let configured = secret.map(Proof::Secret).or_else(|| token_file.map(Proof::Federated));
        let found = || {
            let secret = variables("AZURE_CLIENT_SECRET").map(|secret| Proof::Secret(Secret::new(secret)));
            let file = || variables("AZURE_FEDERATED_TOKEN_FILE").map(|file| Proof::Federated(file.into()));
            secret.or_else(file)
        };
        let place = match (tenant, client, configured.or_else(found)) {
            (Some(tenant), Some(client), Some(proof)) => {
                let host = variables("AZURE_AUTHORITY_HOST").unwrap_or_else(|| AUTHORITY.to_owned());
                let endpoint = format!("{}/{tenant}/oauth2/v2.0/token", host.trim_end_matches('/'));
                Place::Application { endpoint, client, proof }
            }
            (_, client, _) if !is_configured => Place::Managed(Managed::new(client, variables)),
            (None, _, _) | (_, None, _) | (_, _, None) => return Err(NoApplication),
        };
        Ok(Self { place, scope })
    }

    pub(crate) fn into_cache(self, around: Surroundings) -> Cache<Bearer> {
        cached(self, around, |plan, around| async move { plan.obtain(&around).await })
    }

    async fn obtain(self: Arc<Self>, around: &Surroundings) -> Result<Issued<Bearer>, ObtainError> {
        let ask = match &self.place {
            Place::Application { endpoint, client, proof } => self.ask(endpoint, client, proof)?,
            Place::Managed(managed) => managed.ask(&self.scope),
        };
        bearer::token(around, ask).await
    }

    /// The client credentials grant, with a secret (RFC 6749, section 4.4) or an assertion (RFC 7523, section 2.2).
    fn ask(&self, endpoint: &str, client: &str, proof: &Proof) -> Result<Ask, ObtainError> {
        let shared = [("grant_type", "client_credentials"), ("client_id", client), ("scope", &self.scope)];
        let endpoint = endpoint.to_owned();
        Ok(match proof {
            Proof::Federated(path) => {
                let token = files::read(path)?;
                let proof =
                    [("client_assertion_type", ASSERTION), ("client_assertion", token.reveal().trim())];
                Ask::form(endpoint, shared.into_iter().chain(proof))
            }
            Proof::Secret(secret) => {
                Ask::form(endpoint, shared.into_iter().chain([("client_secret", secret.reveal().as_str())]))
            }
        })
    }
}

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const AUTHORITY: &str = "https://login.microsoftonline.com";
