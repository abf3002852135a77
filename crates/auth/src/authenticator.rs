//! The local implementation of the authenticate port: a presented credential in, the caller out.

use std::sync::Arc;

use types::{KeyId, UnixTime};

use crate::{AccessToken, Grant, GrantError, IdentifyError, KeyRing, Presented, Principal, Reason, Tokens};

/// How every JSON object's base64url begins, and no key does.
const TOKEN_START: &[u8] = b"eyJ";

/// Says who asks.
#[derive(Debug)]
pub struct Authenticator {
    policy: Policy,
}

#[derive(Debug)]
enum Policy {
    Anonymous(Arc<Principal>),
    Required { ring: Arc<KeyRing>, tokens: Option<Arc<Tokens>> },
}

impl Authenticator {
    /// Everyone is the anonymous caller, whatever they present.
    pub fn anonymous() -> Self {
        Self { policy: Policy::Anonymous(Arc::new(Principal::anonymous())) }
    }

    /// A key is required.
    pub fn keys(ring: Arc<KeyRing>) -> Self {
        Self { policy: Policy::Required { ring, tokens: None } }
    }

    /// A key is required, or a token that a key was exchanged for.
    pub fn keys_and_tokens(ring: Arc<KeyRing>, tokens: Arc<Tokens>) -> Self {
        Self { policy: Policy::Required { ring, tokens: Some(tokens) } }
    }

    /// Who presents this credential. No IO, no wait.
    pub fn identify(
        &self,
        presented: &Presented<'_>,
        now: UnixTime,
    ) -> Result<Arc<Principal>, IdentifyError> {
        let credential = presented.as_bytes();
        match &self.policy {
            Policy::Anonymous(principal) => Ok(Arc::clone(principal)),
            Policy::Required { ring, tokens: Some(tokens) } if credential.starts_with(TOKEN_START) => {
                let key = tokens.verify(credential, now).map_err(IdentifyError::BadCredential)?;
                // A token is worth no more than its key is now: revoking the key ends it.
                ring.holder_of(&key, now)
            }
            Policy::Required { ring, .. } => ring.identify(credential, now),
        }
    }

    /// Whether a caller that was identified some time ago would still be.
    pub fn still_knows(&self, key: &KeyId, now: UnixTime) -> Result<(), IdentifyError> {
        match &self.policy {
            Policy::Anonymous(_) => Ok(()),
            Policy::Required { ring, .. } => ring.holder_of(key.as_str(), now).map(|_| ()),
        }
    }

    /// Exchanges the key of a caller that called `host` for a token. A token cannot be exchanged: it would never end.
    pub fn exchange(
        &self,
        grant: &Grant,
        host: Option<&str>,
        now: UnixTime,
    ) -> Result<AccessToken, GrantError> {
        let Policy::Required { ring, tokens: Some(tokens) } = &self.policy else {
            return Err(GrantError::UnsupportedGrantType);
        };
        let principal = ring.identify(grant.secret(), now)?;
        let named = grant.client();
        if named.is_some_and(|client| client != principal.key.as_str() && client != principal.name) {
            return Err(GrantError::InvalidClient(Reason::Unknown));
        }
        tokens.issue(&principal.key, host, now).ok_or(GrantError::Unavailable)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
