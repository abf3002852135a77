//! The keys that sign tokens: Ed25519 (RFC 8032), kept in one private file, replaced every thirty days.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use store::private;
use types::{Secret, UnixTime};

use crate::{OpenError, secret_text};

/// How long a key signs.
const PERIOD: Duration = Duration::from_hours(30 * 24);

/// A new key is published this long before it signs, so that whoever holds an older list has fetched it by then.
const PUBLISHED_BEFORE: Duration = Duration::from_mins(5);

const SEED_LENGTH: usize = 32;

/// The public part of one key as a JSON Web Key (RFC 7517, RFC 8037).
#[derive(Serialize)]
pub(crate) struct PublicKey<'a> {
    kty: &'static str,
    crv: &'static str,
    x: String,
    kid: &'a str,
    alg: &'static str,
    r#use: &'static str,
}

/// The keys that verify, newest first, and among them the one that signs.
pub(crate) struct SigningKeys {
    keys: Vec<SigningKey>,
}

impl SigningKeys {
    /// The keys in the file as they should be at `now`: a new one added where one is due, those dropped whose last token
    /// (which lives `token_lifetime`) has ended. The file is written only where that changes something.
    pub(crate) fn open(path: &Path, token_lifetime: Duration, now: UnixTime) -> Result<Self, OpenError> {
        let stored = match private::read(path)? {
            Some(file) => read(path, &file)?,
            None => Vec::new(),
        };
        let kept = successor(&stored, token_lifetime, now)?;
        if kept.iter().map(|key| key.created).eq(stored.iter().map(|key| key.created)) {
            return Self::of(path, &stored);
        }
        let file =
            Secret::new(serde_json::to_vec(&kept).map_err(|_| OpenError::Damaged { path: path.to_owned() })?);
        if !stored.is_empty() {
            private::replace(path, file.reveal())?;
            return Self::of(path, &kept);
        }
        // Of two processes that start at once one makes the file; both use what it holds.
        private::create(path, file.reveal())?;
        let file = private::read(path)?.ok_or_else(|| OpenError::Damaged { path: path.to_owned() })?;
        Self::of(path, &read(path, &file)?)
    }

    /// The key that signs at `now`: the newest that has been published for long enough, or the oldest there is.
    pub(crate) fn signer(&self, now: UnixTime) -> Option<&SigningKey> {
        let published = self.keys.iter().find(|key| key.created.plus(PUBLISHED_BEFORE) <= now);
        published.or(self.keys.last())
    }

    /// The key with this id.
    pub(crate) fn find(&self, kid: &str) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// The public keys, newest first.
    pub(crate) fn public(&self) -> impl Iterator<Item = PublicKey<'_>> {
        self.keys.iter().map(SigningKey::public)
    }

    fn of(path: &Path, stored: &[StoredKey]) -> Result<Self, OpenError> {
        let keys: Option<Vec<_>> = stored.iter().map(SigningKey::of).collect();
        keys.filter(|keys| !keys.is_empty())
            .map(|keys| Self { keys })
            .ok_or_else(|| OpenError::Damaged { path: path.to_owned() })
    }
}

impl PartialEq for SigningKeys {
    /// By the keys' ids, which are digests of the keys.
    fn eq(&self, other: &Self) -> bool {
        self.keys.iter().map(|key| &key.kid).eq(other.keys.iter().map(|key| &key.kid))
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.kid)).finish()
    }
}

/// One key pair.
pub(crate) struct SigningKey {
    /// The RFC 7638 thumbprint of the public key.
    pub(crate) kid: String,
    created: UnixTime,
    pair: Ed25519KeyPair,
    verifier: ParsedPublicKey,
}

impl SigningKey {
    /// The signature over `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> impl AsRef<[u8]> {
        self.pair.sign(message)
    }

    /// Whether `signature` is this key's over `message`.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify_sig(message, signature).is_ok()
    }

    fn of(stored: &StoredKey) -> Option<Self> {
        let seed = Secret::new(URL_SAFE_NO_PAD.decode(stored.seed.reveal()).ok()?);
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.reveal()).ok()?;
        let public = pair.public_key().as_ref();
        let x = URL_SAFE_NO_PAD.encode(public);
        let thumbprint = digest(&SHA256, format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#).as_bytes());
        Some(Self {
            kid: URL_SAFE_NO_PAD.encode(thumbprint.as_ref()),
            created: stored.created,
            verifier: ParsedPublicKey::new(&ED25519, public).ok()?,
            pair,
        })
    }

    fn public(&self) -> PublicKey<'_> {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        PublicKey { kty: "OKP", crv: "Ed25519", x, kid: &self.kid, alg: "EdDSA", r#use: "sig" }
    }
}

/// One key in the file: when it was made, and its 32 secret bytes in base64url.
#[derive(Clone, Serialize, Deserialize)]
struct StoredKey {
    created: UnixTime,
    #[serde(with = "seed")]
    seed: Secret<String>,
}

/// A secret serialises only here, into the private file.
mod seed {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use types::Secret;

    pub(super) fn serialize<S: Serializer>(seed: &Secret<String>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(seed.reveal())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

fn read(path: &Path, file: &Secret<Vec<u8>>) -> Result<Vec<StoredKey>, OpenError> {
    // The cause is left out: a parser's message may quote what it read.
    serde_json::from_slice(file.reveal()).map_err(|_| OpenError::Damaged { path: path.to_owned() })
}

/// The keys that should be there at `now`, newest first: a key outlives its successor's first signature by a token's
/// lifetime.
fn successor(
    stored: &[StoredKey],
    token_lifetime: Duration,
    now: UnixTime,
) -> Result<Vec<StoredKey>, OpenError> {
    let due = stored.first().is_none_or(|newest| newest.created.plus(PERIOD) <= now);
    let fresh = if due { Some(new_key(now)?) } else { None };
    let all: Vec<StoredKey> = fresh.into_iter().chain(stored.iter().cloned()).collect();
    let overlap = PUBLISHED_BEFORE + token_lifetime;
    let retired_by: Vec<Option<UnixTime>> =
        std::iter::once(None).chain(all.iter().map(|newer| Some(newer.created.plus(overlap)))).collect();
    let kept = all.into_iter().zip(retired_by);
    Ok(kept.filter(|(_, end)| end.is_none_or(|end| now < end)).map(|(key, _)| key).collect())
}

fn new_key(now: UnixTime) -> Result<StoredKey, OpenError> {
    let seed = secret_text::random_bytes::<SEED_LENGTH>()?;
    Ok(StoredKey { created: now, seed: Secret::new(URL_SAFE_NO_PAD.encode(seed.reveal())) })
}
