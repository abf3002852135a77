//! Providers that the environment alone makes known, as their own SDKs read it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::Uri;
use types::ProviderName;

use crate::{CredentialSetting, Environment, KnownVariable, ProviderSetting, SecretSetting};

/// What Tollgate's own keys begin with.
const OWN_KEY: &str = "tg-";

/// What the catalogue knows of one provider's environment variables.
#[derive(Clone, Debug)]
pub struct KnownProvider {
    /// The provider's name in the catalogue.
    pub name: String,
    /// The variables that may hold its key, the preferred one first. None for a provider that needs no key.
    pub key_env: Vec<String>,
    /// The variables that say that a cloud's own tools would find a credential, where there is no key.
    pub signs: Vec<String>,
    /// The variables that may hold its address, the preferred one first.
    pub url_env: Vec<String>,
    /// Its address in the catalogue: what an address without scheme, port or path is completed with.
    pub url: String,
    /// What that address leaves open.
    pub variables: Vec<KnownVariable>,
}

/// What a person should hear about the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A variable names an address that cannot be one; it is ignored.
    BadAddress {
        /// The variable.
        variable: String,
    },
    /// A variable is set and empty; it is ignored.
    EmptyVariable {
        /// The variable.
        variable: String,
    },
    /// A provider was found.
    Found {
        /// The provider.
        provider: ProviderName,
        /// The variable that made it known.
        variable: String,
    },
    /// A provider's key is there, but not what its address leaves open; it is left out.
    MissingPart {
        /// The provider.
        provider: ProviderName,
        /// The variable that holds the key.
        variable: String,
        /// The variables of which one is needed.
        needed: Vec<String>,
    },
    /// A variable meant for clients points at Tollgate itself; taken as an upstream it would be a loop.
    OwnAddress {
        /// The variable.
        variable: String,
    },
    /// A variable meant for clients holds a key of Tollgate's; no provider must be sent it.
    OwnKey {
        /// The variable.
        variable: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAddress { variable } => write!(f, "{variable} is not an address and is ignored"),
            Self::EmptyVariable { variable } => write!(f, "{variable} is empty and is ignored"),
            Self::Found { provider, variable } => write!(f, "found {provider} by {variable}"),
            Self::MissingPart { provider, variable, needed } => {
                write!(f, "{variable} is set, but {provider} needs {} as well", needed.join(" or "))
            }
            Self::OwnAddress { variable } => {
                write!(f, "{variable} points at this gateway and is ignored as an upstream")
            }
            Self::OwnKey { variable } => {
                write!(f, "{variable} holds a key for Tollgate and is ignored as a provider's")
            }
        }
    }
}

/// The providers whose keys, or signs of a credential, or for those that need none whose addresses, are in the
/// environment.
pub fn providers_from_environment(
    environment: &Environment,
    known: &[KnownProvider],
    own_listener: SocketAddr,
) -> (Vec<ProviderSetting>, Vec<Notice>) {
    let mut notices = Vec::new();
    let found = known.iter().filter_map(|known| find(environment, known, own_listener, &mut notices));
    (found.collect(), notices)
}

/// The credential in the first of these variables that holds one.
pub fn key_from_environment(environment: &Environment, variables: &[String]) -> Option<SecretSetting> {
    let (variable, value) = first_set(environment, variables, &mut Vec::new())?;
    Some(SecretSetting::of_variable(variable, value))
}

fn find(
    environment: &Environment,
    known: &KnownProvider,
    own_listener: SocketAddr,
    notices: &mut Vec<Notice>,
) -> Option<ProviderSetting> {
    let key = first_set(environment, &known.key_env, notices).filter(|(variable, value)| {
        let is_own = value.starts_with(OWN_KEY);
        if is_own {
            notices.push(Notice::OwnKey { variable: (*variable).to_owned() });
        }
        !is_own
    });
    let url = first_set(environment, &known.url_env, notices);
    let url = url.and_then(|(variable, written)| {
        let url = usable(written, &known.url, own_listener, variable);
        url.map_err(|notice| notices.push(notice)).ok().map(|url| (variable, url))
    });
    let by_key = key.map(|(variable, _)| variable);
    let by_sign = first_set(environment, &known.signs, &mut Vec::new()).map(|(variable, _)| variable);
    let needs_nothing = known.key_env.is_empty() && known.signs.is_empty();
    let by_url = url.as_ref().map(|(variable, _)| *variable).filter(|_| needs_nothing);
    let variable = by_key.or(by_sign).or(by_url)?;
    let provider = ProviderName::from(known.name.as_str());
    let parts = match &url {
        // The address says what it says; what paths leave open is there or has a default.
        Some(_) => said(environment, known),
        // A sign may be there for other programs: nobody has to hear what is missing for this one.
        None if by_key.is_none() => parts(environment, known, variable, &mut Vec::new())?,
        None => parts(environment, known, variable, notices)?,
    };
    notices.push(Notice::Found { provider: provider.clone(), variable: variable.to_owned() });
    Some(ProviderSetting {
        name: provider,
        kind: known.name.clone(),
        key: key.map(|(variable, value)| SecretSetting::of_variable(variable, value)),
        credential: by_sign.filter(|_| by_key.is_none()).map(|_| CredentialSetting::default()),
        url: url.map(|(_, url)| url),
        variables: parts,
        headers: Vec::new(),
        models: Vec::new(),
        passthrough: false,
        prompt_cache: false,
    })
}

/// What the provider's address leaves open; none, and a notice, where something is needed and nowhere to be found.
fn parts(
    environment: &Environment,
    known: &KnownProvider,
    key: &str,
    notices: &mut Vec<Notice>,
) -> Option<Vec<(String, String)>> {
    let mut parts = Vec::new();
    for part in &known.variables {
        match part.of_environment(environment) {
            Ok(Some(value)) => parts.push((part.name.clone(), value)),
            Ok(None) if part.has_default => {}
            Ok(None) => {
                let (provider, variable) = (known.name.as_str().into(), key.to_owned());
                notices.push(Notice::MissingPart { provider, variable, needed: part.env.clone() });
                return None;
            }
            Err(variable) => {
                notices.push(Notice::BadAddress { variable: variable.to_owned() });
                return None;
            }
        }
    }
    Some(parts)
}

/// As much of what is left open as the environment says.
fn said(environment: &Environment, known: &KnownProvider) -> Vec<(String, String)> {
    let value = |part: &KnownVariable| part.of_environment(environment).ok().flatten();
    known.variables.iter().filter_map(|part| Some((part.name.clone(), value(part)?))).collect()
}

/// The first of these variables that holds anything.
fn first_set<'e>(
    environment: &'e Environment,
    names: &'e [String],
    notices: &mut Vec<Notice>,
) -> Option<(&'e str, &'e str)> {
    names.iter().find_map(|name| {
        let value = environment.get(name)?.trim();
        if value.is_empty() {
            notices.push(Notice::EmptyVariable { variable: name.clone() });
            return None;
        }
        Some((name.as_str(), value))
    })
}

/// The address a variable means, unless it is none or this gateway's own.
fn usable(written: &str, catalogue: &str, own: SocketAddr, variable: &str) -> Result<String, Notice> {
    let bad = || Notice::BadAddress { variable: variable.to_owned() };
    let url = completed(written, catalogue).ok_or_else(bad)?;
    let uri: Uri = url.parse().map_err(|_| bad())?;
    let host = uri.host().ok_or_else(bad)?;
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    if port == own.port() && is_this_host(host, own.ip()) {
        return Err(Notice::OwnAddress { variable: variable.to_owned() });
    }
    Ok(url)
}

/// `written` with what it leaves out taken from the catalogue's address, as with `OLLAMA_HOST=127.0.0.1`.
fn completed(written: &str, catalogue: &str) -> Option<String> {
    if written.starts_with("http://") || written.starts_with("https://") {
        return Some(written.trim_end_matches('/').to_owned());
    }
    let catalogue: Uri = catalogue.parse().ok()?;
    let given: Uri = format!(
        "http://{}",
        written.strip_prefix(':').map_or_else(|| written.to_owned(), |port| format!("127.0.0.1:{port}"))
    )
    .parse()
    .ok()?;
    let port = given.port_u16().or(catalogue.port_u16()).map(|port| format!(":{port}")).unwrap_or_default();
    let path = if given.path() == "/" { catalogue.path() } else { given.path() };
    let scheme = catalogue.scheme_str().unwrap_or("http");
    Some(format!("{scheme}://{}{port}{}", given.host()?, path.trim_end_matches('/')))
}

/// Whether `host` is this machine: the listener's own address, or loopback however it is spelt. A listener on
/// every interface answers on loopback too.
fn is_this_host(host: &str, own: IpAddr) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_lowercase();
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    let address =
        host.parse().ok().or_else(|| old_spelling(&host).map(IpAddr::V4)).map(|ip: IpAddr| ip.to_canonical());
    address.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified() || ip == own.to_canonical())
}

/// The spellings of IPv4 that `inet_aton` takes and resolvers therefore still do: `127.1`, `0x7f000001`, `2130706433`.
fn old_spelling(host: &str) -> Option<Ipv4Addr> {
    let number = |part: &str| match part.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None if part.len() > 1 && part.starts_with('0') => u32::from_str_radix(part, 8).ok(),
        None => part.parse().ok(),
    };
    let parts: Vec<u32> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, leading) = parts.split_last()?;
    let mut address = *last;
    for (index, part) in leading.iter().enumerate() {
        let shift = 24_u32.checked_sub(8 * u32::try_from(index).ok()?)?;
        address |= u8::try_from(*part).ok().map(u32::from)? << shift;
    }
    Some(Ipv4Addr::from(address))
}
