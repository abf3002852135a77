//! Segments by name and number, and what a segment's header says.

use std::fmt;
use std::path::{Path, PathBuf};

/// Bytes of a SHA-256.
pub(crate) const DIGEST: usize = 32;

/// A segment's place in the row, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentNumber(pub u32);

impl SegmentNumber {
    pub(crate) const FIRST: Self = Self(1);

    pub(crate) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    pub(crate) fn path(self, directory: &Path) -> PathBuf {
        directory.join(format!("{self}.log"))
    }

    /// Where a segment is built before it takes its name.
    pub(crate) fn draft(self, directory: &Path) -> PathBuf {
        directory.join(format!("{self}.log{DRAFT}"))
    }
}

impl fmt::Display for SegmentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}", self.0)
    }
}

/// A byte in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The segment.
    pub segment: SegmentNumber,
    /// Where the record begins, in bytes from the segment's start.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.log at byte {}", self.segment, self.offset)
    }
}

/// How much of a segment counts, and the digest of that much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) length: u64,
    pub(crate) digest: [u8; DIGEST],
}

/// A segment's first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) segment: SegmentNumber,
    /// What counts of the segment before; nothing for the first.
    pub(crate) previous: Link,
    /// How many bytes after the header were in the segment before, beyond what counts of it.
    pub(crate) rewritten: u64,
    /// How many copies of open intents the segment starts with.
    pub(crate) carried: u64,
}

/// What a directory of segments holds.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Segments, in order.
    pub(crate) segments: Vec<SegmentNumber>,
    /// Segments that never took their name.
    pub(crate) drafts: Vec<PathBuf>,
}

/// Lists a directory's segments.
pub(crate) fn list(directory: &Path) -> std::io::Result<Listing> {
    let mut listing = Listing::default();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.ends_with(DRAFT) {
            listing.drafts.push(entry.path());
        } else if let Some(number) = name.strip_suffix(".log").and_then(|digits| digits.parse().ok()) {
            listing.segments.push(SegmentNumber(number));
        }
    }
    listing.segments.sort_unstable();
    Ok(listing)
}

const DRAFT: &str = ".new";
