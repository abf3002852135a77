//! `[credential]`: where a key goes, and what stands in for one.

use super::findings::Findings;
use crate::raw::RawCredential;
use crate::{CredentialScheme, CredentialVariant, Keyless};

/// The words for schemes in `provider.toml`.
const SCHEMES: &[(&str, Scheme)] =
    &[("aws", Scheme::Aws), ("azure", Scheme::Entra), ("google", Scheme::Google), ("header", Scheme::Key)];

#[derive(Clone, Copy)]
enum Scheme {
    Aws,
    Entra,
    Google,
    Key,
}

/// The scheme that a file describes.
pub(super) fn scheme(raw: RawCredential, findings: &mut Findings) -> CredentialScheme {
    let word = raw.scheme.as_deref().unwrap_or("header");
    let scheme = findings.word("credential.scheme", word, SCHEMES).unwrap_or(Scheme::Key);
    let keyless = keyless(scheme, raw.service, raw.scope, findings);
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

fn keyless(
    scheme: Scheme,
    service: Option<String>,
    scope: Option<String>,
    findings: &mut Findings,
) -> Option<Keyless> {
    let mut needed = |field: &str, value: Option<String>| {
        let value = value.unwrap_or_default();
        findings.filled(&format!("credential.{field}"), &value);
        value
    };
    let (keyless, left_over) = match scheme {
        Scheme::Aws => (Some(Keyless::Aws { service: needed("service", service) }), ("scope", scope)),
        Scheme::Entra => (Some(Keyless::Entra { scope: needed("scope", scope) }), ("service", service)),
        Scheme::Google => (Some(Keyless::Google { scope: needed("scope", scope) }), ("service", service)),
        Scheme::Key => (None, if scope.is_some() { ("scope", scope) } else { ("service", service) }),
    };
    if let (field, Some(_)) = left_over {
        findings.report(&format!("credential.{field}"), "means nothing in this scheme");
    }
    keyless
}
