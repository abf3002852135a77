//! The segment being written: appending, taking over, and what happens when the disk fails.

use std::io;
use std::sync::{Arc, Mutex};

use crate::medium::{Medium, SegmentFile};
use crate::queue::Queue;
use crate::segment::{Header, Link, SegmentNumber};
use crate::shared::lock;
use crate::{codec, frame, frame::Point};

/// How much is kept in memory to be written again should `fdatasync` fail. A disk that falls further behind is
/// trusted with what the kernel has taken, rather than let memory grow or traffic stop.
const UNSYNCED_MAX: usize = 16 * 1024 * 1024;

/// Whether the segment may be appended to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// A write or an `fdatasync` has failed: the next segment takes over.
    Poisoned,
    Sound,
}

/// Whether the reserve is still on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserve {
    Held,
    Released,
}

/// How a wait for the disk ended.
#[derive(Debug)]
pub(crate) enum Synced {
    /// All frames up to this one are on the disk.
    Upto(u64),
    /// Another segment has taken over meanwhile, and says it all again.
    Superseded,
    /// The segment is poisoned.
    Failed(io::Error),
}

/// What one `fdatasync` is about.
pub(crate) struct SyncTicket {
    pub(crate) file: Arc<dyn SegmentFile>,
    end: Point,
    sequence: u64,
}

/// The segment being written.
pub(crate) struct Writer {
    medium: Box<dyn Medium>,
    segment_size: u64,
    header: Header,
    file: Arc<dyn SegmentFile>,
    condition: Condition,
    /// The running check at `end`.
    chain: u32,
    end: Point,
    /// Where the next segment would take over: what is before is on the disk, what is after is in memory too. The
    /// start, if the segment has never reached the disk: then it is made anew under the same number.
    base: Point,
    /// Frames after `base` that an `fdatasync` under way covers.
    syncing: Vec<u8>,
    /// Frames after those.
    unsynced: Vec<u8>,
    /// Where the segment's own records begin: what it was created with does not count towards its size.
    created_with: u64,
    /// Frames being written, or kept after a failed write.
    batch: Vec<u8>,
    /// All frames up to this one have been written.
    pub(crate) written: u64,
    /// As [`Queue::failures`].
    pub(crate) failures: u64,
    /// What the last of them came to.
    pub(crate) failed_with: io::ErrorKind,
    pub(crate) reserve: Reserve,
}

impl Writer {
    /// Starts the first segment of this process with these frames, and waits until it is on the disk.
    ///
    /// A process never goes on with its predecessor's last segment, however small: it cannot know whether an
    /// `fdatasync` of that file has failed. The kernel tells of such a failure once, and what is read back then comes
    /// from memory and not from the disk. A seal proves nothing either, since it is written before the `fdatasync` that
    /// would have to succeed. Records behind such a hole would be damage that sound records follow, at which the next
    /// start stops; at the end of a segment that nothing is added to, no start depends on them.
    pub(crate) fn start(
        medium: Box<dyn Medium>,
        number: SegmentNumber,
        previous: Link,
        frames: &[u8],
        segment_size: u64,
    ) -> io::Result<Self> {
        let header = Header { segment: number, previous, rewritten: 0, carried: 0 };
        let mut contents = Vec::with_capacity(frames.len() + 128);
        frame::append(&mut contents, |out| codec::put_header(out, &header));
        contents.extend_from_slice(frames);
        let chain = frame::seal(&mut contents, 0);
        let file = medium.create(number, &contents)?;
        file.sync()?;
        let mut end = Point::start();
        end.pass(&contents);
        Ok(Self {
            medium,
            segment_size,
            header,
            file,
            condition: Condition::Sound,
            chain,
            created_with: end.length,
            base: end.clone(),
            end,
            syncing: Vec::new(),
            unsynced: Vec::new(),
            batch: Vec::new(),
            written: 0,
            failures: 0,
            failed_with: io::ErrorKind::Other,
            reserve: Reserve::Held,
        })
    }

    /// The segment being written, once it has reached the disk.
    pub(crate) fn durable_segment(&self) -> Option<SegmentNumber> {
        (self.base.length > 0).then_some(self.header.segment)
    }

    /// Writes all that is queued.
    pub(crate) fn write(&mut self, queue: &Mutex<Queue>) -> io::Result<()> {
        let sequence = self.collect(&mut lock(queue));
        if self.condition == Condition::Poisoned {
            return self.take_over(queue);
        }
        if !self.batch.is_empty() {
            // A segment that has not reached the disk yet grows on: nothing of it can be relied on by a next one.
            let full = self.end.length - self.created_with >= self.segment_size;
            if full && self.base.length > 0 {
                return self.take_over(queue);
            }
            self.append()?;
        }
        self.written = sequence;
        Ok(())
    }

    /// Ends the segment with the digest of all that it holds.
    pub(crate) fn seal(&mut self) -> io::Result<()> {
        let digest = self.end.digest();
        frame::append(&mut self.batch, |out| codec::put_sealed(out, &digest));
        self.append()
    }

    /// After a failed write: takes its intents back, and keeps what must not be lost for the next one.
    pub(crate) fn take_back(&mut self, queue: &Mutex<Queue>, kind: io::ErrorKind) {
        let mut queue = lock(queue);
        queue.take_back(&mut self.batch);
        self.failures = queue.failures;
        self.failed_with = kind;
    }

    pub(crate) fn restore_reserve(&mut self) -> io::Result<()> {
        if self.reserve == Reserve::Released {
            self.medium.restore_reserve()?;
            self.reserve = Reserve::Held;
        }
        Ok(())
    }

    /// What the next `fdatasync` is about. To be called without the lock held meanwhile.
    pub(crate) fn begin_sync(&mut self) -> SyncTicket {
        self.syncing.append(&mut self.unsynced);
        SyncTicket { file: Arc::clone(&self.file), end: self.end.clone(), sequence: self.written }
    }

    pub(crate) fn end_sync(&mut self, ticket: SyncTicket, outcome: io::Result<()>) -> Synced {
        if !Arc::ptr_eq(&ticket.file, &self.file) {
            return Synced::Superseded;
        }
        if let Err(error) = outcome {
            self.condition = Condition::Poisoned;
            return Synced::Failed(error);
        }
        if ticket.end.length > self.base.length {
            self.base = ticket.end;
            self.syncing.clear();
            // A disk that once stood still should not cost memory for ever.
            self.syncing.shrink_to(UNSYNCED_MAX / 16);
        }
        Synced::Upto(ticket.sequence)
    }

    /// Moves what is queued into the batch; returns the last frame's number.
    fn collect(&mut self, queue: &mut Queue) -> u64 {
        if self.batch.is_empty() {
            std::mem::swap(&mut self.batch, &mut queue.buffer);
        } else {
            self.batch.append(&mut queue.buffer);
        }
        queue.sequence
    }

    /// Appends the batch to the segment: one `write(2)` unless the kernel takes less.
    fn append(&mut self) -> io::Result<()> {
        let chain = frame::seal(&mut self.batch, self.chain);
        let mut done = 0;
        while let Some(rest) = self.batch.get(done..).filter(|rest| !rest.is_empty()) {
            match self.file.append(rest) {
                Ok(0) => return Err(self.poison(io::ErrorKind::WriteZero.into())),
                Ok(taken) => done += taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.released_for(&error) => {}
                Err(error) => return Err(self.poison(error)),
            }
        }
        self.chain = chain;
        self.end.pass(&self.batch);
        if self.syncing.len() + self.unsynced.len() + self.batch.len() > UNSYNCED_MAX {
            self.syncing.clear();
            self.unsynced.clear();
            self.base = self.end.clone();
        } else {
            self.unsynced.extend_from_slice(&self.batch);
        }
        self.batch.clear();
        Ok(())
    }

    /// Gives up on the segment. What was written of the batch is cut off, so that a start before the next segment
    /// exists does not find intents whose `begin` has failed.
    fn poison(&mut self, error: io::Error) -> io::Error {
        self.condition = Condition::Poisoned;
        // Best effort on a failing disk: the next segment's header says the same.
        self.file.truncate(self.end.length).ok();
        error
    }

    /// Starts the next segment: it says again what may not be on the disk, then the batch, then what is open.
    fn take_over(&mut self, queue: &Mutex<Queue>) -> io::Result<()> {
        let mut carried = Vec::new();
        let (sequence, open) = {
            // One moment for both, so that no attempt falls between the batch and the open ones.
            let mut queue = lock(queue);
            let sequence = self.collect(&mut queue);
            for (attempt, open) in &queue.open {
                frame::append(&mut carried, |out| codec::put_carried(out, &open.intent));
                if let Some(usage) = &open.checkpoint {
                    frame::append(&mut carried, |out| codec::put_checkpoint(out, *attempt, usage));
                }
            }
            (sequence, queue.open.len())
        };
        let header = self.next_header(open as u64);
        let mut contents = Vec::new();
        frame::append(&mut contents, |out| codec::put_header(out, &header));
        for frames in [&self.syncing, &self.unsynced, &self.batch, &carried] {
            contents.extend_from_slice(frames);
        }
        let chain = frame::seal(&mut contents, 0);
        self.file = match self.medium.create(header.segment, &contents) {
            Err(error) if self.released_for(&error) => self.medium.create(header.segment, &contents)?,
            outcome => outcome?,
        };
        self.header = header;
        self.chain = chain;
        self.condition = Condition::Sound;
        self.written = sequence;
        self.end = Point::start();
        self.end.pass(&contents);
        self.created_with = self.end.length;
        self.base = Point::start();
        self.syncing.append(&mut self.unsynced);
        self.syncing.append(&mut self.batch);
        Ok(())
    }

    fn next_header(&self, carried: u64) -> Header {
        if self.base.length == 0 {
            return Header { carried, ..self.header };
        }
        Header {
            segment: self.header.segment.next(),
            previous: self.base.link(),
            rewritten: (self.syncing.len() + self.unsynced.len()) as u64,
            carried,
        }
    }

    /// Whether the disk is full and giving up the reserve has just made room.
    fn released_for(&mut self, error: &io::Error) -> bool {
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let released = full && self.reserve == Reserve::Held && self.medium.release_reserve().is_ok();
        if released {
            self.reserve = Reserve::Released;
        }
        released
    }
}
