//! Managed identities: tokens from the place the gateway runs in, an app's endpoint or the machine's metadata service.
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>

use http::HeaderName;
use types::Secret;

use crate::Variables;
use crate::escape::escaped;
use crate::fetch::Ask;

/// Where the managed identity's tokens are.
#[derive(Clone, Debug)]
pub(super) struct Managed {
    client: Option<String>,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    /// An app's own endpoint, and what it wants to be shown.
    App { endpoint: String, header: Secret<String> },
    /// The machine's metadata service.
    Machine { origin: String },
}

impl PartialEq for Managed {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.place, &other.place) {
            (Place::App { endpoint, header }, Place::App { endpoint: other, header: shown }) => {
                endpoint == other && header.reveal() == shown.reveal()
            }
            (Place::Machine { origin }, Place::Machine { origin: other }) => origin == other,
            (Place::App { .. }, Place::Machine { .. }) | (Place::Machine { .. }, Place::App { .. }) => false,
        };
        same && self.client == other.client
    }
}

impl Managed {
    /// The identity `client`, or the only one there is.
    pub(super) fn new(client: Option<String>, variables: Variables<'_>) -> Self {
        let app = variables("IDENTITY_ENDPOINT").zip(variables("IDENTITY_HEADER").map(Secret::new));
        let origin = || variables("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or_else(|| IMDS.to_owned());
        let place = match app {
            Some((endpoint, header)) => Place::App { endpoint, header },
            None => Place::Machine { origin: origin().trim_end_matches('/').to_owned() },
        };
        Self { client, place }
    }

    /// The question for a token. Managed identities know resources, where Entra itself knows scopes of one.
    pub(super) fn ask(&self, scope: &str) -> Ask {
        let resource = escaped(scope.trim_end_matches("/.default").as_bytes());
        let of = |client: &String| format!("&client_id={}", escaped(client.as_bytes()));
        let query = format!("resource={resource}{}", self.client.as_ref().map(of).unwrap_or_default());
        match &self.place {
            Place::App { endpoint, header } => {
                let url = format!("{endpoint}?api-version={APP_VERSION}&{query}");
                Ask::of(url).with(IDENTITY, header.reveal()).at_metadata()
            }
            Place::Machine { origin } => {
                let url =
                    format!("{origin}/metadata/identity/oauth2/token?api-version={IMDS_VERSION}&{query}");
                Ask::of(url).with(METADATA, "true").at_metadata()
            }
        }
    }
}

const APP_VERSION: &str = "2019-08-01";
const IDENTITY: HeaderName = HeaderName::from_static("x-identity-header");
const IMDS: &str = "http://169.254.169.254";
const IMDS_VERSION: &str = "2018-02-01";
const METADATA: HeaderName = HeaderName::from_static("metadata");
