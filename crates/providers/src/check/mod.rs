//! From what the files say to what is meant: every problem of a folder is found, not just the first.

mod credential;
mod findings;
mod models;

use std::collections::BTreeMap;

use types::{FaultKind, Operation};

use crate::models::Models;
use crate::provider::{KINDS, variables_in};
use crate::raw::{RawEndpoint, RawKeyPlace, RawProbe, RawProvider, RawVariable};
use crate::{Endpoint, KeyPlace, Keyless, Kind, Probe, Problem, Provider, Speakers, Variable};
use findings::Findings;

pub(crate) use models::{ModelTexts, read as models};

/// One provider's files.
pub(crate) struct Folder<'t> {
    /// The folder's own name, which is the provider's.
    pub(crate) name: &'t str,
    /// The text of `provider.toml`.
    pub(crate) provider: Option<&'t str>,
    /// Its models.
    pub(crate) models: Models,
}

/// The provider that `folder` describes, or everything that is wrong with it.
pub(crate) fn provider(folder: Folder<'_>) -> Result<Provider, Vec<Problem>> {
    let Folder { name, provider, models } = folder;
    let mut findings = Findings::new(format!("{name}/provider.toml"));
    if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        findings
            .report("", format!("the folder's name `{name}` is not lower-case letters, digits and hyphens"));
    }
    let raw = provider.and_then(|text| findings.parse::<RawProvider>(text));
    if provider.is_none() {
        findings.report("", "is missing");
    }
    let provider = raw.map(|raw| checked(name, raw, models, &mut findings));
    let problems: Vec<Problem> = findings.into_iter().collect();
    match provider {
        Some(provider) if problems.is_empty() => Ok(provider),
        Some(_) | None => Err(problems),
    }
}

fn checked(name: &str, raw: RawProvider, models: Models, findings: &mut Findings) -> Provider {
    let kind = findings.word("kind", &raw.kind, KINDS).unwrap_or(Kind::Hosted);
    address("base_url", kind, &raw.base_url, findings);
    for (field, value) in [("title", &raw.title), ("docs", &raw.docs), ("semconv", &raw.semconv)] {
        findings.filled(field, value);
    }
    findings.variables("base_url_env", &raw.base_url_env);
    let variables = variables(raw.variables, kind, &raw.base_url, findings);
    let headers = headers("headers", raw.headers, findings);
    findings.quirks("quirks", &raw.quirks);
    let credential = raw.credential.map(|raw| credential::scheme(raw, findings)).unwrap_or_default();
    if let Some(Keyless::Oauth { token_url, .. }) = &credential.keyless {
        address("credential.token_url", kind, token_url, findings);
        known_variables("credential.token_url", token_url, &variables, findings);
    }
    Provider {
        name: name.into(),
        title: raw.title,
        kind,
        base_url: raw.base_url,
        base_url_env: raw.base_url_env,
        variables,
        semconv: raw.semconv,
        credential,
        dialects: dialects(raw.dialects, raw.prefers.as_deref(), &headers, findings),
        headers,
        quirks: raw.quirks,
        errors: errors(raw.errors, findings),
        probe: raw.probe.map(|raw| probe(raw, findings)),
        models,
    }
}

fn address(field: &str, kind: Kind, address: &str, findings: &mut Findings) {
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
fn variables(
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
fn known_variables(field: &str, address: &str, known: &[Variable], findings: &mut Findings) {
    for name in variables_in(address).filter(|name| known.iter().all(|known| known.name != *name)) {
        findings.report(field, format!("there is no variable `{name}`"));
    }
}

fn dialects(
    raw: BTreeMap<String, RawEndpoint>,
    prefers: Option<&str>,
    shared: &[(String, String)],
    findings: &mut Findings,
) -> Vec<Endpoint> {
    match prefers {
        Some(preferred) if !raw.contains_key(preferred) => {
            findings.report("prefers", format!("`{preferred}` is not among the dialects"));
        }
        None if raw.is_empty() => findings.report("dialects", "at least one is needed"),
        None if raw.len() > 1 => findings.report("prefers", "with several dialects one must be preferred"),
        Some(_) | None => {}
    }
    let mut endpoints: Vec<Endpoint> = raw
        .into_iter()
        .map(|(dialect, endpoint)| {
            let field = format!("dialects.{dialect}");
            let paths = paths(&field, &endpoint, findings);
            let own = headers(&format!("{field}.headers"), endpoint.headers, findings);
            let inherited =
                shared.iter().filter(|(name, _)| own.iter().all(|(taken, _)| taken != name)).cloned();
            let headers = inherited.chain(own.iter().cloned()).collect();
            let RawEndpoint { chat_stream, key, models, except, .. } = endpoint;
            for (key, beginnings) in [("models", &models), ("except", &except)] {
                for (index, beginning) in beginnings.iter().enumerate() {
                    findings.filled(&format!("{field}.{key}[{index}]"), beginning);
                }
            }
            let key = key.map(|RawKeyPlace { header, prefix }| {
                findings.header(&format!("{field}.key"), &header);
                KeyPlace { header, prefix }
            });
            let speakers = Speakers { beginnings: models, except };
            Endpoint { dialect, paths, chat_stream, headers, key, speakers }
        })
        .collect();
    endpoints.sort_by_key(|endpoint| prefers != Some(endpoint.dialect.as_str()));
    endpoints
}

/// The path of each operation that is offered.
fn paths(field: &str, raw: &RawEndpoint, findings: &mut Findings) -> Vec<(Operation, String)> {
    let offered = |operation: &Operation| Some((*operation, raw.path(*operation)?.clone()));
    let paths: Vec<_> = Operation::ALL.iter().filter_map(offered).collect();
    for (operation, path) in &paths {
        findings.path(&format!("{field}.{}", operation.as_str()), path);
    }
    if let Some(path) = &raw.chat_stream {
        findings.path(&format!("{field}.chat_stream"), path);
    }
    if paths.is_empty() {
        findings.report(field, "has no path");
    }
    paths
}

fn headers(field: &str, raw: BTreeMap<String, String>, findings: &mut Findings) -> Vec<(String, String)> {
    for (name, value) in &raw {
        findings.header(field, name);
        findings.filled(&format!("{field}.{name}"), value);
    }
    raw.into_iter().collect()
}

/// The kinds of fault that an upstream's own words can tell. The others are the gateway's to see.
const TOLD: [FaultKind; 9] = [
    FaultKind::ContextLength,
    FaultKind::Credential,
    FaultKind::Filtered,
    FaultKind::ForeignProof,
    FaultKind::Invalid,
    FaultKind::Overloaded,
    FaultKind::Quota,
    FaultKind::Server,
    FaultKind::Timeout,
];

fn errors(raw: BTreeMap<String, String>, findings: &mut Findings) -> Vec<(String, FaultKind)> {
    let words = TOLD.map(|kind| (kind.as_str(), kind));
    let mut errors: Vec<_> = raw
        .into_iter()
        .filter_map(|(word, kind)| Some((findings.word(&format!("errors.\"{word}\""), &kind, &words)?, word)))
        .map(|(kind, word)| (word, kind))
        .collect();
    errors.sort_by_key(|(word, _)| word.contains(' '));
    errors
}

fn probe(raw: RawProbe, findings: &mut Findings) -> Probe {
    if !raw.address.starts_with("http://") || raw.address.ends_with('/') {
        findings.report("probe.address", format!("`{}` is not a plain http origin", raw.address));
    }
    findings.path("probe.models", &raw.models);
    Probe { address: raw.address, models: raw.models }
}
