//! Access tokens of whoever gives them out for a client's secret (RFC 6749, section 4.4), or for a key of its own by a
//! grant of its own (section 4.5).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header;
use types::Secret;

use crate::bearer::{self, Bearer};
use crate::cache::{Cache, Issued};
use crate::credential::cached;
use crate::error::ObtainError;
use crate::escape::escaped;
use crate::fetch::{Ask, Surroundings};

/// Where a token comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The whole address of the token endpoint.
    pub endpoint: String,
    /// What a token is given for.
    pub grant: Grant,
}

/// What a token is given for.
#[derive(Clone, Debug)]
pub enum Grant {
    /// A client's own secret.
    Client {
        /// The client.
        client: String,
        /// Its secret.
        secret: Secret<String>,
        /// What the token is good for.
        scope: String,
    },
    /// A key that does not end.
    Key {
        /// The grant's name.
        name: String,
        /// The parameter that the key stands in.
        parameter: String,
        /// The key.
        key: Secret<String>,
    },
}

impl PartialEq for Grant {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Client { client, secret, scope }, Self::Client { client: of, secret: by, scope: to }) => {
                client == of && secret.reveal() == by.reveal() && scope == to
            }
            (Self::Key { name, parameter, key }, Self::Key { name: of, parameter: at, key: by }) => {
                name == of && parameter == at && key.reveal() == by.reveal()
            }
            (Self::Client { .. }, Self::Key { .. }) | (Self::Key { .. }, Self::Client { .. }) => false,
        }
    }
}

impl Plan {
    pub(crate) fn into_cache(self, around: Surroundings) -> Cache<Bearer> {
        cached(self, around, |plan, around| async move { plan.obtain(&around).await })
    }

    async fn obtain(self: Arc<Self>, around: &Surroundings) -> Result<Issued<Bearer>, ObtainError> {
        bearer::token(around, self.ask()).await
    }

    fn ask(&self) -> Ask {
        let endpoint = self.endpoint.clone();
        match &self.grant {
            Grant::Client { client, secret, scope } => {
                let form = [("grant_type", "client_credentials"), ("scope", scope)];
                // Both are escaped before they are joined (section 2.3.1).
                let known = [client, secret.reveal()].map(|part| escaped(part.as_bytes())).join(":");
                Ask::form(endpoint, form)
                    .with(header::AUTHORIZATION, &format!("Basic {}", STANDARD.encode(known)))
            }
            Grant::Key { name, parameter, key } => {
                Ask::form(endpoint, [("grant_type", name.as_str()), (parameter, key.reveal())])
                    .with(header::ACCEPT, "application/json")
            }
        }
    }
}
