//! `providers`: whom Tollgate asks.

use http::{HeaderName, HeaderValue, Uri};
use serde_json::json;
use types::ProviderName;

use crate::credential::CredentialSetting;
use crate::declare::section;
use crate::problem::ProblemCode;
use crate::read::{At, Named, Refused, Scalar, Shape};
use crate::reading::{Reading, joined};
use crate::secret::SecretSetting;
use crate::shown::Shown;
use crate::variables::AddressPart;

/// One configured provider.
#[derive(Clone, Debug)]
pub struct ProviderSetting {
    /// The name that models and callers refer to it by.
    pub name: ProviderName,
    /// Its entry in the catalogue.
    pub kind: String,
    /// The credential. Without one and without an address of its own, the catalogue's environment variables are
    /// looked at.
    pub key: Option<SecretSetting>,
    /// Where its credential comes from that is no key; what is left out, the environment may say.
    pub credential: Option<CredentialSetting>,
    /// Where it is, if not where the catalogue says.
    pub url: Option<String>,
    /// What the catalogue's address leaves open, by name.
    pub variables: Vec<(String, String)>,
    /// Headers to send with every request, by name.
    pub headers: Vec<(String, SecretSetting)>,
    /// The models it has, if not those it lists itself.
    pub models: Vec<String>,
    /// Whether callers may ask it for anything at all, by `/passthrough/NAME/…`.
    pub passthrough: bool,
    /// Whether requests whose caller marked nothing for its prompt cache get marks.
    pub prompt_cache: bool,
}

section! {
    /// One provider. An empty section takes everything from the catalogue entry of the same name.
    pub(crate) struct RawProvider, example {"kind": "vllm", "url": "http://gpu.internal:8000/v1", "models": ["qwen3"]} {
        /// The catalogue entry. Unless set: the one of the provider's own name.
        kind: Option<String> = None,
        /// The API key: `${NAME}` for an environment variable, `${file:PATH}` for a file.
        key: Option<SecretSetting> = None,
        /// Where the credential comes from, for a provider whose requests are signed or carry short-lived tokens. Unless set: where the cloud's own tools look.
        credential: Option<CredentialSetting> = None,
        /// The base address. Unless set: the catalogue's.
        url: Option<String> as HttpUrl = None,
        /// What the catalogue's address leaves open, such as a region. Unless set: what environment variables say.
        variables: Named<String> as Named<AddressPart> = Named::default(),
        /// Headers to send with every request.
        headers: Named<SecretSetting> as NamedHeaders = Named::default(),
        /// The models it has. Unless set: those it lists itself.
        models: Vec<String> = Vec::new(),
        /// Whether callers may ask it for anything at all, with Tollgate's credential there, by `/passthrough/NAME/…`. A key that is limited to some models needs `passthrough/NAME` among them.
        passthrough: bool = false,
        /// Whether requests whose caller marked nothing for the prompt cache get marks, at providers and models that cache what is marked: behind the tools, the system prompt and the last two things the user said. What is written into a cache costs more there than other input, what is read from it much less.
        prompt_cache: bool = false,
    }
}

impl ProviderSetting {
    /// The provider `name` as written.
    pub(crate) fn of_raw(name: String, raw: RawProvider, reading: &mut Reading<'_>) -> Self {
        let path = joined("providers", &name);
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || !name.chars().all(fits) {
            let message = format!("`{name}` cannot be a provider's name");
            let help =
                "letters, digits, `-`, `_` and `.`: the name stands before the slash in `provider/model`";
            reading.note(ProblemCode::BadValue, &path, message, Some(help.to_owned()));
        }
        if raw.key.is_some() && raw.credential.is_some() {
            let message = "`key` and `credential` are two ways to say who asks".to_owned();
            let help = Some("leave one of them out".to_owned());
            reading.note(ProblemCode::Conflict, &joined(&path, "credential"), message, help);
        }
        Self {
            kind: raw.kind.unwrap_or_else(|| name.clone()),
            name: ProviderName::from(name),
            key: raw.key,
            credential: raw.credential,
            url: raw.url,
            variables: raw.variables.0,
            headers: raw.headers.0,
            models: raw.models,
            passthrough: raw.passthrough,
            prompt_cache: raw.prompt_cache,
        }
    }

    /// The provider as it would be written in full.
    pub(crate) fn to_raw(&self) -> (String, RawProvider) {
        let raw = RawProvider {
            kind: Some(self.kind.clone()),
            key: self.key.clone(),
            credential: self.credential.clone(),
            url: self.url.clone(),
            variables: Named(self.variables.clone()),
            headers: Named(self.headers.clone()),
            models: self.models.clone(),
            passthrough: self.passthrough,
            prompt_cache: self.prompt_cache,
        };
        (self.name.to_string(), raw)
    }
}

/// An `http` or `https` address without a password in it.
pub(crate) struct HttpUrl(String);

impl From<HttpUrl> for String {
    fn from(url: HttpUrl) -> Self {
        url.0
    }
}

impl From<HttpUrl> for Option<String> {
    fn from(url: HttpUrl) -> Self {
        Some(url.0)
    }
}

impl Scalar for HttpUrl {
    const EXPECTED: &'static str = "an address such as https://host/v1";

    fn parse(text: &str) -> Result<Self, Refused> {
        let refused = |help: &str| Refused::Value(Some(help.to_owned()));
        let uri: Uri = text.parse().map_err(|_| Refused::Value(None))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(refused("begin with http:// or https://"));
        }
        match uri.authority() {
            Some(authority) if authority.host().is_empty() => Err(refused("name a host")),
            Some(authority) if authority.as_str().contains('@') => Err(Refused::Credential),
            Some(_) => Ok(Self(text.trim_end_matches('/').to_owned())),
            None => Err(refused("name a host")),
        }
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": r"^(https?://.+|.*\$\{.+)$"})
    }

    fn shown(&self) -> Shown {
        Shown::Text(self.0.clone())
    }
}

/// Headers whose names and values HTTP allows.
pub(crate) struct NamedHeaders(Named<SecretSetting>);

impl From<NamedHeaders> for Named<SecretSetting> {
    fn from(headers: NamedHeaders) -> Self {
        headers.0
    }
}

impl Shape for NamedHeaders {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let mut headers = Vec::new();
        for child in at.entries(reading)? {
            let name = child.key();
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                reading.bad_value(&child, format!("`{name}` cannot be a header's name"), None);
            }
            let Some(value) = SecretSetting::read(&child, reading) else { continue };
            if HeaderValue::from_str(value.value.reveal()).is_err() {
                reading.bad_value(&child, format!("header `{name}` cannot hold this value"), None);
            }
            headers.push((name.to_owned(), value));
        }
        Some(Self(Named(headers)))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "object", "additionalProperties": SecretSetting::schema()})
    }
}
