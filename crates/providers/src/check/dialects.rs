//! `[dialects.<id>]`: the languages of a provider, and where it speaks them.

use std::collections::BTreeMap;

use types::Operation;

use super::findings::Findings;
use crate::raw::{RawEndpoint, RawKeyPlace};
use crate::{Endpoint, KeyPlace, Speakers};

/// What the languages of a provider have in common.
pub(super) struct Common<'a> {
    /// The one that it speaks best.
    pub(super) prefers: Option<&'a str>,
    /// The headers that go with every request.
    pub(super) headers: &'a [(String, String)],
}

/// The languages that a file describes in this section, the preferred one first.
pub(super) fn dialects(
    section: &str,
    raw: BTreeMap<String, RawEndpoint>,
    common: &Common<'_>,
    findings: &mut Findings,
) -> Vec<Endpoint> {
    let Common { prefers, headers: shared } = *common;
    match prefers {
        Some(preferred) if !raw.contains_key(preferred) => {
            findings.report("prefers", format!("`{preferred}` is not among the {section}"));
        }
        None if raw.is_empty() => findings.report(section, "at least one is needed"),
        None if raw.len() > 1 => findings.report("prefers", "with several dialects one must be preferred"),
        Some(_) | None => {}
    }
    let mut endpoints: Vec<Endpoint> = raw
        .into_iter()
        .map(|(dialect, endpoint)| {
            let field = format!("{section}.{dialect}");
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

/// Headers that go with requests.
pub(super) fn headers(
    field: &str,
    raw: BTreeMap<String, String>,
    findings: &mut Findings,
) -> Vec<(String, String)> {
    for (name, value) in &raw {
        findings.header(field, name);
        findings.filled(&format!("{field}.{name}"), value);
    }
    raw.into_iter().collect()
}
