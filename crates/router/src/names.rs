//! What a model's name means: a public name, a provider and its model, or a bare model name that only one
//! provider serves. In this order; ambiguity is told, never guessed away.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;
use types::{ModelName, ProviderName};

use crate::{Candidate, ChooseError};

/// A provider and the models it is known to serve.
#[derive(Clone, Debug)]
pub struct ProviderModels {
    /// Its name in the configuration.
    pub provider: ProviderName,
    /// Known models, by the provider's names for them.
    pub models: Vec<ModelName>,
    /// Whether models that are not on the list are passed on all the same.
    pub open: bool,
}

/// What a name turned out to mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// A model of the configuration.
    Route(ModelName),
    /// One provider's model that is on its list.
    Known(Candidate),
    /// One provider's model that is not.
    Passed(Candidate),
    /// A model on its list, with a program behind its name.
    Programmed {
        /// The listed model's full name.
        of: ModelName,
        /// The model with its program.
        candidate: Candidate,
    },
}

impl Resolved {
    /// The public name: what policies speak of and what is counted under. It is bounded by the configuration: a
    /// name that a caller invents is counted under its provider.
    pub fn label(&self) -> ModelName {
        match self {
            Self::Route(name) => name.clone(),
            Self::Known(candidate) => ModelName::from(candidate.target.to_shared()),
            Self::Passed(candidate) => ModelName::from(format!("{}/*", candidate.provider)),
            Self::Programmed { of, .. } => of.clone(),
        }
    }

    /// The name in messages.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Route(name) => name.as_str(),
            Self::Known(candidate) | Self::Passed(candidate) | Self::Programmed { candidate, .. } => {
                candidate.target.as_str()
            }
        }
    }
}

/// Every name there is.
#[derive(Debug, Default)]
pub(crate) struct Names {
    routes: BTreeSet<ModelName>,
    providers: HashMap<ProviderName, ProviderModels, RandomState>,
    /// Bare model name to the providers that serve it.
    bare: HashMap<ModelName, Vec<ProviderName>, RandomState>,
    /// `provider/model` for each known model: the hot path looks here first.
    full: HashMap<ModelName, Candidate, RandomState>,
}

impl Names {
    pub(crate) fn new(routes: impl Iterator<Item = ModelName>, providers: Vec<ProviderModels>) -> Self {
        let mut names = Self { routes: routes.collect(), ..Self::default() };
        for provider in providers {
            for model in &provider.models {
                names.bare.entry(model.clone()).or_default().push(provider.provider.clone());
                let candidate = Candidate::new(provider.provider.clone(), model.clone());
                names.full.insert(ModelName::from(candidate.target.as_str()), candidate);
            }
            names.providers.insert(provider.provider.clone(), provider);
        }
        names
    }

    /// Every public name, sorted: the routes first, then `provider/model`.
    pub(crate) fn listing(&self) -> Vec<String> {
        let mut full: Vec<_> = self.full.keys().map(ToString::to_string).collect();
        full.sort_unstable();
        self.routes.iter().map(ToString::to_string).chain(full).collect()
    }

    pub(crate) fn resolve(&self, name: &str) -> Result<Resolved, ChooseError> {
        if let Some(route) = self.routes.get(name) {
            return Ok(Resolved::Route(route.clone()));
        }
        if let Some(candidate) = self.full.get(name) {
            return Ok(Resolved::Known(candidate.clone()));
        }
        if let Some(resolved) = self.provider_and_model(name) {
            return Ok(resolved);
        }
        self.bare_name(name)
    }

    /// `provider/model`, also written `provider:model` or `@provider/model`, where the left part is a configured
    /// provider: names such as `Qwen/Qwen3-4B` and `qwen3:4b` hold the same signs and mean none.
    fn provider_and_model(&self, name: &str) -> Option<Resolved> {
        let plain = name.strip_prefix('@').unwrap_or(name);
        ['/', ':'].into_iter().find_map(|sign| {
            let (left, model) = plain.split_once(sign)?;
            let provider = self.providers.get(left)?;
            if model.is_empty() {
                return None;
            }
            let candidate = Candidate::new(provider.provider.clone(), ModelName::from(model));
            if self.full.contains_key(candidate.target.as_str()) {
                return Some(Resolved::Known(candidate));
            }
            // What stands behind a `?` is the provider's own matter; it counts as the model before it, and fails
            // by itself: a programmed failure takes nobody else's model away.
            let base = candidate.target.as_str().split_once('?').and_then(|(base, _)| self.full.get(base));
            match base {
                Some(of) => {
                    Some(Resolved::Programmed { of: ModelName::from(of.target.to_shared()), candidate })
                }
                None => provider.open.then_some(Resolved::Passed(candidate)),
            }
        })
    }

    fn bare_name(&self, name: &str) -> Result<Resolved, ChooseError> {
        match self.bare.get(name).map(Vec::as_slice) {
            Some([provider]) => Ok(Resolved::Known(Candidate::new(provider.clone(), ModelName::from(name)))),
            Some(several) if !several.is_empty() => Err(ChooseError::Ambiguous {
                model: name.to_owned(),
                candidates: several.iter().map(|provider| format!("{provider}/{name}")).collect(),
            }),
            Some(_) | None => Err(self.unknown(name)),
        }
    }

    /// The three names most like it, if any is like it at all.
    fn unknown(&self, name: &str) -> ChooseError {
        let listing = self.listing();
        // A long name costs time by its square against each known one.
        let asked: String = name.chars().take(64).collect();
        let mut scored: Vec<_> = listing
            .iter()
            .map(|known| {
                let bare = known.rsplit_once('/').map_or(known.as_str(), |(_, bare)| bare);
                (strsim::jaro_winkler(&asked, known).max(strsim::jaro_winkler(&asked, bare)), known)
            })
            .filter(|(score, _)| *score > 0.8)
            .collect();
        scored.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(right.1)));
        ChooseError::Unknown {
            model: asked,
            nearest: scored.into_iter().take(3).map(|(_, known)| known.clone()).collect(),
            known: listing.len(),
        }
    }
}
