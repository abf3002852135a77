//! What the writer needs of a file system, so that a test can make it fail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::segment::SegmentNumber;

/// Where segments are made.
pub(crate) trait Medium: Send {
    /// Makes a segment that starts with these bytes. It appears under its name whole or not at all.
    fn create(&self, number: SegmentNumber, contents: &[u8]) -> io::Result<Arc<dyn SegmentFile>>;
    /// Gives the reserve's space back to the file system.
    fn release_reserve(&self) -> io::Result<()>;
    /// Takes the reserve's space again.
    fn restore_reserve(&self) -> io::Result<()>;
}

/// One segment, open for appending.
pub(crate) trait SegmentFile: Send + Sync {
    /// One `write(2)`; returns how many bytes were taken.
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Waits until all that was appended is on the disk.
    fn sync(&self) -> io::Result<()>;
    /// Cuts off what lies beyond.
    fn truncate(&self, length: u64) -> io::Result<()>;
}

/// A directory of the real file system.
pub(crate) struct Directory {
    path: PathBuf,
    reserve: u64,
}

impl Directory {
    pub(crate) fn new(path: &Path, reserve: u64) -> Self {
        Self { path: path.to_owned(), reserve }
    }

    fn draft(&self, draft: &Path, number: SegmentNumber, contents: &[u8]) -> io::Result<File> {
        let mut file = options().create_new(true).append(true).open(draft)?;
        file.write_all(contents)?;
        fs::rename(draft, number.path(&self.path))?;
        Ok(file)
    }

    fn reserve_path(&self) -> PathBuf {
        self.path.join("reserve")
    }
}

impl Medium for Directory {
    fn create(&self, number: SegmentNumber, contents: &[u8]) -> io::Result<Arc<dyn SegmentFile>> {
        let directory = File::open(&self.path)?;
        let draft = number.draft(&self.path);
        let file = self.draft(&draft, number, contents).inspect_err(|_| {
            // Only tidying: the next start removes what is left.
            fs::remove_file(&draft).ok();
        })?;
        Ok(Arc::new(Segment { file, directory, named: AtomicBool::new(false) }))
    }

    fn release_reserve(&self) -> io::Result<()> {
        match options().write(true).open(self.reserve_path()) {
            Ok(file) => file.set_len(0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes zeros rather than set a length, since only written blocks are the ledger's own.
    fn restore_reserve(&self) -> io::Result<()> {
        let mut file = options().create(true).append(true).open(self.reserve_path())?;
        let held = file.metadata()?.len();
        if held > self.reserve {
            return file.set_len(self.reserve);
        }
        let block = [0; 4096];
        let mut missing = self.reserve - held;
        while missing > 0 {
            let part = block.get(..usize::try_from(missing).unwrap_or(usize::MAX)).unwrap_or(&block);
            file.write_all(part)?;
            missing -= part.len() as u64;
        }
        file.sync_all()
    }
}

/// A segment's file and the directory that must remember its name.
struct Segment {
    file: File,
    directory: File,
    named: AtomicBool,
}

impl SegmentFile for Segment {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.file).write(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()?;
        if !self.named.load(Ordering::Relaxed) {
            self.directory.sync_all()?;
            self.named.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }
}

/// Who used how much is nobody else's to read.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}
