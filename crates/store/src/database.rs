//! The embedded database: one `SQLite` file, one connection to it, and a number that grows with each write.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::{StoreError, migrations, private};

/// The database's name in the data directory.
const FILE: &str = "tollgate.db";

/// How long a write waits for another process's write.
const BUSY: Duration = Duration::from_secs(5);

/// The state of the store's content; the default is older than any state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version(i64);

/// The embedded database. Every call blocks on the disk: none belongs on a request's path.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens `tollgate.db` in the data directory, making both and migrating the database where needed.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        private::directory(data)?;
        let path = data.join(FILE);
        // SQLite gives its side files the mode of the database, so that has to be right before the first write.
        private::touch(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        migrations::apply(&mut connection)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// The store's present version if it differs from `seen`: something has been written, by this handle or by any
    /// other handle or process. Costs one row of a page that is nearly always in memory.
    pub fn changed_since(&self, seen: Version) -> Result<Option<Version>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached("SELECT counter FROM change")?;
        let present = Version(statement.query_row([], |row| row.get(0))?);
        Ok((present != seen).then_some(present))
    }

    /// The connection. A panic of an earlier holder has rolled its transaction back, so the lock stays usable.
    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_database_and_its_side_files_are_for_their_owner_only() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).unwrap();
        assert!(store.changed_since(Version::default()).unwrap().is_some());
        let mut names = Vec::new();
        for entry in fs::read_dir(data.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["tollgate.db", "tollgate.db-shm", "tollgate.db-wal"]);
    }

    #[test]
    fn opening_twice_migrates_once() {
        let data = tempfile::tempdir().unwrap();
        let first = Store::open(data.path()).unwrap();
        let seen = first.changed_since(Version::default()).unwrap().unwrap();
        let second = Store::open(data.path()).unwrap();
        assert_eq!(second.changed_since(seen).unwrap(), None);
    }

    #[test]
    fn a_database_of_a_newer_program_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).unwrap();
        store.connection().execute("INSERT INTO migration (version) VALUES (99)", []).unwrap();
        assert!(matches!(Store::open(data.path()).unwrap_err(), StoreError::Newer { found: 99, .. }));
    }

    #[test]
    fn a_database_open_to_everyone_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join(FILE);
        fs::write(&path, b"").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Store::open(data.path()).unwrap_err(), StoreError::File(_)));
    }
}
