//! What it cost: one record per attempt, written ahead.
//!
//! An attempt's intent is handed to `write(2)` before a byte of the request leaves for the upstream, so a killed
//! process loses nothing: the page cache outlives it. Its settlement is buffered and goes out with the next
//! intent's write, or within milliseconds. An intent that is found without a settlement at start is settled as an
//! estimate, so every attempt has exactly one terminal record, however often the log is replayed.
//!
//! # On disk
//! `<data>/ledger/00000001.log`, `00000002.log`, …: segments that are only ever appended to. A segment is a row of
//! frames, its first a header. A frame is `length: u16`, `!length: u16`, `check: u32` (all little-endian) and the
//! payload; the complement tells a damaged length from a tail that was cut short.
//!
//! Two checks, each for what it is good at:
//! - `check` is a CRC-32 that runs on from frame to frame, so it stands for everything before it in the segment. A
//!   flipped bit, a frame left out, doubled or moved shows at its position, for the price of a few nanoseconds.
//! - A SHA-256 runs over the segment's bytes as they are written. The next segment's header carries it, and so does
//!   the seal of a ledger that was closed in order. Whoever notes one digest elsewhere can prove later that nothing
//!   before it was rewritten; without such a note no unkeyed sum stops someone who may rewrite every file.
//!
//! # Taking over
//! A new segment takes over from its predecessor at a point that is known to be on the disk: its header says how
//! many bytes of the predecessor count and what their digest is, and the records beyond that point are written again
//! at its start. Rotation, a failed write and a failed `fdatasync` are therefore one and the same step, and no
//! failed `fdatasync` is ever repeated on the same file. After those records stand copies of all open intents, so a
//! start needs to read only the last segment.
//!
//! # Keeping
//! Everything is kept unless [`Options::retention`] says for how long. A segment is removed when its last record is
//! older than that and no open attempt began in it, always from the start of the row. An attempt that outlived the
//! segment in which it began is counted by its copy. The first header that is left holds the digest of what was before
//! it, so a note of that digest still tells which ledger this is the rest of.

mod attempt;
mod codec;
mod counted;
mod error;
mod flusher;
mod frame;
mod ledger;
mod medium;
mod options;
mod queue;
mod read;
mod record;
mod recovery;
pub mod report;
mod retention;
mod segment;
mod shared;
mod writer;

pub use attempt::OpenAttempt;
pub use counted::{Counted, Readings, Spent};
pub use error::{LedgerError, ReadError};
pub use ledger::Ledger;
pub use options::{Durability, Options};
pub use read::{Records, read};
pub use record::{Estimated, Intent, Outcome, Record, Settlement};
pub use recovery::{Recovery, Truncation};
pub use segment::{Position, SegmentNumber};

#[cfg(test)]
mod faults;
#[cfg(test)]
#[path = "../tests/samples/mod.rs"]
mod samples;
