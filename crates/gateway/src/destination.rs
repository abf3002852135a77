//! Where requests go: every configured provider, the languages it speaks and where, and what is known of its models.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use credentials::Credential;
use dialects::Dialect;
use foldhash::fast::RandomState;
use http::{HeaderMap, HeaderName, HeaderValue};
use net::client::Origin;
use providers::{Model, Provider, Speakers};
use types::conversation::Delivery;
use types::{Fault, FaultKind, ModelName, Operation, ProviderName};

use crate::paths::{Paths, UpstreamPath};
use crate::pricing::{Told, UnknownPrice};

/// Every configured provider by name.
#[derive(Debug, Default)]
pub struct Directory {
    destinations: HashMap<ProviderName, Arc<Destination>, RandomState>,
}

impl Directory {
    /// A directory of these destinations.
    pub fn new(destinations: impl IntoIterator<Item = Destination>) -> Self {
        let named = destinations.into_iter().map(|place| (place.name.clone(), Arc::new(place)));
        Self { destinations: named.collect() }
    }

    /// The provider with this name.
    pub fn find(&self, name: &ProviderName) -> Option<&Arc<Destination>> {
        self.destinations.get(name)
    }

    /// Every provider, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Destination>> {
        self.destinations.values()
    }
}

/// One configured provider: an address, a credential and the languages it speaks.
#[derive(Debug)]
pub struct Destination {
    /// Its name in the configuration.
    pub name: ProviderName,
    /// OpenTelemetry's word for it.
    pub semconv: Arc<str>,
    /// Where it is; `None` for what is built in.
    pub origin: Option<Origin>,
    /// The languages it speaks, its preferred one first. Never empty.
    pub endpoints: Vec<Endpoint>,
    /// The credential, and headers that every request carries. Credentials are marked sensitive.
    pub headers: HeaderMap,
    /// The credential, where it is more than a fixed header.
    pub credential: Option<Arc<Credential>>,
    /// The path of its address, if callers may ask it for anything below.
    pub passthrough: Option<Box<str>>,
    /// What the catalogue says of it and its models.
    pub catalogue: Arc<Provider>,
    /// What becomes of requests to models whose price nobody knows.
    pub(crate) unknown_price: UnknownPrice,
    /// Of which models that has been said.
    pub(crate) told: Told,
    /// What is known of each model, found without a search.
    known: HashMap<ModelName, Arc<KnownModel>, RandomState>,
    /// What is known of a model that the catalogue does not list.
    unlisted: Arc<KnownModel>,
}

/// What is known of a provider's model.
#[derive(Debug)]
pub struct KnownModel {
    /// What the catalogue says of it, if it lists it.
    pub model: Option<Arc<Model>>,
    /// What is odd about it or its provider.
    pub quirks: Arc<[String]>,
}

/// One language a provider speaks, and where.
#[derive(Clone)]
pub struct Endpoint {
    /// The language.
    pub dialect: &'static dyn Dialect,
    /// Where each operation is.
    pub paths: Paths,
    /// Headers this language needs there.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The key, where it stands in another place in this language.
    pub key: Option<EndpointKey>,
    /// Which models speak it.
    pub speakers: Speakers,
}

/// A provider's key in the place that one of its languages has for it.
#[derive(Clone)]
pub struct EndpointKey {
    /// The header that holds the key elsewhere, which is left out.
    pub instead_of: HeaderName,
    /// The header that holds it here.
    pub name: HeaderName,
    /// The key, marked sensitive.
    pub value: HeaderValue,
}

impl KnownModel {
    /// The one language in which conversations with it are held, where it has one.
    fn dialect(&self) -> Option<&str> {
        self.model.as_ref()?.dialect.as_deref()
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("dialect", &self.dialect.id())
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

/// What a destination is made of.
#[derive(Debug)]
pub struct DestinationConfig {
    /// Its name in the configuration.
    pub name: ProviderName,
    /// Where it is; `None` for what is built in.
    pub origin: Option<Origin>,
    /// The languages it speaks, its preferred one first. Never empty.
    pub endpoints: Vec<Endpoint>,
    /// The credential, and headers that every request carries. Credentials are marked sensitive.
    pub headers: HeaderMap,
    /// The credential, where it is more than a fixed header.
    pub credential: Option<Arc<Credential>>,
    /// The path of its address, if callers may ask it for anything below.
    pub passthrough: Option<Box<str>>,
    /// What the catalogue says of it and its models.
    pub catalogue: Arc<Provider>,
    /// Quirks that the configuration adds to those in the catalogue.
    pub quirks: Vec<String>,
    /// What becomes of requests to models whose price nobody knows.
    pub unknown_price: UnknownPrice,
}

impl Destination {
    /// A destination, with what is known of its models looked up once.
    pub fn new(config: DestinationConfig) -> Self {
        let DestinationConfig {
            name,
            origin,
            endpoints,
            headers,
            credential,
            passthrough,
            catalogue,
            quirks,
            unknown_price,
        } = config;
        let semconv = Arc::from(catalogue.semconv.as_str());
        let quirks_of =
            |model: Option<&Model>| catalogue.quirks_of(model).into_iter().chain(quirks.clone()).collect();
        let unlisted = Arc::new(KnownModel { model: None, quirks: quirks_of(None) });
        let mut known = HashMap::default();
        for model in catalogue.models() {
            // Most models are like their provider, and like each other.
            let quirks =
                if model.quirks.is_empty() { Arc::clone(&unlisted.quirks) } else { quirks_of(Some(model)) };
            let one = Arc::new(KnownModel { model: Some(Arc::clone(model)), quirks });
            known.extend(model.names().map(|name| (name.clone(), Arc::clone(&one))));
        }
        let told = Told::default();
        Self {
            name,
            semconv,
            origin,
            endpoints,
            headers,
            credential,
            passthrough,
            catalogue,
            unknown_price,
            told,
            known,
            unlisted,
        }
    }

    /// What is known of the model with this name, as [`Provider::model`] finds it.
    pub fn known(&self, model: &ModelName) -> &Arc<KnownModel> {
        let undated = || self.known.get(providers::undated(model.as_str())?);
        self.known.get(model).or_else(undated).unwrap_or(&self.unlisted)
    }

    /// `text` without this provider's credential, should it be quoted there: some proxies' error pages show what
    /// they were sent.
    pub(crate) fn without_credential(&self, text: &str) -> String {
        let secrets = self.headers.values().filter(|value| value.is_sensitive());
        // What stands in front of the last space is the scheme.
        let secrets = secrets.filter_map(|value| value.to_str().ok()?.rsplit(' ').next());
        let told = secrets.filter(|secret| secret.len() >= SHORTEST_SECRET);
        let text = told.fold(text.to_owned(), |text, secret| text.replace(secret, "<redacted>"));
        match &self.credential {
            Some(credential) => credential.without(text),
            None => text,
        }
    }

    /// Takes note of what an upstream has said went wrong: a token that it refuses may have been revoked.
    pub(crate) fn hear(&self, fault: &Fault) {
        if let Some(credential) = self.credential.as_ref().filter(|_| fault.kind == FaultKind::Credential) {
            credential.doubt();
        }
    }

    /// The same of a text as it came; what is no text stays.
    pub(crate) fn without_credential_in(&self, text: Vec<u8>) -> Bytes {
        match String::from_utf8(text) {
            Ok(text) => self.without_credential(&text).into(),
            Err(other) => other.into_bytes().into(),
        }
    }

    /// Where it has an operation in exactly this language.
    pub(crate) fn own_endpoint(
        &self,
        dialect: &dyn Dialect,
        operation: Operation,
    ) -> Option<(&Endpoint, &UpstreamPath)> {
        let endpoint = self.endpoints.iter().find(|endpoint| endpoint.dialect.id() == dialect.id())?;
        Some((endpoint, endpoint.paths.find(operation, Delivery::Whole)?))
    }

    /// Whether callers may keep files there.
    pub(crate) fn keeps_files(&self) -> bool {
        let mut paths = self.endpoints.iter().map(|endpoint| &endpoint.paths);
        paths.any(|paths| paths.find(Operation::Files, Delivery::Whole).is_some())
    }

    /// The language to speak to this model for a caller of `dialect`: the caller's own where it can be, the provider's
    /// preferred one otherwise; the model's where it has but one. `None` where there is no path for the operation. A
    /// count of tokens is not translated.
    pub fn endpoint(
        &self,
        dialect: &dyn Dialect,
        model: &ModelName,
        operation: Operation,
        delivery: Delivery,
    ) -> Option<(&Endpoint, &UpstreamPath)> {
        let only = self.known(model).dialect().filter(|_| operation.is_conversation());
        let is_spoken = |endpoint: &&Endpoint| match only {
            Some(only) => endpoint.dialect.id().as_str() == only,
            None => endpoint.speakers.include(model.as_str()),
        };
        let all = || self.endpoints.iter().filter(is_spoken);
        let own = all().find(|endpoint| endpoint.dialect.id() == dialect.id());
        let others = all().filter(|_| operation != Operation::CountTokens);
        own.into_iter()
            .chain(others)
            .find_map(|endpoint| Some((endpoint, endpoint.paths.find(operation, delivery)?)))
    }
}

/// A header's value that is shorter is a word, and words may stand in any text.
const SHORTEST_SECRET: usize = 8;
