//! API keys as they are kept: who they stand for and a digest of their secret, never the secret.

use std::collections::BTreeSet;
use std::fmt;

use rusqlite::types::Value;
use rusqlite::{ErrorCode, OptionalExtension as _, Row, params};
use types::{Blame, Classify, Code, KeyId, ModelName, Retry, UnixTime, Verdict};

use crate::{Store, StoreError};

/// The keyed digest of a key's full text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest(pub [u8; 32]);

impl fmt::Debug for KeyDigest {
    /// Shows nothing of the digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

/// Which models a key may use, by their public names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Every model there is or will be.
    All,
    /// These and no other.
    Only(BTreeSet<ModelName>),
}

/// One API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public identity.
    pub id: KeyId,
    /// What people call it; no two keys in use share a name.
    pub name: String,
    /// The digest of its secret.
    pub digest: KeyDigest,
    /// Which models it may use.
    pub models: Allowed,
    /// When it was made.
    pub created: UnixTime,
    /// Who made it.
    pub created_by: String,
    /// When it ends by itself.
    pub expires: Option<UnixTime>,
    /// When it was revoked.
    pub disabled: Option<UnixTime>,
}

/// Why a key was not added.
#[derive(Debug)]
pub enum InsertKeyError {
    /// A key in use has this name.
    NameTaken {
        /// The name.
        name: String,
    },
    /// The store failed.
    Store(StoreError),
}

impl fmt::Display for InsertKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken { name } => write!(f, "a key in use has the name {name:?}: choose another name"),
            Self::Store(_) => f.write_str("the key could not be stored"),
        }
    }
}

impl std::error::Error for InsertKeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NameTaken { .. } => None,
            Self::Store(cause) => Some(cause),
        }
    }
}

impl Classify for InsertKeyError {
    fn verdict(&self) -> Verdict {
        match self {
            Self::NameTaken { .. } => {
                Verdict { blame: Blame::Caller, retry: Retry::Never, code: Code::InvalidField }
            }
            Self::Store(cause) => cause.verdict(),
        }
    }
}

impl Store {
    /// Adds a key.
    pub fn insert_key(&self, record: &KeyRecord) -> Result<(), InsertKeyError> {
        let added = self.connection().execute(
            "INSERT INTO api_key (id, name, digest, models, created, created_by, expires, disabled)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                record.id.as_str(),
                record.name,
                record.digest.0,
                models_to_column(&record.models),
                micros(record.created),
                record.created_by,
                record.expires.map(micros),
                record.disabled.map(micros),
            ],
        );
        match added {
            Ok(_) => Ok(()),
            Err(refused) if names_clash(&refused) => {
                Err(InsertKeyError::NameTaken { name: record.name.clone() })
            }
            Err(refused) => Err(InsertKeyError::Store(refused.into())),
        }
    }

    /// Every key, oldest first, revoked ones included.
    pub fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT id, name, digest, models, created, created_by, expires, disabled
             FROM api_key ORDER BY created, id",
        )?;
        let mut rows = statement.query([])?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            records.push(record_from(row)?);
        }
        Ok(records)
    }

    /// Revokes the key in use with this id or name and returns its id, or `None` if no key in use has it. Its record
    /// stays, so that old usage keeps its name.
    pub fn disable_key(&self, id_or_name: &str, now: UnixTime) -> Result<Option<KeyId>, StoreError> {
        let connection = self.connection();
        let disabled = connection
            .query_row(
                "UPDATE api_key SET disabled = ?2 WHERE disabled IS NULL AND id =
                    (SELECT id FROM api_key WHERE disabled IS NULL AND (id = ?1 OR name = ?1)
                     ORDER BY id = ?1 DESC LIMIT 1)
                 RETURNING id",
                params![id_or_name, micros(now)],
                |row| row.get::<_, String>(0),
            )
            .optional()?;
        Ok(disabled.map(KeyId::from))
    }
}

/// The one constraint that a caller can run into is the name's; a clash of random ids or digests is a fault.
fn names_clash(refused: &rusqlite::Error) -> bool {
    matches!(refused, rusqlite::Error::SqliteFailure(failure, Some(message))
        if failure.code == ErrorCode::ConstraintViolation && message.ends_with("api_key.name"))
}

fn record_from(row: &Row<'_>) -> Result<KeyRecord, StoreError> {
    Ok(KeyRecord {
        id: KeyId::from(row.get::<_, String>("id")?),
        name: row.get("name")?,
        digest: KeyDigest(row.get("digest")?),
        models: models_from_column(row.get("models")?)?,
        created: time(row.get("created")?),
        created_by: row.get("created_by")?,
        expires: row.get::<_, Option<i64>>("expires")?.map(time),
        disabled: row.get::<_, Option<i64>>("disabled")?.map(time),
    })
}

/// NULL for every model, else a JSON list of names.
fn models_to_column(models: &Allowed) -> Value {
    match models {
        Allowed::All => Value::Null,
        Allowed::Only(names) => {
            serde_json::to_string(names).map_or(Value::Text("[]".to_owned()), Value::Text)
        }
    }
}

fn models_from_column(column: Option<String>) -> Result<Allowed, StoreError> {
    let Some(names) = column else { return Ok(Allowed::All) };
    let names = serde_json::from_str(&names).map_err(|_| StoreError::Damaged { column: "api_key.models" })?;
    Ok(Allowed::Only(names))
}

/// `SQLite`'s integers are signed; a time past their end is far enough to never come.
fn micros(time: UnixTime) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

fn time(micros: i64) -> UnixTime {
    UnixTime::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;

    fn record(id: &str, name: &str, models: Allowed) -> KeyRecord {
        let mut digest = [0; 32];
        digest[..id.len()].copy_from_slice(id.as_bytes());
        KeyRecord {
            id: KeyId::from(id),
            name: name.to_owned(),
            digest: KeyDigest(digest),
            models,
            created: UnixTime::from_secs(100),
            created_by: "test".to_owned(),
            expires: Some(UnixTime::from_secs(200)),
            disabled: None,
        }
    }

    #[test]
    fn keys_come_back_as_they_were_put() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).unwrap();
        let one = record("k_1", "one", Allowed::All);
        let two = record("k_2", "two", Allowed::Only(["smart".into(), "cheap".into()].into()));
        let none = record("k_3", "none", Allowed::Only(BTreeSet::new()));
        for record in [&one, &two, &none] {
            store.insert_key(record).unwrap();
        }
        assert_eq!(store.keys().unwrap(), [one, two, none]);
    }

    #[test]
    fn a_name_is_free_again_once_its_key_is_revoked() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).unwrap();
        store.insert_key(&record("k_1", "blue", Allowed::All)).unwrap();
        let refused = store.insert_key(&record("k_2", "blue", Allowed::All)).unwrap_err();
        assert!(matches!(refused, InsertKeyError::NameTaken { .. }), "{refused:?}");
        assert_eq!(store.disable_key("blue", UnixTime::from_secs(150)).unwrap(), Some(KeyId::from("k_1")));
        store.insert_key(&record("k_2", "blue", Allowed::All)).unwrap();
        assert_eq!(store.disable_key("k_1", UnixTime::from_secs(151)).unwrap(), None, "already revoked");
        assert_eq!(store.disable_key("nobody", UnixTime::from_secs(151)).unwrap(), None);
    }

    #[test]
    fn a_key_id_wins_over_a_name_that_looks_like_it() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).unwrap();
        store.insert_key(&record("k_1", "k_2", Allowed::All)).unwrap();
        store.insert_key(&record("k_2", "other", Allowed::All)).unwrap();
        assert_eq!(store.disable_key("k_2", UnixTime::from_secs(1)).unwrap(), Some(KeyId::from("k_2")));
    }

    #[test]
    fn a_clash_of_digests_is_not_mistaken_for_a_name_taken() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).unwrap();
        let one = record("k_1", "one", Allowed::All);
        let twin = KeyRecord { digest: one.digest, ..record("k_2", "two", Allowed::All) };
        store.insert_key(&one).unwrap();
        assert!(matches!(store.insert_key(&twin).unwrap_err(), InsertKeyError::Store(_)));
    }

    #[test]
    fn a_write_of_another_handle_is_noticed_once() {
        let data = tempfile::tempdir().unwrap();
        let server = Store::open(data.path()).unwrap();
        let command = Store::open(data.path()).unwrap();
        let start = server.changed_since(Version::default()).unwrap().unwrap();
        assert_eq!(server.changed_since(start).unwrap(), None);
        command.insert_key(&record("k_1", "one", Allowed::All)).unwrap();
        let created = server.changed_since(start).unwrap().unwrap();
        assert_eq!(server.changed_since(created).unwrap(), None);
        command.disable_key("one", UnixTime::from_secs(1)).unwrap();
        assert!(server.changed_since(created).unwrap().is_some());
    }
}
