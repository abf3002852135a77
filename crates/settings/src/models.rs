//! `models`: the names callers use, and where their requests go.

use std::num::NonZeroU32;

use serde_json::json;
use types::{ModelName, ProviderName};

use crate::declare::section;
use crate::problem::ProblemCode;
use crate::read::{At, Named, Shape};
use crate::reading::{Reading, joined};
use crate::schema::any_of;
use crate::shown::{Show, Shown};

/// One public model.
#[derive(Clone, Debug)]
pub struct ModelSetting {
    /// The name callers use.
    pub name: ModelName,
    /// Where requests go, by weight. At least one.
    pub targets: Vec<TargetSetting>,
    /// Where they go, in this order, when no target can take them.
    pub fallback: Vec<TargetName>,
    /// Whether a request that a target's language cannot express in full is refused instead of reduced.
    pub strict: bool,
}

/// One place a model's requests may go, and its share of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSetting {
    /// The provider.
    pub provider: ProviderName,
    /// The model's name there.
    pub model: ModelName,
    /// Its share among the targets.
    pub weight: NonZeroU32,
}

/// A model at a provider, written `provider/model`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetName {
    /// The provider.
    pub provider: ProviderName,
    /// The model's name there.
    pub model: ModelName,
}

section! {
    /// One model: where its requests go.
    pub(crate) struct RawModel, example {"targets": [{"to": "claude/claude-opus", "weight": 3}, {"to": "openai/gpt", "weight": 1}], "fallback": ["gpu/qwen3"]} {
        /// Where requests go: `provider/model`, or a list of them with weights.
        targets: Vec<TargetSetting> as OneOrMore<TargetSetting> = Vec::new(),
        /// Where requests go, in this order, when no target can take them.
        fallback: Vec<TargetName> as OneOrMore<TargetName> = Vec::new(),
        /// Whether a request that a target's language cannot express in full is refused instead of reduced.
        strict: bool = false,
    }
}

section! {
    /// One target and its share of the requests.
    pub(crate) struct RawTarget, example {"to": "claude/claude-opus", "weight": 3} {
        /// The target, as `provider/model`.
        to: Option<TargetName> = None,
        /// Its share among the targets.
        weight: NonZeroU32 = NonZeroU32::MIN,
    }
}

/// A model in either form: a section, or just its one target.
#[derive(Default)]
pub(crate) struct EitherModel(RawModel);

impl From<Named<EitherModel>> for Named<RawModel> {
    fn from(models: Named<EitherModel>) -> Self {
        Self(models.0.into_iter().map(|(name, EitherModel(raw))| (name, raw)).collect())
    }
}

impl Shape for EitherModel {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        if at.is_scalar() {
            let targets = vec![TargetSetting::read(at, reading)?];
            return Some(Self(RawModel { targets, ..RawModel::default() }));
        }
        let before = reading.problem_count();
        let raw = RawModel::read(at, reading)?;
        // Targets that were misspelt or wrong are missing only because of that.
        if raw.targets.is_empty() && reading.problem_count() == before {
            let message = format!("model `{}` has no targets", at.key());
            let help = "add `targets: [{to: provider/model}]`".to_owned();
            reading.note(ProblemCode::BadValue, &at.path, message, Some(help));
        }
        Some(Self(raw))
    }

    fn schema() -> serde_json::Value {
        any_of(vec![TargetName::schema(), RawModel::schema()])
    }
}

impl ModelSetting {
    /// The model `name` as written.
    pub(crate) fn of_raw(name: String, raw: RawModel, reading: &mut Reading<'_>) -> Self {
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let message = format!("`{}` cannot be a model's name", name.escape_debug());
            let help = Some("a name without white space".to_owned());
            reading.note(ProblemCode::BadValue, &joined("models", &name), message, help);
        }
        let RawModel { targets, fallback, strict } = raw;
        Self { name: ModelName::from(name), targets, fallback, strict }
    }

    /// The model as it would be written in full.
    pub(crate) fn to_raw(&self) -> (String, RawModel) {
        let raw =
            RawModel { targets: self.targets.clone(), fallback: self.fallback.clone(), strict: self.strict };
        (self.name.to_string(), raw)
    }
}

impl Shape for TargetName {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let text = String::read(at, reading)?;
        // Only the first slash divides: an upstream's own names may contain more of them.
        let Some((provider, model)) = text.split_once('/').filter(|(p, m)| !p.is_empty() && !m.is_empty())
        else {
            let message = format!("`{}` is not a target", at.written());
            reading.bad_value(at, message, Some("write provider/model".to_owned()));
            return None;
        };
        let provider = ProviderName::from(provider);
        reading.refers_to(&at.path, provider.clone());
        Some(Self { provider, model: ModelName::from(model) })
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": "^[^/]+/.+$", "examples": ["openai/gpt"]})
    }
}

impl Show for TargetName {
    fn shown(&self) -> Shown {
        Shown::Text(format!("{}/{}", self.provider, self.model))
    }
}

impl Shape for TargetSetting {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        if at.is_scalar() {
            let TargetName { provider, model } = TargetName::read(at, reading)?;
            return Some(Self { provider, model, weight: NonZeroU32::MIN });
        }
        let before = reading.problem_count();
        let RawTarget { to, weight } = RawTarget::read(at, reading)?;
        if to.is_none() && reading.problem_count() == before {
            let message = "the target names no model".to_owned();
            reading.bad_value(at, message, Some("add `to: provider/model`".to_owned()));
        }
        let TargetName { provider, model } = to?;
        Some(Self { provider, model, weight })
    }

    fn schema() -> serde_json::Value {
        any_of(vec![TargetName::schema(), RawTarget::schema()])
    }
}

impl Show for TargetSetting {
    fn shown(&self) -> Shown {
        let to = TargetName { provider: self.provider.clone(), model: self.model.clone() };
        RawTarget { to: Some(to), weight: self.weight }.shown()
    }
}

/// A list, or one item that stands for a list of one.
pub(crate) struct OneOrMore<T>(Vec<T>);

impl<T> From<OneOrMore<T>> for Vec<T> {
    fn from(items: OneOrMore<T>) -> Self {
        items.0
    }
}

impl<T: Shape> Shape for OneOrMore<T> {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        match at.list() {
            Some(items) => Some(Self(items.iter().filter_map(|item| T::read(item, reading)).collect())),
            None => T::read(at, reading).map(|item| Self(vec![item])),
        }
    }

    fn schema() -> serde_json::Value {
        any_of(vec![T::schema(), json!({"type": "array", "items": T::schema()})])
    }
}
