//! Short-lived access tokens that this gateway signs itself: JWT (RFC 7519) in the access-token profile (RFC 9068).
//!
//! One algorithm, `EdDSA`, belongs to the one kind of key there is; a token's header chooses nothing but which of our
//! own keys to check with (RFC 8725 section 3.1).

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use types::{KeyId, Secret, UnixTime};

use crate::signing::{PublicKey, SigningKeys};
use crate::verified::{Verified, VerifiedToken};
use crate::{Issuer, OpenError, Reason, secret_text};

/// The signing keys' file in the data directory.
const FILE: &str = "signing-keys.json";

/// How far clocks may differ.
const LEEWAY: Duration = Duration::from_secs(30);

/// Who our tokens are for: this gateway alone.
const AUDIENCE: &str = "tollgate";

const ALGORITHM: &str = "EdDSA";
const TYPE: &str = "at+jwt";

/// A token that has just been signed.
#[derive(Debug)]
pub struct AccessToken {
    /// The token's text.
    pub token: Secret<String>,
    /// How long it lives.
    pub expires_in: Duration,
}

impl AccessToken {
    /// The answer of the token endpoint (RFC 6749 section 5.1); it must be sent with `cache-control: no-store`.
    pub fn to_json(&self) -> String {
        let seconds = self.expires_in.as_secs();
        let token = self.token.reveal();
        // The token is base64url and dots: nothing in it needs escaping.
        format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{seconds}}}"#)
    }
}

/// Signs and verifies access tokens.
pub struct Tokens {
    issuer: Issuer,
    lifetime: Duration,
    file: PathBuf,
    keys: ArcSwap<SigningKeys>,
    verified: Verified,
}

impl Tokens {
    /// Opens the signing keys in the data directory, making the first at the first start. Tokens live for `lifetime`.
    pub fn open(data: &Path, issuer: Issuer, lifetime: Duration, now: UnixTime) -> Result<Self, OpenError> {
        store::private::directory(data)?;
        let file = data.join(FILE);
        let keys = ArcSwap::from_pointee(SigningKeys::open(&file, lifetime + LEEWAY, now)?);
        Ok(Self { issuer, lifetime, file, keys, verified: Verified::default() })
    }

    /// Takes in what another process has changed, adds a new signing key every thirty days and drops those that no
    /// token needs any more. Reads a small file; meant to be called about once a minute.
    pub fn rotate(&self, now: UnixTime) -> Result<(), OpenError> {
        let keys = SigningKeys::open(&self.file, self.lifetime + LEEWAY, now)?;
        if keys != **self.keys.load() {
            self.keys.store(Arc::new(keys));
            // A token of a key that is gone must not live on as a remembered one.
            self.verified.clear();
        }
        Ok(())
    }

    /// The keys that verify our tokens, as a JSON Web Key Set (RFC 7517 section 5).
    pub fn jwks(&self) -> String {
        #[derive(Serialize)]
        struct KeySet<'a> {
            keys: Vec<PublicKey<'a>>,
        }
        json(&KeySet { keys: self.keys.load().public().collect() })
    }

    /// What clients that called `host` need to know of this authorization server (RFC 8414 section 3.2).
    pub fn metadata(&self, host: Option<&str>) -> String {
        #[derive(Serialize)]
        struct Metadata<'a> {
            issuer: &'a str,
            token_endpoint: String,
            jwks_uri: String,
            grant_types_supported: [&'static str; 1],
            response_types_supported: [&'static str; 0],
            token_endpoint_auth_methods_supported: [&'static str; 2],
        }
        let issuer = &*self.issuer.url(host);
        json(&Metadata {
            issuer,
            token_endpoint: format!("{issuer}/oauth/token"),
            jwks_uri: format!("{issuer}/.well-known/jwks.json"),
            grant_types_supported: ["client_credentials"],
            response_types_supported: [],
            token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
        })
    }

    /// A token for the holder of `key` who called `host`, or `None` if the operating system gives no random numbers.
    pub(crate) fn issue(&self, key: &KeyId, host: Option<&str>, now: UnixTime) -> Option<AccessToken> {
        let keys = self.keys.load();
        let signer = keys.signer(now)?;
        let header =
            Header { alg: ALGORITHM.into(), typ: TYPE.into(), kid: signer.kid.as_str().into(), crit: None };
        let claims = Claims {
            iss: self.issuer.url(host),
            sub: key.as_str().into(),
            aud: AUDIENCE.into(),
            client_id: key.as_str().into(),
            iat: now.as_secs(),
            exp: now.plus(self.lifetime).as_secs(),
            jti: secret_text::random(22).ok()?.into(),
        };
        let mut token = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = URL_SAFE_NO_PAD.encode(signer.sign(token.as_bytes()));
        token.push('.');
        token.push_str(&signature);
        Some(AccessToken { token: Secret::new(token), expires_in: self.lifetime })
    }

    /// The id of the key that the token was exchanged for. Whether that key is still good is not looked at here.
    pub(crate) fn verify(&self, token: &[u8], now: UnixTime) -> Result<Arc<str>, Reason> {
        // The whole token is digested: a shorter cache key would let one token pass for another.
        let digest: [u8; 32] = digest(&SHA256, token).as_ref().try_into().map_err(|_| Reason::Malformed)?;
        let verified = match self.verified.find(&digest) {
            Some(verified) => verified,
            None => self.verified.keep(digest, self.check(token)?),
        };
        if verified.expires.plus(LEEWAY) <= now {
            return Err(Reason::Expired);
        }
        if verified.issued > now.plus(LEEWAY) {
            return Err(Reason::Unknown);
        }
        Ok(verified.subject)
    }

    /// Everything about a token that does not depend on the time.
    fn check(&self, token: &[u8]) -> Result<VerifiedToken, Reason> {
        let token = std::str::from_utf8(token).map_err(|_| Reason::Malformed)?;
        let (signed, signature) = token.rsplit_once('.').ok_or(Reason::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Reason::Malformed)?;
        let (header, claims, signature) = (decoded(header)?, decoded(claims)?, decoded(signature)?);
        let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| Reason::Malformed)?;
        if header.alg != ALGORITHM || header.typ != TYPE || header.crit.is_some() {
            return Err(Reason::Unknown);
        }
        let keys = self.keys.load();
        let key = keys.find(&header.kid).ok_or(Reason::Unknown)?;
        if !key.has_signed(signed.as_bytes(), &signature) {
            return Err(Reason::Unknown);
        }
        let claims: Claims<'_> = serde_json::from_slice(&claims).map_err(|_| Reason::Malformed)?;
        if !self.issuer.may_be(&claims.iss) || claims.aud != AUDIENCE {
            return Err(Reason::Unknown);
        }
        Ok(VerifiedToken {
            subject: claims.sub.into(),
            issued: UnixTime::from_secs(claims.iat),
            expires: UnixTime::from_secs(claims.exp),
        })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// What is read of a token's header. Keys and addresses of keys in it (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.
#[derive(Serialize, Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    typ: Cow<'a, str>,
    #[serde(borrow)]
    kid: Cow<'a, str>,
    /// Extensions that must be understood (RFC 7515 section 4.1.11): none is.
    #[serde(default, skip_serializing)]
    crit: Option<IgnoredAny>,
}

#[derive(Serialize, Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    sub: Cow<'a, str>,
    #[serde(borrow)]
    aud: Cow<'a, str>,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    iat: u64,
    exp: u64,
    #[serde(borrow)]
    jti: Cow<'a, str>,
}

fn encoded(part: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(json(part))
}

fn decoded(part: &str) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::Malformed)
}

#[expect(clippy::expect_used, reason = "structs of texts and numbers always serialise")]
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data")
}
