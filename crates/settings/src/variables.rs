//! The parts of providers' addresses that differ from customer to customer: a region, a resource, an account.

use serde_json::json;

use crate::environment::Environment;
use crate::nearest::did_you_mean;
use crate::problem::ProblemCode;
use crate::providers::ProviderSetting;
use crate::read::{Named, Refused, Scalar};
use crate::reading::{Reading, joined};
use crate::shown::Shown;

/// What the catalogue knows of a kind of provider, as far as its settings depend on it.
#[derive(Clone, Debug)]
pub struct KnownKind {
    /// Its name.
    pub name: String,
    /// What its address leaves open.
    pub variables: Vec<KnownVariable>,
}

/// A part that an address in the catalogue leaves open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownVariable {
    /// Its name.
    pub name: String,
    /// What it is, for people.
    pub meaning: String,
    /// The environment variables that may hold it, the preferred one first.
    pub env: Vec<String>,
    /// Whether something is there unless someone says otherwise.
    pub has_default: bool,
}

impl KnownVariable {
    /// The value in the first of its environment variables that holds one, and that variable.
    ///
    /// # Errors
    /// The variable whose value cannot stand in an address.
    pub(crate) fn of_environment(&self, environment: &Environment) -> Result<Option<String>, &str> {
        for name in &self.env {
            let value = environment.get(name).map(str::trim).filter(|value| !value.is_empty());
            if let Some(value) = value {
                return AddressPart::of(value).map(|part| Some(part.0)).ok_or(name.as_str());
            }
        }
        Ok(None)
    }
}

/// The variables that `setting` does not say, as far as the environment does. What cannot stand in an address has been
/// reported when the settings were read.
pub fn variables_from_environment(
    setting: &ProviderSetting,
    known: &[KnownVariable],
    environment: &Environment,
) -> Vec<(String, String)> {
    let is_said = |known: &KnownVariable| setting.variables.iter().any(|(name, _)| *name == known.name);
    let unsaid = known.iter().filter(|known| !is_said(known));
    let found =
        unsaid.filter_map(|known| Some((known.name.clone(), known.of_environment(environment).ok()??)));
    found.collect()
}

impl Reading<'_> {
    /// Notes every variable that a provider's address does not have, and every one that it has and nobody sets.
    pub(crate) fn check_variables(&mut self, setting: &ProviderSetting, kind: &KnownKind) {
        let section = joined(&joined("providers", setting.name.as_str()), "variables");
        let names: Vec<&str> = kind.variables.iter().map(|known| known.name.as_str()).collect();
        let unknown: Vec<_> =
            setting.variables.iter().filter(|(name, _)| !names.contains(&name.as_str())).collect();
        for (name, _) in &unknown {
            let message = format!("the address of `{}` has no variable `{name}`", kind.name);
            let help = did_you_mean(name, names.iter().copied());
            let help = help.unwrap_or_else(|| format!("known here: {}", names.join(", ")));
            self.note(ProblemCode::UnknownKey, &joined(&section, name), message, Some(help));
        }
        // Who says the whole address need not say its parts, and what is misspelt is missing only because of that.
        if setting.url.is_some() || !unknown.is_empty() {
            return;
        }
        for known in &kind.variables {
            let is_said = setting.variables.iter().any(|(name, _)| *name == known.name);
            let path = joined(&section, &known.name);
            match known.of_environment(self.environment()) {
                _ if is_said => {}
                Err(variable) => {
                    let message = format!("{variable} cannot stand in an address");
                    self.note(ProblemCode::BadValue, &path, message, Some(AddressPart::EXPECTED.to_owned()));
                }
                Ok(None) if !known.has_default => {
                    let message = format!("`{}` is needed: {}", known.name, known.meaning);
                    let help = format!("write it, or set {}", known.env.join(" or "));
                    self.note(ProblemCode::MissingVariable, &path, message, Some(help));
                }
                Ok(_) => {}
            }
        }
    }
}

/// Something that can stand in an address without changing what is around it.
#[derive(Default)]
pub(crate) struct AddressPart(String);

impl AddressPart {
    /// `text` without what people copy along with a host.
    fn of(text: &str) -> Option<Self> {
        let text = text.strip_prefix("https://").unwrap_or(text).trim_end_matches('/');
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        (!text.is_empty() && text.chars().all(fits)).then(|| Self(text.to_owned()))
    }
}

impl Scalar for AddressPart {
    const EXPECTED: &'static str = "a part of an address: letters, digits, `-`, `_` and `.`";

    fn parse(text: &str) -> Result<Self, Refused> {
        Self::of(text).ok_or(Refused::Value(None))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string"})
    }

    fn shown(&self) -> Shown {
        Shown::Text(self.0.clone())
    }
}

impl From<Named<AddressPart>> for Named<String> {
    fn from(parts: Named<AddressPart>) -> Self {
        Self(parts.0.into_iter().map(|(name, part)| (name, part.0)).collect())
    }
}
