//! How providers are shown who asks: a key in its place, or what is obtained or made where there is none.

use anyhow::{Context, anyhow, bail};
use credentials::{
    AwsOptions, AwsPlan, EntraOptions, EntraPlan, GooglePlan, Keys, OauthGrant, OauthPlan, Plan, QueryKey,
    Variables,
};
use gateway::EndpointKey;
use http::{HeaderMap, HeaderName, HeaderValue};
use providers::{CredentialScheme, Grant, KeyPlace, Keyless, Provider};
use settings::{CredentialSetting, Environment, ProviderSetting, SecretSetting};
use types::Secret;

use super::{needed, said};

/// The variable of addresses that signatures are for as well.
pub(super) const REGION: &str = "region";

/// The headers that say who asks, with those that are configured, and the credential that is more than a header.
pub(super) fn of(
    setting: &ProviderSetting,
    provider: &Provider,
    environment: &Environment,
) -> anyhow::Result<(HeaderMap, Option<Plan>)> {
    let mut headers = HeaderMap::new();
    let plan = match &setting.key {
        Some(key) => keyed(key, &provider.credential, &mut headers)
            .with_context(|| format!("providers.{}.key", setting.name))?,
        None => keyless(setting, provider, environment)
            .with_context(|| format!("providers.{}.credential", setting.name))?,
    };
    for (name, value) in &setting.headers {
        add(&mut headers, name, value.value.reveal())
            .with_context(|| format!("providers.{}.headers", setting.name))?;
    }
    Ok((headers, plan))
}

/// The variables that say that this provider can be asked without a key. None where something else is missing, such as
/// the region: what is in the environment for other programs must not keep this one from starting.
pub(crate) fn signs(provider: &Provider, environment: &Environment) -> Vec<String> {
    let Some(keyless) = &provider.credential.keyless else { return Vec::new() };
    let place = Place { regions: (None, usual_region(provider)), token_url: &|url| Ok(url.to_owned()) };
    if !matches!(plan(keyless, CredentialSetting::default(), place, environment), Ok(Some(_))) {
        return Vec::new();
    }
    let signs: &[&str] = match keyless {
        Keyless::Aws { .. } => &[
            "AWS_ACCESS_KEY_ID",
            "AWS_PROFILE",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ],
        Keyless::Entra { .. } => &["AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"],
        Keyless::Google { .. } => &["GOOGLE_APPLICATION_CREDENTIALS"],
        Keyless::Oauth { secret_env, .. } => return secret_env.clone(),
    };
    signs.iter().map(|name| (*name).to_owned()).collect()
}

/// Puts a key where the provider wants it.
fn keyed(
    key: &SecretSetting,
    scheme: &CredentialScheme,
    headers: &mut HeaderMap,
) -> anyhow::Result<Option<Plan>> {
    match (scheme.header_of(variable(key)), &scheme.query) {
        (Some((name, prefix)), _) => {
            add(headers, name, &format!("{prefix}{}", key.value.reveal()))?;
            Ok(None)
        }
        (None, Some(name)) => Ok(Some(Plan::Query(QueryKey { name: name.clone(), key: key.value.clone() }))),
        (None, None) => bail!("this kind of provider takes no key"),
    }
}

/// The key in the place that a language has for it, if it has one.
pub(super) fn placed(
    setting: &ProviderSetting,
    provider: &Provider,
    place: Option<&KeyPlace>,
) -> anyhow::Result<Option<EndpointKey>> {
    let (Some(key), Some(place)) = (&setting.key, place) else { return Ok(None) };
    let Some((usual, _)) = provider.credential.header_of(variable(key)) else { return Ok(None) };
    let mut headers = HeaderMap::new();
    add(&mut headers, &place.header, &format!("{}{}", place.prefix, key.value.reveal()))?;
    let mut placed = headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
    let instead_of = HeaderName::try_from(usual)?;
    Ok(placed.next().map(|(name, value)| EndpointKey { instead_of, name, value }))
}

/// The variable that a key was read from, if it was.
fn variable(key: &SecretSetting) -> Option<&str> {
    key.source.strip_prefix("${").and_then(|source| source.strip_suffix('}'))
}

/// What stands in for a key. What only the environment knows of goes to the catalogue's own address alone, as its keys
/// do; to another it goes where the configuration says `credential`.
fn keyless(
    setting: &ProviderSetting,
    provider: &Provider,
    environment: &Environment,
) -> anyhow::Result<Option<Plan>> {
    match (&provider.credential.keyless, &setting.credential) {
        (None, Some(_)) => bail!("this kind of provider takes a `key` and nothing else"),
        (None, None) => Ok(None),
        (Some(_), None) if setting.url.is_some() => Ok(None),
        (Some(keyless), said) => {
            let is_said = said.is_some();
            let said = said.clone().unwrap_or_default();
            expect_only(&said, names(keyless))?;
            let token_url = |url: &str| complete(url, setting, provider);
            let place = Place { regions: regions(setting, provider), token_url: &token_url };
            match plan(keyless, said, place, environment)? {
                None if is_said => bail!("nothing is named that tokens are given for"),
                plan => Ok(plan),
            }
        }
    }
}

/// The region that is said, and the one that is usual.
type Regions = (Option<String>, Option<String>);

fn regions(setting: &ProviderSetting, provider: &Provider) -> Regions {
    let said = setting.variables.iter().find(|(name, _)| name == REGION);
    (said.map(|(_, region)| region.clone()), usual_region(provider))
}

fn usual_region(provider: &Provider) -> Option<String> {
    let variable = provider.variables.iter().find(|variable| variable.name == REGION);
    variable.and_then(|variable| variable.default.clone())
}

/// Where a credential is good for and obtained.
struct Place<'a> {
    regions: Regions,
    /// Completes the address of who gives out tokens.
    token_url: &'a dyn Fn(&str) -> anyhow::Result<String>,
}

/// An address of the catalogue's with what it leaves open.
fn complete(url: &str, setting: &ProviderSetting, provider: &Provider) -> anyhow::Result<String> {
    provider.completed(url, |wanted| said(setting, wanted)).map_err(|variable| needed(setting, variable))
}

/// Where the credential comes from; none where nobody says it and it is nowhere to be found.
fn plan(
    keyless: &Keyless,
    said: CredentialSetting,
    place: Place<'_>,
    environment: &Environment,
) -> anyhow::Result<Option<Plan>> {
    let variables = |name: &str| {
        let value = environment.get(name).map(str::trim);
        value.filter(|value| !value.is_empty()).map(ToOwned::to_owned)
    };
    Ok(Some(match keyless {
        Keyless::Aws { service } => {
            Plan::Aws(AwsPlan::new(aws(said, place.regions)?, service.clone(), &variables)?)
        }
        Keyless::Entra { scope } => entra(said, scope, &variables)?,
        Keyless::Google { scope } => Plan::Google(GooglePlan::new(said.file, scope.clone(), &variables)),
        Keyless::Oauth { token_url, grant, secret_env } => {
            let found = || secret_env.iter().find_map(|name| variables(name)).map(Secret::new);
            let secret = said.client_secret.or(said.api_key).map(|secret| secret.value);
            let Some(secret) = secret.or_else(found) else { return Ok(None) };
            let grant = granted(grant, said.client, secret, &variables)?;
            Plan::Oauth(OauthPlan { endpoint: (place.token_url)(token_url)?, grant })
        }
    }))
}

/// What a token is given for.
fn granted(
    grant: &Grant,
    client: Option<String>,
    secret: Secret<String>,
    variables: Variables<'_>,
) -> anyhow::Result<OauthGrant> {
    Ok(match grant {
        Grant::Client { scope, client_env } => {
            let client = client.or_else(|| client_env.iter().find_map(|name| variables(name)));
            let unnamed = || anyhow!("no client is named: set `client` or {}", client_env.join(" or "));
            OauthGrant::Client { client: client.ok_or_else(unnamed)?, secret, scope: scope.clone() }
        }
        Grant::Key { name, parameter } => {
            OauthGrant::Key { name: name.clone(), parameter: parameter.clone(), key: secret }
        }
    })
}

/// The settings that each has a use for.
const fn names(keyless: &Keyless) -> &'static [&'static str] {
    match keyless {
        Keyless::Aws { .. } => {
            &["profile", "access_key_id", "secret_access_key", "session_token", "role", "token_file"]
        }
        Keyless::Entra { .. } => &["tenant", "client", "client_secret", "token_file"],
        Keyless::Google { .. } => &["file"],
        Keyless::Oauth { grant: Grant::Client { .. }, .. } => &["client", "client_secret"],
        Keyless::Oauth { grant: Grant::Key { .. }, .. } => &["api_key"],
    }
}

fn expect_only(said: &CredentialSetting, known: &[&str]) -> anyhow::Result<()> {
    match said.names().iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            bail!("`{name}` means nothing for this kind of provider; there are {}", known.join(", "))
        }
        None => Ok(()),
    }
}

fn aws(said: CredentialSetting, (region, usual_region): Regions) -> anyhow::Result<AwsOptions> {
    let CredentialSetting {
        profile, access_key_id, secret_access_key, session_token, role, token_file, ..
    } = said;
    let keys = match (access_key_id, secret_access_key) {
        (Some(id), Some(secret)) => Some(Keys {
            access_key_id: id.value.reveal().clone(),
            secret_access_key: secret.value,
            session_token: session_token.map(|token| token.value),
        }),
        (None, None) if session_token.is_none() => None,
        (None | Some(_), None | Some(_)) => bail!("`access_key_id` and `secret_access_key` belong together"),
    };
    let places = [keys.is_some(), profile.is_some(), token_file.is_some()];
    if places.iter().filter(|is_named| **is_named).count() > 1 {
        bail!("an access key, `profile` and `token_file` are three ways to say who asks: leave two out");
    }
    if token_file.is_some() && role.is_none() {
        bail!("`token_file` needs the `role` that it is for");
    }
    Ok(AwsOptions { keys, profile, role, token_file, region, usual_region })
}

fn entra(said: CredentialSetting, scope: &str, variables: Variables<'_>) -> anyhow::Result<Plan> {
    let CredentialSetting { tenant, client, client_secret, token_file, .. } = said;
    if client_secret.is_some() && token_file.is_some() {
        bail!("`client_secret` and `token_file` are two ways to say who asks: leave one out");
    }
    let secret: Option<Secret<String>> = client_secret.map(|secret| secret.value);
    let options = EntraOptions { tenant, client, secret, token_file };
    Ok(Plan::Entra(EntraPlan::new(options, scope.to_owned(), variables)?))
}

fn add(headers: &mut HeaderMap, name: &str, value: &str) -> anyhow::Result<()> {
    // The value may be a secret: what is wrong with it is said without it.
    let mut value = HeaderValue::try_from(value).map_err(|_| anyhow!("it cannot be sent as a header"))?;
    value.set_sensitive(true);
    headers.insert(HeaderName::try_from(name)?, value);
    Ok(())
}
