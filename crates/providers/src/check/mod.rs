//! From what the files say to what is meant: every problem of a folder is found, not just the first.

mod credential;
mod dialects;
mod findings;
mod models;
mod variables;

use std::collections::BTreeMap;

use types::FaultKind;

use crate::models::Models;
use crate::provider::KINDS;
use crate::raw::{RawProbe, RawProvider};
use crate::{Keyless, Kind, Probe, Problem, Provider};
use dialects::{Common, dialects, headers};
use findings::Findings;
use variables::{address, known_in_paths, known_variables, variables};

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
    let headers = headers("headers", raw.headers, findings);
    let common = Common { prefers: raw.prefers.as_deref(), headers: &headers };
    let variables = variables(raw.variables, (kind, &raw.base_url), &common, findings);
    findings.quirks("quirks", &raw.quirks);
    let credential = raw.credential.map(|raw| credential::scheme(raw, findings)).unwrap_or_default();
    if let Some(Keyless::Oauth { token_url, .. }) = &credential.keyless {
        address("credential.token_url", kind, token_url, findings);
        known_variables("credential.token_url", token_url, &variables, findings);
    }
    let dialects = dialects("dialects", raw.dialects, &common, findings);
    known_in_paths("dialects", &dialects, &variables, findings);
    Provider {
        name: name.into(),
        title: raw.title,
        kind,
        base_url: raw.base_url,
        base_url_env: raw.base_url_env,
        variables,
        semconv: raw.semconv,
        credential,
        dialects,
        headers,
        quirks: raw.quirks,
        errors: errors(raw.errors, findings),
        probe: raw.probe.map(|raw| probe(raw, findings)),
        models,
    }
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
