//! The database's shape, one step after another. A step that has shipped is never edited.

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// The steps, first to last; a database's version is how many of them it has taken.
const STEPS: &[&str] = &[
    // The triggers count every write to the keys, whoever makes it, so that no writer can forget to.
    "CREATE TABLE api_key (
        id         TEXT PRIMARY KEY NOT NULL,
        name       TEXT NOT NULL,
        digest     BLOB NOT NULL UNIQUE,
        models     TEXT,
        created    INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        expires    INTEGER,
        disabled   INTEGER
     ) STRICT;
     CREATE UNIQUE INDEX api_key_name_in_use ON api_key (name) WHERE disabled IS NULL;
     CREATE TABLE change (counter INTEGER NOT NULL) STRICT;
     INSERT INTO change (counter) VALUES (1);
     CREATE TRIGGER api_key_inserted AFTER INSERT ON api_key BEGIN UPDATE change SET counter = counter + 1; END;
     CREATE TRIGGER api_key_updated  AFTER UPDATE ON api_key BEGIN UPDATE change SET counter = counter + 1; END;
     CREATE TRIGGER api_key_deleted  AFTER DELETE ON api_key BEGIN UPDATE change SET counter = counter + 1; END;",
];

/// Takes the steps that the database has not taken. Two processes that do this at once take each step once.
pub(crate) fn apply(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY NOT NULL) STRICT",
    )?;
    let found: u32 =
        transaction.query_row("SELECT coalesce(max(version), 0) FROM migration", [], |row| row.get(0))?;
    let known = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (version, step) in (1..=known).zip(STEPS).skip(found as usize) {
        transaction.execute_batch(step)?;
        transaction.execute("INSERT INTO migration (version) VALUES (?1)", [version])?;
    }
    Ok(transaction.commit()?)
}
