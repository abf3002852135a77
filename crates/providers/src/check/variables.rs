//! Addresses, and the variables in them.

use std::collections::BTreeMap;

use super::dialects::{Common, dialects};
use super::findings::Findings;
use crate::provider::variables_in;
use crate::raw::RawVariable;
use crate::{Endpoint, Kind, Variable};

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

/// The variables of a provider at this address: each that occurs is declared, and each that is declared occurs.
pub(super) fn variables(
    raw: BTreeMap<String, RawVariable>,
    (kind, base_url): (Kind, &str),
    common: &Common<'_>,
    findings: &mut Findings,
) -> Vec<Variable> {
    for name in variables_in(base_url).filter(|name| !raw.contains_key(*name)) {
        findings.report("base_url", format!("there is no variable `{name}`"));
    }
    let mut variables = Vec::new();
    for (name, variable) in raw {
        let field = format!("variables.{name}");
        findings.filled(&format!("{field}.meaning"), &variable.meaning);
        findings.variables(&format!("{field}.env"), &variable.env);
        let RawVariable { meaning, env, default, alike, addresses, dialects: raw } = variable;
        for (value, other) in &addresses {
            let field = format!("{field}.addresses.{value}");
            address(&field, kind, other, findings);
        }
        let dialects = if raw.is_empty() {
            Vec::new()
        } else {
            dialects(&format!("{field}.dialects"), raw, common, findings)
        };
        if !dialects.is_empty() && default.is_none() {
            findings.report(&field, "has dialects, and no default with which there are others");
        }
        let in_paths = paths("", &dialects).any(|(_, path)| variables_in(path).any(|used| used == name));
        if !in_paths && !variables_in(base_url).any(|used| used == name) {
            findings.report(&field, "does not occur in `base_url` or a path");
        }
        let addresses = addresses.into_iter().collect();
        variables.push(Variable { name, meaning, env, default, alike, addresses, dialects });
    }
    for variable in &variables {
        let section = format!("variables.{}.dialects", variable.name);
        known_in_paths(&section, &variable.dialects, &variables, findings);
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

/// Each variable that stands in a path of these languages is declared, but for the model's name, which needs not be.
pub(super) fn known_in_paths(
    section: &str,
    dialects: &[Endpoint],
    known: &[Variable],
    findings: &mut Findings,
) {
    for (field, path) in paths(section, dialects) {
        known_variables(&field, &path.replace(MODEL, ""), known, findings);
    }
}

/// What stands for the model's name in a path.
const MODEL: &str = "{model}";

/// The paths of the languages in this section, each with its field.
fn paths<'e>(section: &'e str, dialects: &'e [Endpoint]) -> impl Iterator<Item = (String, &'e str)> {
    dialects.iter().flat_map(move |endpoint| {
        let field = move |word: &str| format!("{section}.{}.{word}", endpoint.dialect);
        let streamed = endpoint.chat_stream.iter().map(|path| ("chat_stream", path));
        let paths = endpoint.paths.iter().map(|(operation, path)| (operation.as_str(), path));
        paths.chain(streamed).map(move |(word, path)| (field(word), path.as_str()))
    })
}
