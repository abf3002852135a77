//! Reading the ledger back, beside the process that writes it and without its lock.

use std::io;
use std::path::{Path, PathBuf};

use crate::codec::{self, Entry};
use crate::error::ReadError;
use crate::frame::{Frames, Step};
use crate::record::Record;
use crate::segment::{self, Header, Link, Position, SegmentNumber};

/// Reads every record there is, oldest first, up to the last one that is whole. Everything is checked on the way:
/// each record against the running check, each segment against the digest that its successor noted.
pub fn read(directory: &Path) -> Result<Records, ReadError> {
    let listing =
        segment::list(directory).map_err(|source| ReadError::Io { path: directory.to_owned(), source })?;
    let reading = match listing.segments.first() {
        Some(first) => Some(Reading::open(directory, *first)?),
        None => None,
    };
    Ok(Records { directory: directory.to_owned(), reading })
}

/// The records of a ledger. After an error there are no more.
pub struct Records {
    directory: PathBuf,
    reading: Option<Reading>,
}

impl Iterator for Records {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.reading = None;
        }
        next
    }
}

impl Records {
    fn advance(&mut self) -> Result<Option<Record>, ReadError> {
        while let Some(reading) = &mut self.reading {
            if reading.is_done() {
                self.reading = Some(reading.follow(&self.directory)?);
                continue;
            }
            let offset = reading.frames.point().length;
            let step = reading.frames.advance().map_err(|source| reading.failed(&self.directory, source))?;
            if step == Step::Whole {
                match reading.take(offset)? {
                    Some(record) => return Ok(Some(record)),
                    None => continue,
                }
            }
            if !reading.resume(&self.directory, step)? {
                return Ok(None);
            }
        }
        Ok(None)
    }
}

/// One segment, being read.
struct Reading {
    number: SegmentNumber,
    frames: Frames,
    /// What counts of this segment, once the next one says so.
    counts: Option<Link>,
    /// Records before this point were read in the segment before.
    known_until: u64,
    header: Option<Header>,
}

impl Reading {
    fn open(directory: &Path, number: SegmentNumber) -> Result<Self, ReadError> {
        let path = number.path(directory);
        let frames = Frames::open(&path).map_err(|source| {
            let is_there = source.kind() != io::ErrorKind::NotFound;
            if is_there { ReadError::Io { path, source } } else { absent(directory, number) }
        })?;
        let counts = successor(directory, number)?.map(|header| header.previous);
        Ok(Self { number, frames, counts, known_until: 0, header: None })
    }

    /// Whether all that counts of this segment has been read.
    fn is_done(&self) -> bool {
        self.counts.is_some_and(|link| self.frames.point().length >= link.length)
    }

    /// The record in the frame that was just read from `offset`, unless it is none or was read before.
    fn take(&mut self, offset: u64) -> Result<Option<Record>, ReadError> {
        let corrupt = ReadError::Corrupt { position: Position { segment: self.number, offset } };
        match (codec::decode(self.frames.payload()), self.header) {
            (Some(Entry::Header(header)), None) if header.segment == self.number => {
                self.header = Some(header);
                Ok(None)
            }
            (Some(Entry::Record(record)), Some(_)) => Ok((offset >= self.known_until).then_some(record)),
            (Some(Entry::Sealed(digest)), Some(_)) if self.frames.before_seal() == Some(digest) => Ok(None),
            (Some(Entry::Sealed(_)), Some(_)) => Err(ReadError::Unlinked { segment: self.number }),
            (Some(Entry::Header(_) | Entry::Record(_) | Entry::Sealed(_)) | None, _) => Err(corrupt),
        }
    }

    /// After anything but a whole frame: whether there is more to read, now that the next segment may have begun.
    fn resume(&mut self, directory: &Path, step: Step) -> Result<bool, ReadError> {
        let damaged = matches!(step, Step::BadHead(_) | Step::BadPayload { .. });
        let offset = self.frames.point().length;
        let corrupt = Err(ReadError::Corrupt { position: Position { segment: self.number, offset } });
        if self.counts.is_some() {
            return corrupt;
        }
        self.counts = successor(directory, self.number)?.map(|header| header.previous);
        match self.counts {
            None if damaged => corrupt,
            None => Ok(false),
            Some(link) if offset >= link.length => Ok(true),
            Some(_) if damaged => corrupt,
            Some(_) => self.frames.rewind().map(|()| true).map_err(|source| self.failed(directory, source)),
        }
    }

    /// Goes on to the next segment, past what it repeats of what was read here.
    fn follow(&self, directory: &Path) -> Result<Self, ReadError> {
        let point = self.frames.point();
        let link = self.counts.unwrap_or_default();
        let mut next = Self::open(directory, self.number.next())?;
        if point.length == link.length && point.digest() != link.digest {
            return Err(ReadError::Unlinked { segment: self.number });
        }
        let start = Position { segment: next.number, offset: 0 };
        let step = next.frames.advance().map_err(|source| next.failed(directory, source))?;
        if step != Step::Whole || next.take(0)?.is_some() {
            return Err(ReadError::Corrupt { position: start });
        }
        let repeated = next.header.map_or(0, |header| header.rewritten).min(point.length - link.length);
        next.known_until = next.frames.point().length + repeated;
        Ok(next)
    }

    fn failed(&self, directory: &Path, source: io::Error) -> ReadError {
        ReadError::Io { path: self.number.path(directory), source }
    }
}

/// The header of the segment after this one, if there is one.
fn successor(directory: &Path, number: SegmentNumber) -> Result<Option<Header>, ReadError> {
    let next = number.next();
    let path = next.path(directory);
    let failed = |source| ReadError::Io { path: path.clone(), source };
    let mut frames = match Frames::open(&path) {
        Ok(frames) => frames,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return missing(directory, next),
        Err(error) => return Err(failed(error)),
    };
    let step = frames.advance().map_err(failed)?;
    match codec::decode(frames.payload()) {
        Some(Entry::Header(header)) if step == Step::Whole && header.segment == next => Ok(Some(header)),
        Some(Entry::Header(_) | Entry::Record(_) | Entry::Sealed(_)) | None => {
            Err(ReadError::Corrupt { position: Position { segment: next, offset: 0 } })
        }
    }
}

/// A segment that is not there: the end, unless a later one is.
fn missing(directory: &Path, segment: SegmentNumber) -> Result<Option<Header>, ReadError> {
    let listing =
        segment::list(directory).map_err(|source| ReadError::Io { path: directory.to_owned(), source })?;
    // It may have begun since it was looked for.
    let later = listing.segments.last().is_some_and(|last| *last > segment);
    let there = listing.segments.contains(&segment);
    if later && !there { Err(absent(directory, segment)) } else { Ok(None) }
}

/// Why a segment that was there or should be is not: what is no longer kept goes from the start of the row.
fn absent(directory: &Path, segment: SegmentNumber) -> ReadError {
    match segment::list(directory) {
        Ok(listing) if listing.segments.first().is_some_and(|first| *first > segment) => {
            ReadError::Removed { segment }
        }
        Ok(_) => ReadError::Missing { segment },
        Err(source) => ReadError::Io { path: directory.to_owned(), source },
    }
}
