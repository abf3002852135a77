//! `security`: who may call, how often, and over which encryption.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use crate::declare::{section, words};
use crate::problem::ProblemCode;
use crate::providers::HttpUrl;
use crate::read::{At, Scalar, Shape, Toggle};
use crate::reading::Reading;
use crate::schema::any_of;
use crate::shown::{Show, Shown};

section! {
    /// Who may call, how often, and over which encryption.
    pub struct Security, example {"authentication": "JWT/OAuth2", "rate_limiting": {"strategy": "token_bucket", "requests_per_minute": 1000}, "encryption": "TLS 1.3"} {
        /// How callers show who they are.
        authentication: Authentication = Authentication::default(),
        /// How much one caller may use. Unless set: no limit.
        rate_limiting: Option<RateLimit> = None,
        /// The listener's encryption. Unless set: none.
        encryption: Option<Encryption> = None,
        /// What becomes of a request whose price nobody knows.
        unknown_price: UnknownPrice = UnknownPrice::Free,
    }
}

words! {
    /// What becomes of a request to a model whose price is not in the catalogue. The answer says so in `x-tollgate-unknown-price`, and the log once for each model.
    pub enum UnknownPrice, expected "a policy" {
        /// It is charged the dearest price of its provider for each class of tokens; nothing where the catalogue knows none.
        Ceiling = "ceiling",
        /// It is served and costs nothing.
        Free = "free",
        /// It is refused before anything is sent.
        Refuse = "refuse",
    }
}

/// Whether something is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It is.
    Accepted,
    /// It is not.
    Refused,
}

/// How callers show who they are. At least one way is open.
#[derive(Clone, Debug)]
pub struct Authentication {
    /// Calls without any credential; only where every listener is loopback.
    pub anonymous: Acceptance,
    /// Calls with an API key.
    pub api_keys: Acceptance,
    /// Calls with a token that Tollgate, as its own authorization server, gave for an API key.
    pub oauth2: Option<TokenIssuer>,
}

impl Default for Authentication {
    fn default() -> Self {
        Self { anonymous: Acceptance::Refused, api_keys: Acceptance::Accepted, oauth2: None }
    }
}

words! {
    /// How callers show who they are, in one word.
    enum AuthenticationWord, expected "a way of authentication" {
        /// API keys, and tokens that are given for them.
        JwtOAuth2 = "JWT/OAuth2",
        /// API keys.
        ApiKeys = "api_keys",
        /// No credential at all.
        None = "none",
    }
}

section! {
    /// The ways that are open to callers to show who they are.
    pub(crate) struct RawAuthentication, example {"api_keys": true, "oauth2": {"token_ttl": "15m"}} {
        /// Whether an API key is accepted on calls.
        api_keys: bool = true,
        /// Whether Tollgate gives tokens for API keys (client credentials, RFC 6749) and accepts them on calls.
        oauth2: Option<TokenIssuer> as Toggle<TokenIssuer> = None,
    }
}

section! {
    /// How Tollgate gives tokens as its own authorization server.
    pub struct TokenIssuer, example {"token_ttl": "15m"} {
        /// The address that tokens name as their issuer and below which clients find its endpoints. Unless set: the listener's own; of a listener on all addresses, the host that the caller used. Set it behind a proxy.
        issuer: Option<String> as HttpUrl = None,
        /// How long a token is valid.
        token_ttl: Duration = Duration::from_mins(15),
    }
}

impl Shape for Authentication {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        if at.is_scalar() {
            return AuthenticationWord::read(at, reading).map(Self::of_word);
        }
        let raw = RawAuthentication::read(at, reading)?;
        if !raw.api_keys && raw.oauth2.is_none() {
            let message = "neither API keys nor tokens are accepted: nobody could call".to_owned();
            reading.note(
                ProblemCode::Conflict,
                &at.path,
                message,
                Some("set one of them to true".to_owned()),
            );
        }
        let api_keys = if raw.api_keys { Acceptance::Accepted } else { Acceptance::Refused };
        Some(Self { anonymous: Acceptance::Refused, api_keys, oauth2: raw.oauth2 })
    }

    fn schema() -> serde_json::Value {
        any_of(vec![<AuthenticationWord as Scalar>::schema(), RawAuthentication::schema()])
    }
}

impl Authentication {
    fn of_word(word: AuthenticationWord) -> Self {
        let refused = Self::default();
        match word {
            AuthenticationWord::ApiKeys => refused,
            AuthenticationWord::JwtOAuth2 => Self { oauth2: Some(TokenIssuer::default()), ..refused },
            AuthenticationWord::None => {
                Self { anonymous: Acceptance::Accepted, api_keys: Acceptance::Accepted, oauth2: None }
            }
        }
    }
}

impl Show for Authentication {
    fn shown(&self) -> Shown {
        match self.anonymous {
            Acceptance::Accepted => Show::shown(&AuthenticationWord::None),
            Acceptance::Refused => {
                let api_keys = self.api_keys == Acceptance::Accepted;
                RawAuthentication { api_keys, oauth2: self.oauth2.clone() }.shown()
            }
        }
    }
}

words! {
    /// How a limit is kept.
    pub enum LimitStrategy, expected "a limiting strategy" {
        /// A bucket that fills steadily and holds one minute's worth.
        TokenBucket = "token_bucket",
    }
}

section! {
    /// How much one caller may use.
    pub struct RateLimit, example {"strategy": "token_bucket", "requests_per_minute": 1000, "tokens_per_minute": "2M", "concurrent": 64} {
        /// How the limits are kept.
        strategy: LimitStrategy = LimitStrategy::TokenBucket,
        /// Requests a minute. Unless set: no limit.
        requests_per_minute: Option<NonZeroU32> = None,
        /// Tokens a minute, input and output together. Unless set: no limit.
        tokens_per_minute: Option<NonZeroU64> = None,
        /// Requests at the same time. Unless set: no limit.
        concurrent: Option<NonZeroU32> = None,
    }
}

words! {
    /// A version of TLS.
    pub enum TlsVersion, expected "a TLS version" {
        /// RFC 5246.
        Tls12 = "1.2",
        /// RFC 8446.
        Tls13 = "1.3",
    }
}

/// The listener's encryption.
#[derive(Clone, Debug)]
pub struct Encryption {
    /// The oldest version of TLS that is spoken.
    pub min_version: TlsVersion,
    /// The certificate to show. Without one a local certificate authority makes it.
    pub certificate: Option<CertificateFiles>,
}

/// A certificate and its private key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, followed by its intermediates.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

words! {
    /// The oldest version of TLS that is spoken, in one word.
    enum EncryptionWord, expected "a TLS version" {
        /// TLS 1.3 and nothing older.
        Tls13 = "TLS 1.3",
        /// TLS 1.2 and later.
        Tls12 = "TLS 1.2",
    }
}

section! {
    /// The listener's encryption.
    pub(crate) struct RawEncryption, example {"min_version": "1.3", "certificate": "/etc/tollgate/tls.crt", "key": "/etc/tollgate/tls.key"} {
        /// The oldest version of TLS that is spoken.
        min_version: TlsVersion = TlsVersion::Tls13,
        /// The certificate followed by its intermediates, as PEM. Unless set: made by a local authority.
        certificate: Option<PathBuf> = None,
        /// The certificate's private key, as PEM.
        key: Option<PathBuf> = None,
    }
}

impl Shape for Encryption {
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        if at.is_scalar() {
            return EncryptionWord::read(at, reading).map(|word| Self {
                min_version: match word {
                    EncryptionWord::Tls12 => TlsVersion::Tls12,
                    EncryptionWord::Tls13 => TlsVersion::Tls13,
                },
                certificate: None,
            });
        }
        let before = reading.problem_count();
        let raw = RawEncryption::read(at, reading)?;
        let certificate = match (raw.certificate, raw.key) {
            (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
            (None, None) => None,
            (given, _) => {
                let (has, lacks) =
                    if given.is_some() { ("certificate", "key") } else { ("key", "certificate") };
                // A key that was misspelt or wrong is missing only because of that.
                if reading.problem_count() == before {
                    let message = format!("`{has}` is set without `{lacks}`");
                    let help = Some(format!("add `{lacks}: PATH`"));
                    reading.note(ProblemCode::Conflict, &format!("{}.{has}", at.path), message, help);
                }
                None
            }
        };
        Some(Self { min_version: raw.min_version, certificate })
    }

    fn schema() -> serde_json::Value {
        any_of(vec![<EncryptionWord as Scalar>::schema(), RawEncryption::schema()])
    }
}

impl Show for Encryption {
    fn shown(&self) -> Shown {
        let (certificate, key) = match self.certificate.clone() {
            Some(files) => (Some(files.certificate), Some(files.key)),
            None => (None, None),
        };
        RawEncryption { min_version: self.min_version, certificate, key }.shown()
    }
}
