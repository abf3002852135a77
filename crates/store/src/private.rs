//! Small files that only the gateway's user may read: written whole or not at all, mode 0600.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::{error, fmt};

use tempfile::NamedTempFile;
use types::{Blame, Classify, Code, Retry, Secret, Verdict};

/// The largest private file that is read.
const LARGEST: u64 = 1024 * 1024;

/// The directory `path`, made with mode 0700 if it is missing.
pub fn directory(path: &Path) -> Result<(), PrivateFileError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|cause| unusable(path, cause))
}

/// What the file holds, or `None` if there is no such file. A file that everyone may read or write is refused.
pub fn read(path: &Path) -> Result<Option<Secret<Vec<u8>>>, PrivateFileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(unusable(path, cause)),
    };
    refuse_exposed(path, &file)?;
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|cause| unusable(path, cause))?;
    Ok(Some(Secret::new(bytes)))
}

/// Stores `bytes` durably, unless there is such a file: then that one stays. Of two processes that do this at once
/// one wins, so whoever needs the content reads it afterwards.
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), PrivateFileError> {
    match written(path, bytes)?.persist_noclobber(path) {
        Ok(_) => sync_directory(path),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(refused) => Err(unusable(path, refused.error)),
    }
}

/// Stores `bytes` durably in place of what the file held: a reader sees the old content or the new, never half.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), PrivateFileError> {
    written(path, bytes)?.persist(path).map_err(|refused| unusable(path, refused.error))?;
    sync_directory(path)
}

/// Why a private file cannot be used.
#[derive(Debug)]
pub enum PrivateFileError {
    /// Everyone on this host may read or write it.
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The operating system refused.
    Unusable {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        cause: io::Error,
    },
}

impl fmt::Display for PrivateFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exposed { path, mode } => {
                let path = path.display();
                write!(f, "{path} has mode {mode:03o}, open to everyone on this host: run chmod 600 {path}")
            }
            Self::Unusable { path, .. } => write!(f, "{} cannot be used", path.display()),
        }
    }
}

impl error::Error for PrivateFileError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Exposed { .. } => None,
            Self::Unusable { cause, .. } => Some(cause),
        }
    }
}

impl Classify for PrivateFileError {
    fn verdict(&self) -> Verdict {
        Verdict { blame: Blame::Gateway, retry: Retry::Never, code: Code::Internal }
    }
}

/// Makes the file empty with mode 0600 if it is missing, and refuses it if everyone may use it.
pub(crate) fn touch(path: &Path) -> Result<(), PrivateFileError> {
    let opened = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
    refuse_exposed(path, &opened.map_err(|cause| unusable(path, cause))?)
}

/// Group bits are let be: container volumes with a group owner set them on every file.
fn refuse_exposed(path: &Path, file: &File) -> Result<(), PrivateFileError> {
    let mode = file.metadata().map_err(|cause| unusable(path, cause))?.permissions().mode() & 0o777;
    let open_to_everyone = mode & 0o007 != 0;
    if open_to_everyone {
        return Err(PrivateFileError::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

/// The bytes, on disk under a passing name (mode 0600) beside the file that they will become.
fn written(path: &Path, bytes: &[u8]) -> Result<NamedTempFile, PrivateFileError> {
    let write = || {
        let mut file = NamedTempFile::new_in(parent(path))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    write().map_err(|cause| unusable(path, cause))
}

/// A new name lasts only once its directory has been written.
fn sync_directory(path: &Path) -> Result<(), PrivateFileError> {
    File::open(parent(path)).and_then(|directory| directory.sync_all()).map_err(|cause| unusable(path, cause))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unusable(path: &Path, cause: io::Error) -> PrivateFileError {
    PrivateFileError::Unusable { path: path.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_first_content_created_stays_until_it_is_replaced() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("secret");
        assert!(read(&path).unwrap().is_none());
        create(&path, b"first").unwrap();
        create(&path, b"second").unwrap();
        assert_eq!(read(&path).unwrap().unwrap().reveal(), b"first");
        replace(&path, b"third").unwrap();
        assert_eq!(read(&path).unwrap().unwrap().reveal(), b"third");
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_file_open_to_everyone_is_refused_and_the_remedy_named() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("secret");
        create(&path, b"x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = read(&path).unwrap_err();
        assert!(matches!(refused, PrivateFileError::Exposed { mode: 0o644, .. }));
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }

    #[test]
    fn a_missing_data_directory_is_made_for_its_owner_only() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("a/b");
        directory(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
    }
}
