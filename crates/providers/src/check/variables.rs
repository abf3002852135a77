//! Addresses, and the variables in them.

use std::collections::BTreeMap;

use super::findings::Findings;
use crate::provider::variables_in;
use crate::raw::RawVariable;
use crate::{Kind, Variable};

/// An address that a provider of this kind can have.
pub(super) fn address(field: &str, kind: Kind, address: &str, findings: &mut Findings) {
    let wanted: &[&str] = match kind {
        Kind::Builtin => &["builtin:"],
        Kind::Hosted => &["https://"],
        Kind::Local => &["http://", "https://"],
    };
    let host = wanted.iter().find_map(|scheme| address.strip_prefix(scheme));
    if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
        findings
            .report(field, format!("`{address}` is not an address that begins with {}", wanted.join(" or ")));
    }
    if address.ends_with('/') {
        findings.report(field, "ends in a slash");
    }
}

/// The variables of the base URL: each is declared, and each that is declared occurs.
pub(super) fn variables(
    raw: BTreeMap<String, RawVariable>,
    kind: Kind,
    base_url: &str,
    findings: &mut Findings,
) -> Vec<Variable> {
    for name in variables_in(base_url).filter(|name| !raw.contains_key(*name)) {
        findings.report("base_url", format!("there is no variable `{name}`"));
    }
    let mut variables = Vec::new();
    for (name, variable) in raw {
        let field = format!("variables.{name}");
        if !variables_in(base_url).any(|used| used == name) {
            findings.report(&field, "does not occur in `base_url`");
        }
        findings.filled(&format!("{field}.meaning"), &variable.meaning);
        findings.variables(&format!("{field}.env"), &variable.env);
        let RawVariable { meaning, env, default, addresses } = variable;
        for (value, other) in &addresses {
            let field = format!("{field}.addresses.{value}");
            address(&field, kind, other, findings);
        }
        variables.push(Variable { name, meaning, env, default, addresses: addresses.into_iter().collect() });
    }
    for variable in &variables {
        for (value, other) in &variable.addresses {
            let field = format!("variables.{}.addresses.{value}", variable.name);
            known_variables(&field, other, &variables, findings);
        }
    }
    variables
}

/// Each variable that stands in an address is declared.
pub(super) fn known_variables(field: &str, address: &str, known: &[Variable], findings: &mut Findings) {
    for name in variables_in(address).filter(|name| known.iter().all(|known| known.name != *name)) {
        findings.report(field, format!("there is no variable `{name}`"));
    }
}
