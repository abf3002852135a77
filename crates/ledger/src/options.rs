//! What can be chosen about a ledger.

use std::time::Duration;

/// When an intent counts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When it is on the disk: it outlives a power cut, and [`begin`](crate::Ledger::begin) waits for `fdatasync`.
    Power,
    /// When the kernel has it: it outlives the process. The disk follows within the flush interval.
    #[default]
    Process,
}

/// What can be chosen about a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// When an intent counts as written.
    pub durability: Durability,
    /// How long a settlement may wait in memory, and a written record for the disk.
    pub flush_interval: Duration,
    /// How many bytes are kept back on the disk, so that attempts under way can still be settled when it is full.
    pub reserve: u64,
    /// How long records are kept; `None` for ever. Those of one segment go together, once the last one is older.
    pub retention: Option<Duration>,
    /// How many bytes a segment takes before the next one begins.
    pub segment_size: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            flush_interval: Duration::from_millis(5),
            reserve: 1024 * 1024,
            retention: None,
            segment_size: 64 * 1024 * 1024,
        }
    }
}
