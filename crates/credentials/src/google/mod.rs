//! Google's access tokens, by Application Default Credentials: a file that is named, the one that `gcloud` keeps, or the
//! metadata server of the machine. <https://cloud.google.com/docs/authentication/application-default-credentials>

mod assertion;
mod external;
mod file;

use std::path::PathBuf;
use std::sync::Arc;

use http::HeaderName;

use crate::bearer::{self, Bearer};
use crate::cache::{Cache, Issued};
use crate::credential::cached;
use crate::error::ObtainError;
use crate::fetch::{Ask, Surroundings};
use crate::{Variables, files};

use self::file::CredentialFile;

/// Where a token of Google's comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    place: Place,
    scope: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// This file.
    File(PathBuf),
    /// The file of `gcloud` if it is there, else the metadata server at this origin.
    Found { file: Option<PathBuf>, metadata: String },
}

impl Plan {
    /// As Application Default Credentials search: `file` where the configuration names one, else
    /// `GOOGLE_APPLICATION_CREDENTIALS`, else what is there. The token is good for `scope`.
    pub fn new(file: Option<PathBuf>, scope: String, variables: Variables<'_>) -> Self {
        let named = file.or_else(|| variables("GOOGLE_APPLICATION_CREDENTIALS").map(PathBuf::from));
        if let Some(file) = named {
            return Self { place: Place::File(file), scope };
        }
        let folder = variables("CLOUDSDK_CONFIG").map(PathBuf::from);
        let folder = folder.or_else(|| Some(PathBuf::from(variables("HOME")?).join(".config/gcloud")));
        let file = folder.map(|folder| folder.join("application_default_credentials.json"));
        let host = variables("GCE_METADATA_HOST").unwrap_or_else(|| METADATA.to_owned());
        let metadata = if host.contains("://") { host } else { format!("http://{host}") };
        Self { place: Place::Found { file, metadata }, scope }
    }

    pub(crate) fn into_cache(self, around: Surroundings) -> Cache<Bearer> {
        cached(self, around, |plan, around| async move { plan.obtain(&around).await })
    }

    async fn obtain(self: Arc<Self>, around: &Surroundings) -> Result<Issued<Bearer>, ObtainError> {
        match &self.place {
            Place::File(path) => {
                let text = files::read(path)?;
                CredentialFile::parse(path, &text)?.token(&self.scope, around).await
            }
            Place::Found { file, metadata } => {
                let text = file.as_ref().map(|path| files::read_if_there(path)).transpose()?.flatten();
                match (file, text) {
                    (Some(path), Some(text)) => {
                        CredentialFile::parse(path, &text)?.token(&self.scope, around).await
                    }
                    (Some(_) | None, None) | (None, Some(_)) => {
                        bearer::token(around, metadata_token(metadata, &self.scope)).await
                    }
                }
            }
        }
    }
}

/// The token of the service account that the machine runs as.
fn metadata_token(origin: &str, scope: &str) -> Ask {
    let scope = crate::escape::escaped(scope.as_bytes());
    let url = format!("{origin}/computeMetadata/v1/instance/service-accounts/default/token?scopes={scope}");
    Ask::of(url).with(HeaderName::from_static("metadata-flavor"), "Google").at_metadata()
}

const METADATA: &str = "metadata.google.internal";
