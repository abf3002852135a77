//! What a provider is: an address, a credential scheme, the languages it speaks, its quirks, errors and models.

use std::sync::Arc;

use types::{Fault, FaultKind, Operation, ProviderName};

use crate::model::undated;
use crate::models::Models;
use crate::{Model, Price};

/// Someone who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its folder's name.
    pub name: ProviderName,
    /// Its name for people.
    pub title: String,
    /// Where it runs.
    pub kind: Kind,
    /// Its address without a trailing slash; paths are joined to it with [`url`].
    pub base_url: String,
    /// Environment variables that hold another base URL, tried in order. What a value leaves out of scheme, port and
    /// path, as `OLLAMA_HOST` does, is as in `base_url`.
    pub base_url_env: Vec<String>,
    /// What stands in braces in `base_url` and in paths.
    pub variables: Vec<Variable>,
    /// OpenTelemetry's `gen_ai.provider.name`.
    pub semconv: String,
    /// How it knows who asks.
    pub credential: CredentialScheme,
    /// The wire languages it speaks; the one it speaks best comes first.
    pub dialects: Vec<Endpoint>,
    /// Headers that go with every request, names in lower case.
    pub headers: Vec<(String, String)>,
    /// What is odd about it, by the names of [`crate::QUIRKS`].
    pub quirks: Vec<String>,
    /// Its own words for failures. See [`Provider::classify`].
    pub errors: Vec<(String, FaultKind)>,
    /// How to find out whether it runs on this host.
    pub probe: Option<Probe>,
    pub(crate) models: Models,
}

impl Provider {
    /// Its models, as far as they are known. A name that is not here may still exist.
    pub fn models(&self) -> &[Arc<Model>] {
        self.models.list()
    }

    /// The model of this name: as listed, by alias, or listed without the date that `name` ends in.
    pub fn model(&self, name: &str) -> Option<&Arc<Model>> {
        let is_called = |model: &Model, wanted: &str| model.names().any(|name| name.as_str() == wanted);
        let exact = |wanted: &str| self.models().iter().find(|model| is_called(model, wanted));
        exact(name).or_else(|| undated(name).and_then(exact))
    }

    /// A price that is nowhere lower than that of any of its models; `None` where none is known.
    pub fn dearest_price(&self) -> Option<Price> {
        Price::dearest(self.models().iter().filter_map(|model| model.price.as_deref()))
    }

    /// Its address, or that of one of the values, with each variable replaced by what `value` says.
    ///
    /// # Errors
    /// The first variable without a value.
    pub fn address(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, &Variable> {
        let special = self.variables.iter().find_map(|variable| {
            let value = variable.value(&value)?;
            variable.addresses.iter().find(|(special, _)| *special == value)
        });
        self.completed(special.map_or(&self.base_url, |(_, address)| address), value)
    }

    /// The languages it speaks, and where. The paths may hold variables.
    pub fn spoken(&self, value: impl Fn(&str) -> Option<String>) -> &[Endpoint] {
        let is_another = |variable: &&Variable| !variable.is_usual(variable.value(&value).as_deref());
        let mut special = self.variables.iter().filter(|variable| !variable.dialects.is_empty());
        special.find(is_another).map_or(&self.dialects, |variable| &variable.dialects)
    }

    /// `address`, or a path, with each of the provider's variables in it replaced by what `value` says.
    ///
    /// # Errors
    /// The first of them without a value.
    pub fn completed(
        &self,
        address: &str,
        value: impl Fn(&str) -> Option<String>,
    ) -> Result<String, &Variable> {
        let mut completed = address.to_owned();
        for variable in &self.variables {
            let placeholder = format!("{{{}}}", variable.name);
            if completed.contains(&placeholder) {
                completed = completed.replace(&placeholder, &variable.value(&value).ok_or(variable)?);
            }
        }
        Ok(completed)
    }

    /// Where it speaks `dialect`.
    pub fn endpoint(&self, dialect: &str) -> Option<&Endpoint> {
        self.dialects.iter().find(|endpoint| endpoint.dialect == dialect)
    }

    /// The provider's quirks and those of `model`, each once.
    pub fn quirks_of(&self, model: Option<&Model>) -> Vec<String> {
        let of_model = model.iter().flat_map(|model| &model.quirks);
        let more = of_model.filter(|quirk| !self.quirks.contains(quirk));
        self.quirks.iter().chain(more).cloned().collect()
    }

    /// `fault` with the kind that the provider's own words give it. A word without a space is the fault's own type or
    /// code; a phrase occurs in its message, in any case. Words go before phrases; where none fits nothing changes.
    ///
    /// Messages repeat what callers have written. A phrase that would take the target from all of them is therefore
    /// believed only where the message begins with it, or where the status speaks of the account and not of the request.
    #[must_use]
    pub fn classify(&self, mut fault: Fault) -> Fault {
        let message = fault.message.to_ascii_lowercase();
        let own = fault.upstream_kind.as_deref();
        let says = |phrase: &str, kind: FaultKind| match message.find(&phrase.to_ascii_lowercase()) {
            Some(0) => true,
            Some(_) => !is_the_targets(kind) || fault.status.is_some_and(|status| ACCOUNT.contains(&status)),
            None => false,
        };
        let fits = |word: &str, kind| own == Some(word) || (word.contains(' ') && says(word, kind));
        if let Some((_, kind)) = self.errors.iter().find(|(word, kind)| fits(word, *kind)) {
            fault.kind = *kind;
        }
        fault
    }
}

/// The statuses that say something of an account: who it is, what it may do, has paid and has used. 412 is one
/// provider's for an account that is suspended.
const ACCOUNT: [u16; 5] = [401, 402, 403, 412, 429];

/// Whether a fault of this kind can take its target out of service.
const fn is_the_targets(kind: FaultKind) -> bool {
    kind.counts_against_target() || matches!(kind, FaultKind::Credential | FaultKind::Quota)
}

/// The names that stand in braces in an address or a path.
pub(crate) fn variables_in(address: &str) -> impl Iterator<Item = &str> {
    address.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

/// The address of `path` under `base_url`. What stands in `path` up to its version segment (`/v1`, `/openai/v1`) and ends
/// `base_url` too counts once, since people give base URLs in either form.
pub fn url(base_url: &str, path: &str) -> String {
    let base = base_url.trim_end_matches('/');
    let version = path.split('/').skip(1).find(|segment| is_version(segment));
    let end = version.and_then(|segment| Some(path.find(&format!("/{segment}"))? + segment.len() + 1));
    let doubled = end.and_then(|end| path.split_at_checked(end)).filter(|(start, _)| base.ends_with(start));
    let rest = doubled.map_or(path, |(_, rest)| rest);
    format!("{base}{rest}")
}

fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// A part of a provider's address, or of its paths, that differs from customer to customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name, which stands in braces in the base URL or in paths.
    pub name: String,
    /// What it is, for people: `the name of the Azure resource`.
    pub meaning: String,
    /// Environment variables that may hold it, tried in order.
    pub env: Vec<String>,
    /// What it is unless someone says otherwise.
    pub default: Option<String>,
    /// Values that mean the same as that.
    pub alike: Vec<String>,
    /// Values of it with which the address is another one, and that address.
    pub addresses: Vec<(String, String)>,
    /// The languages that are spoken where it has another value than its default and those alike, and where; the same as ever if there
    /// are none.
    pub dialects: Vec<Endpoint>,
}

impl Variable {
    /// Whether it is what it is unless someone says otherwise, or means the same.
    fn is_usual(&self, value: Option<&str>) -> bool {
        value == self.default.as_deref() || self.alike.iter().any(|alike| Some(alike.as_str()) == value)
    }

    /// What it is: what is said of it, or what it is unless someone says otherwise.
    fn value(&self, said: impl Fn(&str) -> Option<String>) -> Option<String> {
        said(&self.name).or_else(|| self.default.clone())
    }
}

/// Where a provider runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Inside the gateway itself; the base URL is `builtin:…`.
    Builtin,
    /// Somewhere else, for money.
    Hosted,
    /// On a machine of one's own.
    Local,
}

/// The words for kinds in `provider.toml`.
pub(crate) const KINDS: &[(&str, Kind)] =
    &[("builtin", Kind::Builtin), ("hosted", Kind::Hosted), ("local", Kind::Local)];

/// How a provider knows who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CredentialScheme {
    /// The header that a key goes into, in lower case; empty where a key goes into none.
    pub header: String,
    /// The parameter of the query that a key goes into instead.
    pub query: Option<String>,
    /// What stands before the key in the header, e.g. `Bearer ` with its space.
    pub prefix: String,
    /// Environment variables that may hold the key, tried in order.
    pub env: Vec<String>,
    /// Whether nothing works without one.
    pub required: bool,
    /// Other kinds of key that go elsewhere, tried after `env`.
    pub variants: Vec<CredentialVariant>,
    /// What requests are authorised with where there is no key.
    pub keyless: Option<Keyless>,
}

impl CredentialScheme {
    /// The header that this key goes into, and what stands before it: that of the kind of key that is read from this
    /// variable, else the usual one. `None` where it goes into no header.
    pub fn header_of(&self, variable: Option<&str>) -> Option<(&str, &str)> {
        let is_read = |variant: &&CredentialVariant| {
            variable.is_some_and(|name| variant.env.iter().any(|env| env == name))
        };
        if let Some(variant) = self.variants.iter().find(is_read) {
            return Some((&variant.header, &variant.prefix));
        }
        if !self.header.is_empty() {
            return Some((&self.header, &self.prefix));
        }
        let first = self.variants.first().filter(|_| self.query.is_none())?;
        Some((&first.header, &first.prefix))
    }
}

/// A credential that is obtained or made, where nobody has given a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keyless {
    /// A signature with AWS's keys.
    Aws {
        /// The service's name in signatures.
        service: String,
    },
    /// An access token of Microsoft Entra's.
    Entra {
        /// What it is good for.
        scope: String,
    },
    /// An access token of Google's.
    Google {
        /// What it is good for.
        scope: String,
    },
    /// An access token of an OAuth 2.0 server's.
    Oauth {
        /// The address that gives it out, in which variables of the provider's own address may stand.
        token_url: String,
        /// What it is given for.
        grant: Grant,
        /// Environment variables that may hold the secret or the key, tried in order.
        secret_env: Vec<String>,
    },
}

/// What an OAuth 2.0 server gives a token for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A client's secret (RFC 6749, section 4.4).
    Client {
        /// What the token is good for.
        scope: String,
        /// Environment variables that may hold the client's id, tried in order.
        client_env: Vec<String>,
    },
    /// A key, by a grant of the server's own (section 4.5).
    Key {
        /// The grant's name.
        name: String,
        /// The parameter that the key stands in.
        parameter: String,
    },
}

/// Another kind of key, which goes into another header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialVariant {
    /// The header, in lower case.
    pub header: String,
    /// What stands before the key in the header.
    pub prefix: String,
    /// Environment variables that may hold the key, tried in order.
    pub env: Vec<String>,
}

/// Where a provider speaks one wire language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The language's name.
    pub dialect: String,
    /// The path of each operation that it offers in this language; `{model}` in it stands for the model's name.
    pub paths: Vec<(Operation, String)>,
    /// The path of a turn of a conversation that is streamed, where it is another one.
    pub chat_stream: Option<String>,
    /// Every header that goes with a request here: the provider's and this endpoint's own.
    pub headers: Vec<(String, String)>,
    /// Where a key goes in this language, if that is another place than the provider's usual one.
    pub key: Option<KeyPlace>,
    /// Which models are spoken to in it.
    pub speakers: Speakers,
}

/// Which models a provider speaks a language for, by how their names begin: names that no catalogue lists, such as those
/// of deployments, begin like it too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Speakers {
    /// How the names begin; all do where there is none.
    pub beginnings: Vec<String>,
    /// How the names begin that are left out of these.
    pub except: Vec<String>,
}

impl Speakers {
    /// Whether the model of this name is among them.
    pub fn include(&self, model: &str) -> bool {
        let begins = |beginning: &String| model.starts_with(beginning);
        (self.beginnings.is_empty() || self.beginnings.iter().any(begins)) && !self.except.iter().any(begins)
    }
}

/// A header for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPlace {
    /// The header, in lower case.
    pub header: String,
    /// What stands before the key.
    pub prefix: String,
}

impl Endpoint {
    /// The path of this operation, where it is offered.
    pub fn path(&self, operation: Operation) -> Option<&str> {
        self.paths.iter().find(|(known, _)| *known == operation).map(|(_, path)| path.as_str())
    }
}

/// How to find out whether a local server runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The origin to ask, e.g. `http://127.0.0.1:11434`.
    pub address: String,
    /// The path that lists its models in OpenAI's form, `{"data": [{"id": …}]}`.
    pub models: String,
}
