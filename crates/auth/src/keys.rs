//! Making, listing and revoking API keys. Of a key's text only a keyed digest is kept.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::hmac;
use store::{Allowed, InsertKeyError, KeyDigest, KeyRecord, Store, StoreError, private};
use types::{Blame, Classify, Code, KeyId, Retry, Secret, UnixTime, Verdict};

use crate::{OpenError, secret_text};

/// The file with the secret under which keys are digested, in the data directory.
const PEPPER: &str = "key-pepper";
const PEPPER_LENGTH: usize = 32;

/// Long enough for any name people give, short enough for a log line.
const LONGEST_NAME: usize = 128;

/// What a new key is to be.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What people call it: 1 to 128 characters, none of them a control character.
    pub name: String,
    /// Which models it may use.
    pub models: Allowed,
    /// After what time it ends by itself.
    pub lifetime: Option<Duration>,
    /// Who makes it.
    pub created_by: String,
}

/// A new key: the only moment at which its text exists outside the caller's hands.
#[derive(Debug)]
pub struct CreatedKey {
    /// The key's text.
    pub secret: Secret<String>,
    /// What is kept.
    pub record: KeyRecord,
}

/// The API keys in the store.
#[derive(Debug)]
pub struct Keys {
    store: Store,
    digester: Digester,
}

impl Keys {
    /// Opens the store in the data directory, making its secret at the first start.
    pub fn open(data: &Path) -> Result<Self, OpenError> {
        let store = Store::open(data)?;
        let path = data.join(PEPPER);
        if private::read(&path)?.is_none() {
            if !store.keys()?.is_empty() {
                return Err(OpenError::PepperMissing { path });
            }
            private::create(&path, secret_text::random_bytes::<PEPPER_LENGTH>()?.reveal())?;
        }
        // Read again even after making it: another process may have been first.
        let pepper = private::read(&path)?.filter(|pepper| pepper.reveal().len() == PEPPER_LENGTH);
        let pepper = pepper.ok_or(OpenError::Damaged { path })?;
        Ok(Self { store, digester: Digester(hmac::Key::new(hmac::HMAC_SHA256, pepper.reveal())) })
    }

    /// Makes a key.
    pub fn create(&self, new: NewKey, now: UnixTime) -> Result<CreatedKey, CreateKeyError> {
        let NewKey { name, models, lifetime, created_by } = new;
        let length = name.chars().count();
        if length == 0 || length > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(CreateKeyError::InvalidName);
        }
        let secret = secret_text::new_key().map_err(|_| CreateKeyError::Random)?;
        let id = secret_text::random(16).map_err(|_| CreateKeyError::Random)?;
        let record = KeyRecord {
            id: KeyId::from(format!("k_{id}")),
            name,
            digest: self.digest(secret.reveal().as_bytes()),
            models,
            created: now,
            created_by,
            expires: lifetime.map(|lifetime| now.plus(lifetime)),
            disabled: None,
        };
        self.store.insert_key(&record).map_err(CreateKeyError::Insert)?;
        Ok(CreatedKey { secret, record })
    }

    /// Every key, oldest first, revoked ones included.
    pub fn list(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.store.keys()
    }

    /// Revokes the key in use with this id or name, and with it every token it was exchanged for. Returns its id, or
    /// `None` if no key in use has it.
    pub fn revoke(&self, id_or_name: &str, now: UnixTime) -> Result<Option<KeyId>, StoreError> {
        self.store.disable_key(id_or_name, now)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn digest(&self, text: &[u8]) -> KeyDigest {
        self.digester.digest(text)
    }
}

/// Why a key was not made.
#[derive(Debug)]
pub enum CreateKeyError {
    /// The store did not take it.
    Insert(InsertKeyError),
    /// The name is empty, too long or holds a control character.
    InvalidName,
    /// The operating system gives no random numbers.
    Random,
}

impl fmt::Display for CreateKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insert(InsertKeyError::NameTaken { name }) => write!(f, "a key named {name:?} is in use"),
            Self::Insert(InsertKeyError::Store(_)) => f.write_str("the key could not be stored"),
            Self::InvalidName => {
                write!(f, "a key's name has 1 to {LONGEST_NAME} characters and no control characters")
            }
            Self::Random => f.write_str("the operating system gives no random numbers"),
        }
    }
}

impl std::error::Error for CreateKeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Insert(cause) => Some(cause),
            Self::InvalidName | Self::Random => None,
        }
    }
}

impl Classify for CreateKeyError {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Insert(cause) => cause.verdict(),
            Self::InvalidName => {
                Verdict { blame: Blame::Caller, retry: Retry::Never, code: Code::InvalidField }
            }
            Self::Random => Verdict { blame: Blame::Gateway, retry: Retry::Never, code: Code::Internal },
        }
    }
}

/// HMAC-SHA-256 under the server's own secret: the database alone does not let anyone check a guess.
struct Digester(hmac::Key);

impl Digester {
    #[expect(
        clippy::expect_used,
        reason = "HMAC-SHA-256 gives 32 bytes; a shorter digest must not pass for one"
    )]
    fn digest(&self, text: &[u8]) -> KeyDigest {
        let mut digest = KeyDigest([0; 32]);
        hmac::sign_to_buffer(&self.0, text, &mut digest.0).expect("the buffer has the tag's length");
        digest
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester(…)")
    }
}
