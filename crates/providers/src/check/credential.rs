//! `[credential]`: where a key goes, and what stands in for one.

use super::findings::Findings;
use crate::raw::RawCredential;
use crate::{CredentialScheme, CredentialVariant, Grant, Keyless};

/// The words for schemes in `provider.toml`.
const SCHEMES: &[(&str, Scheme)] = &[
    ("aws", Scheme::Aws),
    ("azure", Scheme::Entra),
    ("google", Scheme::Google),
    ("header", Scheme::Key),
    ("oauth", Scheme::Oauth),
];

#[derive(Clone, Copy)]
enum Scheme {
    Aws,
    Entra,
    Google,
    Key,
    Oauth,
}

/// The scheme that a file describes.
pub(super) fn scheme(mut raw: RawCredential, findings: &mut Findings) -> CredentialScheme {
    let word = raw.scheme.as_deref().unwrap_or("header");
    let scheme = findings.word("credential.scheme", word, SCHEMES).unwrap_or(Scheme::Key);
    let keyless = keyless(scheme, &mut raw, findings);
    match (&raw.query, keyless.is_some()) {
        (Some(query), _) => {
            findings.filled("credential.query", query);
            if !raw.header.is_empty() {
                findings.report("credential.query", "a key goes into a header or into the query, not both");
            }
        }
        // Where there need not be a key, there need not be a place for one.
        (None, true) if raw.header.is_empty() => {}
        (None, _) => findings.header("credential.header", &raw.header),
    }
    findings.variables("credential.env", &raw.env);
    let mut variants = Vec::new();
    for (index, variant) in raw.variants.into_iter().enumerate() {
        findings.header(&format!("credential.variants[{index}].header"), &variant.header);
        findings.variables(&format!("credential.variants[{index}].env"), &variant.env);
        variants.push(CredentialVariant { header: variant.header, prefix: variant.prefix, env: variant.env });
    }
    CredentialScheme {
        header: raw.header,
        query: raw.query,
        prefix: raw.prefix,
        env: raw.env,
        required: raw.required,
        variants,
        keyless,
    }
}

fn keyless(scheme: Scheme, raw: &mut RawCredential, findings: &mut Findings) -> Option<Keyless> {
    let keyless = match scheme {
        Scheme::Aws => Some(Keyless::Aws { service: needed("service", raw.service.take(), findings) }),
        Scheme::Entra => Some(Keyless::Entra { scope: needed("scope", raw.scope.take(), findings) }),
        Scheme::Google => Some(Keyless::Google { scope: needed("scope", raw.scope.take(), findings) }),
        Scheme::Key => None,
        Scheme::Oauth => Some(oauth(raw, findings)),
    };
    let left_over = [
        ("service", raw.service.is_some()),
        ("scope", raw.scope.is_some()),
        ("token_url", raw.token_url.is_some()),
        ("grant", raw.grant.is_some()),
        ("parameter", raw.parameter.is_some()),
        ("client_env", !raw.client_env.is_empty()),
        ("secret_env", !raw.secret_env.is_empty()),
    ];
    for (field, _) in left_over.into_iter().filter(|(_, is_left)| *is_left) {
        findings.report(&format!("credential.{field}"), "means nothing in this scheme");
    }
    keyless
}

/// Tokens for a client's secret, or for a key where a grant for it is named.
fn oauth(raw: &mut RawCredential, findings: &mut Findings) -> Keyless {
    let token_url = needed("token_url", raw.token_url.take(), findings);
    let secret_env = std::mem::take(&mut raw.secret_env);
    findings.variables("credential.secret_env", &secret_env);
    let grant = if let Some(name) = raw.grant.take() {
        findings.filled("credential.grant", &name);
        Grant::Key { name, parameter: needed("parameter", raw.parameter.take(), findings) }
    } else {
        let client_env = std::mem::take(&mut raw.client_env);
        findings.variables("credential.client_env", &client_env);
        Grant::Client { scope: needed("scope", raw.scope.take(), findings), client_env }
    };
    Keyless::Oauth { token_url, grant, secret_env }
}

fn needed(field: &str, value: Option<String>, findings: &mut Findings) -> String {
    let value = value.unwrap_or_default();
    findings.filled(&format!("credential.{field}"), &value);
    value
}
