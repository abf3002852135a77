//! `providers.NAME.credential`: where a credential comes from that is no key.

use std::path::PathBuf;

use crate::declare::section;
use crate::secret::SecretSetting;
use crate::shown::{Show, Shown};

section! {
    /// Where a provider's credential comes from. Which of these a provider has a use for depends on its kind.
    pub struct CredentialSetting, example {"profile": "production"} {
        /// AWS: a profile in its own tools' files.
        profile: Option<String> = None,
        /// AWS: the id of an access key.
        access_key_id: Option<SecretSetting> = None,
        /// AWS: the access key itself.
        secret_access_key: Option<SecretSetting> = None,
        /// AWS: the token that belongs to a short-lived access key.
        session_token: Option<SecretSetting> = None,
        /// AWS: the ARN of the role to take on.
        role: Option<String> = None,
        /// AWS and Microsoft Entra: a file with another identity provider's token, which is read anew each time.
        token_file: Option<PathBuf> = None,
        /// Google: a file of Application Default Credentials, such as a service account's key.
        file: Option<PathBuf> = None,
        /// Microsoft Entra: the directory (tenant).
        tenant: Option<String> = None,
        /// Microsoft Entra: the application, or one of several managed identities. OAuth 2.0: the client.
        client: Option<String> = None,
        /// Microsoft Entra: the application's secret. OAuth 2.0: the client's.
        client_secret: Option<SecretSetting> = None,
        /// Those who give out tokens for an API key: the key.
        api_key: Option<SecretSetting> = None,
    }
}

impl CredentialSetting {
    /// The names of what is set.
    pub fn names(&self) -> Vec<String> {
        let Shown::Map(entries) = self.shown() else { return Vec::new() };
        entries.into_iter().filter(|(_, value)| *value != Shown::Nothing).map(|(name, _)| name).collect()
    }
}
