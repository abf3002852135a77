//! The caller a credential stands for.

use store::Allowed;
use types::{KeyId, Tenant};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The key's public identity.
    pub key: KeyId,
    /// What people call it.
    pub name: String,
    /// Whose limits, cache and usage the request falls under.
    pub tenant: Tenant,
    /// Which models it may use.
    pub models: Allowed,
}

impl Principal {
    /// Whoever asks where no authentication is configured: one caller who may use every model.
    pub fn anonymous() -> Self {
        Self {
            key: KeyId::from("anonymous"),
            name: "anonymous".to_owned(),
            tenant: Tenant::from("anonymous"),
            models: Allowed::All,
        }
    }

    /// Whether it may use the model with this public name.
    pub fn may_use(&self, model: &str) -> bool {
        match &self.models {
            Allowed::All => true,
            Allowed::Only(names) => names.contains(model),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_outside_the_list_is_not_allowed() {
        let only = |names: &[&str]| Principal {
            models: Allowed::Only(names.iter().map(|name| (*name).into()).collect()),
            ..Principal::anonymous()
        };
        assert!(only(&["smart", "cheap"]).may_use("cheap"));
        assert!(!only(&["smart"]).may_use("smarter"));
        assert!(!only(&[]).may_use("smart"));
        assert!(Principal::anonymous().may_use("anything"));
    }
}
